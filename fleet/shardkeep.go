package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// RenewSegment has the holders of a segment's shards keep them for ttl from now
// on, and returns how many do, with why the others do not.
func (f *Fleet) RenewSegment(ctx context.Context, id string, ttl time.Duration) (renewed int, err error) {
	seg, err := f.deps.Index.Segment(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("renew segment %s: %w", id, err)
	}
	shards, err := f.shards(ctx, seg)
	if err != nil {
		return 0, err
	}
	var each sync.WaitGroup
	var good atomic.Int64
	errs := make([]error, len(shards))
	for i, s := range shards {
		each.Go(func() {
			if errs[i] = f.renewShard(ctx, s, ttl); errs[i] == nil {
				good.Add(1)
			}
		})
	}
	each.Wait()
	return int(good.Load()), errors.Join(errs...)
}

// renewShard has a miner sign the pledge anew. One that ends later already stays; one
// that is not as it was seen any more is as good as gone.
func (f *Fleet) renewShard(ctx context.Context, s shard, ttl time.Duration) error {
	if s.Native == nil {
		return fmt.Errorf("shard %d at %s: it has lost its pledge", s.Number, s.Holder)
	}
	p, err := receipt.ParsePledge(s.Native.Pledge)
	if err != nil {
		return fmt.Errorf("shard %d at %s: %w", s.Number, s.Holder, err)
	}
	now := f.deps.Now()
	until := now.Add(ttl).Truncate(time.Second)
	if p.Until.IsZero() || !p.Until.Before(until) {
		return nil
	}
	p.Made, p.Until = now.Truncate(time.Second), until
	asked, err := p.Sign(f.deps.Key)
	if err != nil {
		return err
	}
	msg := &wire.RenewShard{Pledge: p.Encode(), Signature: asked}
	if o, came := f.call(wire.WithAnswerLimit(ctx, maxReceipt), taskTags, s.miner, msg); !came {
		return o.Err
	}
	if err := p.VerifyMiner(msg.Receipt); err != nil {
		return fmt.Errorf("shard %d at %s: its receipt: %w", s.Number, s.Holder, err)
	}
	signed := &index.Native{Pledge: p.Encode(), Asked: asked, Receipt: msg.Receipt}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return f.deps.Index.RenewShard(within, s.Holding, now, ttl, signed)
}

// Drop tells a miner to drop what the index has ended, and notes that it did; that
// it has nothing of the kind is as good. A shard that it was given again meanwhile
// stays; if the index does not come to count on it, it is a drop of its own. Whom it
// cannot tell it returns an error for: try again later.
func (f *Fleet) Drop(ctx context.Context, d index.Drop) error {
	m := f.deps.Metagraph()
	if m == nil {
		return fmt.Errorf("drop %s at %s: no metagraph yet", d.Replica, d.Holder)
	}
	n, ok := m.ByHotkey(d.Holder)
	if !ok || !n.Axon.Serving() {
		return fmt.Errorf("drop %s at %s: it is not on the network at present", d.Replica, d.Holder)
	}
	var err error
	if p, unpledged := receipt.ParsePledge(d.Pledge); unpledged == nil {
		err = f.dropShard(ctx, n, d, p)
	} else {
		err = f.deleteAt(ctx, n, d.Replica)
	}
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return f.deps.Index.Dropped(within, d)
}

// dropShard tells a miner to drop a shard as it was pledged. A miner that does not
// know such conditions is told to delete it.
func (f *Fleet) dropShard(ctx context.Context, n chain.Neuron, d index.Drop, p receipt.Pledge) error {
	msg := &wire.DropShard{Hash: p.Hash.String(), Salt: p.Salt[:]}
	o, came := f.call(ctx, TaskDelete, n, msg)
	switch {
	case came && !msg.Dropped:
		return f.dropLater(ctx, n, d, p)
	case came:
		return nil
	case wire.StatusOf(o.Err) == wire.StatusNotFound:
		return f.deleteAt(ctx, n, p.Hash.String())
	}
	return o.Err
}

// dropLater is for a miner that keeps a shard under another pledge than the one that
// it is told of. Whoever has brought it may have been cut off: unless it is counted
// on by the time that this is certain, the miner is to be told of that pledge.
func (f *Fleet) dropLater(ctx context.Context, n chain.Neuron, d index.Drop, told receipt.Pledge) error {
	s, err := f.keptShard(ctx, n, d.Replica)
	switch {
	case errors.Is(err, index.ErrNotFound), errors.Is(err, ErrLabel), errors.Is(err, ErrUnpledged):
		return nil // gone meanwhile, or it stays until its time is over
	case err != nil:
		return err
	case s.Pledge.Made.Before(told.Made) || s.Pledge.Salt == told.Salt:
		return nil // no honest miner says so
	}
	h := s.Holding()
	return f.deps.Index.PutDrop(ctx, h.Hash, index.Drop{
		Holder: h.Holder, Replica: h.Replica, Pledge: s.Native.Pledge, After: f.Settled(h), Until: s.Pledge.Until,
	})
}

// deleteAt tells a miner to delete something; it is as good if there is nothing.
func (f *Fleet) deleteAt(ctx context.Context, n chain.Neuron, hash string) error {
	o, _ := f.call(ctx, TaskDelete, n, &wire.Delete{DataHash: hash})
	if o.Err != nil && wire.StatusOf(o.Err) != wire.StatusNotFound {
		return o.Err
	}
	return nil
}
