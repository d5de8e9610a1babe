package indextest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// Objects of the same segments come and go at once, and segments end at once with
// being put: what an object has when it is there it keeps until it is removed, and
// nothing is left in the end.
func testParallelSegments(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	segments := []index.Segment{Segment(1, 1, 0), Segment(1, 1, 1)}
	var ids []string
	for _, seg := range segments {
		ids = append(ids, seg.ID)
	}
	const workers = 6
	together(t, workers, func(i int) error {
		x, o := xs[i%len(xs)], object(1, uint32(i))
		o.Upload = UploadID(1)
		for range 12 {
			for _, seg := range segments {
				err := putIn(ctx, x, seg, i)
				for errors.Is(err, index.ErrEnded) {
					err = putIn(ctx, x, seg, i)
				}
				if err != nil {
					return err
				}
			}
			if _, err := x.PutObject(ctx, o, ids); errors.Is(err, index.ErrNotFound) {
				continue // its upload has ended with another's, whose object has gone since
			} else if err != nil {
				return err
			}
			if err := keeps(t, x, segments); err != nil {
				return err
			}
			if _, err := x.RemoveObject(ctx, o.Owner, o.CID); err != nil {
				return err
			}
			for _, id := range ids {
				if _, err := x.EndSegment(ctx, id, time.Hour); err != nil {
					return err
				}
			}
			if _, err := x.Sweep(ctx, time.Hour); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := xs[0].DropUpload(ctx, Address(1), UploadID(1)); !errors.Is(err, index.ErrNotFound) {
		ok(t, err)
	}
	_, err := xs[0].Sweep(ctx, 0)
	ok(t, err)
	swept, err := xs[0].Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
	for _, seg := range segments {
		gone(t, xs[0], seg, true)
	}
	for i := range uint32(workers) {
		equal(t, len(holdings(t, ctx, xs[0], Address(i+1))), 0)
	}
}

// putIn puts a segment and a shard of it, by every other one in the segment's life.
func putIn(ctx context.Context, x *index.Index, seg index.Segment, i int) (err error) {
	var l index.Life
	if i%2 == 0 {
		if l, err = x.Life(ctx, seg.ID); err != nil {
			return err
		}
	}
	if err := x.PutPart(ctx, index.Part{Segment: seg, Life: l}, day); err != nil {
		return err
	}
	if err := x.PutShardIn(ctx, l, Shard(seg, uint32(i+1), i)); err != nil {
		return err
	}
	return x.CheckLife(ctx, seg.ID, l)
}

// keeps looks again and again at segments that an object has.
func keeps(t *testing.T, x *index.Index, segments []index.Segment) error {
	for _, seg := range segments {
		var before []wallet.Address
		for range 5 {
			_, err := x.Segment(t.Context(), seg.ID)
			shards, shardsErr := x.Shards(t.Context(), seg.ID)
			if err := errors.Join(err, shardsErr); err != nil {
				return err
			}
			var now []wallet.Address
			for _, h := range shards {
				now = append(now, h.Holder)
			}
			for _, a := range before {
				if !slices.Contains(now, a) {
					return fmt.Errorf("%s holds no shard any more of a segment that is needed", a)
				}
			}
			before = now
		}
	}
	return nil
}
