package indextest

import (
	"fmt"
	"testing"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// UploadID is a made-up upload's.
func UploadID(n uint32) string { return fmt.Sprintf("%032x", n) }

// Segment is a made-up segment of an upload.
func Segment(owner, upload, n uint32) index.Segment {
	return index.Segment{
		ID: Hash(1, owner, upload, n), Owner: Address(owner), Upload: UploadID(upload), Index: int(n), Size: int64(1000 + n),
		Root: Hash(2, owner, upload, n), Scheme: erasure.Scheme{Data: 2, Total: 4}, Secret: []byte{1, 2, 3},
	}
}

// Shard is a made-up shard of a segment.
func Shard(s index.Segment, holder uint32, number int) index.Holding {
	return index.Holding{
		Holder: Address(holder), Hash: s.ID, Replica: shardRoot(s, holder, number), Kind: index.KindShard, Number: number,
		Size: s.Scheme.ShardSize(s.Size), Stored: day, Native: &index.Native{Pledge: []byte("p"), Asked: []byte("a"), Receipt: []byte("r")},
	}
}

// Drop is what a shard leaves that ends.
func Drop(h index.Holding) index.Drop {
	return index.Drop{Holder: h.Holder, Replica: h.Held(), Pledge: h.Native.Pledge}
}

func shardRoot(s index.Segment, holder uint32, number int) string {
	return Hash(3, uint32(s.Index), holder, uint32(number), uint32(s.Scheme.Data))
}

// putSegment puts a segment and shards of it, with holders from 1 on.
func putSegment(t *testing.T, x *index.Index, s index.Segment, shards int) {
	t.Helper()
	ok(t, x.PutSegment(t.Context(), s, day))
	for n := range shards {
		ok(t, x.PutShard(t.Context(), Shard(s, uint32(n+1), n)))
	}
}

// hasShards checks who holds shards of a segment: numbers from 0 on, holders from
// 1 on.
func hasShards(t *testing.T, x *index.Index, s index.Segment, want int) {
	t.Helper()
	got, err := x.Shards(t.Context(), s.ID)
	ok(t, err)
	equal(t, len(got), want)
	for n, h := range got {
		same(t, h, Shard(s, uint32(n+1), n))
	}
}

// hasDrops checks how many drops a miner has.
func hasDrops(t *testing.T, x *index.Index, holder wallet.Address, want ...string) {
	t.Helper()
	left := map[string]bool{}
	for _, replica := range want {
		left[replica] = true
	}
	for d, err := range x.Drops(t.Context(), holder) {
		ok(t, err)
		if d.Holder != holder || !left[d.Replica] {
			t.Fatalf("%s has drop %+v", holder, d)
		}
		delete(left, d.Replica)
	}
	equal(t, len(left), 0)
}

// gone checks that a segment is not there.
func gone(t *testing.T, x *index.Index, s index.Segment, want bool) {
	t.Helper()
	_, err := x.Segment(t.Context(), s.ID)
	if want {
		fails(t, err, index.ErrNotFound)
	} else {
		ok(t, err)
	}
}

func testUploads(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	_, _, err := x.Upload(ctx, Address(1), UploadID(1))
	fails(t, err, index.ErrNotFound)
	_, err = x.DropUpload(ctx, Address(1), UploadID(1))
	fails(t, err, index.ErrNotFound)

	var want []index.Segment
	for _, n := range []uint32{2, 0, 300, 1} {
		ok(t, x.PutSegment(ctx, Segment(1, 1, n), day.Add(time.Duration(n)*time.Second)))
	}
	for _, n := range []uint32{0, 1, 2, 300} {
		want = append(want, Segment(1, 1, n))
	}
	ok(t, x.PutSegment(ctx, Segment(2, 1, 0), day)) // another's of that ID
	u, got, err := x.Upload(ctx, Address(1), UploadID(1))
	ok(t, err)
	same(t, got, want)
	same(t, u, index.Upload{Owner: Address(1), ID: UploadID(1), Started: day.Add(2 * time.Second), Touched: day.Add(time.Second)})

	again := want[1]
	again.ID, again.Root = Hash(77), Hash(78)
	ok(t, x.PutSegment(ctx, again, day)) // in the place of the one before
	ok(t, x.PutSegment(ctx, want[0], day))
	_, got, err = x.Upload(ctx, Address(1), UploadID(1))
	ok(t, err)
	same(t, got, []index.Segment{want[0], again, want[2], want[3]})
	gone(t, x, want[1], false)
	for range 2 {
		over, err := x.EndSegment(ctx, want[1].ID, time.Hour)
		ok(t, err)
		equal(t, over, true)
	}
	gone(t, x, want[1], true)
	over, err := x.EndSegment(ctx, again.ID, 0)
	ok(t, err)
	equal(t, over, false)

	dropped, err := x.DropUpload(ctx, Address(1), UploadID(1))
	ok(t, err)
	same(t, dropped, []string{want[0].ID, again.ID, want[2].ID, want[3].ID})
	all := 0
	for u, err := range x.Uploads(ctx) {
		ok(t, err)
		same(t, u, index.Upload{Owner: Address(2), ID: UploadID(1), Started: day, Touched: day})
		all++
	}
	equal(t, all, 1)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 4)
	gone(t, x, again, true)
	gone(t, x, Segment(2, 1, 0), false)
}

