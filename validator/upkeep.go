package validator

import (
	"context"
	"errors"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
)

// upkeep asks for offers, drops what is expired every ExpireEvery steps, and all
// random data once a period. Offers come after the stores: what is said while
// data is on its way is not true for long.
func (v *Validator) upkeep(ctx context.Context, graph *chain.Metagraph, block, step uint64, owed debts) error {
	tasks := []work{{"offers", func(ctx context.Context) error { return v.offers(ctx, graph, block, owed) }}}
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
