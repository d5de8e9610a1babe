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
)

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
	period := v.cfg.schedule().Period(block)
	number, over := incentive.Turn(v.progress.Dropped, period)
	if !over {
		v.progress.Dropped = number
	}
	return over
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
	v.progress.Dropped = v.cfg.schedule().Period(block)
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
