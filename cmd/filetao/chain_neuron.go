package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// errNoUID: the subnet has fewer slots.
var errNoUID = errors.New("no such UID")

func (c *cli) chainNeuronCommand() *cobra.Command {
	return &cobra.Command{
		Use: "neuron [UID | hotkey]", Short: "Show one neuron; without a name the wallet's hotkey", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			} else if err := c.settleWallet(); err != nil {
				return err
			} else if own, err := wallet.At(c.wallet).HotkeyAddress(); err != nil {
				return err
			} else {
				name = string(own)
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				m, err := remote.Metagraph(cmd.Context(), chain.NetUID(c.netuid))
				if err != nil {
					return err
				}
				n, err := neuronIn(m, "neuron", name)
				if err != nil {
					return err
				}
				rows, err := remote.Weights(cmd.Context(), m.NetUID)
				if err != nil {
					return err
				}
				one := aNeuron{jsonNeuron(n), m.NetUID, m.Block.Number, append([]chain.Weight{}, rows[n.UID]...)}
				return c.print(one, func() { c.printNeuron(one, n.Axon) })
			})
		},
	}
}

// slotsOf says which UIDs a subnet has.
func slotsOf(m *chain.Metagraph) string {
	switch n := len(m.Neurons); n {
	case 0:
		return fmt.Sprintf("subnet %d has no neurons", m.NetUID)
	case 1:
		return fmt.Sprintf("subnet %d has UID 0 only", m.NetUID)
	default:
		return fmt.Sprintf("subnet %d has UIDs 0–%d", m.NetUID, n-1)
	}
}

func (c *cli) printNeuron(n aNeuron, at chain.Axon) {
	axon, permit, active := "none", "no", "no"
	if at.Serving() {
		axon = fmt.Sprintf("%s, announced at block %d, version %d", at.AddrPort(), at.Block, at.Version)
	}
	if n.ValidatorPermit {
		permit = "yes"
	}
	if n.Active {
		active = "yes"
	}
	row := "none"
	if len(n.Row) > 0 {
		row = "on " + count(len(n.Row), "neuron")
	}
	ago := func(block uint64) string { return fmt.Sprintf("block %d, %d ago", block, n.Block-block) }
	c.pairs([][2]string{
		{"uid", fmt.Sprintf("%d on subnet %d", n.UID, n.NetUID)}, {"hotkey", string(n.Hotkey)}, {"coldkey", string(n.Coldkey)},
		{"stake", n.Stake.String()}, {"validator permit", permit}, {"active", active}, {"axon", axon},
		{"incentive", fraction(n.Incentive)}, {"trust", fraction(n.Trust)}, {"consensus", fraction(n.Consensus)},
		{"validator trust", fraction(n.ValidatorTrust)}, {"dividends", fraction(n.Dividends)}, {"emission", n.Emission.String()},
		{"weights", row}, {"last update", ago(n.LastUpdate)}, {"registered", ago(n.RegisteredAt)},
	})
}
