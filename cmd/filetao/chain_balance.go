package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

func (c *cli) chainBalanceCommand() *cobra.Command {
	return &cobra.Command{
		Use: "balance [address]", Short: "Show what a coldkey has; without an address the wallet's", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var coldkey wallet.Address
			if len(args) > 0 {
				coldkey, err = wallet.ParseAddress(args[0])
			} else if err = c.settleWallet(); err == nil {
				coldkey, err = wallet.At(c.wallet).ColdkeyAddress()
			}
			if err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				free, err := remote.Balance(cmd.Context(), coldkey)
				if err != nil {
					return err
				}
				return c.print(map[string]any{"coldkey": coldkey, "balance_rao": free}, func() {
					fmt.Fprintf(c.out, "%s has %s.\n", coldkey, free)
				})
			})
		},
	}
}
