package indextest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// object is a made-up one of an owner's, small enough to be its manifest.
func object(owner, n uint32) index.Object {
	return index.Object{
		Owner: Address(owner), CID: CID(owner, n), Size: 900, Manifest: bytes.Repeat([]byte{byte(n)}, 1200),
		Signature: bytes.Repeat([]byte{7}, index.SignatureSize), Stored: day, TTL: time.Hour,
	}
}

// listed is an object as it is listed.
func listed(o index.Object) index.Object {
	o.Manifest, o.Signature, o.Segments = nil, nil, nil
	return o
}

func testObjects(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	o := object(1, 1)
	_, err := x.Object(ctx, o.Owner, o.CID)
	fails(t, err, index.ErrNotFound)
	_, err = x.RemoveObject(ctx, o.Owner, o.CID)
	fails(t, err, index.ErrNotFound)
	fails(t, x.RenewObject(ctx, o.Owner, o.CID, day, 0), index.ErrNotFound)

	// Small: no segments.
	before, err := x.PutObject(ctx, o, nil)
	ok(t, err)
	equal(t, len(before), 0)
	got, err := x.Object(ctx, o.Owner, o.CID)
	ok(t, err)
	same(t, got, o)
	o.TTL = 2 * time.Hour
	ok(t, x.RenewObject(ctx, o.Owner, o.CID, o.Stored, o.TTL))
	got, err = x.Object(ctx, o.Owner, o.CID)
	ok(t, err)
	same(t, got, o)
	if !got.Expired(day.Add(o.TTL)) || got.Expired(day.Add(o.TTL-1)) {
		t.Fatal("Expired is wrong")
	}

	testObjectTime(t, x, o)

	// In its place one with segments, and another.
	segments := []index.Segment{Segment(1, 1, 0), Segment(1, 1, 1), Segment(1, 2, 0)}
	for _, seg := range segments {
		putSegment(t, x, seg, 2)
	}
	o.Upload, o.Manifest, o.Segments = UploadID(1), []byte("m"), []string{segments[0].ID, segments[1].ID}
	before, err = x.PutObject(ctx, o, o.Segments)
	ok(t, err)
	equal(t, len(before), 0)
	_, _, err = x.Upload(ctx, o.Owner, UploadID(1))
	fails(t, err, index.ErrNotFound)
	got, err = x.Object(ctx, o.Owner, o.CID)
	ok(t, err)
	same(t, got, o)
	names, err := x.SegmentObjects(ctx, segments[1].ID)
	ok(t, err)
	same(t, names, []index.ObjectName{{Owner: o.Owner, CID: o.CID}})
	before, err = x.PutObject(ctx, o, o.Segments) // the same again
	ok(t, err)
	equal(t, len(before), 0)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)

	was := o.Segments
	o.Upload, o.Segments = UploadID(2), []string{segments[0].ID, segments[2].ID}
	before, err = x.PutObject(ctx, o, o.Segments)
	ok(t, err)
	same(t, before, was[1:])
	testObjectEnds(t, x, o, segments)
}

