package validator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// adopt makes scores and statistics those of the metagraph's hotkeys. A UID
// that changed hands, also while we were down, begins anew: score 0, statistics
// 0, lowest tier. What the old hotkey held is forgotten unless it has a UID
// again. It may be stopped anywhere: the saved hotkeys change last.
func (v *Validator) adopt(ctx context.Context, graph *chain.Metagraph, block uint64) error {
	losses := v.board.lost(graph.Neurons)
	v.lost(ctx, losses)
	for _, l := range losses {
		v.log.Info("UID changed hands", "uid", l.UID, "old", l.Hotkey)
		if _, again := graph.ByHotkey(l.Hotkey); again {
			if err := v.startOver(ctx, l.Hotkey, block); err != nil {
				return err
			}
		} else if err := v.deps.Index.ResetHotkey(ctx, l.Hotkey); err != nil {
			return err
		}
		if n, ok := graph.ByUID(l.UID); ok {
			if err := v.startOver(ctx, n.Hotkey, block); err != nil {
				return err
			}
		}
	}
	v.board.adopt(graph.Neurons)
	if len(losses) == 0 {
		return nil
	}
	return v.save(ctx, block)
}

// startOver resets a hotkey's statistics; what it holds stays known.
func (v *Validator) startOver(ctx context.Context, hotkey wallet.Address, block uint64) error {
	lowest := v.cfg.Rules.Tiers.Named("")
	return v.deps.Index.UpdateStats(ctx, hotkey, func(s *index.Stats) error {
		*s = index.Stats{Hotkey: hotkey, Tier: lowest.Name, StorageLimit: lowest.StorageLimit, Window: v.window(block)}
		return nil
	})
}

// rollOver brings every miner's statistics into the block's window: where they
// are of another one the tier is decided anew and the tallies go to zero. It
// may be stopped anywhere, and does nothing twice.
func (v *Validator) rollOver(ctx context.Context, block uint64) error {
	window := v.window(block)
	var stale []wallet.Address
	for s, err := range v.deps.Index.AllStats(ctx) {
		if err != nil {
			return err
		}
		if s.Window != window {
			stale = append(stale, s.Hotkey)
		}
	}
	for _, hotkey := range stale {
		err := v.deps.Index.UpdateStats(ctx, hotkey, func(s *index.Stats) error {
			v.turn(s, window)
			return nil
		})
		if err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.progress.Window != window {
		v.log.Info("new window of statistics", "window", window, "miners", len(stale))
		v.progress.Window = window
	}
	return nil
}

// turn brings one miner's statistics into a window. Tallies without a window
// are a newcomer's, begun since the last step: they are in this one.
func (v *Validator) turn(s *index.Stats, window uint64) {
	if s.Window != 0 && s.Window != window {
		var sum index.Tally
		for _, t := range []index.Tally{s.Store, s.Challenge, s.Retrieve} {
			sum.Attempts += t.Attempts
			sum.Successes += t.Successes
		}
		tier := v.cfg.Rules.Tiers.Of(incentive.Wilson(sum.Successes, sum.Attempts), s.TotalSuccesses)
		s.Tier, s.StorageLimit = tier.Name, tier.StorageLimit
		s.Store, s.Challenge, s.Retrieve = index.Tally{}, index.Tally{}, index.Tally{}
	}
	s.Window = window
}

// upkeep drops what is expired every ExpireEvery steps, and all random data
// once a period.
func (v *Validator) upkeep(ctx context.Context, graph *chain.Metagraph, block, step uint64) error {
	var tasks []work
	if step%uint64(v.cfg.ExpireEvery) == 0 {
		tasks = append(tasks, work{"expire", v.expire})
	}
	if v.dropDue(block) {
		tasks = append(tasks, work{"drop random data", func(ctx context.Context) error {
			return v.dropRandom(ctx, graph, block)
		}})
	}
	return v.together(ctx, tasks)
}

// sweepAge is far above the time a write to the index may take.
const sweepAge = time.Hour

// expire removes holdings and ownerships whose time is over from the index.
// Miners drop the data by themselves.
func (v *Validator) expire(ctx context.Context) error {
	now := v.deps.Now()
	for holder, err := range v.deps.Index.AllHolders(ctx) {
		if err != nil {
			return err
		}
		for h, err := range v.deps.Index.Holdings(ctx, holder) {
			if err != nil {
				return err
			}
			if h.Expired(now) {
				if err := v.deps.Index.ExpireHolding(ctx, holder, h.Hash, now); err != nil {
					return err
				}
			}
		}
	}
	if err := v.expireFiles(ctx, now); err != nil {
		return err
	}
	_, err := v.deps.Index.Sweep(ctx, sweepAge)
	return err
}

func (v *Validator) expireFiles(ctx context.Context, now time.Time) error {
	for f, err := range v.deps.Index.Files(ctx) {
		if err != nil {
			return err
		}
		owners, err := v.deps.Index.Owners(ctx, f.CID)
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			return err
		}
		for _, o := range owners {
			if !o.Expired(now) {
				continue
			}
			if _, err := v.deps.Index.ExpireOwner(ctx, f.CID, o.Owner, now); err != nil && !errors.Is(err, index.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// dropDue says whether a new period of random data has begun. The first block
// ever seen begins none.
func (v *Validator) dropDue(block uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.progress.Dropped == 0 {
		v.progress.Dropped = v.period(block)
	}
	return v.period(block) > v.progress.Dropped
}

// dropRandom forgets all random data, and only that, and tells its holders to
// delete it. Stopped half-way it goes on at the next step.
func (v *Validator) dropRandom(ctx context.Context, graph *chain.Metagraph, block uint64) error {
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
	var mu sync.Mutex // guards failed
	var failed error
	v.deps.Fleet.Each(holders, func(_ int, n chain.Neuron) {
		if err := v.dropFrom(ctx, n); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		}
	})
	if failed != nil {
		return failed
	}
	v.mu.Lock()
	v.progress.Dropped = v.period(block)
	v.mu.Unlock()
	v.log.Info("random data dropped", "holders", len(holders))
	return v.save(ctx, block)
}

// dropFrom drops one holder's random data. One that does not answer is told
// nothing further: its data expires by itself.
func (v *Validator) dropFrom(ctx context.Context, n chain.Neuron) error {
	tell := n.Axon.Serving()
	for h, err := range v.deps.Index.Holdings(ctx, n.Hotkey, index.Random) {
		if err != nil {
			return err
		}
		if !tell {
			if err := v.deps.Index.RemoveHolding(ctx, n.Hotkey, h.Hash); err != nil {
				return err
			}
			continue
		}
		o := v.deps.Fleet.Delete(ctx, n, h.Hash)
		if o.Void {
			return fmt.Errorf("drop from UID %d: %w", n.UID, o.Err)
		}
		tell = o.OK()
	}
	return nil
}
