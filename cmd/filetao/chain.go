package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
)

func (c *cli) chainCommand() *cobra.Command {
	cmd := group("chain", "Run a development chain, look at any, register and serve on it",
		c.chainRunCommand(),
		c.chainStatusCommand(),
		c.chainMetagraphCommand(),
		c.chainNeuronCommand(),
		c.chainBalanceCommand(),
		c.chainEventsCommand(),
		c.chainWeightsCommand(),
		c.chainRegisterCommand(),
		c.chainStakeCommand(),
		c.chainServeCommand(),
		c.chainTransferCommand(),
	)
	cmd.Long = `Run a development chain, look at any, register and serve on it.

--subtensor.network says which chain the other commands use, or
--subtensor.chain_endpoint where it is; local is short for
` + localEndpoint + `. FileTAO's subnet is 21 on finney, 22 on test.`
	return cmd
}

func (c *cli) chainStatusCommand() *cobra.Command {
	var wait uint64
	cmd := &cobra.Command{
		Use: "status", Short: "Show the newest block and the subnet's rules", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				head, err := remote.Head(cmd.Context())
				if err == nil && wait > 0 {
					head, err = waitBlocks(cmd.Context(), remote, wait)
				}
				if err != nil {
					return err
				}
				s := chainStatus{blockJSON: jsonBlock(head)}
				if s.Subnet, err = readSubnet(cmd.Context(), remote, chain.NetUID(c.netuid), head.Number); err != nil {
					return err
				}
				return c.print(s, func() { c.printStatus(s) })
			})
		},
	}
	cmd.Flags().Uint64Var(&wait, "wait", 0, "wait for this `number` of new blocks first")
	return cmd
}

// readSubnet is nil for a subnet that does not exist.
func readSubnet(ctx context.Context, from chain.Chain, net chain.NetUID, block uint64) (*subnetStatus, error) {
	rules, err := from.Hyperparameters(ctx, net)
	if errors.Is(err, chain.ErrNoSubnet) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := from.Metagraph(ctx, net)
	if err != nil {
		return nil, err
	}
	epoch := chain.EpochOf(block, net, rules.Tempo)
	s := &subnetStatus{
		NetUID: net, Neurons: len(m.Neurons), Epoch: epoch, NextEpoch: chain.FirstBlockOf(epoch+1, net, rules.Tempo), Rules: rulesJSON(rules),
	}
	for _, n := range m.Neurons {
		if n.Axon.Serving() {
			s.Serving++
		}
	}
	return s, nil
}

func (c *cli) printStatus(s chainStatus) {
	endpoints, _, _ := c.chainEndpoints() // good, or there were no status
	rows := [][2]string{
		{"chain", strings.Join(endpoints, ", ")}, {"block", strconv.FormatUint(s.Number, 10)}, {"hash", s.Hash.String()},
		{"time", fmt.Sprintf("%s, %s ago", s.Time, c.now().Sub(s.Time).Round(time.Second))},
	}
	if s.Subnet == nil {
		c.pairs(append(rows, [2]string{"subnet", fmt.Sprintf("%d does not exist", c.netuid)}))
		return
	}
	n, h := s.Subnet, s.Subnet.Rules
	epoch := "never ends (tempo 0)"
	if h.Tempo > 0 {
		epoch = fmt.Sprintf("%d, the next one in %s (tempo %d)", n.Epoch, count(int(n.NextEpoch-s.Number), "block"), h.Tempo)
	}
	immune := "never immune"
	if h.ImmunityPeriod > 0 {
		immune = "immune for " + count(int(h.ImmunityPeriod), "block")
	}
	c.pairs(append(rows,
		[2]string{"subnet", fmt.Sprintf("%d: %d of %s, %d of them serving", n.NetUID, n.Neurons, count(int(h.MaxUIDs), "neuron"), n.Serving)},
		[2]string{"epoch", epoch},
		[2]string{"registration", fmt.Sprintf("burns %s; %s", h.Burn, immune)},
		[2]string{"weights", describeWeights(h)},
		[2]string{"validators", fmt.Sprintf("%s, from %s of stake on", count(int(h.MaxValidators), "permit"), h.MinStake)},
	))
}

// describeWeights says how weights are set under the rules.
func describeWeights(h rulesJSON) string {
	how, often, version := "set plainly", "as often as one likes", "any version key"
	switch {
	case h.CommitReveal && h.CommitRevealVersion >= 3:
		how = fmt.Sprintf("committed timelocked (version %d), opened %s later", h.CommitRevealVersion, count(int(h.RevealPeriod), "epoch"))
	case h.CommitReveal:
		how = fmt.Sprintf("committed, and revealed %s later", count(int(h.RevealPeriod), "epoch"))
	}
	switch {
	case h.WeightsRateLimit == 1:
		often = "once a block at most"
	case h.WeightsRateLimit > 1:
		often = fmt.Sprintf("once in %d blocks at most", h.WeightsRateLimit)
	}
	if h.WeightsVersion > 0 {
		version = fmt.Sprintf("version key %d or later", h.WeightsVersion)
	}
	return how + ", " + often + ", " + version
}

// waitBlocks returns the n-th block from now.
func waitBlocks(ctx context.Context, from chain.Chain, n uint64) (last chain.Block, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks, err := from.Subscribe(ctx)
	if err != nil {
		return last, err
	}
	for b := range blocks {
		if n--; n == 0 {
			return b, nil
		}
	}
	return last, cmp.Or(ctx.Err(), chain.ErrUnavailable)
}

func (c *cli) chainMetagraphCommand() *cobra.Command {
	return &cobra.Command{
		Use: "metagraph", Short: "List the neurons of the subnet", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				m, err := remote.Metagraph(cmd.Context(), chain.NetUID(c.netuid))
				if err != nil {
					return err
				}
				return c.print(jsonMetagraph(m), func() { c.printMetagraph(m) })
			})
		},
	}
}

func (c *cli) printMetagraph(m *chain.Metagraph) {
	var rows [][]string
	for _, n := range m.Neurons {
		axon := "-"
		if n.Axon.Serving() {
			axon = n.Axon.AddrPort().String()
		}
		permit := ""
		if n.ValidatorPermit {
			permit = "validator"
		}
		rows = append(rows, []string{
			fmt.Sprint(n.UID), string(n.Hotkey), n.Stake.String(), permit, axon, fraction(n.Incentive), fraction(n.Trust),
			fraction(n.ValidatorTrust), n.Emission.String(), fmt.Sprint(n.LastUpdate),
		})
	}
	fmt.Fprintf(c.out, "Subnet %d at block %d\n\n", m.NetUID, m.Block.Number)
	c.table([]string{">UID", "HOTKEY", ">STAKE", "PERMIT", "AXON", ">INCENTIVE", ">TRUST", ">VTRUST", ">EMISSION", ">LAST UPDATE"}, rows)
}

// fraction shows a share of 65535.
func fraction(v uint16) string { return strconv.FormatFloat(float64(v)/65535, 'f', 4, 64) }