// More segments than are dropped at once.
func testLongUpload(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	const parts = 600
	together(t, 8, func(i int) error {
		for n := i; n < parts; n += 8 {
			if err := x.PutSegment(ctx, Segment(1, 1, uint32(n)), day); err != nil {
				return err
			}
		}
		return nil
	})
	_, all, err := x.Upload(ctx, Address(1), UploadID(1))
	ok(t, err)
	equal(t, len(all), parts)
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	o := object(1, 1)
	o.Upload = UploadID(1)
	_, err = x.PutObject(ctx, o, ids)
	ok(t, err)
	_, _, err = x.Upload(ctx, Address(1), UploadID(1))
	fails(t, err, index.ErrNotFound)
	back, err := x.Object(ctx, o.Owner, o.CID)
	ok(t, err)
	same(t, back.Segments, ids)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
	listed := map[string]bool{}
	for s, err := range x.AllSegments(ctx) {
		ok(t, err)
		listed[s.ID] = true
	}
	equal(t, len(listed), parts)
}

func testShards(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	seg := Segment(1, 1, 0)
	hasShards(t, x, seg, 0)
	putSegment(t, x, seg, 4)
	hasShards(t, x, seg, 4)
	back, err := x.Segment(ctx, seg.ID)
	ok(t, err)
	same(t, back, seg)
	h := Shard(seg, 1, 0)
	holdsOnly(t, x, h)

	// The same again is renewed; another one of the segment is refused.
	h.Stored, h.TTL, h.Native = day.Add(time.Hour), 5*time.Hour, &index.Native{Pledge: []byte("q"), Asked: []byte("a"), Receipt: []byte("r")}
	ok(t, x.PutShard(ctx, h))
	holdsOnly(t, x, h)
	fails(t, x.PutShard(ctx, Shard(seg, 1, 1)), index.ErrConflict)
	other := h
	other.Replica = Hash(99)
	fails(t, x.PutShard(ctx, other), index.ErrConflict)
	ok(t, x.ReplaceShard(ctx, index.Life{}, other, day.Add(time.Minute)))
	holdsOnly(t, x, other)
	for d, err := range x.Drops(ctx, h.Holder) {
		ok(t, err)
		equal(t, d.Replica, h.Replica)
		equal(t, d.After, day.Add(time.Minute))
	}
	ok(t, x.ReplaceShard(ctx, index.Life{}, h, time.Time{}))
	ok(t, x.Dropped(ctx, Drop(other)))
	holdsOnly(t, x, h)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)

	// There may be more than the scheme has, but those that are none of it as it is
	// coded do not count, and go.
	ok(t, x.PutShard(ctx, Shard(seg, 8, 4)))
	odd := Shard(seg, 9, 3)
	odd.Size++
	ok(t, x.PutShard(ctx, odd))
	got, err := x.Shards(ctx, seg.ID)
	ok(t, err)
	equal(t, len(got), 5)
	swept, err = x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 1)
	hasDrops(t, x, odd.Holder, odd.Replica)

	ok(t, x.ExpireHolding(ctx, h.Holder, h.Hash, h.Stored.Add(h.TTL)))
	hasDrops(t, x, h.Holder)
	got, err = x.Shards(ctx, seg.ID)
	ok(t, err)
	equal(t, len(got), 4)
	ok(t, x.PutNative(ctx, got[0].Holder, seg.ID, nil)) // it has lost its pledge, and is held all the same
	lost, err := x.Holding(ctx, got[0].Holder, seg.ID)
	ok(t, err)
	got[0].Native = nil
	same(t, lost, got[0])
}

