package repair_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// A put has a receipt and is held up before it records it, while another one of the
// same segment is acknowledged and its shard moved away from the same miner: that one
// has what the index counts on from the first put.
func TestShardMovedAwayWhileAnotherPutRecordsIt(t *testing.T) {
	for commit := range 5 {
		b := newBench(t, 2, config())
		data := make([]byte, 2000)
		rand.Read(data)
		spec := fleet.SegmentSpec{
			Owner: b.owner.Address(), Upload: [16]byte{1}, Size: int64(len(data)), Scheme: erasure.Scheme{Data: 1, Total: 1},
			Secret: envelope.ShardSecret{7}, TTL: 24 * time.Hour,
		}
		put := func(f *fleet.Fleet) index.Segment {
			seg, _, err := f.StoreSegment(t.Context(), spec, bytes.NewReader(data), func(erasure.Root) error { return nil }, b.Neurons()[:1])
			if err != nil {
				t.Fatal(err)
			}
			return seg
		}
		kv := indextest.NewBefore(b.memory, commit, func() {
			seg := put(b.fleet)
			if _, err := b.Index.PutObject(t.Context(), index.Object{
				Owner: spec.Owner, CID: cid.Sum(data), Size: spec.Size, Upload: hex.EncodeToString(spec.Upload[:]), Stored: b.clock(), TTL: spec.TTL,
				Manifest: []byte("m"), Signature: make([]byte, index.SignatureSize),
			}, []string{seg.ID}); err != nil {
				t.Fatal(err)
			}
			b.movedFrom(t, seg)
		})
		f := file{seg: put(b.over(index.New(kv))), data: data}
		if !kv.Happened() {
			t.Fatal("the put has fewer commits")
		}
		for range 2 {
			for _, h := range b.held(t, f) {
				if b.miner(t, h.Holder).Bytes(h.Replica) == nil {
					t.Fatalf("held up before commit %d: %s does not have shard %d, which the index counts on", commit, h.Holder, h.Number)
				}
			}
			b.read(t, f)
			b.settle()
			if err := b.TellDrops(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// movedFrom has the engine move the one shard of a segment, and tell its miner.
func (b *bench) movedFrom(t *testing.T, seg index.Segment) {
	t.Helper()
	was, err := b.Index.Shards(t.Context(), seg.ID)
	if err != nil || len(was) != 1 {
		t.Fatal(was, err)
	}
	b.pass(t)
	if err := b.Distribute(t.Context()); err != nil {
		t.Fatal(err)
	}
	if is, err := b.Index.Shards(t.Context(), seg.ID); err != nil || len(is) != 1 || is[0].Holder == was[0].Holder {
		t.Fatal("it was not moved", is, err)
	}
	if err := b.TellDrops(t.Context()); err != nil {
		t.Fatal(err)
	}
}
