package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/sim"
)

// simFlags are the flags of `sim`.
type simFlags struct {
	sim.Config
	only []string // --cheaters
	out  string
}

func (c *cli) simCommand() *cobra.Command {
	s := simFlags{Config: sim.DefaultConfig()}
	cmd := &cobra.Command{
		Use: "sim", Short: "Simulate the incentive of a whole network", Args: noArgs,
		Long: "Simulate a whole network on a clock of its own: scores, tiers, weights and draws are\n" +
			"the product's code, whether a miner passes an audit is drawn from the proven bounds.\n" +
			"Printed is how long miners climb, what they earn, when cheaters are found out and\n" +
			"who was demoted. The default network takes a minute or two; the same seed gives\n" +
			"the same numbers. The exit code is 1 when a required statement is false; one that so\n" +
			"small a network, or so short a time, cannot tell about is open.\n\nMiners:\n" + kindList(),
		Example: "  filetao sim --seed 1\n  filetao sim --miners 96 --validators 8 --days 4 --cheaters fabricator,twins --json\n  filetao sim --days 2 --profile v3-plain --out charts",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flag("seed").Changed {
				s.Seed = rand.Uint64()
			}
			return c.runSim(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&s.Miners, "miners", s.Miners, leastMiners())
	f.IntVar(&s.Validators, "validators", s.Validators, "`number` of validators")
	f.IntVar(&s.Days, "days", s.Days, "`number` of days")
	f.Uint64Var(&s.Seed, "seed", 0, "`number` that decides everything (default: drawn)")
	f.StringVar(&s.Profile, "profile", s.Profile, "`rules` of the incentive: "+strings.Join(incentive.Profiles(), ", "))
	f.StringSliceVar(&s.only, "cheaters", []string{"all"}, "`names` of the cheaters beside the honest: all, none, or some of those above")
	f.StringVar(&s.out, "out", "", "`folder` for charts, as SVG and PNG (default: none)")
	return cmd
}

// leastMiners is what the help says of how many there may be.
func leastMiners() string {
	all, cheaters := len(sim.Kinds()), len(sim.Cheaters())
	return fmt.Sprintf("`number` of miners, at least %d of every kind that plays: %d, and with --cheaters none %d",
		sim.LeastPerKind, sim.LeastPerKind*all, sim.LeastPerKind*(all-cheaters))
}

// kindList is what the help says of the miners.
func kindList() string {
	var b strings.Builder
	for _, k := range sim.Kinds() {
		fmt.Fprintf(&b, "  %-7s %-16s %s\n", k.Class, k.Name, k.What)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// errStatement says that a run showed a required statement to be false.
var errStatement = errors.New("a required statement is false")

func (c *cli) runSim(ctx context.Context, s simFlags) error {
	switch {
	case len(s.only) == 1 && s.only[0] == "none":
		s.Cheaters = []string{}
	case len(s.only) != 1 || s.only[0] != "all":
		s.Cheaters = s.only
	}
	fmt.Fprintf(c.err, "Seed %d.\n", s.Seed)
	start := c.now()
	bar := c.progress("simulating")
	defer bar.done()
	s.Progress = func(done, all int) { bar.say(fmt.Sprintf("%d %%", 100*done/all)) }
	r, err := sim.Run(ctx, s.Config)
	if errors.Is(err, sim.ErrConfig) || errors.Is(err, sim.ErrKind) || errors.Is(err, incentive.ErrProfile) {
		return usageError{err.Error()}
	} else if err != nil {
		return err
	}
	files, err := c.drawSim(ctx, r, s.out, bar)
	if err != nil {
		return err
	}
	bar.done()
	if err := c.print(r, func() { c.printSim(r, files) }); err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintf(c.err, "Took %.0f s.\n", c.now().Sub(start).Round(time.Second).Seconds())
	}
	if r.Failed() {
		return errStatement
	}
	return nil
}

// drawSim writes the charts of a run, if a folder is named.
func (c *cli) drawSim(ctx context.Context, r *sim.Report, dir string, bar *progressBar) (files []string, err error) {
	if dir == "" {
		return nil, nil
	}
	dir = expandHome(dir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	for _, f := range r.Figures() {
		bar.say("drawing " + f.Name)
		for _, format := range []string{"svg", "png"} {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			picture, err := f.Render(format)
			if err != nil {
				return nil, err
			}
			path := filepath.Join(dir, f.Name+"."+format)
			if err := durable.WriteFile(path, picture, 0o644); err != nil {
				return nil, err
			}
			files = append(files, path)
		}
	}
	return files, nil
}

func (c *cli) printSim(r *sim.Report, files []string) {
	fmt.Fprintf(c.out, "%s, %s, %s, profile %s, seed %d: %s, %s, %s.\n\n",
		count(r.Miners, "miner"), count(r.Validators, "validator"), count(r.Days, "day"), r.Profile, r.Seed,
		count(int(r.Steps), "step"), count(int(r.Outcomes), "outcome"), count(r.Restarts, "restart"))
	var rows [][]string
	for _, t := range r.Climbs {
		rows = append(rows, append([]string{t.Tier, fmt.Sprint(t.Successes), fmt.Sprintf("%.1f", t.Formula)}, append(hours(t.New), hours(t.Steady)...)...))
	}
	c.table(strings.Split("TIER,>SUCCESSES,>FORMULA h,>NEW MINERS h,>LEAST,>MOST,>DEVIATION,>STEADY h,>LEAST,>MOST,>DEVIATION", ","), rows)
	rows = nil
	for _, k := range r.Kinds {
		sank := "never"
		if k.Share == nil || k.Class == sim.Honest {
			sank = "-"
		} else if k.Sank != nil {
			sank = fmt.Sprintf("%.1f", *k.Sank)
		}
		rows = append(rows, []string{
			k.Kind, string(k.Class), fmt.Sprint(k.Miners), percent(k.Share), percent(k.Largest), sank,
			fmt.Sprintf("%.2f %%", 100*float64(k.Audits.Successes)/float64(max(1, k.Audits.Attempts))),
			fmt.Sprint(k.Demotions), fmt.Sprint(k.ByRestart),
		})
	}
	fmt.Fprintln(c.out)
	c.table(strings.Split("MINERS,CLASS,>NUMBER,>INCENTIVE,>LARGEST,>UNDER 1 % AFTER h,>AUDITS PASSED,>DEMOTIONS,>BY RESTARTS", ","), rows)
	fmt.Fprintln(c.out, "\nIncentive is that of a steady miner, from a day on after they came or began to cheat; or later, when they have longer to sink.")
	for _, f := range files {
		fmt.Fprintln(c.out, f)
	}
	rows = nil
	for _, check := range r.Checks {
		rows = append(rows, []string{string(check.Verdict), check.Statement, check.Figures})
	}
	fmt.Fprintln(c.out)
	c.table([]string{"VERDICT", "STATEMENT", "FIGURES"}, rows)
}

// hours are the columns of a climb; of those that not everybody finished only
// how many did.
func hours(h sim.Hours) []string {
	if h.Reached < 1 {
		return []string{"-", "-", "-", fmt.Sprintf("%.0f %% are there", 100*h.Reached)}
	}
	return []string{fmt.Sprintf("%.1f", h.Mean), fmt.Sprintf("%.1f", h.Least), fmt.Sprintf("%.1f", h.Most), fmt.Sprintf("%+.1f %%", 100*h.Deviation)}
}

func percent(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100**x)
}
