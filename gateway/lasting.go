package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

const (
	// uploadTime is how much longer than a file its shards are kept: they are put
	// before it is committed, or renewed before it is. Drops end them with it.
	uploadTime = 24 * time.Hour
	// segmentsAtOnce is how many segments of one file are looked at, or renewed, at
	// a time.
	segmentsAtOnce = 16
	// placeSize is about what a shard takes in the answer to OpenObject, in bytes,
	// as it is put together and as it is sent.
	placeSize = 600
	// maxPlaced is of how many segments one answer says where they are.
	maxPlaced = 256
)

// shardTTL is for how long miners are asked to keep a file's shards.
func (g *Gateway) shardTTL(ttl time.Duration) time.Duration {
	return min(ttl+uploadTime, max(ttl, g.cfg.MaxTTL))
}

// lasting is how many different shards are kept until a time.
func lasting(held []index.Holding, until time.Time) (n int) {
	var seen [erasure.MaxTotal]bool
	for _, h := range held {
		if h.Number >= len(seen) || seen[h.Number] || h.TTL > 0 && h.Stored.Add(h.TTL).Before(until) {
			continue
		}
		seen[h.Number] = true
		n++
	}
	return n
}

// eachSegment does something about every segment of a file, some at a time.
func (g *Gateway) eachSegment(ctx context.Context, man manifest.Manifest, do func(ctx context.Context, i int, id string) error) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(segmentsAtOnce)
	for i := range man.Segments {
		if ctx.Err() != nil {
			break
		}
		work.Go(func() error { return do(ctx, i, segmentID(man, i)) })
	}
	return work.Wait()
}

// committable are the IDs of a manifest's segments, all of which are held, coded
// and masked as it says, until a time, and the lives that they are so in. Of those
// that are not held all are noted, so that one more UploadState tells what is to be
// sent again.
func (g *Gateway) committable(ctx context.Context, man manifest.Manifest, until time.Time) ([]string, []index.Life, error) {
	ids, lives := make([]string, len(man.Segments)), make([]index.Life, len(man.Segments))
	var mu sync.Mutex // guards missing
	missing := -1
	err := g.eachSegment(ctx, man, func(ctx context.Context, i int, id string) error {
		life, err := g.deps.Index.Life(ctx, id)
		if err != nil {
			return err
		}
		ids[i], lives[i] = id, life
		there, err := g.lasts(ctx, man, i, id, until)
		if err == nil && !there {
			mu.Lock()
			defer mu.Unlock()
			missing = i
		}
		return err
	})
	if err == nil && missing >= 0 {
		err = wire.Conflict("segment %d of %d is not here, or not any more: send it again, then commit", missing, len(man.Segments))
	}
	return ids, lives, err
}

// lasts has a segment of a file that is to be committed last until a time; false if
// it is not there.
func (g *Gateway) lasts(ctx context.Context, man manifest.Manifest, i int, id string, until time.Time) (bool, error) {
	seg, err := g.deps.Index.Segment(ctx, id)
	if errors.Is(err, index.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if seg.Scheme != man.Segments[i].Scheme || !bytes.Equal(seg.Secret, man.Secret[:]) {
		return false, wire.BadRequest("segment %d is coded %v under the secret that came with it, and the manifest says otherwise", i, seg.Scheme)
	}
	held, err := g.deps.Index.Shards(ctx, id)
	if err != nil {
		return false, err
	}
	if lasting(held, g.deps.Now()) < fleet.Durable(seg.Scheme) {
		return false, g.deps.Index.PartLost(ctx, seg)
	}
	if lasting(held, until) >= fleet.Durable(seg.Scheme) {
		return true, nil
	}
	return true, g.prolong(ctx, man, i, id, until)
}

// prolong has enough miners keep their shards of a segment until a time. Those that
// do already are not asked, so that whoever was cut off can go on.
func (g *Gateway) prolong(ctx context.Context, man manifest.Manifest, i int, id string, until time.Time) error {
	held, err := g.deps.Index.Shards(ctx, id)
	if err != nil {
		return err
	}
	if len(held) > 0 && lasting(held, until) == lasting(held, time.Time{}) && lasting(held, until) >= fleet.Durable(man.Segments[i].Scheme) {
		return nil
	}
	_, failed := g.deps.Fleet.RenewSegment(ctx, id, g.shardTTL(until.Sub(g.deps.Now())))
	if held, err = g.deps.Index.Shards(ctx, id); err != nil {
		return errors.Join(err, failed)
	}
	if n := lasting(held, until); n < fleet.Durable(man.Segments[i].Scheme) {
		return &wire.Error{
			Status: wire.StatusUnavailable, Err: failed,
			Text: fmt.Sprintf("only %d shards of segment %d are kept longer; try again later", n, i),
		}
	}
	return nil
}

// placementSize is about what it takes to say where segments are, in bytes.
func placementSize(segments []manifest.Segment) (n int64) {
	for _, s := range segments {
		n += int64(s.Scheme.Total) * placeSize
	}
	return n
}
