package fleet

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
)

// segment is what the index is to know of one with that root.
func (s SegmentSpec) segment(root erasure.Root) (index.Segment, error) {
	owner, err := s.Owner.PublicKey()
	if err != nil {
		return index.Segment{}, fmt.Errorf("owner: %w", err)
	}
	id := proof.Digest(manifest.SegmentID(owner, s.Upload, s.Index, s.Size, root))
	return index.Segment{
		ID: id.String(), Owner: s.Owner, Upload: hex.EncodeToString(s.Upload[:]), Index: s.Index,
		Size: s.Size, Root: root.String(), Scheme: s.Scheme, Secret: s.Secret[:],
	}, nil
}

// record writes the segment and then its shards into the index. One that is there
// already, coded in another way, is made part of its upload as it is, so that
// whoever tries again codes it like that.
func (p *put) record(ctx context.Context) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	part := index.Part{Segment: p.seg, Until: p.began.Add(p.spec.TTL), Life: p.life}
	err := p.f.deps.Index.PutPart(within, part, p.f.deps.Now())
	if errors.Is(err, index.ErrConflict) {
		p.forget(ctx)
		seg, other := p.f.deps.Index.Segment(within, p.seg.ID)
		if other == nil && seg.Scheme != p.seg.Scheme && bytes.Equal(seg.Secret, p.seg.Secret) {
			if other = p.f.deps.Index.PutSegment(within, seg, p.f.deps.Now()); other == nil {
				return fmt.Errorf("%w: segment %s is there, coded %v and not %v", ErrShort, seg.ID, seg.Scheme, p.seg.Scheme)
			}
		}
		err = errors.Join(err, other)
	}
	if err != nil {
		return fmt.Errorf("record segment %s: %w", p.seg.ID, p.ended(ctx, err))
	}
	return p.recordShards(ctx, p.seg.ID)
}

// ended has the put come to nothing when err is that the segment has ended since
// before the miners have signed: they may have been told to drop what they have.
func (p *put) ended(ctx context.Context, err error) error {
	if !errors.Is(err, index.ErrEnded) {
		return err
	}
	p.forget(ctx)
	return fmt.Errorf("%w: %w", ErrShort, err)
}

// recordShards writes what miners hold into the index, and returns with ErrShort if
// it is not enough then. A miner may hold another shard of the segment from earlier,
// and nobody knows whether it has that one still: see replace.
func (p *put) recordShards(outer context.Context, segment string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(outer), recordTimeout)
	defer cancel()
	var mu sync.Mutex // guards others
	var others []*sender
	err := p.each(func(s *sender) error {
		err := p.f.deps.Index.PutShardIn(ctx, p.life, s.holding(segment))
		if errors.Is(err, index.ErrConflict) {
			mu.Lock()
			defer mu.Unlock()
			others = append(others, s)
			return nil
		}
		return err
	})
	if err == nil {
		err = p.replace(ctx, segment, others)
	}
	if err == nil {
		err = p.enoughRecorded(ctx, segment)
	}
	if err != nil {
		return fmt.Errorf("record the shards of segment %s: %w", segment, p.ended(outer, err))
	}
	return nil
}

// forget notes that miners are to drop the shards of a segment that does not come
// about. Of those that the index counts on from an earlier try it notes the new
// pledge, which the miner has in place of that one's; when the segment has ended it
// takes back what it has put itself.
func (p *put) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := p.each(func(s *sender) error {
		h, err := p.f.deps.Index.Holding(ctx, s.miner.Hotkey, p.seg.ID)
		switch {
		case err == nil && h.Held() == s.pledge.Hash.String():
			mine := s.holding(p.seg.ID)
			if err = p.f.deps.Index.PutShardIn(ctx, p.life, mine); errors.Is(err, index.ErrEnded) {
				err = p.f.deps.Index.DropSeen(ctx, mine, p.f.recorded(p.f.deps.Now()))
			}
			return err
		case unlessGone(err) == nil:
			return p.drop(ctx, s)
		}
		return err
	})
	if err != nil {
		p.f.log.Warn("miners keep shards that nobody asks for until their time is over", "segment", p.seg.ID, "err", err)
	}
}

// doubt notes what miners may have all the same that were sent all of a shard and
// have not answered, so that they are told to drop it when they can be. What the
// index counts on from another try stays.
func (p *put) doubt(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	for _, s := range p.all {
		if ok, _ := s.ended(); ok || !s.whole {
			continue
		}
		if err := p.drop(ctx, s); err != nil {
			p.f.log.Warn("a miner keeps a shard that nobody asks for until its time is over", "miner", s.miner.Hotkey, "err", err)
		}
	}
}

// drop notes that a miner is to drop what it was sent. Another gateway may have
// brought it the same shard, whose pledge ours has replaced there, and count on it
// without having recorded it yet: until that is certainly done nobody tells the miner.
func (p *put) drop(ctx context.Context, s *sender) error {
	return p.f.deps.Index.PutDrop(ctx, p.seg.ID, index.Drop{
		Holder: s.miner.Hotkey, Replica: s.pledge.Hash.String(), Pledge: s.pledge.Encode(),
		After: p.f.recorded(p.f.deps.Now()), Until: s.started.Add(p.spec.TTL),
	})
}

// recorded is until when a put has put into the index what a miner has signed for
// up to a time, or never will.
func (f *Fleet) recorded(signed time.Time) time.Time {
	return signed.Add(hopeless*f.cfg.Patience + 4*recordTimeout)
}

// Settled is from when on a miner may be told to drop what it holds: another put may
// have brought it the same before it has signed for this, and count on it without
// having recorded it yet. It is zero, at once, for what is no shard with a pledge.
func (f *Fleet) Settled(h index.Holding) time.Time {
	if h.Kind != index.KindShard || h.Native == nil {
		return time.Time{}
	}
	p, err := receipt.ParsePledge(h.Native.Pledge)
	if err != nil {
		return time.Time{}
	}
	signed := p.Made.Add(hopeless * f.cfg.Patience) // at the latest
	if now := f.deps.Now(); now.Before(signed) {
		signed = now
	}
	return f.recorded(signed)
}

// each calls do, all at once, for every sender whose miner has given a receipt.
func (p *put) each(do func(*sender) error) error {
	var work sync.WaitGroup
	errs := make([]error, len(p.all))
	for i, s := range p.all {
		if ok, _ := s.ended(); ok {
			work.Go(func() { errs[i] = do(s) })
		}
	}
	work.Wait()
	return errors.Join(errs...)
}
