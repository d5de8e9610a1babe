package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/commits"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

func (c *cli) chainWeightsCommand() *cobra.Command {
	return group("weights", "Show the weights validators set, or set some by hand",
		c.weightsShowCommand(), c.weightsSetCommand(), c.weightsRevealCommand())
}

// weightsRow is a validator's row in the output of `chain weights show`.
type weightsRow struct {
	UID     chain.UID      `json:"uid"`
	Hotkey  wallet.Address `json:"hotkey"`
	Weights []chain.Weight `json:"weights"`
}

func (c *cli) weightsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show [UID | hotkey]", Short: "Show the weights on the chain, all or one neuron's", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				net := chain.NetUID(c.netuid)
				m, err := remote.Metagraph(cmd.Context(), net)
				if err != nil {
					return err
				}
				stored, err := remote.Weights(cmd.Context(), net)
				if err != nil {
					return err
				}
				if len(args) > 0 {
					n, err := neuronIn(m, "weights", args[0])
					if err != nil {
						return err
					}
					maps.DeleteFunc(stored, func(uid chain.UID, _ []chain.Weight) bool { return uid != n.UID })
				}
				rows := []weightsRow{}
				for _, uid := range slices.Sorted(maps.Keys(stored)) {
					n, _ := m.ByUID(uid) // a newer one has no hotkey yet
					rows = append(rows, weightsRow{uid, n.Hotkey, stored[uid]})
				}
				return c.print(rows, func() { c.printWeights(m, rows) })
			})
		},
	}
}

// printWeights shows each weight as its share of the row.
func (c *cli) printWeights(m *chain.Metagraph, rows []weightsRow) {
	fmt.Fprintf(c.out, "Subnet %d at block %d\n\n", m.NetUID, m.Block.Number)
	var table [][]string
	for _, r := range rows {
		var sum uint64
		for _, w := range r.Weights {
			sum += uint64(w.Value)
		}
		for _, w := range r.Weights {
			n, _ := m.ByUID(w.UID)
			table = append(table, []string{fmt.Sprint(r.UID), fmt.Sprint(w.UID), string(n.Hotkey), fmt.Sprint(w.Value),
				strconv.FormatFloat(float64(w.Value)/float64(max(sum, 1)), 'f', 4, 64)})
		}
	}
	c.table([]string{">VALIDATOR", ">UID", "HOTKEY", ">WEIGHT", ">SHARE"}, table)
}

func (c *cli) weightsSetCommand() *cobra.Command {
	var yes bool
	version := validator.DefaultConfig().WeightsVersion
	cmd := &cobra.Command{
		Use: "set UID=WEIGHT…", Short: "Set the hotkey's weights by hand", Args: cobra.ArbitraryArgs,
		Long: `Set the weights of the wallet's hotkey by hand, in place of those it has. Only
their proportions matter. ` + "`filetao run validator`" + ` sets them by itself.

Where a subnet wants them committed first (chain status), the command commits,
waits for the epoch of the reveal, and reveals: keep it running until then. What
reveals the weights is kept in ~/.filetao/commits: if the command ends before,
` + "`filetao chain weights reveal`" + ` goes on.`,
		Example: "  filetao chain weights set 3=1 4=0.5 17=0.25 --wallet.name validator",
		RunE: func(cmd *cobra.Command, args []string) error {
			weights, err := parseWeights(args)
			if err != nil {
				return err
			}
			if err := c.settleWallet(); err != nil {
				return err
			}
			hotkey, err := c.hotkey()
			if err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				return c.setWeights(cmd.Context(), remote, hotkey, weights, version, yes)
			})
		},
	}
	cmd.Flags().Uint64Var(&version, "version-key", version, "version `key` to send with them")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// parseWeights reads UID=WEIGHT and scales them as the SDK does: the largest is
