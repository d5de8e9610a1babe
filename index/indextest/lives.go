package indextest

import (
	"testing"
	"time"

	"github.com/filetao/filetao/index"
)

// ended has a segment be put in a life, and end.
func ended(t *testing.T, x *index.Index, s index.Segment, l index.Life) {
	t.Helper()
	ok(t, x.PutPart(t.Context(), index.Part{Segment: s, Life: l}, day))
	ok(t, x.PutShardIn(t.Context(), l, Shard(s, 1, 0)))
	ok(t, x.CheckLife(t.Context(), s.ID, l))
	hasShards(t, x, s, 1)
	_, err := x.DropUpload(t.Context(), s.Owner, s.Upload)
	ok(t, err)
	over, err := x.EndSegment(t.Context(), s.ID, time.Hour)
	ok(t, err)
	equal(t, over, true)
}

// refused checks that nothing can be put in a life that is over, and nothing changes.
func refused(t *testing.T, x *index.Index, s index.Segment, l index.Life) {
	t.Helper()
	ctx, h := t.Context(), Shard(s, 1, 0)
	before := lifeOf(t, x, s)
	fails(t, x.CheckLife(ctx, s.ID, l), index.ErrEnded)
	fails(t, x.PutPart(ctx, index.Part{Segment: s, Life: l}, day), index.ErrEnded)
	fails(t, x.PutShardIn(ctx, l, h), index.ErrEnded)
	fails(t, x.ReplaceShard(ctx, l, h, day), index.ErrEnded)
	o := object(1, 1)
	o.Lives = []index.Life{l}
	_, err := x.PutObject(ctx, o, []string{s.ID})
	fails(t, err, index.ErrEnded)
	_, _, err = x.Upload(ctx, s.Owner, s.Upload)
	fails(t, err, index.ErrNotFound)
	_, err = x.Holding(ctx, h.Holder, s.ID)
	fails(t, err, index.ErrNotFound)
	gone(t, x, s, true)
	for other, err := range x.AllSegments(ctx) { // what an end has left is no segment
		t.Fatal(other, err)
	}
	hasShards(t, x, s, 0)
	objects, err := x.SegmentObjects(ctx, s.ID)
	ok(t, err)
	equal(t, len(objects), 0)
	over, err := x.EndSegment(ctx, s.ID, time.Hour) // where there is nothing nothing ends
	ok(t, err)
	equal(t, over, true)
	same(t, lifeOf(t, x, s), before)
}

func lifeOf(t *testing.T, x *index.Index, s index.Segment) index.Life {
	t.Helper()
	l, err := x.Life(t.Context(), s.ID)
	ok(t, err)
	return l
}

// Whoever has looked at a segment before it ended puts it no more, nor its shards;
// what it was when it ended last goes with a sweep.
func testLives(t *testing.T, s Store) {
	x, ctx, seg := s.Open(t), t.Context(), Segment(1, 1, 0)
	_, err := x.Life(ctx, "x")
	fails(t, err, index.ErrInvalid)
	lives := []index.Life{lifeOf(t, x, seg)}
	for range 3 {
		ended(t, x, seg, lives[len(lives)-1])
		for _, l := range lives {
			refused(t, x, seg, l)
		}
		next := lifeOf(t, x, seg)
		for _, l := range lives {
			equal(t, l == next, false)
		}
		lives = append(lives, next)
	}
	_, err = x.Sweep(ctx, time.Hour)
	ok(t, err)
	refused(t, x, seg, lives[0])

	// That the end is swept which was seen is none; nor is what goes that does not fit.
	last := lives[len(lives)-1]
	_, err = x.Sweep(ctx, 0)
	ok(t, err)
	ok(t, x.PutPart(ctx, index.Part{Segment: seg, Life: last}, day))
	odd := Shard(seg, 9, 3)
	odd.Size++
	ok(t, x.PutShardIn(ctx, last, odd))
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 1)
	ok(t, x.CheckLife(ctx, seg.ID, last))
	ok(t, x.PutShardIn(ctx, last, Shard(seg, 1, 0)))
	hasShards(t, x, seg, 1)

	// Shards that are told to go end a life too, of a segment that is not there.
	late := Segment(1, 1, 1)
	l := lifeOf(t, x, late)
	ok(t, x.PutShardIn(ctx, l, Shard(late, 1, 0)))
	_, drops, err := endOne(t, x, late)
	ok(t, err)
	equal(t, drops, 1)
	fails(t, x.CheckLife(ctx, late.ID, l), index.ErrEnded)
	_, err = x.Sweep(ctx, 0)
	ok(t, err)
	swept, err = x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

func endOne(t *testing.T, x *index.Index, s index.Segment) (unsettled, drops int, err error) {
	t.Helper()
	d, u, err := x.EndSegments(t.Context(), []string{s.ID}, time.Hour)
	return len(u), len(d), err
}

// A renewal is of what was seen, and does not bring back what has gone.
func testRenewShard(t *testing.T, s Store) {
	x, ctx, seg := s.Open(t), t.Context(), Segment(1, 1, 0)
	putSegment(t, x, seg, 1)
	seen := Shard(seg, 1, 0)
	n := index.Native{Pledge: []byte("later"), Asked: []byte("b"), Receipt: []byte("s")}
	ok(t, x.RenewShard(ctx, seen, day.Add(time.Hour), 2*time.Hour, &n))
	want := seen
	want.Stored, want.TTL, want.Native = day.Add(time.Hour), 2*time.Hour, &n
	holdsOnly(t, x, want)
	fails(t, x.RenewShard(ctx, seen, day.Add(2*time.Hour), time.Hour, &n), index.ErrNotFound)
	fails(t, x.RenewShard(ctx, want, day, -1, &n), index.ErrInvalid)
	fails(t, x.RenewShard(ctx, want, day, 0, nil), index.ErrInvalid)
	fails(t, x.RenewShard(ctx, want, day, 0, &index.Native{Pledge: make([]byte, index.MaxNative+1)}), index.ErrInvalid)
	fails(t, x.RenewShard(ctx, holding(1, 1, index.User), day, 0, &n), index.ErrInvalid)
	holdsOnly(t, x, want)
	got, err := x.Shards(ctx, seg.ID)
	ok(t, err)
	same(t, got, []index.Holding{want})
	ok(t, x.DropSeen(ctx, want, day.Add(time.Minute)))
	fails(t, x.RenewShard(ctx, want, day, 0, &n), index.ErrNotFound)
	d, err := x.Drop(ctx, want.Holder, want.Replica)
	ok(t, err)
	equal(t, d.After, day.Add(time.Minute))
	equal(t, string(d.Pledge), "later")
	equal(t, len(holdings(t, ctx, x, want.Holder)), 0)
}
