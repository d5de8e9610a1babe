package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// leftFile is where a validator writes who it is and what it goes by, for who
// looks into its folder when it does not run: <dir>/validator.json.
const leftFile = "validator.json"

type left struct {
	Hotkey       wallet.Address   `json:"hotkey"`
	VpermitLimit chain.Rao        `json:"vpermit_limit_rao"`
	Config       validator.Config `json:"config"`
}

// leave writes it; a validator that keeps nothing in its folder may have none.
func (c ValidatorConfig) leave() error {
	data, err := json.Marshal(left{c.Hotkey.Address(), c.Fleet.VpermitLimit, c.Validator})
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.Dir); err != nil {
		return nil
	}
	return durable.WriteFile(filepath.Join(c.Dir, leftFile), append(data, '\n'), 0o644)
}

// Left is the view by what the validator that ran last on a folder went by; the
// network's defaults where none did, and for no folder (""). The index is the
// caller's to set.
func Left(dir string) (View, error) {
	var l left
	if dir != "" {
		data, err := os.ReadFile(filepath.Join(dir, leftFile))
		if err == nil {
			err = json.Unmarshal(data, &l)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return View{}, fmt.Errorf("%s: %w", leftFile, err)
		}
	}
	return View{Config: l.Config, VpermitLimit: l.VpermitLimit, Self: l.Hotkey}.settledRules(), nil
}

// checkpoint is what a view shows of the state that package validator saves.
type checkpoint struct {
	Version int                             `json:"v"`
	Block   uint64                          `json:"block"`
	Rows    []incentive.Row[wallet.Address] `json:"uids"`
}

// savedRow is what of a miner's row in the checkpoint its score does not say.
type savedRow struct {
	uid        int
	possession float64
	debt       int
}

// withSaved is the view with what the validator has saved: offers, possession and,
// where no running validator says them, scores, UIDs and block; without, when it
// has saved nothing that can be read.
func (v View) withSaved(ctx context.Context) (View, error) {
	v, err := v.withClaims(ctx)
	if err != nil || v.Index == nil || v.Self == "" {
		return v, err
	}
	data, err := v.Index.State(ctx, "validator/"+string(v.Self))
	if errors.Is(err, index.ErrNotFound) {
		return v, nil
	} else if err != nil {
		return v, fmt.Errorf("saved scores: %w", err)
	}
	var c checkpoint
	if json.Unmarshal(data, &c) != nil || c.Version < 1 {
		return v, nil
	}
	v.Block, v.saved = max(v.Block, c.Block), map[wallet.Address]savedRow{}
	scores := make([]float64, len(c.Rows))
	for uid, r := range c.Rows {
		v.saved[r.Hotkey] = saved(v.Config.Rules.Possession, uid, r.Possession)
		if now, known := v.byUID(uid); !known || now == r.Hotkey { // else the UID has changed hands since
			scores[uid] = r.Score
		}
	}
	if v.Scores == nil {
		v.Scores = scores
	}
	return v, nil
}

// saved is what of a miner's possession the rules make something of.
func saved(rules incentive.PossessionRules, uid int, p incentive.Possession) savedRow {
	s := savedRow{uid: uid, possession: rules.Factor(p)}
	if s.possession == 0 && rules.Exponent > 0 && p.Debt > 0 {
		s.debt = int(math.Ceil(min(p.Debt, max(rules.MaxDebt, 0))))
	}
	return s
}

func (v View) byUID(uid int) (wallet.Address, bool) {
	if v.Metagraph == nil {
		return "", false
	}
	n, ok := v.Metagraph.ByUID(chain.UID(uid))
	return n.Hotkey, ok
}

// fewPaces are enough to tell the time between two blocks.
const fewPaces = 16

// pace is the time between two blocks by when the latest audits of these miners
// were asked; 0 if that says nothing.
func (v View) pace(ctx context.Context, rows []MinerRow) (time.Duration, error) {
	var paces []time.Duration
	for _, r := range rows {
		if len(paces) >= fewPaces {
			break
		}
		trials, err := v.trials(ctx, r.Hotkey)
		if err != nil {
			return 0, err
		}
		for i := 1; i < len(trials); i++ {
			later, earlier := trials[i-1], trials[i]
			paces = append(paces, perBlock(chain.Block{Number: earlier.Block, Time: earlier.Asked}, chain.Block{Number: later.Block, Time: later.Asked})...)
		}
	}
	return median(paces), nil
}

// perBlock is the time of a block between two, nothing if they say none.
func perBlock(from, to chain.Block) []time.Duration {
	if to.Number <= from.Number || !to.Time.After(from.Time) {
		return nil
	}
	return []time.Duration{to.Time.Sub(from.Time) / time.Duration(to.Number-from.Number)}
}

// median is 0 of none.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// A chain's pace is taken from a few stretches of so many blocks, so that one in
// which the chain stood still does not count.
const (
	stretches     = 5
	stretchBlocks = 10
)

// Pace is the time between two blocks lately, as far as the chain says so; 0 if it
// does not.
func Pace(ctx context.Context, at func(context.Context, uint64) (chain.Block, error), head chain.Block) time.Duration {
	var paces []time.Duration
	step := min(stretchBlocks, max(1, head.Number/stretches))
	for to := head; len(paces) < stretches && to.Number > step; {
		from, err := at(ctx, to.Number-step)
		if err != nil {
			break
		}
		paces = append(paces, perBlock(from, to)...)
		to = from
	}
	return median(paces)
}
