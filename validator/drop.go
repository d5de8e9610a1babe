package validator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wire"
)

// drop is the dropping of random data that a period began with. It takes many
// steps, because a miner's door lets one caller ask only so often and data is to
// be stored meanwhile. What is left to be dropped is what the index still has of
// before: a kill costs nothing.
type drop struct {
	Period uint64    `json:"period"`
	Before time.Time `json:"before"` // data of later is of the new period
}

// deletions is how many deletions a miner is asked for in a step: over the steps
// of a window of its door, half of what that lets one caller ask.
func (c Config) deletions() int {
	steps := 1 + (wire.DefaultWindowBlocks-1)/c.BlocksPerStep // of a window, the begun one with it
	return max(1, wire.DefaultRequestsPerWindow/2/steps)
}

// dropDue says whether a new period of random data has begun whose dropping is
// not done yet. The first block ever seen begins none.
func (v *Validator) dropDue(block uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	period := v.cfg.schedule().Period(block)
	number, over := incentive.Turn(v.progress.Dropped, period)
	if !over {
		v.progress.Dropped = number
	}
	return over
}

// dropRandom forgets the random data of before this period, and only that, and
// tells its holders to delete it, a few at each step.
func (v *Validator) dropRandom(ctx context.Context, graph *chain.Metagraph, block uint64) error {
	now, err := v.dropping(ctx, block)
	if err != nil {
		return err
	}
	var holders []chain.Neuron
	for holder, err := range v.deps.Index.AllHolders(ctx) {
		if err != nil {
			return err
		}
		n, ok := graph.ByHotkey(holder)
		if !ok {
			n = chain.Neuron{Hotkey: holder} // serves no more, and is not told
		}
		holders = append(holders, n)
	}
	var mu sync.Mutex // guards what follows
	var failed error
	left := 0
	v.deps.Fleet.Each(holders, func(_ int, n chain.Neuron) {
		done, err := v.dropFrom(ctx, n, now.Before)
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
		if !done {
			left++
		}
	})
	if failed != nil || left > 0 {
		v.log.Debug("random data is being dropped", "holders", len(holders), "left", left)
		return failed
	}
	v.mu.Lock()
	v.progress.Dropped, v.progress.Drop = now.Period, drop{}
	v.mu.Unlock()
	v.log.Info("random data dropped", "holders", len(holders), "period", now.Period)
	return v.save(ctx, block)
}

// dropping is the dropping under way, or one that begins.
func (v *Validator) dropping(ctx context.Context, block uint64) (drop, error) {
	v.mu.Lock()
	now := v.progress.Drop
	begins := now.Period == 0
	if begins {
		now = drop{Period: v.cfg.schedule().Period(block), Before: v.deps.Now().UTC().Round(0)}
		v.progress.Drop = now
	}
	v.mu.Unlock()
	if begins {
		return now, v.save(ctx, block)
	}
	return now, nil
}

// dropFrom drops some of one holder's random data, and says whether that was the
// last of it. One that is asked too much is told further at the next step; one
// that does not answer is told nothing further: its data expires by itself. What it
// owes an answer about stays, until it has answered or that expires.
func (v *Validator) dropFrom(ctx context.Context, n chain.Neuron, before time.Time) (done bool, err error) {
	tell, told := n.Axon.Serving(), 0
	var owed []string
	var known bool // owed is: it is much to read, and of most miners nothing is to be dropped
	for h, err := range v.deps.Index.Holdings(ctx, n.Hotkey, index.Random) {
		switch {
		case err != nil:
			return false, err
		case h.Stored.After(before):
			continue
		case !known:
			if owed, err = v.owedData(ctx, n.Hotkey); err != nil {
				return false, err
			}
			known = true
		}
		switch {
		case slices.Contains(owed, h.Hash):
			continue
		case !tell:
			if err := v.deps.Index.RemoveHolding(ctx, n.Hotkey, h.Hash); err != nil {
				return false, err
			}
			continue
		case told == v.cfg.deletions():
			return false, nil
		}
		o := v.deps.Fleet.Delete(ctx, n, h.Hash)
		told++
		switch {
		case o.Void:
			return false, fmt.Errorf("drop from UID %d: %w", n.UID, o.Err)
		case o.Status() == wire.StatusTooMany:
			return false, nil
		}
		tell = o.OK()
	}
	return true, nil
}