// testObjectTime puts and renews an object for less time, which it does not get but
// by request, and leaves it as it was.
func testObjectTime(t *testing.T, x *index.Index, o index.Object) {
	ctx := t.Context()
	is := func(stored time.Time, ttl time.Duration) {
		t.Helper()
		got, err := x.Object(ctx, o.Owner, o.CID)
		ok(t, err)
		want := o
		want.Stored, want.TTL = stored, ttl
		same(t, got, want)
	}
	shorter := o
	shorter.Stored, shorter.TTL = o.Stored.Add(time.Minute), o.TTL-2*time.Minute
	_, err := x.PutObject(ctx, shorter, nil)
	ok(t, err)
	is(o.Stored, o.TTL)
	ok(t, x.RenewObject(ctx, o.Owner, o.CID, shorter.Stored, shorter.TTL))
	is(o.Stored, o.TTL)
	ok(t, x.ShortenObject(ctx, o.Owner, o.CID, shorter.Stored, shorter.TTL))
	is(shorter.Stored, shorter.TTL)
	_, err = x.PutObject(ctx, o, nil)
	ok(t, err)
	is(o.Stored, o.TTL)
	ok(t, x.RenewObject(ctx, o.Owner, o.CID, o.Stored, 0))
	ok(t, x.RenewObject(ctx, o.Owner, o.CID, o.Stored, o.TTL)) // ends before never
	is(o.Stored, 0)
	ok(t, x.ShortenObject(ctx, o.Owner, o.CID, o.Stored, o.TTL))
	fails(t, x.ShortenObject(ctx, o.Owner, o.CID, o.Stored, -1), index.ErrInvalid)
	fails(t, x.ShortenObject(ctx, Address(9), o.CID, o.Stored, 1), index.ErrNotFound)
	is(o.Stored, o.TTL)
}

// hasLeft checks which objects have left segments behind.
func hasLeft(t *testing.T, x *index.Index, want ...index.ObjectName) {
	t.Helper()
	got := map[index.ObjectName]bool{}
	for o, err := range x.Left(t.Context()) {
		ok(t, err)
		got[o] = true
	}
	equal(t, len(got), len(want))
	for _, o := range want {
		equal(t, got[o], true)
	}
}

