package recovery

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// writes is how many of one miner's shards are written at a time. They take turns
// at what the index has of the miner, and wait for the disk together otherwise.
const writes = 8

// place is one in a file on its way.
type place struct {
	owner  wallet.Address
	upload string
	index  int
}

func placeOf(s index.Segment) place { return place{s.Owner, s.Upload, s.Index} }

// segment is one that was found.
type segment struct {
	index.Segment
	once  sync.Once
	taken bool // it is in the index, as it is here
	err   error
}

// uploads notes what is in which place of the uploads that there are.
func (r *run) uploads(ctx context.Context) error {
	for u, err := range r.Index.Uploads(ctx) {
		if err != nil {
			return err
		}
		_, segments, err := r.Index.Upload(ctx, u.Owner, u.ID)
		if errors.Is(err, index.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		for _, s := range segments {
			r.places[placeOf(s)] = s.ID
		}
	}
	return nil
}

// miner adds what one miner keeps. Its errors are the index's and ctx's.
func (r *run) miner(ctx context.Context, n chain.Neuron) error {
	dropped := map[string]bool{}
	for d, err := range r.Index.Drops(ctx, n.Hotkey) {
		if err != nil {
			return err
		}
		dropped[d.Replica] = true
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(writes)
	var ended error
	for s, err := range r.Fleet.Inventory(inner, n) {
		switch {
		case errors.Is(err, fleet.ErrUnpledged):
			r.problem(func(rep *Report) *int { return &rep.Shards.Foreign }, "%v", err)
		case errors.Is(err, fleet.ErrLabel):
			r.problem(func(rep *Report) *int { return &rep.Shards.Unreadable }, "%v", err)
		case err != nil:
			ended = err
		default:
			group.Go(func() error { return r.shard(inner, s, dropped[s.Pledge.Hash.String()]) })
		}
		if inner.Err() != nil {
			break
		}
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	switch {
	case ended == nil:
		r.tell(func(rep *Report) { rep.Listed++ })
	case wire.StatusOf(ended) == wire.StatusNotFound:
		r.tell(func(rep *Report) { rep.Deaf++ })
	default:
		r.problem(func(rep *Report) *int { return &rep.Failed }, "%v", ended)
	}
	return nil
}

// shard adds a shard that its miner keeps, and its segment.
func (r *run) shard(ctx context.Context, s fleet.Found, dropped bool) error {
	add := func(counter func(*Shards) *int) error {
		r.tell(func(rep *Report) { *counter(&rep.Shards)++ })
		return nil
	}
	switch {
	case !s.Pledge.Until.IsZero() && !r.now.Before(s.Pledge.Until):
		return add(func(c *Shards) *int { return &c.Expired })
	case dropped:
		return add(func(c *Shards) *int { return &c.Dropped })
	case s.Damaged:
		return add(func(c *Shards) *int { return &c.Damaged })
	}
	conflict := func(rep *Report) *int { return &rep.Shards.Conflicts }
	taken, err := r.segment(ctx, s.Segment)
	if err != nil {
		return err
	} else if !taken {
		r.problem(conflict, "shard %s at %s: segment %s, in place %d of upload %s, is another one in the index", s.Pledge.Hash, s.Pledge.Miner, s.Segment.ID, s.Segment.Index, s.Segment.Upload)
		return nil
	}
	h := s.Holding()
	known, err := r.Index.Holding(ctx, h.Holder, h.Hash)
	if errors.Is(err, index.ErrNotFound) {
		if err = r.Index.PutShard(ctx, h); err == nil {
			return add(func(c *Shards) *int { return &c.Added })
		}
	} else if err == nil && known.Replica == h.Replica && known.Number == h.Number {
		return add(func(c *Shards) *int { return &c.Known })
	}
	if err != nil && !errors.Is(err, index.ErrConflict) {
		return err
	}
	r.problem(conflict, "shard %s at %s: it holds another shard of segment %s", h.Replica, h.Holder, h.Hash)
	return nil
}

// segment has the index know a segment. It is false if it knows it as another one,
// or another one in its place.
func (r *run) segment(ctx context.Context, s index.Segment) (bool, error) {
	r.mu.Lock()
	found := r.segments[s.ID]
	if found == nil {
		found = &segment{}
		r.segments[s.ID] = found
	}
	r.mu.Unlock()
	found.once.Do(func() { found.Segment, found.taken, found.err = r.putSegment(ctx, s) })
	return found.taken && reflect.DeepEqual(found.Segment, s), found.err
}

// putSegment puts a segment into its upload if nothing has it yet, and returns it
// as the index knows it. One that is in the index without belonging to anything was
// left behind halfway.
func (r *run) putSegment(ctx context.Context, s index.Segment) (index.Segment, bool, error) {
	known, err := r.Index.Segment(ctx, s.ID)
	if err == nil {
		s = known
		objects, err := r.Index.SegmentObjects(ctx, s.ID)
		if err != nil || len(objects) > 0 {
			return s, err == nil, err
		}
	} else if !errors.Is(err, index.ErrNotFound) {
		return s, false, err
	}
	r.mu.Lock()
	there := r.places[placeOf(s)]
	if there == "" {
		r.places[placeOf(s)] = s.ID
	}
	r.mu.Unlock()
	if there != "" {
		return s, there == s.ID, nil
	}
	err = r.Index.PutSegment(ctx, s, r.now.Add(Keep-idle))
	if errors.Is(err, index.ErrConflict) {
		return s, false, nil
	}
	return s, err == nil, err
}

// count says of the segments that were found which can be read.
func (r *run) count(ctx context.Context) error {
	for id, s := range r.segments {
		if !s.taken {
			continue
		}
		held, err := r.Index.Shards(ctx, id)
		if err != nil {
			return err
		}
		complete := distinct(held) >= s.Scheme.Data
		if complete {
			err = r.lasts(ctx, s.Segment, held)
		}
		if err != nil {
			return err
		}
		r.tell(func(rep *Report) {
			rep.Segments++
			if complete {
				rep.Complete++
			} else {
				rep.Short++
			}
		})
	}
	return nil
}

// distinct is how many different shards these are.
// lasts has a segment's upload, if it is still part of one, know for how long all
// of these shards last.
func (r *run) lasts(ctx context.Context, s index.Segment, held []index.Holding) error {
	p, err := r.Index.UploadPart(ctx, s.Owner, s.Upload, s.Index)
	if errors.Is(err, index.ErrNotFound) || err == nil && p.ID != s.ID {
		return nil
	} else if err != nil {
		return err
	}
	known := p.Until
	for _, h := range held {
		if end := h.Stored.Add(h.TTL); p.Until.IsZero() || end.Before(p.Until) {
			p.Until = end.Truncate(time.Second)
		}
	}
	if p.Until.Equal(known) {
		return nil
	}
	return r.Index.PutPart(ctx, p, r.now.Add(Keep-idle))
}

func distinct(held []index.Holding) int {
	numbers := map[int]bool{}
	for _, h := range held {
		numbers[h.Number] = true
	}
	return len(numbers)
}
