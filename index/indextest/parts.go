package indextest

import (
	"testing"
	"time"

	"github.com/filetao/filetao/index"
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
