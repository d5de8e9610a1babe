package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/wallet"
)

// scripts are what is done while the disk fails.
func scripts() map[string][]step {
	return map[string][]step{"files": script(), "segments": segmentScript()}
}

// segmentScript is steps about segments, of which none that has shards is ever
// without need.
func segmentScript() []step {
	one, two := indextest.Segment(1, 1, 0), indextest.Segment(1, 1, 1)
	segment := func(s index.Segment) step {
		return func(ctx context.Context, x *index.Index) error { return x.PutSegment(ctx, s, time.Unix(1, 0)) }
	}
	shard := func(holder uint32, number int) step {
		return func(ctx context.Context, x *index.Index) error {
			return x.PutShard(ctx, indextest.Shard(one, holder, number))
		}
	}
	object := func(cid uint32, segments ...string) step {
		return func(ctx context.Context, x *index.Index) error {
			o := index.Object{
				Owner: one.Owner, CID: indextest.CID(cid), Manifest: bytes.Repeat([]byte("m"), 8<<10), Signature: make([]byte, index.SignatureSize),
			}
			_, err := x.PutObject(ctx, o, segments)
			return err
		}
	}
	remove := func(cid uint32) step {
		return func(ctx context.Context, x *index.Index) error {
			_, err := x.RemoveObject(ctx, one.Owner, indextest.CID(cid))
			return err
		}
	}
	return append([]step{
		segment(one), shard(1, 0), shard(2, 1), segment(two), object(1, one.ID, two.ID), object(2),
		func(ctx context.Context, x *index.Index) error {
			_, err := x.DropUpload(ctx, one.Owner, one.Upload)
			return err
		},
		func(ctx context.Context, x *index.Index) error { return x.DropShard(ctx, indextest.Address(2), one.ID) },
		object(1, one.ID), object(2), remove(2), shard(1, 0), shard(2, 1),
		func(ctx context.Context, x *index.Index) error {
			return x.RenewObject(ctx, one.Owner, indextest.CID(1), time.Unix(2, 0), time.Hour)
		},
		func(ctx context.Context, x *index.Index) error {
			return x.DropHolding(ctx, indextest.Address(1), one.ID)
		},
		object(3, one.ID), remove(1), object(4), object(5),
		func(ctx context.Context, x *index.Index) error {
			return x.EndLeft(ctx, index.ObjectName{Owner: one.Owner, CID: indextest.CID(1)}, 0, nil)
		},
		func(ctx context.Context, x *index.Index) error {
			return x.Dropped(ctx, indextest.Drop(indextest.Shard(one, 1, 0)))
		},
	}, lifeScript(one, two)...)
}

// lifeScript is what is put in lives of two segments.
func lifeScript(one, two index.Segment) []step {
	in := func(s index.Segment, put func(context.Context, *index.Index, index.Life) error) step {
		return func(ctx context.Context, x *index.Index) error {
			l, err := x.Life(ctx, s.ID)
			if err != nil {
				return err
			}
			return put(ctx, x, l)
		}
	}
	return []step{
		in(two, func(ctx context.Context, x *index.Index, l index.Life) error {
			return x.PutPart(ctx, index.Part{Segment: two, Life: l}, time.Unix(3, 0))
		}),
		in(two, func(ctx context.Context, x *index.Index, l index.Life) error {
			return x.ReplaceShard(ctx, l, indextest.Shard(two, 1, 1), time.Time{})
		}),
		in(one, func(ctx context.Context, x *index.Index, l index.Life) error {
			return x.PutShardIn(ctx, l, indextest.Shard(one, 2, 1))
		}),
	}
}

// dumpSegments is dump about what the nth owner has, and the nth miner.
func dumpSegments(ctx context.Context, x *index.Index, n uint32, note func(any, error)) {
	a := indextest.Address(n)
	_, parts, err := x.Upload(ctx, a, indextest.UploadID(1))
	note(parts, err)
	objects, err := x.Objects(ctx, a, "", 10)
	note(objects, err)
	for _, o := range objects {
		o, err := x.Object(ctx, a, o.CID)
		note(o, err)
		note(fmt.Sprint(o.Segments, len(o.Manifest)), err)
		for _, id := range o.Segments {
			s, err := x.Segment(ctx, id)
			if errors.Is(err, index.ErrNotFound) {
				err = fmt.Errorf("an object without its segment: %s", id)
			}
			note(s, err)
			objects, err := x.SegmentObjects(ctx, id)
			note(objects, err)
		}
	}
	shards, err := x.Shards(ctx, indextest.Segment(n, 1, 0).ID)
	note(shards, err)
	note(drops(ctx, x, a))
}

func drops(ctx context.Context, x *index.Index, a wallet.Address) (all []string, err error) {
	for d, err := range x.Drops(ctx, a) {
		if err != nil {
			return nil, err
		}
		all = append(all, d.Replica)
	}
	slices.Sort(all)
	return all, nil
}
