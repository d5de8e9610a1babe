package repair_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
)

// calm has everything come to rest.
func (b *bench) calm(t testing.TB) {
	t.Helper()
	for range 3 {
		b.pass(t)
		b.wait(3 * time.Hour)
		for _, err := range []error{b.Upkeep(t.Context()), b.Sweep(t.Context()), b.TellDrops(t.Context())} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// nothingDead checks that index and miners have nothing but what belongs to files.
func (b *bench) nothingDead(t testing.TB, files ...file) {
	t.Helper()
	live, known := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		live[f.seg.ID] = true
		for _, h := range b.held(t, f) {
			known[string(h.Holder)+h.Replica] = true
		}
	}
	for seg, err := range b.Index.AllSegments(t.Context()) {
		if err != nil || !live[seg.ID] {
			t.Fatalf("segment %s is there still, %v", seg.ID, err)
		}
	}
	for a, err := range b.Index.AllHolders(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for h, err := range b.Index.Holdings(t.Context(), a) {
			if err != nil || !live[h.Hash] {
				t.Fatalf("%s holds %s still, %v", a, h.Hash, err)
			}
		}
	}
	for _, n := range b.Neurons() {
		m := b.miner(t, n.Hotkey)
		for _, hash := range m.Holds() {
			if !known[string(n.Hotkey)+hash] && b.clock().Before(b.ends[hash]) { // else it deletes it by itself
				t.Fatalf("%s has %s still, of nothing", n.Hotkey, hash)
			}
		}
	}
}

func TestExpiredObjectsEnd(t *testing.T) {
	b := newBench(t, 10, config())
	f, g := b.put(t, 5000, fourOfEight, time.Hour), b.put(t, 5000, fourOfEight, 100*time.Hour)
	b.wait(2 * time.Hour)
	b.calm(t)
	if _, err := b.Index.Object(t.Context(), b.owner.Address(), f.cid); err == nil {
		t.Fatal("it is still there")
	}
	b.whole(t, g)
	b.read(t, g)
	b.nothingDead(t, g)
}

func TestIdleUploadsEnd(t *testing.T) {
	b := newBench(t, 10, config())
	data := bytes.Repeat([]byte{5}, 5000)
	seg, _, err := b.fleet.StoreSegment(t.Context(), fleet.SegmentSpec{
		Owner: b.owner.Address(), Upload: [16]byte{99}, Size: 5000, Scheme: fourOfEight, Secret: envelope.ShardSecret{7}, TTL: 1000 * time.Hour,
	}, bytes.NewReader(data), func(erasure.Root) error { return nil }, b.Neurons())
	if err != nil {
		t.Fatal(err)
	}
	b.pass(t)
	b.wait(23 * time.Hour)
	if err := b.Upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Index.Segment(t.Context(), seg.ID); err != nil {
		t.Fatal(err)
	}
	b.wait(2 * time.Hour)
	b.calm(t)
	b.nothingDead(t)
}

// What is needed for longer than its shards are kept is renewed in time, and what is
// needed for ever for ever.
func TestShardsAreRenewed(t *testing.T) {
	b := newBench(t, 10, config())
	f, g := b.put(t, 5000, fourOfEight, 48*time.Hour), b.put(t, 5000, fourOfEight, 0)
	if err := b.Index.RenewObject(t.Context(), b.owner.Address(), f.cid, b.clock(), 90*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 80 {
		b.pass(t)
		b.wait(24 * time.Hour)
		if err := b.Upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.whole(t, f)
	b.whole(t, g)
	s, err := b.Status(t.Context())
	if err != nil || s.Stored > 0 {
		t.Errorf("%+v, %v: shards were made anew instead", s, err)
	}
	b.wait(11 * 24 * time.Hour)
	b.calm(t)
	b.nothingDead(t, g)
}

// A chunk of the reference's way is brought back to three holders, and the one that
// is replaced is told to delete it.
func TestChunks(t *testing.T) {
	b := newBench(t, 8, config())
	data := bytes.Repeat([]byte("chunk"), 1000)
	d := fleet.NewDatum(data)
	for _, n := range b.Neurons()[:3] {
		if o := b.fleet.Store(t.Context(), n, d, index.User, 100*time.Hour); !o.OK() {
			t.Fatal(o.Err)
		}
	}
	f := index.File{CID: "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", Size: 5000, Stored: b.clock(), Chunks: []index.Chunk{{Hash: d.Hash(), Size: 5000}}}
	if err := b.Index.PutFile(t.Context(), f, index.Ownership{Owner: b.owner.Address(), Stored: b.clock(), TTL: 100 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	b.pass(t)
	holders := func() int {
		all, err := b.Index.Holders(t.Context(), d.Hash())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	b.replace(b.Miners[0].Hotkey())
	b.Miners[1].Behave(fleettest.Failing)
	b.pass(t)
	b.wait(2 * time.Hour)
	b.pass(t)
	if n := holders(); n != 3 {
		t.Fatalf("%d holders", n)
	}
	if n := b.drops(t, b.Miners[1].Hotkey()); n != 1 {
		t.Errorf("%d drops", n)
	}
	if _, err := b.Leave(t.Context(), b.Miners[2].Hotkey()); err != nil {
		t.Fatal(err)
	}
	b.pass(t)
	if h, err := b.Index.Holding(t.Context(), b.Miners[2].Hotkey(), d.Hash()); err == nil || holders() != 3 {
		t.Errorf("%+v, %d holders", h, holders())
	}
	got, _, err := b.fleet.Fetch(t.Context(), f.Chunks[0])
	if err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
}

// A random shard moves to a miner that had none, and its old one ends.
func TestDistribute(t *testing.T) {
	b := newBench(t, 12, config())
	f := b.put(t, 5000, fourOfEight, 100*time.Hour)
	b.pass(t)
	before := b.held(t, f)
	if err := b.Distribute(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.whole(t, f)
	now := b.held(t, f)
	moved := 0
	for _, h := range now {
		old := false
		for _, was := range before {
			old = old || was.Holder == h.Holder
		}
		if !old {
			moved++
		}
	}
	if moved != 1 || len(now) != len(before) {
		t.Fatalf("%d of %d moved", moved, len(now))
	}
	b.read(t, f)
}
