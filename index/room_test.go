package index_test

import (
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// What is to stay free of the disk keeps nobody from writing who has to.
func TestRoom(t *testing.T) {
	for minFree, want := range map[int64]error{1: nil, -1: nil, 1 << 62: index.ErrFull} {
		x, err := index.Open(t.TempDir(), index.Options{MinFree: minFree})
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Room(); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", minFree, err)
		}
		if err := errors.Join(x.PutSegment(t.Context(), indextest.Segment(1, 1, 1), time.Unix(1, 0)), x.Close()); err != nil {
			t.Error(err)
		}
	}
	if err := index.New(&mortal{groups: map[string]map[string][]byte{}, left: -1}).Room(); err != nil {
		t.Error(err)
	}
}