// More segments are left than are ended together, by an object that was replaced
// and then removed: the shards of all become drops. What an upload needs meanwhile
// stays.
func testEndLeft(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	const parts, miners = 300, 3
	o := object(1, 1)
	o.TTL = 0 // so that its removal is never swept
	for n := range uint32(parts) {
		o.Segments = append(o.Segments, Segment(1, 1, n).ID)
	}
	together(t, 8, func(i int) error {
		for n := uint32(i); n < parts; n += 8 {
			err := x.PutSegment(ctx, Segment(1, 1, n), day)
			for m := range miners {
				err = errors.Join(err, x.PutShard(ctx, Shard(Segment(1, 1, n), uint32(m+1), m)))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	put(t, x, holding(1, 7, index.User)) // among them
	o.Upload = UploadID(1)
	name := index.ObjectName{Owner: o.Owner, CID: o.CID}
	_, err := x.PutObject(ctx, o, o.Segments)
	ok(t, err)
	hasLeft(t, x)
	_, err = x.PutObject(ctx, o, o.Segments[:1])
	ok(t, err)
	hasLeft(t, x, name)
	_, err = x.RemoveObject(ctx, o.Owner, o.CID)
	ok(t, err)
	ok(t, x.PutSegment(ctx, Segment(1, 1, 5), day)) // again
	drops := map[string]bool{}
	ok(t, x.EndLeft(ctx, name, 0, func(some []index.Drop) {
		for _, d := range some {
			drops[string(d.Holder)+d.Replica] = true
		}
	}))
	hasLeft(t, x)
	equal(t, len(drops), miners*(parts-1))
	hasShards(t, x, Segment(1, 1, 5), miners)
	equal(t, len(holdings(t, ctx, x, Address(1))), 2)
	equal(t, len(holdings(t, ctx, x, Address(2))), 1)
	for n := range uint32(parts) {
		gone(t, x, Segment(1, 1, n), n != 5)
	}
	ok(t, x.EndLeft(ctx, name, 0, nil))
	fails(t, x.EndLeft(ctx, index.ObjectName{Owner: "*"}, 0, nil), index.ErrInvalid)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

// testObjectEnds ends an object that has the first and last of segments, with two
// shards each.
func testObjectEnds(t *testing.T, x *index.Index, o index.Object, segments []index.Segment) {
	ctx := t.Context()
	for i, want := range []bool{false, true, false} {
		over, err := x.EndSegment(ctx, segments[i].ID, time.Hour)
		ok(t, err)
		equal(t, over, want)
		gone(t, x, segments[i], want)
	}
	hasShards(t, x, segments[0], 2)
	hasShards(t, x, segments[1], 0)
	for n := range 2 {
		hasDrops(t, x, Address(uint32(n+1)), Shard(segments[1], uint32(n+1), n).Replica)
	}
	left, err := x.ExpireObject(ctx, o.Owner, o.CID, day)
	ok(t, err)
	if left != nil {
		t.Fatal("expired too early")
	}
	left, err = x.ExpireObject(ctx, o.Owner, o.CID, day.Add(o.TTL))
	ok(t, err)
	want := listed(o)
	want.Segments = o.Segments
	same(t, *left, want)
	_, err = x.Object(ctx, o.Owner, o.CID)
	fails(t, err, index.ErrNotFound)
	_, err = x.PutObject(ctx, o, []string{segments[0].ID, segments[1].ID})
	fails(t, err, index.ErrNotFound) // the second has ended
	_, err = x.Object(ctx, o.Owner, o.CID)
	fails(t, err, index.ErrNotFound)
	over, err := x.EndSegment(ctx, segments[2].ID, time.Hour)
	ok(t, err)
	equal(t, over, true)
	_, err = x.Sweep(ctx, time.Hour) // leaves what was about to refer to the first, if anything was
	ok(t, err)
	_, err = x.Sweep(ctx, 0)
	ok(t, err)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
	for _, seg := range segments {
		gone(t, x, seg, true)
		hasShards(t, x, seg, 0)
	}
	equal(t, len(holdings(t, ctx, x, Address(1))), 0)
}

// Objects are listed by ascending CID, each owner's by themselves.
func testListObjects(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	var want []index.Object
	for n := range uint32(700) {
		o := object(1, n)
		_, err := x.PutObject(ctx, o, nil)
		ok(t, err)
		want = append(want, listed(o))
	}
	_, err := x.PutObject(ctx, object(2, 1), nil)
	ok(t, err)
	byCID := func(a, b index.Object) int { return bytes.Compare([]byte(a.CID), []byte(b.CID)) }
	slices.SortFunc(want, byCID)
	for _, size := range []int{1000, 700, 150, 699} {
		var got []index.Object
		for after := ""; ; after = got[len(got)-1].CID {
			page, err := x.Objects(ctx, Address(1), after, size)
			ok(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		same(t, got, want)
	}
	page, err := x.Objects(ctx, Address(1), want[3].CID, 2)
	ok(t, err)
	same(t, page, want[4:6])
	page, err = x.Objects(ctx, Address(3), "", 10)
	ok(t, err)
	equal(t, len(page), 0)
	_, err = x.Objects(ctx, Address(1), "", 0)
	fails(t, err, index.ErrInvalid)
	seen := map[string]bool{}
	for o, err := range x.AllObjects(ctx) {
		ok(t, err)
		seen[o.CID] = true
		if o.Owner == Address(1) {
			if _, err := x.RemoveObject(ctx, o.Owner, o.CID); !errors.Is(err, index.ErrNotFound) {
				ok(t, err)
			}
		}
	}
	equal(t, len(seen), 701)
	page, err = x.Objects(ctx, Address(1), "", 10)
	ok(t, err)
	equal(t, len(page), 0)
}

func testInvalidObjects(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	for name, change := range map[string]func(*index.Object){
		"owner":     func(o *index.Object) { o.Owner = "x" },
		"cid":       func(o *index.Object) { o.CID = "x" },
		"size":      func(o *index.Object) { o.Size = -1 },
		"upload":    func(o *index.Object) { o.Upload = "00" },
		"ttl":       func(o *index.Object) { o.TTL = -1 },
		"year":      func(o *index.Object) { o.Stored = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"nothing":   func(o *index.Object) { o.Manifest = nil },
		"long":      func(o *index.Object) { o.Manifest = make([]byte, index.MaxValue) },
		"signature": func(o *index.Object) { o.Signature = o.Signature[1:] },
	} {
		o := object(1, 1)
		change(&o)
		if _, err := x.PutObject(ctx, o, nil); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			fails(t, err, index.ErrInvalid)
		}
	}
	_, err := x.PutObject(ctx, object(1, 1), []string{"x"})
	fails(t, err, index.ErrInvalid)
	_, err = x.PutObject(ctx, object(1, 1), []string{Hash(1)})
	fails(t, err, index.ErrNotFound)
	_, err = x.PutObject(ctx, object(1, 1), make([]string, index.MaxSegments+1))
	fails(t, err, index.ErrInvalid)
	_, err = x.Object(ctx, Address(1), CID(1, 1))
	fails(t, err, index.ErrNotFound)
	_, err = x.Object(ctx, "*", CID(1))
	fails(t, err, index.ErrInvalid)
	_, err = x.EndSegment(ctx, "*", 0)
	fails(t, err, index.ErrInvalid)
	_, err = x.Shards(ctx, "*")
	fails(t, err, index.ErrInvalid)
	_, err = x.SegmentObjects(ctx, "*")
	fails(t, err, index.ErrInvalid)
	_, err = x.DropUpload(ctx, Address(1), "*")
	fails(t, err, index.ErrInvalid)
}

// A drop takes the place of a holding, until the miner has done it, would have by
// itself, or has the replica again.
func testDrops(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	one, masked := holding(1, 7, index.User), holding(1, 8, index.Random)
	masked.Replica, masked.TTL = Hash(9), 0
	later := holding(1, 6, index.User)
	later.Stored = time.Now()
	seg := Segment(1, 1, 0)
	put(t, x, one, masked, later)
	putSegment(t, x, seg, 2)
	ok(t, x.DropShard(ctx, one.Holder, one.Hash)) // is none
	hasDrops(t, x, one.Holder)
	for _, hash := range []string{one.Hash, masked.Hash, later.Hash, one.Hash, Hash(99)} {
		ok(t, x.DropHolding(ctx, one.Holder, hash))
	}
	ok(t, x.DropShard(ctx, one.Holder, seg.ID))
	hasDrops(t, x, one.Holder, one.Hash, masked.Replica, later.Hash, Shard(seg, 1, 0).Replica)
	equal(t, len(holdings(t, ctx, x, one.Holder)), 0)
	for d, err := range x.Drops(ctx, one.Holder) {
		ok(t, err)
		if time.Since(d.Since) > time.Minute || d.Until.IsZero() != (d.Replica != one.Hash && d.Replica != later.Hash) {
			t.Fatalf("drop %+v", d)
		}
	}
	got, err := x.Shards(ctx, seg.ID)
	ok(t, err)
	equal(t, len(got), 1)
	equal(t, got[0].Number, 1)
	listsHolders(t, x, Address(1), Address(2))

	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 1) // one's time is over
	put(t, x, later)
	ok(t, x.PutAudited(ctx, masked, []byte("r")))
	ok(t, x.PutShard(ctx, Shard(seg, 1, 0)))
	hasDrops(t, x, one.Holder)
	hasShards(t, x, seg, 2)
	ok(t, x.DropHolding(ctx, one.Holder, masked.Hash))
	ok(t, x.Dropped(ctx, index.Drop{Holder: one.Holder, Replica: masked.Hash})) // is another's name
	hasDrops(t, x, one.Holder, masked.Replica)
	ok(t, x.Dropped(ctx, index.Drop{Holder: one.Holder, Replica: masked.Replica}))
	ok(t, x.Dropped(ctx, index.Drop{Holder: one.Holder, Replica: masked.Replica}))
	ok(t, x.DropHolding(ctx, one.Holder, later.Hash))
	ok(t, x.ResetHotkey(ctx, one.Holder))
	hasDrops(t, x, one.Holder)
	listsHolders(t, x, Address(2))
	swept, err = x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
	for _, err := range x.Drops(ctx, "*") {
		fails(t, err, index.ErrInvalid)
	}
	fails(t, x.Dropped(ctx, index.Drop{Holder: one.Holder, Replica: "x"}), index.ErrInvalid)
}

// Whoever ends what it has seen leaves what was put in its place since.
func testDropsOfSeen(t *testing.T, s Store) {
	x, ctx, seg := s.Open(t), t.Context(), Segment(1, 1, 0)
	ok(t, x.PutSegment(ctx, seg, day))
	seen := Shard(seg, 1, 0)
	again, later, another := seen, seen, Shard(seg, 1, 1)
	again.Native = &index.Native{Pledge: []byte("another"), Asked: []byte("a"), Receipt: []byte("r")}
	later.Stored = seen.Stored.Add(time.Second)
	for _, h := range []index.Holding{again, later, another} {
		ok(t, x.ReplaceShard(ctx, index.Life{}, h, time.Time{}))
		ok(t, x.DropSeen(ctx, seen, time.Time{}))
		got, err := x.Holding(ctx, h.Holder, seg.ID)
		ok(t, err)
		ok(t, x.DropSeen(ctx, got, day.Add(time.Hour)))
		_, err = x.Holding(ctx, h.Holder, seg.ID)
		fails(t, err, index.ErrNotFound)
	}
	ok(t, x.DropSeen(ctx, seen, time.Time{}))
	chunk := holding(1, 7, index.User)
	put(t, x, chunk)
	got, err := x.Holding(ctx, chunk.Holder, chunk.Hash)
	ok(t, err)
	ok(t, x.DropSeen(ctx, got, time.Time{}))
	hasDrops(t, x, seen.Holder, seen.Replica, another.Replica, chunk.Hash)
}

// A try that came to nothing leaves a drop, unless the index counts on the shard,
// and there is no drop any more when the shard comes after all.
func testDropsOfTries(t *testing.T, s Store) {
	x, ctx, seg := s.Open(t), t.Context(), Segment(1, 1, 0)
	ok(t, x.PutSegment(ctx, seg, day))
	h := Shard(seg, 1, 0)
	try := Drop(h)
	try.Pledge, try.After, try.Until = []byte("another"), day.Add(time.Minute), day.Add(time.Hour)
	ok(t, x.PutShard(ctx, h))
	ok(t, x.PutDrop(ctx, seg.ID, try))
	hasDrops(t, x, h.Holder)
	ok(t, x.RemoveHolding(ctx, h.Holder, h.Hash))
	ok(t, x.PutDrop(ctx, seg.ID, try))
	got, err := x.Drop(ctx, h.Holder, h.Replica)
	ok(t, err)
	try.Since = got.Since
	equal(t, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", try))
	equal(t, got.Due(got.After.Add(-1)), false)
	equal(t, got.Due(got.After), true)
	ok(t, x.Dropped(ctx, Drop(h))) // with an earlier pledge
	hasDrops(t, x, h.Holder, h.Replica)
	ok(t, x.PutShard(ctx, h))
	hasDrops(t, x, h.Holder)
	ok(t, x.DropShard(ctx, h.Holder, h.Hash))
	ok(t, x.Dropped(ctx, try))
	hasDrops(t, x, h.Holder, h.Replica)
	ok(t, x.Dropped(ctx, Drop(h)))
	hasDrops(t, x, h.Holder)
	none := try
	none.Pledge = nil
	fails(t, x.PutDrop(ctx, seg.ID, none), index.ErrInvalid)
}

// listsHolders checks who AllHolders says there is.
func listsHolders(t *testing.T, x *index.Index, want ...wallet.Address) {
	t.Helper()
	holders := map[wallet.Address]bool{}
	for a, err := range x.AllHolders(t.Context()) {
		ok(t, err)
		holders[a] = true
	}
	equal(t, len(holders), len(want))
	for _, a := range want {
		equal(t, holders[a], true)
	}
}