// 65535, halves are rounded to even, and what becomes 0 is left out.
func parseWeights(args []string) ([]chain.Weight, error) {
	values := map[chain.UID]float64{}
	largest := 0.0
	for _, arg := range args {
		left, right, ok := strings.Cut(arg, "=")
		uid, uidErr := strconv.ParseUint(left, 10, 16)
		value, err := strconv.ParseFloat(right, 64)
		if !ok || errors.Join(uidErr, err) != nil || value < 0 || math.IsInf(value, 0) || math.IsNaN(value) {
			return nil, usagef("weight %q: want UID=WEIGHT, for example 3=0.5", arg)
		}
		if _, twice := values[chain.UID(uid)]; twice {
			return nil, usagef("UID %d has two weights", uid)
		}
		values[chain.UID(uid)] = value
		largest = max(largest, value)
	}
	if largest == 0 {
		return nil, usagef("no weights: give UID=WEIGHT, for example 3=1 4=0.5, at least one above 0")
	}
	var weights []chain.Weight
	for _, uid := range slices.Sorted(maps.Keys(values)) {
		if v := uint16(math.RoundToEven(values[uid] / largest * math.MaxUint16)); v > 0 {
			weights = append(weights, chain.Weight{UID: uid, Value: v})
		}
	}
	return weights, nil
}

func (c *cli) setWeights(ctx context.Context, on chain.Chain, hotkey *wallet.Keypair, weights []chain.Weight, version uint64, yes bool) error {
	net := chain.NetUID(c.netuid)
	rules, err := on.Hyperparameters(ctx, net)
	if err != nil {
		return err
	}
	if err := commits.Timelocked(net, rules); err != nil {
		return err
	}
	if version < rules.WeightsVersion {
		return fmt.Errorf("%w: %d, subnet %d wants %d or later", chain.ErrVersionKey, version, net, rules.WeightsVersion)
	}
	m, err := on.Metagraph(ctx, net)
	if err != nil {
		return err
	}
	n, ok := m.ByHotkey(hotkey.Address())
	if !ok {
		return fmt.Errorf("%w: %s on subnet %d", chain.ErrNotRegistered, hotkey.Address(), net)
	}
	for _, w := range weights { // what is committed is refused at the reveal only
		if int(w.UID) >= len(m.Neurons) {
			return fmt.Errorf("%w: UID %d, %s", chain.ErrWeights, w.UID, slotsOf(m))
		}
	}
	if err := c.confirm(yes, fmt.Sprintf("Replacing the weights of UID %d (%s) on subnet %d.", n.UID, n.Hotkey, net)); err != nil {
		return err
	}
	if rules.CommitReveal {
		err = c.commitAndReveal(ctx, on, hotkey, weights, version)
	} else {
		err = afterSending(on.SetWeights(ctx, hotkey, net, weights, version), fmt.Sprintf("chain weights show %d", n.UID))
	}
	if err != nil {
		return weightsRefused(n, m, rules, err)
	}
	return c.printSet(n, net, weights)
}

func (c *cli) printSet(n chain.Neuron, net chain.NetUID, weights []chain.Weight) error {
	return c.print(map[string]any{"uid": n.UID, "hotkey": n.Hotkey, "netuid": net, "weights": weights}, func() {
		fmt.Fprintf(c.out, "UID %d has weights on %s of subnet %d.\n", n.UID, count(len(weights), "neuron"), net)
	})
}

// weightsRefused says more of weights that were not taken.
func weightsRefused(n chain.Neuron, m *chain.Metagraph, rules chain.Hyperparameters, err error) error {
	switch {
	case errors.Is(err, chain.ErrStakeTooLow):
		return fmt.Errorf("UID %d has %s, subnet %d takes weights from %s on: %w", n.UID, n.Stake, m.NetUID, rules.MinStake, err)
	case errors.Is(err, chain.ErrRateLimit):
		return fmt.Errorf("UID %d was registered or set weights at block %d, %d ago; subnet %d takes some every %d blocks: %w",
			n.UID, n.LastUpdate, m.Block.Number-n.LastUpdate, m.NetUID, rules.WeightsRateLimit, err)
	}
	return err
}
