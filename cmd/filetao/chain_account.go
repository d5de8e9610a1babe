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

func (c *cli) chainRegisterCommand() *cobra.Command {
	var yes bool
	var most string
	cmd := &cobra.Command{
		Use: "register", Short: "Register the wallet's hotkey on the subnet", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if most != "" {
				limit, err := chain.ParseRao(most)
				if err != nil {
					return usagef("--max-burn: %v", err)
				}
				c.maxBurn = limit
			}
			if err := c.settleWallet(); err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				netuid := chain.NetUID(c.netuid)
				h, err := remote.Hyperparameters(cmd.Context(), netuid)
				if err != nil {
					return err
				}
				if c.maxBurn > 0 && h.Burn > c.maxBurn {
					return fmt.Errorf("%w: %s, --max-burn allows %s", chain.ErrBurn, h.Burn, c.maxBurn)
				}
				coldkey, hotkey, err := c.bothKeys()
				if err != nil {
					return err
				}
				if err := c.confirm(yes, fmt.Sprintf("Registering %s on subnet %d costs %s of %s.", hotkey, netuid, h.Burn, coldkey.Address())); err != nil {
					return err
				}
				if err := remote.Register(cmd.Context(), coldkey, netuid, hotkey, c.maxBurn); err != nil {
					return withBalance(cmd.Context(), remote, coldkey.Address(), fmt.Sprintf("a registration costs %s", h.Burn), err)
				}
				m, err := remote.Metagraph(cmd.Context(), netuid)
				if err != nil {
					return err
				}
				n, ok := m.ByHotkey(hotkey)
				if !ok {
					return fmt.Errorf("%w: registered, and replaced at once", chain.ErrNotRegistered)
				}
				return c.print(map[string]any{"hotkey": hotkey, "uid": n.UID, "netuid": netuid, "cost_rao": h.Burn}, func() {
					fmt.Fprintf(c.out, "%s has UID %d on subnet %d.\n", hotkey, n.UID, netuid)
				})
			})
		},
	}
	cmd.Flags().StringVar(&most, "max-burn", "", "pay no more `TAO` than that, whatever the price is by then")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
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

// bothKeys reads the wallet's coldkey and its hotkey's address.
func (c *cli) bothKeys() (*wallet.Keypair, wallet.Address, error) {
	hotkey, err := wallet.At(c.wallet).HotkeyAddress()
	if err != nil {
		return nil, "", err
	}
	coldkey, err := c.coldkey()
	return coldkey, hotkey, err
}

func (c *cli) chainStakeCommand() *cobra.Command {
	var amount string
	var yes bool
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
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				coldkey, hotkey, err := c.bothKeys()
				if err != nil {
					return err
				}
				if err := c.confirm(yes, fmt.Sprintf("Staking %s of %s on %s.", rao, coldkey.Address(), hotkey)); err != nil {
					return err
				}
				if err := remote.AddStake(cmd.Context(), coldkey, chain.NetUID(c.netuid), hotkey, rao); err != nil {
					return withBalance(cmd.Context(), remote, coldkey.Address(), fmt.Sprintf("%s are to be staked", rao), err)
				}
				return c.print(map[string]any{"hotkey": hotkey, "staked_rao": rao}, func() {
					fmt.Fprintf(c.out, "Staked %s on %s.\n", rao, hotkey)
				})
			})
		},
	}
	cmd.Flags().StringVar(&amount, "amount", "", "`TAO` to stake, for example 1000 or 0.5")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
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

func (c *cli) chainTransferCommand() *cobra.Command {
	var amount, uri, to, toWallet string
	var yes bool
	cmd := &cobra.Command{
		Use: "transfer", Short: "Move TAO to another coldkey (development chains)", Args: noArgs,
		Long: `Move TAO from the wallet's coldkey, or from a well-known key such as //Alice
(--uri), to another coldkey.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rao, err := parseAmount(amount)
			if err != nil {
				return err
			}
			dest, err := c.destination(to, toWallet)
			if err != nil {
				return err
			}
			from, err := c.source(uri)
			if err != nil {
				return err
			}
			if err := c.confirm(yes || uri != "", fmt.Sprintf("Moving %s from %s to %s.", rao, from.Address(), dest)); err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				dev, ok := remote.(transferrer)
				if !ok {
					return usagef("this is no development chain: move TAO with `btcli wallet transfer`")
				}
				if err := dev.Transfer(cmd.Context(), from, dest, rao); err != nil {
					return err
				}
				return c.print(map[string]any{"from": from.Address(), "to": dest, "amount_rao": rao}, func() {
					fmt.Fprintf(c.out, "Moved %s to %s.\n", rao, dest)
				})
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "`TAO` to move")
	f.StringVar(&uri, "uri", "", "development `key` to take them from, for example //Alice")
	f.StringVar(&to, "to", "", "`address` of the coldkey that gets them")
	f.StringVar(&toWallet, "to-wallet", "", "`name` of the wallet that gets them, instead of --to")
	f.BoolVar(&yes, "yes", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("to", "to-wallet")
	return cmd
}

// transferrer is a chain that moves money.
type transferrer interface {
	Transfer(ctx context.Context, from *wallet.Keypair, to wallet.Address, amount chain.Rao) error
}

func (c *cli) destination(to, toWallet string) (wallet.Address, error) {
	if to == "" && toWallet == "" {
		return "", usagef("to whom? give --to or --to-wallet")
	}
	if to != "" {
		return wallet.ParseAddress(to)
	}
	return wallet.At(wallet.Location{Path: c.wallet.Path, Name: toWallet}).ColdkeyAddress()
}

func (c *cli) source(uri string) (*wallet.Keypair, error) {
	if uri == "" {
		if err := c.settleWallet(); err != nil {
			return nil, err
		}
		return c.coldkey()
	}
	key, err := wallet.KeypairFromURI(uri)
	if err != nil {
		return nil, usagef("--uri: %v", err)
	}
	return key, nil
}
