package index_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// unneeded is a segment with one shard that nothing refers to, and the store.
func unneeded(t *testing.T) (*mortal, *index.Index, index.Segment) {
	kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
	x, s := index.New(kv), indextest.Segment(1, 1, 0)
	put(t, x, s)
	if _, err := x.DropUpload(t.Context(), s.Owner, s.Upload); err != nil {
		t.Fatal(err)
	}
	return kv, x, s
}

// put puts a segment and its shard.
func put(t *testing.T, x *index.Index, s index.Segment) {
	t.Helper()
	if err := errors.Join(x.PutSegment(t.Context(), s, time.Unix(1, 0)), x.PutShard(t.Context(), indextest.Shard(s, 1, 0))); err != nil {
		t.Fatal(err)
	}
}

// stays checks that the segment and so many shards are there, whatever is swept.
func stays(t *testing.T, x *index.Index, s index.Segment, shards int) {
	t.Helper()
	for range 3 {
		_, err := x.Segment(t.Context(), s.ID)
		held, heldErr := x.Shards(t.Context(), s.ID)
		if err := errors.Join(err, heldErr); err != nil || len(held) != shards {
			t.Fatalf("%d shards, want %d, %v", len(held), shards, err)
		}
		if _, err := x.Sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// whenChanged has something happen once, right before a commit that begins to
// change what has a prefix in a group of a kind.
func (m *mortal) whenChanged(kind, prefix string, happens func()) {
	m.before = func(group string, then []index.Entry) {
		if !strings.HasPrefix(group, kind) || len(then) == 0 || !strings.HasPrefix(then[0].Field, prefix) {
			return
		}
		m.before = nil
		happens()
	}
}

// What is put in the very moment in which a segment without need ends is not lost:
// the end does not come about, or what was stored for it anew stays.
func TestSegmentNeededAsItEnds(t *testing.T) {
	for _, at := range []struct {
		kind, prefix string
		anew         bool // its shard is stored again too
	}{{"segment:", "segment", false}, {"segment:", "segment", true}, {"holder:", "drop:", true}, {"segment:", "holder:", true}} {
		kv, x, s := unneeded(t)
		other, happened := index.New(kv), false
		kv.whenChanged(at.kind, at.prefix, func() {
			happened = true
			if at.anew {
				put(t, other, s)
			} else if err := other.PutSegment(t.Context(), s, time.Unix(2, 0)); err != nil {
				t.Fatal(err)
			}
			stays(t, other, s, 1)
		})
		if _, err := x.EndSegment(t.Context(), s.ID, 0); err != nil || !happened {
			t.Fatal(err, at)
		}
		stays(t, x, s, 1)
	}
}

// An object that is put as its segments end is refused, or has them.
func TestObjectPutAsItsSegmentEnds(t *testing.T) {
	o := index.Object{Owner: indextest.Address(1), CID: indextest.CID(1), Manifest: []byte("m"), Signature: make([]byte, index.SignatureSize)}
	kv, x, s := unneeded(t)
	kv.whenChanged("segment:", "segment", func() {
		if _, err := index.New(kv).PutObject(t.Context(), o, []string{s.ID}); err != nil {
			t.Fatal(err)
		}
	})
	if gone, err := x.EndSegment(t.Context(), s.ID, 0); err != nil || gone {
		t.Fatalf("it ended, %v", err)
	}
	stays(t, x, s, 1)

	kv, x, s = unneeded(t)
	kv.whenChanged("holder:", "drop:", func() {
		if _, err := index.New(kv).PutObject(t.Context(), o, []string{s.ID}); !errors.Is(err, index.ErrNotFound) {
			t.Fatalf("of a segment that has ended: %v", err)
		}
	})
	if gone, err := x.EndSegment(t.Context(), s.ID, 0); err != nil || !gone {
		t.Fatalf("it did not end, %v", err)
	}
}

// A shard that is put again while the one before is being dropped stays, also when
// nobody has brought that to an end.
func TestShardPutAgainAsItGoes(t *testing.T) {
	for left := range 6 {
		kv, x, s := unneeded(t)
		kv.revive(left, false)
		_, err := x.EndSegment(t.Context(), s.ID, 0)
		kv.revive(-1, false)
		if left < 2 && !errors.Is(err, errKilled) {
			t.Fatalf("%d: %v", left, err)
		}
		x = index.New(kv)
		put(t, x, s)
		stays(t, x, s, 1)
		for d, err := range x.Drops(t.Context(), indextest.Address(1)) {
			t.Fatalf("%d: drop %v, %v", left, d, err)
		}
	}
}

// A trial whose commit was made and never answered is settled again, and counts
// once.
func TestSettledAgain(t *testing.T) {
	kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
	x, at := index.New(kv), time.Unix(1, 0)
	trial := index.Trial{Miner: indextest.Address(1), Hash: indextest.Hash(1), Asked: at, Settled: at, Reason: "silent"}
	p := index.Pending{Miner: trial.Miner, Hash: trial.Hash, Asked: at, Next: at, Question: []byte(`1`)}
	for n := 1; n < 4; n++ {
		if err := x.PutPending(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		kv.revive(0, true)
		if err := x.Settle(t.Context(), trial); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		kv.revive(-1, false)
		if err := x.Settle(t.Context(), trial); err != nil {
			t.Fatal(err)
		}
		if all, err := x.Trials(t.Context(), trial.Miner); err != nil || len(all) != n {
			t.Fatalf("%d trials, want %d, %v", len(all), n, err)
		}
	}
}

// A segment ends while a shard of it is being put, and perhaps comes back with the
// same one by another put: the shard of the life that is over does not count, and
// does not take the other one's place.
func TestShardPutAsItsSegmentEnds(t *testing.T) {
	for _, anew := range []bool{false, true} {
		kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
		x, s := index.New(kv), indextest.Segment(1, 1, 0)
		l, err := x.Life(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.PutPart(t.Context(), index.Part{Segment: s, Life: l}, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		other := index.New(kv)
		kv.whenChanged("holder:", "drop:", func() {
			if _, err := other.DropUpload(t.Context(), s.Owner, s.Upload); err != nil {
				t.Fatal(err)
			}
			if gone, err := other.EndSegment(t.Context(), s.ID, time.Hour); err != nil || !gone {
				t.Fatalf("it did not end, %v", err)
			}
			if anew {
				put(t, other, s)
			}
		})
		old := indextest.Shard(s, 1, 0)
		old.Native = &index.Native{Pledge: []byte("old"), Asked: []byte("a"), Receipt: []byte("r")}
		if err := x.PutShardIn(t.Context(), l, old); anew != errors.Is(err, index.ErrEnded) || !anew && err != nil {
			t.Fatal(anew, err)
		}
		if anew {
			stays(t, x, s, 1)
			continue
		}
		if err := x.CheckLife(t.Context(), s.ID, l); !errors.Is(err, index.ErrEnded) {
			t.Fatal(err)
		}
		if err := x.PutSegment(t.Context(), s, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		stays(t, x, s, 0)
		if d, err := x.Drop(t.Context(), old.Holder, old.Replica); err != nil || string(d.Pledge) != "old" {
			t.Fatal(d, err)
		}
	}
}
