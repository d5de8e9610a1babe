package repair

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Upkeep ends what has expired: objects, uploads that nobody goes on with, shards
// that their miners do not keep any more; and what those that leave have of nothing.
func (e *Engine) Upkeep(ctx context.Context) error {
	return errors.Join(e.expireObjects(ctx), e.endLeft(ctx), e.dropUploads(ctx), e.expireShards(ctx), e.endUnneeded(ctx))
}

// expireObjects ends the objects whose time is over.
func (e *Engine) expireObjects(ctx context.Context) error {
	now := e.deps.Now()
	for o, err := range e.deps.Index.AllObjects(ctx) {
		if err != nil {
			return err
		}
		if !o.Expired(now) {
			continue
		}
		gone, err := e.deps.Index.ExpireObject(ctx, o.Owner, o.CID, now)
		if errors.Is(err, index.ErrNotFound) || gone == nil && err == nil {
			continue // removed or renewed meanwhile
		} else if err != nil {
			return err
		}
		e.log.Info("file expired", "cid", o.CID, "owner", o.Owner)
	}
	return nil
}

// endLeft ends the segments that nobody needs any more of objects that have expired,
// and of those that gateways have deleted without getting to the end of it.
func (e *Engine) endLeft(ctx context.Context) error {
	var errs []error
	for o, err := range e.deps.Index.Left(ctx) {
		if err != nil {
			return err
		}
		errs = append(errs, e.deps.Index.EndLeft(ctx, o, e.cfg.SweepAge, nil))
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// dropUploads ends the uploads that were not touched for long. A segment that cannot
// be ended yet is swept later.
func (e *Engine) dropUploads(ctx context.Context) error {
	now := e.deps.Now()
	for u, err := range e.deps.Index.Uploads(ctx) {
		if err != nil {
			return err
		}
		if now.Sub(u.Touched) < e.cfg.IdleUpload {
			continue
		}
		gone, err := e.deps.Index.DropUpload(ctx, u.Owner, u.ID)
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			return err
		}
		e.log.Info("idle upload dropped", "upload", u.ID, "owner", u.Owner, "segments", len(gone))
		if _, _, err := e.deps.Index.EndSegments(ctx, gone, e.cfg.SweepAge); err != nil {
			return err
		}
	}
	return nil
}

// expireShards forgets shards whose time is over. Miners delete them by themselves.
func (e *Engine) expireShards(ctx context.Context) error {
	holders, err := e.holders(ctx)
	if err != nil {
		return err
	}
	now := e.deps.Now()
	for _, a := range holders {
		for h, err := range e.deps.Index.Holdings(ctx, a, index.KindShard) {
			if err != nil {
				return err
			}
			if !h.Expired(now) {
				continue
			}
			if err := e.deps.Index.ExpireHolding(ctx, a, h.Hash, now); err != nil {
				return err
			}
			e.suspects.add(thing{h.Kind, h.Hash})
		}
	}
	return nil
}

// Sweep takes away from the index what crashed or cut off writers have left.
func (e *Engine) Sweep(ctx context.Context) error {
	n, err := e.deps.Index.Sweep(ctx, e.cfg.SweepAge)
	if n > 0 {
		e.log.Info("index swept", "entries", n)
	}
	return err
}

// tellers are the pauses of miners that could not be told what to delete.
type tellers struct {
	retry, longest time.Duration

	mu   sync.Mutex // guards wait
	wait map[wallet.Address]pausedTeller
}

type pausedTeller struct {
	tries int
	next  time.Time
}

func newTellers(retry, longest time.Duration) *tellers {
	return &tellers{retry: retry, longest: longest, wait: map[wallet.Address]pausedTeller{}}
}

func (t *tellers) due(a wallet.Address, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !now.Before(t.wait[a].next)
}

func (t *tellers) told(a wallet.Address, err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		delete(t.wait, a)
		return
	}
	p := t.wait[a]
	p.next = now.Add(min(t.longest, t.retry<<min(p.tries, 16)))
	p.tries++
	t.wait[a] = p
}

// TellDrops tells miners what to delete, some of it each. Who cannot be reached is
// told later, at growing intervals; who is given something right now, next time.
func (e *Engine) TellDrops(ctx context.Context) error {
	holders, err := e.holders(ctx)
	if err != nil {
		return err
	}
	now := e.deps.Now()
	holders = slices.DeleteFunc(holders, func(a wallet.Address) bool { return !e.health.reachable(a) || !e.tellers.due(a, now) })
	miners := make([]chain.Neuron, len(holders))
	for i, a := range holders {
		miners[i].Hotkey = a
	}
	errs := make([]error, len(miners))
	e.deps.Fleet.Each(miners, func(i int, n chain.Neuron) { errs[i] = e.tell(ctx, n.Hotkey) })
	return errors.Join(errs...)
}

// tell tells one miner. What it answers is no error.
func (e *Engine) tell(ctx context.Context, a wallet.Address) error {
	done, ok := e.busy.tell(a)
	if !ok {
		return nil
	}
	defer done()
	told, now := 0, e.deps.Now()
	for d, err := range e.deps.Index.Drops(ctx, a) {
		if err != nil {
			return err
		}
		if !d.Due(now) {
			continue
		}
		if told++; told > e.cfg.DropsPerPass {
			return nil
		}
		err := e.deps.Fleet.Drop(ctx, d)
		e.tellers.told(a, err, e.deps.Now())
		if err != nil {
			if ctx.Err() == nil && wire.StatusOf(err) != wire.StatusTooMany {
				e.log.Info("a miner is told later what to delete", "hotkey", a, "err", err)
			}
			return ctx.Err()
		}
		e.metrics.drops.Inc()
	}
	return nil
}
