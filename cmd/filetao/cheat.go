package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/cheat"
)

func (c *cli) cheatCommand() *cobra.Command {
	var cfg cheat.Config
	var protocol string
	cmd := &cobra.Command{
		Use: "cheat", Short: "Let dishonest miners meet the validator", Args: noArgs,
		Long: "Let dishonest miners meet the validator, on this machine and the real wire: each\n" +
			"wraps the real miner and alters what it keeps or answers. Each plays as a miner\n" +
			"of ours, which is audited natively, and as one of the reference's, which is\n" +
			"challenged. Printed is of each how many settled audits there were and how many\n" +
			"it passed, the share that may pass, its retrievals, what honest miners beside it\n" +
			"did, both scores, and the verdict. Takes minutes; fewer --challenges take less.\n\n" +
			"The exit code is 1 when a required verdict is missed.\n\nCheaters:\n" + cheaterList(),
		Example: "  filetao cheat\n  filetao cheat --only relay --only \"dropper 10%\" --challenges 100 --json\n" +
			"  filetao cheat --challenges 10000   # the full run; TMPDIR in memory makes it faster",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Challenges < 1 {
				return usagef("--challenges: at least 1")
			}
			switch {
			case protocol == "both":
			case slices.Contains(cheat.Protocols(), cheat.Protocol(protocol)):
				cfg.Protocols = []cheat.Protocol{cheat.Protocol(protocol)}
			default:
				return usagef("--protocol: native, reference or both, not %q", protocol)
			}
			if !cmd.Flag("seed").Changed {
				cfg.Seed = rand.Uint64()
			}
			return c.runCheat(cmd.Context(), cfg)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&cfg.Only, "only", nil, "`name` of a cheater; may be repeated (default: all)")
	f.StringVar(&protocol, "protocol", "both", "which `protocol` the miners speak: native, reference or both")
	f.IntVar(&cfg.Challenges, "challenges", 200, "`number` of settled audits that each meets at least in each protocol; the slow ones fewer")
	f.Int64Var(&cfg.Size, "size", 64<<10, "largest datum in `bytes`; of those called long, some 3.75 MB")
	f.Uint64Var(&cfg.Seed, "seed", 0, "`number` that decides the cheaters' keys and choices (default: drawn)")
	return cmd
}

// cheaterList is what the help says of them.
func cheaterList() string {
	var b strings.Builder
	for _, ch := range cheat.Catalogue() {
		fmt.Fprintf(&b, "  %2d %-16s %s\n", ch.Number, ch.Name, ch.What)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// errMissed says that the validator let a cheater through.
var errMissed = errors.New("a required verdict was missed")

func (c *cli) runCheat(ctx context.Context, cfg cheat.Config) error {
	for _, name := range cfg.Only {
		if !slices.ContainsFunc(cheat.Catalogue(), func(ch cheat.Cheater) bool { return ch.Name == name }) {
			return usagef("--only: there is no cheater %q", name)
		}
	}
	if c.debug || c.trace {
		cfg.Log = c.log
	}
	fmt.Fprintf(c.err, "Seed %d.\n", cfg.Seed)
	cfg.Done = func(r cheat.Result) { fmt.Fprintf(c.err, "%s, %s: %s\n", r.Name, r.Protocol, r.Verdict) }
	results, err := cheat.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if err := c.print(results, func() { c.cheatTable(results) }); err != nil {
		return err
	}
	if !cheat.Passed(results) {
		return errMissed
	}
	return nil
}

func (c *cli) cheatTable(results []cheat.Result) {
	var rows [][]string
	for _, r := range results {
		bound := fmt.Sprintf("%.3g", r.Bound)
		if r.Most > 0 {
			bound += fmt.Sprintf(" (asked %d at most)", r.Most)
		}
		rows = append(rows, []string{
			fmt.Sprint(r.Number), r.Name, string(r.Protocol), fmt.Sprint(r.Asked), fmt.Sprint(r.Passed), bound,
			fmt.Sprintf("%d/%d", r.Retrieved, r.Retrievals), fmt.Sprintf("%d/%d", r.HonestPassed, r.HonestAsked),
			fmt.Sprintf("%.3f", r.Score), fmt.Sprintf("%.3f", r.HonestScore), string(r.Verdict), r.Reason,
		})
	}
	c.table([]string{"#", "CHEATER", "PROTOCOL", "ASKED", "PASSED", "BOUND", "RETRIEVED", "HONEST", "SCORE", "HONEST SCORE", "VERDICT", "WHY"}, rows)
}
