package index_test

import (
	"testing"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// A segment may be named twice among those that are to end.
func TestSegmentsEndOnce(t *testing.T) {
	x, ctx := index.New(indextest.NewMemory()), t.Context()
	for n := range uint32(20) {
		s := indextest.Segment(1, n, 0)
		put(t, x, s)
		gone, err := x.DropUpload(ctx, s.Owner, s.Upload)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := x.EndSegments(ctx, append(gone, gone...), 0); err != nil {
			t.Fatal(err)
		}
	}
}
