package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wire/synapse"
)

func (c *cli) chainServeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve IP:PORT", Short: "Announce where the wallet's hotkey serves", Args: cobra.MaximumNArgs(1),
		Long: `Announce on the chain where the wallet's hotkey serves. Nodes that run
(filetao run) announce themselves, and again at every start: this is for what
serves otherwise. Nothing is sent when the chain has the address already.`,
		Example: "  filetao chain serve 203.0.113.7:8091 --wallet.name miner1",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("which address? for example 203.0.113.7:8091")
			}
			at, err := netip.ParseAddrPort(args[0])
			if err != nil {
				return usagef("address %q: want IP:port, for example 203.0.113.7:8091", args[0])
			}
			at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
			if err := c.settleWallet(); err != nil {
				return err
			}
			hotkey, err := c.hotkey()
			if err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				net := chain.NetUID(c.netuid)
				m, err := remote.Metagraph(cmd.Context(), net)
				if err != nil {
					return err
				}
				n, ok := m.ByHotkey(hotkey.Address())
				if !ok {
					return fmt.Errorf("%w: %s on subnet %d", chain.ErrNotRegistered, hotkey.Address(), net)
				}
				known := n.Axon.AddrPort() == at
				if !known {
					axon := chain.Axon{Version: synapse.Version, IP: at.Addr(), Port: at.Port(), Protocol: 4}
					if err := remote.ServeAxon(cmd.Context(), hotkey, net, axon); err != nil {
						return afterSending(servingRefused(cmd.Context(), remote, n, m, axon, err), "chain neuron")
					}
				}
				if _, real := remote.(subtensor); !real && at.Addr().IsLoopback() {
					fmt.Fprintf(c.err, "note: %s is of this machine: nobody else reaches it, and a public chain takes no 127.0.0.1\n", at.Addr())
				}
				return c.print(map[string]any{"hotkey": n.Hotkey, "uid": n.UID, "netuid": net, "axon": at, "changed": !known}, func() {
					says := "says now"
					if known {
						says = "said already"
					}
					fmt.Fprintf(c.out, "The chain %s that UID %d of subnet %d serves at %s.\n", says, n.UID, net, at)
				})
			})
		},
	}
}

// servingRefused says more of an axon that was not taken.
func servingRefused(ctx context.Context, on chain.Chain, n chain.Neuron, m *chain.Metagraph, axon chain.Axon, err error) error {
	switch rules, readErr := on.Hyperparameters(ctx, m.NetUID); {
	case errors.Is(err, chain.ErrAxon):
		return fmt.Errorf("%s: %w", axon.AddrPort(), err)
	case errors.Is(err, chain.ErrRateLimit) && readErr == nil:
		return fmt.Errorf("UID %d was announced at block %d, %d ago; subnet %d takes a new address every %d blocks: %w",
			n.UID, n.Axon.Block, m.Block.Number-n.Axon.Block, m.NetUID, rules.ServingRateLimit, err)
	}
	return err
}
