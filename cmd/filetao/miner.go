package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
)

func (c *cli) minerCommand() *cobra.Command {
	cmd := group("miner", "Look at miners as a validator knows them", c.minerStatsCommand())
	cmd.Aliases = []string{"m"}
	return cmd
}

func (c *cli) minerStatsCommand() *cobra.Command {
	var s sourceFlags
	cmd := &cobra.Command{
		Use: "stats", Short: "Show every miner's statistics, tier and storage", Args: noArgs,
		Long: "Show every miner's statistics, tier and storage,\n" + sourceHelp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var rows []node.MinerRow
			if err := c.withSource(cmd.Context(), &s, func(src *source) (err error) {
				rows, err = src.miners(cmd.Context())
				return err
			}); err != nil {
				return err
			}
			c.addUIDs(cmd.Context(), rows)
			if rows == nil {
				rows = []node.MinerRow{}
			}
			return c.print(rows, func() { c.printMiners(rows) })
		},
	}
	s.add(c, cmd)
	return cmd
}

// addUIDs looks up the UIDs that an index does not know, if a chain is named;
// the statistics are of use without them.
func (c *cli) addUIDs(ctx context.Context, rows []node.MinerRow) {
	if c.chainEndpoint+c.chainNetwork == "" || !slices.ContainsFunc(rows, func(r node.MinerRow) bool { return r.UID == nil }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := c.onChain(ctx, func(remote *devchain.Remote) error {
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

func (c *cli) printMiners(rows []node.MinerRow) {
	if len(rows) == 0 {
		fmt.Fprintln(c.out, "The index knows no miners yet.")
		return
	}
	slices.SortStableFunc(rows, byUID)
	var table [][]string
	for _, r := range rows {
		uid := "-"
		if r.UID != nil {
			uid = strconv.Itoa(*r.UID)
		}
		table = append(table, []string{
			uid, string(r.Hotkey), cmp.Or(r.Tier, "-"), fmt.Sprint(r.TotalSuccesses), tally(r.Store), tally(r.Challenge),
			tally(r.Retrieve), size(r.Stored) + " / " + size(r.Limit),
		})
	}
	c.table(strings.Split(">UID,HOTKEY,TIER,>SUCCESSES,>STORE,>CHALLENGE,>RETRIEVE,>STORED / LIMIT", ","), table)
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

// tally shows successes, attempts and rate.
func tally(t index.Tally) string {
	if t.Attempts == 0 {
		return "0/0"
	}
	return fmt.Sprintf("%d/%d (%.1f%%)", t.Successes, t.Attempts, 100*float64(t.Successes)/float64(t.Attempts))
}
