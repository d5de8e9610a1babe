package repair_test

import (
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/receipt"
)

// A miner that leaves is given nothing new, everything is moved from it at the cost
// of one shard each, and then it gets its receipt.
func TestAMinerLeaves(t *testing.T) {
	cfg := config()
	cfg.Settle = time.Minute
	b := newBench(t, 12, cfg)
	var files []file
	for i := range 6 {
		files = append(files, b.exact(t, b.put(t, 10_000*(i+1), fourOfEight, 100*time.Hour)))
	}
	b.pass(t)
	m := b.miner(t, b.held(t, files[0])[0].Holder)
	d, err := b.Leave(t.Context(), m.Hotkey())
	if err != nil || d.Shards == 0 || d.Bytes == 0 || d.Exit != nil {
		t.Fatalf("%+v, %v", d, err)
	}
	began := d
	b.start(cfg) // it is remembered
	b.pass(t)
	files = append(files, b.put(t, 5000, fourOfEight, 100*time.Hour))
	for _, h := range b.held(t, files[6]) {
		if h.Holder == m.Hotkey() {
			t.Error("it is given new data")
		}
	}
	s, err := b.Status(t.Context())
	if err != nil || s.Fetched != began.Bytes || s.Stored != began.Bytes || len(s.Drains) != 1 || s.Drains[0].Shards != 0 {
		t.Errorf("%+v, %v: to move %d bytes", s, err, began.Bytes)
	}
	b.wait(2 * time.Minute)
	d, err = b.Leave(t.Context(), m.Hotkey())
	if err != nil || d.Shards != 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	exit, err := receipt.ParseExit(d.Exit)
	if err != nil {
		t.Fatal(err)
	}
	if err := exit.Verify(d.Signature); err != nil || exit.Miner != m.Hotkey() || exit.Validator != b.Asker.Address() || exit.Shards != began.Shards || exit.Bytes != began.Bytes {
		t.Fatalf("%+v, %v", exit, err)
	}
	if again, err := b.Leave(t.Context(), m.Hotkey()); err != nil || string(again.Exit) != string(d.Exit) {
		t.Errorf("another receipt: %+v, %v", again, err)
	}
	m.Behave(fleettest.Failing)
	for _, f := range files {
		b.whole(t, f)
		b.read(t, f)
	}
	if err := b.Stay(t.Context(), m.Hotkey()); err != nil {
		t.Fatal(err)
	}
	if s, err := b.Status(t.Context()); err != nil || len(s.Drains) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// One that leaves and gives nothing back any more is replaced from the others, and
// one that loses its UID has left without a receipt.
func TestAMinerLeavesWithoutGivingBack(t *testing.T) {
	b := newBench(t, 12, config())
	f := b.exact(t, b.put(t, 50_000, fourOfEight, 100*time.Hour))
	b.pass(t)
	m, other := b.miner(t, b.held(t, f)[0].Holder), b.miner(t, b.held(t, f)[1].Holder)
	m.Behave(fleettest.Failing, "GetShard")
	for _, a := range []*fleettest.Miner{m, other} {
		if _, err := b.Leave(t.Context(), a.Hotkey()); err != nil {
			t.Fatal(err)
		}
	}
	b.replace(other.Hotkey())
	b.pass(t)
	b.pass(t)
	b.whole(t, f)
	s, err := b.Status(t.Context())
	if err != nil || len(s.Drains) != 1 || s.Drains[0].Hotkey != m.Hotkey() || s.Drains[0].Shards != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Without anybody to take what it has it stays needed.
func TestAMinerCannotLeave(t *testing.T) {
	b := newBench(t, 8, config())
	f := b.exact(t, b.put(t, 50_000, fourOfEight, 100*time.Hour))
	b.pass(t)
	d, err := b.Leave(t.Context(), b.Miners[0].Hotkey())
	if err != nil {
		t.Fatal(err)
	}
	b.pass(t)
	b.wait(time.Hour)
	b.pass(t)
	if d, err = b.Leave(t.Context(), b.Miners[0].Hotkey()); err != nil || d.Shards != 1 || d.Exit != nil {
		t.Errorf("%+v, %v", d, err)
	}
	b.whole(t, f)
	s, err := b.Status(t.Context())
	if err != nil || len(s.Queue) != 1 || s.Oldest.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
}
