package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
)

// segment reads how it stands with a segment. index.ErrNotFound when there is none.
func (e *Engine) segment(ctx context.Context, id string) (index.Segment, standing, error) {
	seg, err := e.deps.Index.Segment(ctx, id)
	if err != nil {
		return seg, standing{}, err
	}
	held, err := e.deps.Index.Shards(ctx, id)
	if err != nil {
		return seg, standing{}, err
	}
	return seg, standingOf(seg.Scheme, held, e.health.of, e.deps.Now()), nil
}

// repairSegment brings a segment to what it should be, as far as it can be done now.
func (e *Engine) repairSegment(ctx context.Context, id string) error {
	seg, s, err := e.segment(ctx, id)
	if errors.Is(err, index.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	until, needed, err := e.neededUntil(ctx, id, s)
	if err != nil || !needed {
		return err
	}
	failed := e.renew(ctx, id, s, until)
	if s.due() {
		failed = errors.Join(failed, e.rebuild(ctx, seg, s, until))
	}
	for _, h := range s.moving {
		failed = errors.Join(failed, e.move(ctx, seg, h, until))
	}
	return errors.Join(failed, e.tidySegment(ctx, id))
}

// neededUntil is for how long somebody needs a segment; false when nobody does any
// more. One of an upload is needed for as long as its shards are kept.
func (e *Engine) neededUntil(ctx context.Context, id string, s standing) (until time.Time, needed bool, err error) {
	names, err := e.deps.Index.SegmentObjects(ctx, id)
	if err != nil {
		return until, false, err
	}
	now := e.deps.Now()
	if len(names) == 0 {
		return s.until, s.until.After(now), nil
	}
	for _, name := range names {
		o, err := e.object(ctx, name)
		if errors.Is(err, index.ErrNotFound) || err == nil && o.Expired(now) {
			continue
		} else if err != nil {
			return until, false, err
		}
		end := now.Add(forever)
		if o.TTL > 0 {
			end = o.Stored.Add(o.TTL)
		}
		if end.After(until) {
			until = end
		}
	}
	return until, !until.IsZero(), nil
}

// object is an object without its manifest, which may be large.
func (e *Engine) object(ctx context.Context, name index.ObjectName) (index.Object, error) {
	list, err := e.deps.Index.Objects(ctx, name.Owner, name.CID[:len(name.CID)-1], 2)
	if err != nil {
		return index.Object{}, err
	}
	for _, o := range list {
		if o.CID == name.CID {
			return o, nil
		}
	}
	return e.deps.Index.Object(ctx, name.Owner, name.CID)
}

// kept is for how long a miner is to keep what is needed until a time.
func (e *Engine) kept(until time.Time) time.Duration {
	left := until.Sub(e.deps.Now())
	if left > forever/2 {
		return fleet.DefaultTTL // and is renewed
	}
	return max(left, time.Minute)
}

// ending says that shards end soon.
func (e *Engine) ending(s standing) bool {
	return !s.first.IsZero() && s.first.Sub(e.deps.Now()) < e.cfg.RenewAhead
}

// renewable says that shards end soon, and before nobody needs the segment.
func (e *Engine) renewable(s standing, until time.Time) bool {
	return e.ending(s) && until.Sub(s.first) >= time.Minute
}

// renew has shards be kept for longer where that is called for.
func (e *Engine) renew(ctx context.Context, id string, s standing, until time.Time) error {
	if !e.renewable(s, until) {
		return nil
	}
	if n, err := e.deps.Fleet.RenewSegment(ctx, id, e.kept(until)); n < s.healthy() {
		return fmt.Errorf("renew segment %s at %d of %d miners: %w", id, n, s.healthy(), errors.Join(errStuck, err))
	}
	return nil
}

// rebuild makes the shards anew that are missing, as many as there are miners for.
func (e *Engine) rebuild(ctx context.Context, seg index.Segment, s standing, until time.Time) error {
	missing := s.missing()
	miners, release, err := e.candidates(ctx, seg.ID, s, len(missing))
	if err != nil {
		return err
	}
	defer func() { release() }() // of the last ones
	if len(miners) < len(missing) && !s.lost() {
		release()
		if err := e.endFailed(ctx, s); err != nil {
			return err
		}
		if miners, release, err = e.candidates(ctx, seg.ID, s, len(missing)); err != nil {
			return err
		}
	}
	if len(miners) == 0 {
		return fmt.Errorf("segment %s, %d of %d shards healthy: %w", seg.ID, s.healthy(), seg.Scheme.Total, errStuck)
	}
	missing = missing[:min(len(missing), len(miners))]
	size := seg.Scheme.ShardSize(seg.Size)
	if err := e.bandwidth.take(ctx, seg.Size+int64(len(missing))*size); err != nil {
		return err
	}
	outcomes, err := e.deps.Fleet.RebuildSegment(ctx, seg, missing, e.kept(until), miners)
	e.moved(seg.Size, size, len(missing), outcomes)
	if gone := e.endLate(ctx, seg.ID); gone != nil {
		return gone
	}
	if err != nil {
		return fmt.Errorf("rebuild segment %s: %w", seg.ID, err)
	}
	e.log.Info("segment repaired", "segment", seg.ID, "scheme", seg.Scheme, "healthy", s.healthy(), "missing", len(missing))
	return nil
}

// moved counts what was fetched, and what was stored in how many tries; planned of
// them are paid for.
func (e *Engine) moved(fetched, each int64, planned int, outcomes []fleet.Outcome) {
	tried, good := 0, 0
	for _, o := range outcomes {
		if o.Task == fleet.TaskStore {
			tried++
			if o.OK() {
				good++
			}
		}
	}
	if tried > planned {
		e.bandwidth.owe(int64(tried-planned) * each)
	}
	e.metrics.fetched.Add(float64(fetched))
	e.metrics.stored.Add(float64(int64(good) * each))
	e.metrics.shards.Add(float64(good))
	e.census.moved(fetched, int64(good)*each, good)
}

// endLate ends the shards of a segment that has ended while they were made.
func (e *Engine) endLate(ctx context.Context, id string) error {
	_, err := e.deps.Index.Segment(ctx, id)
	if errors.Is(err, index.ErrNotFound) {
		_, err = e.deps.Index.EndSegment(ctx, id, e.cfg.SweepAge)
	}
	return err
}

// endFailed ends those that have failed their audit, of miners that answer: they
// may be given it again.
func (e *Engine) endFailed(ctx context.Context, s standing) error {
	for _, h := range s.broken {
		if e.health.of(h) != failed {
			continue
		}
		if err := e.end(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// move has another miner hold the shard of one that leaves.
func (e *Engine) move(ctx context.Context, seg index.Segment, h index.Holding, until time.Time) error {
	_, s, err := e.segment(ctx, seg.ID)
	if err != nil {
		return err
	}
	miners, release, err := e.candidates(ctx, seg.ID, s, 1)
	if err != nil {
		return err
	}
	defer release()
	if len(miners) == 0 {
		return fmt.Errorf("shard %d of segment %s leaves %s: %w", h.Number, seg.ID, h.Holder, errStuck)
	}
	if err := e.bandwidth.take(ctx, 2*h.Size); err != nil {
		return err
	}
	outcomes, err := e.deps.Fleet.MoveShard(ctx, seg, h, e.kept(until), miners)
	e.moved(h.Size, h.Size, 1, outcomes)
	if errors.Is(err, fleet.ErrLost) && ctx.Err() == nil { // it does not give it back
		e.bandwidth.owe(seg.Size)
		outcomes, err = e.deps.Fleet.RebuildSegment(ctx, seg, []int{h.Number}, e.kept(until), miners)
		e.moved(seg.Size, h.Size, 1, outcomes)
	}
	if gone := e.endLate(ctx, seg.ID); gone != nil {
		return gone
	}
	if err != nil {
		return fmt.Errorf("move shard %d of segment %s from %s: %w", h.Number, seg.ID, h.Holder, err)
	}
	return nil
}

// tidySegment ends what others have instead, by the index as it is now. errStuck when
// the segment is still due.
func (e *Engine) tidySegment(ctx context.Context, id string) error {
	_, s, err := e.segment(ctx, id)
	if errors.Is(err, index.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	for _, h := range append(s.ended, s.surplus(e.cfg, e.deps.Now())...) {
		if err := e.end(ctx, h); err != nil {
			return err
		}
	}
	if s.due() {
		return fmt.Errorf("segment %s, %d of %d shards healthy: %w", id, s.healthy(), s.scheme.Total, errStuck)
	}
	return nil
}

// end ends a holding, which its miner is told to delete as soon as nobody can be about
// to count on it, unless it was put again since it was looked at.
func (e *Engine) end(ctx context.Context, h index.Holding) error {
	if err := e.deps.Index.DropSeen(ctx, h, e.deps.Fleet.Settled(h)); err != nil {
		return err
	}
	e.health.cleared(h)
	return nil
}
