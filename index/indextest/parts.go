package indextest

import (
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// testParts looks at an upload place by place.
func testParts(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	_, err := x.UploadPart(ctx, Address(1), UploadID(1), 0)
	fails(t, err, index.ErrNotFound)
	none, err := x.UploadParts(ctx, Address(1), UploadID(1), 0, 10)
	ok(t, err)
	equal(t, len(none), 0)

	until := day.Add(time.Hour).Truncate(time.Second)
	var want []index.Part
	for _, n := range []uint32{0, 1, 5, 300, index.MaxSegments - 1} {
		p := index.Part{Segment: Segment(1, 1, n), Until: until}
		ok(t, x.PutPart(ctx, p, day))
		want = append(want, p)
	}
	ok(t, x.PutSegment(ctx, want[1].Segment, day)) // of which is not known how long it lasts
	want[1].Until = time.Time{}
	ok(t, x.PartLost(ctx, want[3].Segment))
	want[3].Until = time.Time{}
	other := want[2].Segment
	other.ID = Hash(77)
	ok(t, x.PartLost(ctx, other)) // is not there
	ok(t, x.PartLost(ctx, Segment(1, 2, 0)))
	for _, p := range want {
		got, err := x.UploadPart(ctx, Address(1), UploadID(1), p.Index)
		ok(t, err)
		same(t, got, p)
	}
	for from, first := range map[int]int{0: 0, 1: 1, 2: 2, 5: 2, 6: 3, 301: 4, index.MaxSegments - 1: 4} {
		for limit := 1; limit <= 6; limit++ {
			got, err := x.UploadParts(ctx, Address(1), UploadID(1), from, limit)
			ok(t, err)
			same(t, got, want[first:min(first+limit, len(want))])
		}
	}
	for _, bad := range []int{-1, index.MaxSegments} {
		_, err := x.UploadPart(ctx, Address(1), UploadID(1), bad)
		fails(t, err, index.ErrInvalid)
		_, err = x.UploadParts(ctx, Address(1), UploadID(1), bad, 1)
		fails(t, err, index.ErrInvalid)
	}
}

// An upload that is kept counts for nothing until something is put into it.
func testKeepUpload(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	seg := Segment(1, 1, 0)
	fails(t, x.KeepUpload(ctx, seg.Owner, seg.Upload, day), index.ErrNotFound)
	fails(t, x.KeepUpload(ctx, seg.Owner, "short", day), index.ErrInvalid)
	counts := func(owner wallet.Address, uploads int64) {
		t.Helper()
		u, err := x.Usage(ctx, owner)
		ok(t, err)
		one, err := x.UploadUsage(ctx, owner, seg.Upload)
		ok(t, err)
		if u.Uploads != uploads || u.Segments != uploads || u != one {
			t.Fatalf("%+v, and the upload %+v", u, one)
		}
	}
	ok(t, x.PutSegment(ctx, seg, day))
	ok(t, x.PutSegment(ctx, Segment(2, 1, 0), day))
	counts(seg.Owner, 1)
	later := day.Add(time.Hour).UTC()
	for range 2 {
		ok(t, x.KeepUpload(ctx, seg.Owner, seg.Upload, later))
		counts(seg.Owner, 0)
		counts(Address(2), 1) // another's of that name
	}
	_, err := x.Sweep(ctx, 0)
	ok(t, err)
	u, parts, err := x.Upload(ctx, seg.Owner, seg.Upload)
	ok(t, err)
	same(t, parts, []index.Segment{seg})
	if !u.Touched.Equal(later) || !u.Started.Equal(day) {
		t.Fatalf("%+v", u)
	}
	ok(t, x.PutSegment(ctx, seg, day))
	counts(seg.Owner, 1)
	ok(t, x.KeepUpload(ctx, seg.Owner, seg.Upload, later))
	gone, err := x.DropUpload(ctx, seg.Owner, seg.Upload)
	ok(t, err)
	same(t, gone, []string{seg.ID})
}