// holdsOnly wants that to be all that its holder has.
func holdsOnly(t *testing.T, x *index.Index, h index.Holding) {
	t.Helper()
	held := holdings(t, t.Context(), x, h.Holder)
	same(t, held, map[string]index.Holding{h.Hash: h})
}

func testInvalidShards(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	seg := Segment(1, 1, 0)
	for name, change := range map[string]func(*index.Holding){
		"kind":      func(h *index.Holding) { h.Kind = index.User },
		"number":    func(h *index.Holding) { h.Number = -1 },
		"number up": func(h *index.Holding) { h.Number = erasure.MaxTotal },
		"no pledge": func(h *index.Holding) { h.Native = nil },
		"no root":   func(h *index.Holding) { h.Replica = "" },
		"seed":      func(h *index.Holding) { h.Seed = "s" },
		"long":      func(h *index.Holding) { h.Native.Pledge = make([]byte, index.MaxNative) },
	} {
		h := Shard(seg, 1, 0)
		change(&h)
		if err := x.PutShard(ctx, h); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			fails(t, err, index.ErrInvalid)
		}
	}
	equal(t, len(holdings(t, ctx, x, Address(1))), 0)
}

// Kinds of data do not mix, and what shards have not they do not get.
func testInvalidSegments(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	seg := Segment(1, 1, 0)
	for name, change := range map[string]func(*index.Segment){
		"id":       func(s *index.Segment) { s.ID = "x" },
		"owner":    func(s *index.Segment) { s.Owner = "x" },
		"upload":   func(s *index.Segment) { s.Upload = "XY" },
		"index":    func(s *index.Segment) { s.Index = -1 },
		"index up": func(s *index.Segment) { s.Index = index.MaxSegments },
		"empty":    func(s *index.Segment) { s.Size = 0 },
		"size":     func(s *index.Segment) { s.Size = erasure.MaxSegment + 1 },
		"root":     func(s *index.Segment) { s.Root = "" },
		"scheme":   func(s *index.Segment) { s.Scheme.Data = 5 },
		"secret":   func(s *index.Segment) { s.Secret = make([]byte, index.MaxSecret+1) },
	} {
		bad := seg
		change(&bad)
		if err := x.PutSegment(ctx, bad, day); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			fails(t, err, index.ErrInvalid)
		}
	}
	h := Shard(seg, 1, 0)
	fails(t, x.PutHolding(ctx, h), index.ErrInvalid)
	h.Native = nil
	fails(t, x.PutHolding(ctx, h), index.ErrInvalid)
	fails(t, x.PutAudited(ctx, h, []byte("r")), index.ErrInvalid)
	equal(t, len(holdings(t, ctx, x, h.Holder)), 0)

	putSegment(t, x, seg, 1)
	fails(t, x.PutAudit(ctx, h.Holder, h.Hash, []byte("r")), index.ErrInvalid)
	_, err := x.SendSeed(ctx, h.Holder, h.Hash, "s", day)
	fails(t, err, index.ErrInvalid)
	user := holding(1, 1, index.User)
	user.Hash = seg.ID
	fails(t, x.PutHolding(ctx, user), index.ErrInvalid)
	user.Number = 1
	fails(t, x.PutHolding(ctx, user), index.ErrInvalid)
	for _, change := range []func(*index.Segment){
		func(s *index.Segment) { s.Scheme.Total++ }, func(s *index.Segment) { s.Secret = []byte{9} }, func(s *index.Segment) { s.Root = Hash(7) },
	} {
		other := seg
		change(&other)
		fails(t, x.PutSegment(ctx, other, day), index.ErrConflict)
	}
	hasShards(t, x, seg, 1)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}
