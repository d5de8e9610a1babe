package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/filetao/filetao/backup"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/repair"
)

// repairFlags are the flags of a validator's repair.
type repairFlags struct {
	bandwidth byteSize // a second
	downAfter float64  // seconds
}

func (r *repairFlags) add(f *pflag.FlagSet) {
	d := repair.DefaultConfig()
	r.bandwidth = byteSize(d.Bandwidth)
	f.Var(&r.bandwidth, "repair.bandwidth", "how much is fetched and stored in a second, on average, to make lost shards anew")
	f.Float64Var(&r.downAfter, "repair.down_after", d.DownAfter.Seconds(), "`seconds` without an answer to a ping after which a miner's shards count as lost")
}

// backupFlags are the flags of a validator's backup.
type backupFlags struct{ backupPeriod float64 } // seconds

func (b *backupFlags) add(f *pflag.FlagSet) {
	f.Float64Var(&b.backupPeriod, "backup.period", backup.DefaultConfig().Period.Seconds(), "`seconds` after which what has changed of users' files is backed up on the miners; 0: never")
}

// config is nil for no backup.
func (b *backupFlags) config() *backup.Config {
	if b.backupPeriod <= 0 {
		return nil
	}
	return &backup.Config{Period: seconds(b.backupPeriod)}
}

func (r *repairFlags) config() repair.Config {
	return repair.Config{Bandwidth: int64(r.bandwidth), DownAfter: seconds(r.downAfter)}
}

func (c *cli) repairCommand() *cobra.Command {
	return group("repair", "Look at what a validator does so that files survive their miners", c.repairStatusCommand())
}

func (c *cli) repairStatusCommand() *cobra.Command {
	var from sourceFlags
	cmd := &cobra.Command{
		Use: "status", Short: "Show what is to be repaired, what is at risk, and who leaves", Args: noArgs,
		Long: `Show what a running validator repairs: the one whose folder is --dir.

A segment's margin is how many of its healthy shards may be lost before it cannot
be put together any more; of a chunk, how many of its copies but one. What has the
least is repaired first. What is at risk has none left; what is lost has too few
healthy ones, and only comes back with miners that are down. Repair that stalls
shows in how long the oldest of the queue has been due.

What the validator's index knows of users' files is backed up on the miners, so that
index rebuild brings it back: a file that has waited for longer than the period would
be lost with the disk.`,
		Example: "  filetao repair status --devnet DIR\n  filetao repair status --dir ~/.filetao/validator --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withSource(cmd.Context(), &from, func(src *source) error {
				s, err := src.repair(cmd.Context())
				if err != nil {
					return err
				}
				return c.print(s, func() { c.printRepair(s) })
			})
		},
	}
	cmd.Flags().SortFlags = false
	from.add(c, cmd)
	return cmd
}

// repair asks the running validator how it stands with repair.
func (s *source) repair(ctx context.Context) (status node.RepairStatus, err error) {
	if s.ix != nil {
		return status, fmt.Errorf("%w: repair is what a running validator does", errNotRunning)
	}
	err = s.ask(ctx, "/repair", &status)
	return status, err
}

func (c *cli) printRepair(s node.RepairStatus) {
	line := func(name, text string) { c.hanging(fmt.Sprintf("%-11s ", name), text) }
	kept := "not counted yet"
	if !s.Scanned.IsZero() {
		kept = fmt.Sprintf("%s and %s of the reference's way, as counted %s", count(s.Segments, "segment"), count(s.Chunks, "chunk"), c.since(s.Scanned))
	}
	line("Kept", kept)
	line("To repair", c.queueOf(s.Status))
	line("At risk", fmt.Sprintf("%d; lost %d", s.AtRisk, s.Lost))
	line("Moved", fmt.Sprintf("%s fetched, %s stored in %s, since the start", size(s.Fetched), size(s.Stored), count(int(s.Shards), "shard")))
	line("Miners", "looked at "+c.since(s.Looked))
	line("Backup", c.backupOf(s.Backup))
	if s.Failed > 0 {
		line("Audits", count(s.Failed, "shard")+" failed the last one and count as lost")
	}
	if len(s.Margins) > 0 {
		fmt.Fprintln(c.out)
		rows := make([][]string, len(s.Margins))
		for i, l := range s.Margins {
			rows[i] = []string{strconv.Itoa(l.Margin), strconv.Itoa(l.Things), strconv.Itoa(queued(s.Queue, l.Margin))}
		}
		c.table(strings.Split(">MARGIN,>KEPT,>TO REPAIR", ","), rows)
	}
	if len(s.Miners) > 0 {
		fmt.Fprintln(c.out)
		for _, m := range s.Miners {
			text := m.Why
			if !m.Since.IsZero() {
				text += ", for " + ago(c.now().Sub(m.Since))
			}
			c.hanging("! ", fmt.Sprintf("What %s has does not count: %s.", m.Hotkey, text))
		}
	}
	c.printLeavers(s.Drains)
}

// backupOf says how it stands with the backup.
func (c *cli) backupOf(s *backup.Status) string {
	if s == nil {
		return "none is made (--backup.period 0)"
	}
	text := count(s.Packs, "pack") + " of " + size(s.Bytes) + "; "
	if s.Waiting == 0 {
		return text + "nothing waits"
	}
	return text + fmt.Sprintf("%s to be backed up, the first of them for %s", count(s.Waiting, "file"), ago(c.now().Sub(s.Oldest)))
}

// since says how long ago something was.
func (c *cli) since(t time.Time) string {
	if t.IsZero() {
		return "not yet"
	}
	return ago(c.now().Sub(t)) + " ago"
}

func (c *cli) queueOf(s repair.Status) string {
	n := 0
	for _, l := range s.Queue {
		n += l.Things
	}
	if n == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d, the first of it due for %s", n, ago(c.now().Sub(s.Oldest)))
}

func queued(levels []repair.Level, margin int) int {
	for _, l := range levels {
		if l.Margin == margin {
			return l.Things
		}
	}
	return 0
}

func (c *cli) printLeavers(drains []repair.Drain) {
	if len(drains) == 0 {
		return
	}
	fmt.Fprintln(c.out)
	var rows [][]string
	for _, d := range drains {
		state := "leaving"
		if len(d.Exit) > 0 {
			state = "has left"
		}
		rows = append(rows, []string{
			string(d.Hotkey), state, ago(c.now().Sub(d.Started)), fmt.Sprintf("%d of %d", d.Shards, d.AllShards), size(d.Bytes) + " of " + size(d.AllBytes),
		})
	}
	c.table(strings.Split("MINER,,>SINCE,>SHARDS LEFT,>BYTES LEFT", ","), rows)
}
