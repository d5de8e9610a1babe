package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// fewAudits is how many of each miner are shown when no miner is named.
const fewAudits = 3

type auditFlags struct {
	from   sourceFlags
	miner  string
	limit  int
	failed bool
	save   string
}

func (c *cli) auditShowCommand() *cobra.Command {
	var a auditFlags
	cmd := &cobra.Command{
		Use: "show", Short: "Show the last audits of a miner, or the newest few of every miner", Args: noArgs,
		Long: `Show the last audits of a miner, the newest first, or the newest few of every
miner: what it was asked, how long it took, the verdict and why. They are taken
` + sourceHelp + fmt.Sprintf(`
It keeps the last %d of each miner.

A native audit leaves a dossier, which anybody can check: --save writes it to a
file, `, index.MaxTrials) + "`filetao audit verify`" + ` judges it.`,
		Example: "  filetao audit show --devnet DIR\n  filetao audit show --miner 5 --failed --save dossiers",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flag("limit").Changed && a.limit == 0 {
				return usagef("--limit: at least 1")
			}
			return c.showAudits(cmd.Context(), &a)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&a.miner, "miner", "", "`hotkey` of the miner, or its UID (default: every miner)")
	f.IntVar(&a.limit, "limit", 0, fmt.Sprintf("`number` of audits of each miner (default %d with --miner, else %d)", index.MaxTrials, fewAudits))
	f.BoolVar(&a.failed, "failed", false, "only those that failed")
	f.StringVar(&a.save, "save", "", "`folder` to write the dossiers of those shown to")
	a.from.add(c, cmd)
	return cmd
}

// shownAudits is what `audit show` answers.
type shownAudits struct {
	Trials []shownAudit `json:"trials"`
	Passed int          `json:"passed"` // of those shown
	Failed int          `json:"failed"`
	// Pending are questions whose answers are awaited.
	Pending []index.Pending `json:"pending"`
}

// shownAudit is one settled audit.
type shownAudit struct {
	UID  *int      `json:"uid"` // null when not registered or not known
	Kind auditKind `json:"kind"`
	index.Trial
	File string `json:"file,omitempty"` // that it was saved to
}

// auditKind is what a miner was asked.
type auditKind string

const (
	kindNative    auditKind = "native audit"
	kindChallenge auditKind = "challenge"
	kindRetrieval auditKind = "retrieval"
)

func kindOf(t index.Trial) auditKind {
	switch {
	case len(t.Dossier) > 0:
		return kindNative
	case t.Task == string(fleet.TaskChallenge):
		return kindChallenge
	case t.Task == string(fleet.TaskRetrieve):
		return kindRetrieval
	}
	return auditKind(t.Task)
}

func (c *cli) showAudits(ctx context.Context, a *auditFlags) error {
	shown := shownAudits{Trials: []shownAudit{}, Pending: []index.Pending{}}
	if err := c.withSource(ctx, &a.from, func(src *source) error {
		miners, err := c.auditedMiners(ctx, src, a.miner)
		if err != nil {
			return err
		}
		for _, m := range miners {
			if err := shown.of(ctx, src, m, a); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if a.save != "" {
		if err := shown.save(expandHome(a.save)); err != nil {
			return err
		}
	}
	return c.print(shown, func() {
		c.printAudits(shown, a)
		c.printSaved(shown, a)
	})
}

// auditedMiner is a miner whose audits are shown.
type auditedMiner struct {
	node.MinerRow
	known bool // to the index
}

// auditedMiners are the miners to show: the one that is named, or all.
func (c *cli) auditedMiners(ctx context.Context, src *source, name string) (miners []auditedMiner, err error) {
	rows, err := src.miners(ctx)
	if err != nil {
		return nil, err
	}
	c.addUIDs(ctx, rows)
	slices.SortStableFunc(rows, byUID)
	uid, notUID := strconv.Atoi(name)
	for _, r := range rows {
		if name == "" || string(r.Hotkey) == name || notUID == nil && r.UID != nil && *r.UID == uid {
			miners = append(miners, auditedMiner{r, true})
		}
	}
	if len(miners) > 0 || name == "" {
		return miners, nil
	}
	hotkey, err := wallet.ParseAddress(name)
	switch {
	case err == nil:
		return []auditedMiner{{MinerRow: node.MinerRow{Hotkey: hotkey}}}, nil
	case notUID != nil:
		return nil, usagef("--miner: %q is neither a hotkey nor a UID", name)
	case !slices.ContainsFunc(rows, func(r node.MinerRow) bool { return r.UID != nil }):
		return nil, usagef("--miner: an index knows no UIDs: give the hotkey, or say with --subtensor.chain_endpoint where to look up UID %d", uid)
	}
	return nil, fmt.Errorf("--miner: the validator knows no miner with UID %d: %w", uid, index.ErrNotFound)
}

// of adds a miner's audits.
func (s *shownAudits) of(ctx context.Context, src *source, m auditedMiner, a *auditFlags) error {
	limit := a.limit
	if limit == 0 {
		limit = fewAudits
		if a.miner != "" {
			limit = index.MaxTrials
		}
	}
	most := limit
	if a.failed {
		most = index.MaxTrials
	}
	found, err := src.audits(ctx, m.Hotkey, most)
	if err != nil && !(m.known && errors.Is(err, node.ErrNoMiner)) { // it may hold nothing yet
		return err
	}
	for _, t := range found.Trials {
		switch {
		case limit == 0 || a.failed && t.Passed:
			continue
		case t.Passed:
			s.Passed++
		default:
			s.Failed++
		}
		limit--
		s.Trials = append(s.Trials, shownAudit{UID: cmp.Or(m.UID, t.UID), Kind: kindOf(t.Trial), Trial: t.Trial})
	}
	s.Pending = append(s.Pending, found.Pending...)
	return nil
}
