package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// transferFlags are the options of `chain transfer`.
type transferFlags struct {
	spending
	uri, to, toWallet string
	amount            chain.Rao
}

func (c *cli) chainTransferCommand() *cobra.Command {
	x, amount := transferFlags{}, ""
	cmd := &cobra.Command{
		Use: "transfer", Short: "Move TAO to another coldkey", Args: noArgs,
		Long: `Move TAO from the wallet's coldkey, or from a key that is no wallet's (--uri), to
another coldkey. The development keys, such as //Alice, belong to everybody: with
one of them nothing is asked.`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if x.amount, err = parseAmount(amount); err != nil {
				return err
			}
			dest, err := c.destination(x.to, x.toWallet)
			if err != nil {
				return err
			}
			if x.uri == "" {
				if err := c.settleWallet(); err != nil {
					return err
				}
			}
			return c.toSpend(cmd.Context(), x.spending, func(remote chain.Chain) error {
				return c.transfer(cmd.Context(), remote, &x, dest)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "`TAO` to move")
	f.StringVar(&x.uri, "uri", "", "`key` to take them from: //Alice and the like, which are not asked about, or a mnemonic with or without //path, which are")
	f.StringVar(&x.to, "to", "", "`address` of the coldkey that gets them")
	f.StringVar(&x.toWallet, "to-wallet", "", "`name` of the wallet that gets them, instead of --to")
	x.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("to", "to-wallet")
	return cmd
}

// transferrer is a chain that moves money: all do.
type transferrer interface {
	Transfer(ctx context.Context, from *wallet.Keypair, to wallet.Address, amount chain.Rao) error
}

func (c *cli) transfer(ctx context.Context, on chain.Chain, x *transferFlags, dest wallet.Address) error {
	mover, ok := on.(transferrer)
	if !ok {
		return usagef("this chain moves no TAO")
	}
	what := fmt.Sprintf("%s are to be moved", x.amount)
	if x.uri == "" {
		if err := c.canPay(ctx, on, x.amount, what); err != nil {
			return err
		}
	}
	from, err := c.source(x.uri)
	if err != nil {
		return err
	}
	if err := enough(ctx, on, from.Address(), x.amount, what); err != nil {
		return err
	}
	if err := c.confirm(x.yes || everybodys(x.uri), fmt.Sprintf("Moving %s from %s to %s.", x.amount, from.Address(), dest)); err != nil {
		return err
	}
	if err := mover.Transfer(ctx, from, dest, x.amount); err != nil {
		return afterSending(withBalance(ctx, on, from.Address(), what, err), "chain balance "+string(dest))
	}
	return c.print(map[string]any{"from": from.Address(), "to": dest, "amount_rao": x.amount}, func() {
		fmt.Fprintf(c.out, "Moved %s to %s.\n", x.amount, dest)
	})
}

// everybodys says whether a secret URI is of a development key, //Name.
func everybodys(uri string) bool {
	return strings.HasPrefix(uri, "//") && !strings.Contains(uri, "///")
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
		return c.coldkey()
	}
	key, err := wallet.KeypairFromURI(uri)
	if err != nil {
		return nil, usagef("--uri: %v", err)
	}
	return key, nil
}
