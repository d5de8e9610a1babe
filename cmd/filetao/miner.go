package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/node"
)

func (c *cli) minerCommand() *cobra.Command {
	cmd := group("miner", "Look at miners as a validator knows them", c.minerStatsCommand(), c.minerExplainCommand(), c.minerExitCommand())
	cmd.Aliases = []string{"m"}
	return cmd
}

// statsFlags are the flags of `miner stats`.
type statsFlags struct {
	from    sourceFlags
	sort    string
	full    bool
	profile profileFlag
}

// statsOrders are the ways to sort the table.
var statsOrders = map[string]func(a, b node.MinerRow) int{
	"uid":       byUID,
	"hotkey":    func(a, b node.MinerRow) int { return cmp.Compare(a.Hotkey, b.Hotkey) },
	"successes": func(a, b node.MinerRow) int { return cmp.Compare(b.TotalSuccesses, a.TotalSuccesses) },
	"tier": func(a, b node.MinerRow) int {
		return cmp.Or(cmp.Compare(b.Limit, a.Limit), cmp.Compare(b.TotalSuccesses, a.TotalSuccesses))
	},
	"used":   func(a, b node.MinerRow) int { return cmp.Compare(b.Percent, a.Percent) },
	"alerts": func(a, b node.MinerRow) int { return cmp.Compare(len(b.Alerts), len(a.Alerts)) },
	"score": func(a, b node.MinerRow) int {
		if a.Score == nil || b.Score == nil {
			return cmp.Compare(truth(a.Score == nil), truth(b.Score == nil))
		}
		return cmp.Compare(*b.Score, *a.Score)
	},
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *cli) minerStatsCommand() *cobra.Command {
	var s statsFlags
	orders := slices.Sorted(maps.Keys(statsOrders))
	cmd := &cobra.Command{
		Use: "stats", Short: "Show every miner's statistics, tier, score, storage and what it lacks", Args: noArgs,
		Long: "Show every miner's statistics, tier, score and storage, what it lacks for the next\n" +
			"tier, and what its operator should see to, marked with !,\n" + sourceHelp + `

SCORE is the moving average of rewards, which decides the weight; of a stopped
validator the one that it has saved last. STORE, CHALLENGE and RETRIEVE are successes of attempts in
this window of statistics. LIMIT is what the miner may hold now, at most what its
tier may, and CLAIMS what it has signed that it is willing to hold for all who ask.
NEXT TIER says how many successes are missing, and how many hours they take: an
estimate for a miner whose answers are all good, of this validator's questions
alone. SCORE LOW says that the answers of this window are not good enough for it.
A validator's folder says by which rules it goes; --profile names others to show
a stopped one by. ` + "`filetao miner explain`" + ` says more of one miner.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			order, ok := statsOrders[s.sort]
			if !ok {
				return usagef("--sort: %q is none of %s", s.sort, strings.Join(orders, ", "))
			}
			rows := []node.MinerRow{}
			if err := c.withSource(cmd.Context(), &s.from, func(src *source) error {
				got, err := c.minerRows(cmd.Context(), src, &s)
				rows = append(rows, got...)
				return err
			}); err != nil {
				return err
			}
			slices.SortStableFunc(rows, order)
			return c.print(rows, func() { c.printMiners(rows, s.full) })
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.sort, "sort", "uid", "sort by `what`: "+strings.Join(orders, ", "))
	f.BoolVar(&s.full, "full", false, "print hotkeys in full")
	s.from.add(c, cmd)
	s.profile.addView(f)
	completeFlag(cmd, "sort", cobra.FixedCompletions(orders, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// minerRows are the rows of a source, with what the chain adds.
func (c *cli) minerRows(ctx context.Context, src *source, s *statsFlags) ([]node.MinerRow, error) {
	if src.ix == nil {
		return src.miners(ctx)
	}
	v, err := s.profile.view(s.from.dir)
	if err != nil {
		return nil, err
	}
	v.Index = src.ix
	c.addChain(ctx, &v)
	return v.Miners(ctx)
}

// addChain has a view know the chain, if one is named and answers.
func (c *cli) addChain(ctx context.Context, v *node.View) {
	if c.chainEndpoint+c.chainNetwork == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := c.onChain(ctx, func(remote chain.Chain) error {
		m, err := remote.Metagraph(ctx, chain.NetUID(c.netuid))
		if err != nil {
			return err
		}
		subnet, err := remote.Hyperparameters(ctx, chain.NetUID(c.netuid))
		if err != nil {
			return err
		}
		v.Metagraph, v.Subnet = m, &subnet
		v.BlockTime = node.Pace(ctx, remote.BlockAt, m.Block)
		return nil
	}); err != nil {
		c.log.Debug("no chain for the miners' table", "err", err)
	}
}

// addUIDs looks up the UIDs that an index does not know, if a chain is named;
// the statistics are of use without them.
func (c *cli) addUIDs(ctx context.Context, rows []node.MinerRow) {
	if c.chainEndpoint+c.chainNetwork == "" || !slices.ContainsFunc(rows, func(r node.MinerRow) bool { return r.UID == nil }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := c.onChain(ctx, func(remote chain.Chain) error {
		m, err := remote.Metagraph(ctx, chain.NetUID(c.netuid))
		if err != nil {
			return err
		}
		for i := range rows {
			if n, ok := m.ByHotkey(rows[i].Hotkey); ok {
				uid := int(n.UID)
				rows[i].UID = &uid
			}
		}
		return nil
	}); err != nil {
		c.log.Debug("no UIDs", "err", err)
	}
}

// byUID orders miners by UID, those without one last.
func byUID(a, b node.MinerRow) int {
	switch {
	case a.UID != nil && b.UID != nil:
		return cmp.Compare(*a.UID, *b.UID)
	case a.UID == b.UID:
		return 0
	case a.UID == nil:
		return 1
	}
	return -1
}
