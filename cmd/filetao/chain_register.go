package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

func (c *cli) chainRegisterCommand() *cobra.Command {
	var most string
	s := spending{}
	cmd := &cobra.Command{
		Use: "register", Short: "Register the wallet's hotkey on the subnet", Args: noArgs,
		Long: `Register the wallet's hotkey on the subnet, paid by its coldkey. No more is paid
than the price that is shown, or --max-burn: when it has risen meanwhile, nothing
is registered. Runtimes without the call register_limit cannot hold a price: there
it is looked at right before the transaction is sent, and may rise until its block.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var limit chain.Rao
			if most != "" {
				var err error
				if limit, err = chain.ParseRao(most); err != nil {
					return usagef("--max-burn: %v", err)
				}
			}
			if err := c.settleWallet(); err != nil {
				return err
			}
			return c.toSpend(cmd.Context(), s, func(remote chain.Chain) error {
				return c.register(cmd.Context(), remote, limit, s.yes)
			})
		},
	}
	cmd.Flags().StringVar(&most, "max-burn", "", "`TAO` to pay at most, if the price has risen; by default the price shown")
	s.add(cmd)
	return cmd
}

// register pays limit at most, 0 is the price at this moment.
func (c *cli) register(ctx context.Context, on chain.Chain, limit chain.Rao, yes bool) error {
	net := chain.NetUID(c.netuid)
	hotkey, err := wallet.At(c.wallet).HotkeyAddress()
	if err != nil {
		return err
	}
	price, err := c.registrable(ctx, on, net, hotkey, limit)
	if err != nil {
		return err
	}
	cost := fmt.Sprintf("a registration costs %s", price)
	if err := c.canPay(ctx, on, price, cost); err != nil {
		return err
	}
	coldkey, err := c.coldkey()
	if err != nil {
		return err
	}
	what := fmt.Sprintf("Registering %s on subnet %d costs %s of %s.", hotkey, net, price, coldkey.Address())
	if limit > price {
		what += fmt.Sprintf(" Up to %s are paid if that rises before the block.", limit)
	}
	if _, real := on.(subtensor); real {
		what += " Where the runtime has no register_limit, more may be taken if it rises in the last moment."
	}
	if err := c.confirm(yes, what); err != nil {
		return err
	}
	before, err := on.Balance(ctx, coldkey.Address())
	if err != nil {
		return err
	}
	if err := on.Register(ctx, coldkey, net, hotkey, max(price, limit)); err != nil {
		return afterSending(withBalance(ctx, on, coldkey.Address(), cost, err), "chain neuron")
	}
	return c.printRegistered(ctx, on, hotkey, coldkey.Address(), before)
}

// registrable is the price of the hotkey's registration, if it can have one.
func (c *cli) registrable(ctx context.Context, on chain.Chain, net chain.NetUID, hotkey wallet.Address, limit chain.Rao) (chain.Rao, error) {
	m, err := on.Metagraph(ctx, net)
	if err != nil {
		return 0, err
	}
	if n, known := m.ByHotkey(hotkey); known {
		return 0, fmt.Errorf("%w: %s has UID %d on subnet %d", chain.ErrAlreadyRegistered, hotkey, n.UID, net)
	}
	h, err := on.Hyperparameters(ctx, net)
	if err == nil && limit > 0 && h.Burn > limit {
		err = fmt.Errorf("%w: %s, --max-burn allows %s", chain.ErrBurn, h.Burn, limit)
	}
	return h.Burn, err
}

// printRegistered says which UID the hotkey has, and what the coldkey has less.
func (c *cli) printRegistered(ctx context.Context, on chain.Chain, hotkey, coldkey wallet.Address, before chain.Rao) error {
	net := chain.NetUID(c.netuid)
	after, err := on.Balance(ctx, coldkey)
	if err != nil {
		return fmt.Errorf("%s is registered on subnet %d, but what it has now is unknown: %w", hotkey, net, err)
	}
	m, err := on.Metagraph(ctx, net)
	if err != nil {
		return fmt.Errorf("%s is registered on subnet %d, but its UID is unknown: %w", hotkey, net, err)
	}
	n, ok := m.ByHotkey(hotkey)
	if !ok {
		return fmt.Errorf("%w: registered, and replaced at once", chain.ErrNotRegistered)
	}
	paid := before - min(before, after) // 0 for one who got more meanwhile
	return c.print(map[string]any{"hotkey": hotkey, "uid": n.UID, "netuid": net, "paid_rao": paid, "balance_rao": after}, func() {
		fmt.Fprintf(c.out, "%s has UID %d on subnet %d. %s paid %s and has %s left.\n", hotkey, n.UID, net, coldkey, paid, after)
	})
}
