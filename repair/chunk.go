package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/placement"
)

// A chunk of the reference's way is kept whole by each of its holders: it is a
// scheme of one of Config.Redundancy, whose numbers mean nothing.

// chunk reads how it stands with a chunk, and its size in bytes; false when no file
// needs it.
func (e *Engine) chunk(ctx context.Context, hash string) (size int64, s standing, needed bool, err error) {
	until, size, needed, err := e.chunkNeeded(ctx, hash)
	if err != nil || !needed {
		return 0, s, false, err
	}
	holders, err := e.deps.Index.Holders(ctx, hash)
	if err != nil {
		return 0, s, false, err
	}
	var held []index.Holding
	for _, a := range holders {
		h, err := e.deps.Index.Holding(ctx, a, hash)
		if errors.Is(err, index.ErrNotFound) {
			continue
		} else if err != nil {
			return 0, s, false, err
		}
		if h.Kind == index.User {
			h.Number = len(held)
			held = append(held, h)
		}
	}
	scheme := erasure.Scheme{Data: 1, Total: e.cfg.Redundancy}
	s = standingOf(scheme, held, e.health.of, e.deps.Now())
	s.until = until
	return size, s, true, nil
}

// chunkNeeded is until when files need a chunk.
func (e *Engine) chunkNeeded(ctx context.Context, hash string) (until time.Time, size int64, needed bool, err error) {
	files, err := e.deps.Index.ChunkFiles(ctx, hash)
	if err != nil {
		return until, 0, false, err
	}
	now := e.deps.Now()
	for _, cid := range files {
		f, err := e.deps.Index.File(ctx, cid)
		if errors.Is(err, index.ErrNotFound) {
			continue
		} else if err != nil {
			return until, 0, false, err
		}
		owners, err := e.deps.Index.Owners(ctx, cid)
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			return until, 0, false, err
		}
		for _, o := range owners {
			end := now.Add(forever)
			if o.TTL > 0 {
				end = o.Stored.Add(o.TTL)
			}
			if !o.Expired(now) && end.After(until) {
				until = end
			}
		}
		for _, c := range f.Chunks {
			if c.Hash == hash {
				size = c.Size
			}
		}
	}
	return until, size, !until.IsZero(), nil
}

// repairChunk brings a chunk to what it should be, as far as it can be done now.
func (e *Engine) repairChunk(ctx context.Context, hash string) error {
	size, s, needed, err := e.chunk(ctx, hash)
	if err != nil || !needed {
		return err
	}
	want := s.scheme.Total - len(s.sound)
	if want > 0 && (s.due() || len(s.moving) > 0) {
		if err := e.spread(ctx, index.Chunk{Hash: hash, Size: size}, s, want); err != nil {
			return err
		}
		if _, s, needed, err = e.chunk(ctx, hash); err != nil || !needed {
			return err
		}
	}
	for _, h := range append(s.ended, s.surplus(e.cfg, e.deps.Now())...) {
		if err := e.end(ctx, h); err != nil {
			return err
		}
	}
	if s.due() || len(s.moving) > 0 {
		return fmt.Errorf("chunk %s, %d of %d healthy: %w", hash, s.healthy(), s.scheme.Total, errStuck)
	}
	return nil
}

// spread has further miners hold a chunk, want of them if there are so many.
func (e *Engine) spread(ctx context.Context, c index.Chunk, s standing, want int) error {
	miners, release, err := e.candidates(ctx, c.Hash, s, want)
	if err != nil {
		return err
	}
	defer func() { release() }() // of the last ones
	if len(miners) < want && !s.lost() {
		release()
		if err := e.endFailed(ctx, s); err != nil {
			return err
		}
		if miners, release, err = e.candidates(ctx, c.Hash, s, want); err != nil {
			return err
		}
	}
	if len(miners) == 0 {
		return fmt.Errorf("chunk %s, %d of %d healthy: %w", c.Hash, s.healthy(), s.scheme.Total, errStuck)
	}
	want = min(want, len(miners))
	if err := e.bandwidth.take(ctx, c.Size*int64(1+want)); err != nil {
		return err
	}
	memory := min(c.Size, placement.MaxChunk)
	if err := e.chunks.Acquire(ctx, memory); err != nil {
		return err
	}
	defer e.chunks.Release(memory)
	data, _, err := e.deps.Fleet.Fetch(ctx, c)
	if err != nil {
		return err
	}
	outcomes, err := e.deps.Fleet.Spread(ctx, fleet.NewDatum(data), index.User, e.kept(s.until), want, miners)
	e.moved(c.Size, c.Size, want, outcomes)
	if err != nil {
		return err
	}
	e.log.Info("chunk repaired", "chunk", c.Hash, "healthy", s.healthy(), "stored", want)
	return nil
}
