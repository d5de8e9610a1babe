package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// confirm asks before something is spent or removed. In a script there is
// nobody to ask: --yes is needed.
func (c *cli) confirm(yes bool, what string) error {
	if yes {
		return nil
	}
	answer, err := c.ask(what+" [y/N] ", false)
	if errors.Is(err, errNoTerminal) {
		return usagef("%s There is no terminal to ask at: give --yes", what)
	}
	if err != nil {
		return err
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errInterrupted
	}
	return nil
}

// withBalance says of a coldkey that cannot pay what it has, and what for.
func withBalance(ctx context.Context, on chain.Chain, coldkey wallet.Address, what string, err error) error {
	if !errors.Is(err, chain.ErrBalanceTooLow) {
		return err
	}
	free, readErr := on.Balance(ctx, coldkey)
	if readErr != nil {
		return err
	}
	return fmt.Errorf("%s has %s, %s: %w", coldkey, free, what, err)
}

// canPay says before a password is asked for that the wallet's coldkey has not
// enough. One whose address is not known without the password is not looked at.
func (c *cli) canPay(ctx context.Context, on chain.Chain, amount chain.Rao, what string) error {
	coldkey, err := wallet.At(c.wallet).ColdkeyAddress()
	if errors.Is(err, wallet.ErrEncrypted) {
		return nil
	}
	if err != nil {
		return err
	}
	return enough(ctx, on, coldkey, amount, what)
}

// enough says that a coldkey has not.
func enough(ctx context.Context, on chain.Chain, coldkey wallet.Address, amount chain.Rao, what string) error {
	free, err := on.Balance(ctx, coldkey)
	if err == nil && free < amount {
		err = fmt.Errorf("%s has %s, %s: %w", coldkey, free, what, chain.ErrBalanceTooLow)
	}
	return err
}

func (c *cli) chainStakeCommand() *cobra.Command {
	var amount string
	s := spending{}
	cmd := &cobra.Command{
		Use: "stake", Short: "Stake the wallet's TAO on its hotkey", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rao, err := parseAmount(amount)
			if err != nil {
				return err
			}
			if err := c.settleWallet(); err != nil {
				return err
			}
			hotkey, err := wallet.At(c.wallet).HotkeyAddress()
			if err != nil {
				return err
			}
			return c.toSpend(cmd.Context(), s, func(remote chain.Chain) error {
				what := fmt.Sprintf("%s are to be staked", rao)
				if err := c.canPay(cmd.Context(), remote, rao, what); err != nil {
					return err
				}
				coldkey, err := c.coldkey()
				if err != nil {
					return err
				}
				if err := c.confirm(s.yes, fmt.Sprintf("Staking %s of %s on %s.", rao, coldkey.Address(), hotkey)); err != nil {
					return err
				}
				if err := remote.AddStake(cmd.Context(), coldkey, chain.NetUID(c.netuid), hotkey, rao); err != nil {
					return afterSending(withBalance(cmd.Context(), remote, coldkey.Address(), what, err), "chain neuron")
				}
				return c.print(map[string]any{"hotkey": hotkey, "staked_rao": rao}, func() {
					fmt.Fprintf(c.out, "Staked %s on %s.\n", rao, hotkey)
				})
			})
		},
	}
	cmd.Flags().StringVar(&amount, "amount", "", "`TAO` to stake, for example 1000 or 0.5")
	s.add(cmd)
	return cmd
}

func parseAmount(text string) (chain.Rao, error) {
	if text == "" {
		return 0, usagef("--amount is missing: how many TAO?")
	}
	rao, err := chain.ParseRao(text)
	if err != nil {
		return 0, usagef("--amount: %v", err)
	}
	return rao, nil
}
