package repair_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

var fourOfEight = erasure.Scheme{Data: 4, Total: 8}

// Any four of eight go at once.
func TestFourOfEightAreMadeAnew(t *testing.T) {
	for name, kill := range map[string]func(*bench, *fleettest.Miner){
		"replaced": func(b *bench, m *fleettest.Miner) { b.replace(m.Hotkey()) },
		"silent": func(b *bench, m *fleettest.Miner) {
			b.lose(t, m)
			m.Behave(fleettest.Failing)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 12, config())
			var files []file
			for range 5 {
				files = append(files, b.exact(t, b.put(t, 5000+rand.IntN(300_000), fourOfEight, 24*time.Hour)))
			}
			b.pass(t)
			held := b.held(t, files[0])
			for _, i := range rand.Perm(len(held))[:4] {
				kill(b, b.miner(t, held[i].Holder))
			}
			b.pass(t)
			b.wait(2 * time.Hour)
			b.pass(t)
			for _, f := range files {
				b.whole(t, f)
				b.read(t, f)
				if held := b.held(t, f); len(held) > 10 {
					t.Errorf("%d holdings are left", len(held))
				}
			}
			s, err := b.Status(t.Context())
			if err != nil || len(s.Queue) > 0 || s.Lost > 0 || s.Stored == 0 || s.Segments != 5 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// Ten miners, and two that are free: four that come back empty get theirs again
// once their audits have shown it.
func TestMinersThatComeBackEmptyAreFilledAgain(t *testing.T) {
	b := newBench(t, 10, config())
	f := b.put(t, 100_000, fourOfEight, 24*time.Hour)
	held := b.held(t, f)
	for _, h := range held[:4] {
		m := b.miner(t, h.Holder)
		b.lose(t, m)
		m.Behave(fleettest.Failing)
	}
	b.pass(t)
	b.wait(2 * time.Hour)
	b.pass(t)
	if n := b.numbers(t, f); n != 6 {
		t.Fatalf("%d are held by ten miners of which four are down", n)
	}
	for _, h := range held[:4] {
		b.miner(t, h.Holder).Behave(fleettest.Honest)
	}
	b.pass(t)
	for _, h := range b.held(t, f) {
		if b.miner(t, h.Holder).Bytes(h.Replica) == nil {
			b.audited(t, h, false)
		}
	}
	b.wait(2 * time.Hour)
	b.pass(t)
	b.whole(t, f)
	b.read(t, f)
}

// One after the other, thirty times over all miners, with repair between.
func TestThirtyRoundsOfLosses(t *testing.T) {
	b := newBench(t, 10, config())
	var files []file
	for i := range 4 {
		files = append(files, b.put(t, 1000+10_000*i, fourOfEight, 0))
	}
	files = append(files, b.put(t, 2000, erasure.Scheme{Data: 1, Total: 3}, 0))
	for round := range 30 {
		m := b.Miners[round%10]
		b.lose(t, m)
		m.Behave(fleettest.Failing)
		b.pass(t)
		b.wait(2 * time.Hour)
		b.pass(t)
		for _, f := range files {
			b.whole(t, f)
			b.read(t, f)
		}
		m.Behave(fleettest.Honest)
		b.pass(t)
	}
}

// A shard whose audit has failed counts as lost at once, and no other one of its
// miner does.
func TestAFailedAudit(t *testing.T) {
	b := newBench(t, 10, config())
	f, other := b.put(t, 50_000, fourOfEight, 24*time.Hour), b.put(t, 50_000, erasure.Scheme{Data: 4, Total: 10}, 24*time.Hour)
	b.pass(t)
	bad := b.held(t, f)[3]
	b.audited(t, bad, false)
	b.pass(t)
	held := b.held(t, f)
	for _, h := range held {
		if h.Holder == bad.Holder {
			t.Error("it is still relied on")
		}
	}
	b.whole(t, f)
	if n := b.drops(t, bad.Holder); n != 1 {
		t.Errorf("%d drops", n)
	}
	b.whole(t, other)
	b.settle()
	if err := b.TellDrops(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.miner(t, bad.Holder).Bytes(bad.Replica) != nil {
		t.Error("the miner still has it")
	}
}

// What a miner says itself that it has lost is made anew.
func TestDamageThatAMinerKnowsOf(t *testing.T) {
	b := newBench(t, 10, config())
	f := b.exact(t, b.put(t, 50_000, fourOfEight, 24*time.Hour))
	b.pass(t)
	bad := b.held(t, f)[3]
	b.miner(t, bad.Holder).Behave(fleettest.Honest, "ListShards")
	b.miner(t, bad.Holder).Damage(bad.Replica)
	if err := b.AskDamage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := b.Status(t.Context()); err != nil || s.Failed != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	b.pass(t)
	b.whole(t, f)
	if n := b.drops(t, bad.Holder); n != 1 {
		t.Errorf("%d drops", n)
	}
}

// Who fails all its audits is not believed to have anything.
func TestStrikes(t *testing.T) {
	b := newBench(t, 10, config())
	a, c := b.put(t, 50_000, fourOfEight, 24*time.Hour), b.put(t, 50_000, fourOfEight, 24*time.Hour)
	bad := b.held(t, a)[0]
	other := slices.DeleteFunc(b.held(t, c), func(h index.Holding) bool { return h.Holder != bad.Holder })
	for range 3 {
		b.audited(t, bad, false)
	}
	b.pass(t)
	for _, f := range []file{a, c} {
		b.whole(t, f)
		for _, h := range b.held(t, f) {
			if h.Holder == bad.Holder {
				t.Errorf("it is still relied on; it had %d of the other", len(other))
			}
		}
	}
	s, err := b.Status(t.Context())
	if err != nil || len(s.Miners) != 1 || s.Miners[0].Hotkey != bad.Holder {
		t.Errorf("%+v, %v", s, err)
	}
}

// What a miner was told to delete while it could not be reached it is told when it
// is back.
func TestDropsReachAMinerThatComesBack(t *testing.T) {
	b := newBench(t, 10, config())
	f := b.put(t, 50_000, fourOfEight, 24*time.Hour)
	h := b.held(t, f)[0]
	m := b.miner(t, h.Holder)
	m.Behave(fleettest.Failing)
	b.pass(t)
	b.wait(2 * time.Hour)
	b.pass(t)
	b.whole(t, f)
	if n := b.drops(t, h.Holder); n != 1 || m.Bytes(h.Replica) == nil {
		t.Fatalf("%d drops", n)
	}
	if err := b.TellDrops(t.Context()); err != nil || m.Asked("Delete") > 0 {
		t.Fatal("it is told while it is silent", err)
	}
	m.Behave(fleettest.Honest)
	b.pass(t)
	b.settle()
	if err := b.TellDrops(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.drops(t, h.Holder); n != 0 || m.Bytes(h.Replica) != nil {
		t.Fatalf("%d drops are left", n)
	}
}

// Not to be reached ourselves is nobody's fault.
func TestCutOff(t *testing.T) {
	b := newBench(t, 10, config())
	f := b.put(t, 50_000, fourOfEight, 24*time.Hour)
	for _, m := range b.Miners {
		m.Behave(fleettest.Failing)
	}
	for range 5 {
		b.pass(t)
		b.wait(time.Hour)
	}
	s, err := b.Status(t.Context())
	if err != nil || len(s.Miners) > 0 || len(b.held(t, f)) < 8 {
		t.Errorf("%+v, %v", s, err)
	}
}

// The engine waits for margins to be used up where the scheme says so.
func TestRepairWaits(t *testing.T) {
	b := newBench(t, 24, config())
	scheme := erasure.Scheme{Data: 6, Total: 16}
	f := b.put(t, 100_000, scheme, 24*time.Hour)
	held := b.held(t, f)
	for i, h := range held {
		b.replace(h.Holder)
		b.pass(t)
		left := len(held) - i - 1
		if n := b.numbers(t, f); left > scheme.RepairAt() && n != left || left <= scheme.RepairAt() && n != scheme.Total {
			t.Fatalf("%d are held when %d were left, due at %d", n, left, scheme.RepairAt())
		}
		if left == scheme.RepairAt() {
			return
		}
	}
}

// What can lose least is repaired first, of equals what is due for longest.
func TestUrgentFirst(t *testing.T) {
	cfg := config()
	cfg.Parallel = 1
	b := newBench(t, 20, cfg)
	var files []file
	for range 4 {
		files = append(files, b.put(t, 5000, fourOfEight, 24*time.Hour))
	}
	b.pass(t)
	for i, losses := range []int{1, 3, 2, 4} {
		held := b.held(t, files[i])
		for _, h := range held[:len(held)-8+losses] {
			if err := b.Index.RemoveHolding(t.Context(), h.Holder, h.Hash); err != nil {
				t.Fatal(err)
			}
		}
	}
	var order []string
	b.stored = func(segment string) {
		if !slices.Contains(order, segment) {
			order = append(order, segment)
		}
	}
	b.pass(t)
	for i, want := range []int{3, 1, 2, 0} {
		if order[i] != files[want].seg.ID {
			t.Fatalf("file %d is not in place %d", want, i)
		}
		b.whole(t, files[want])
	}
}

// Who is given a shard stands apart from those that have some, if there is such a
// miner.
func TestNewHoldersStandApart(t *testing.T) {
	for range 5 {
		b := newBench(t, 14, config())
		f := b.exact(t, b.put(t, 5000, fourOfEight, 24*time.Hour))
		held := b.held(t, f)
		var apart wallet.Address
		b.Change(func(g *chain.Metagraph) {
			for i, n := range g.Neurons[1:] {
				holder := slices.ContainsFunc(held, func(h index.Holding) bool { return h.Holder == n.Hotkey })
				switch {
				case holder:
					g.Neurons[i+1].Coldkey = "one"
				case apart == "":
					apart, g.Neurons[i+1].Coldkey = n.Hotkey, "another"
				default:
					g.Neurons[i+1].Coldkey = "one"
				}
			}
		})
		b.replace(held[0].Holder)
		b.pass(t)
		b.whole(t, f)
		if _, err := b.Index.Holding(t.Context(), apart, f.seg.ID); err != nil {
			t.Fatal("another one of the same owner was chosen")
		}
	}
}

// What a segment has far too much of ends, but late.
func TestSurplusEndsLate(t *testing.T) {
	b := newBench(t, 14, config())
	f := b.exact(t, b.put(t, 5000, fourOfEight, 24*time.Hour))
	var free []chain.Neuron
	for _, n := range b.Neurons() {
		if _, err := b.Index.Holding(t.Context(), n.Hotkey, f.seg.ID); err != nil {
			free = append(free, n)
		}
	}
	if _, err := b.fleet.RebuildSegment(t.Context(), f.seg, []int{0, 1, 8, 9}, 24*time.Hour, free[:4]); err != nil {
		t.Fatal(err)
	}
	b.pass(t)
	if n := len(b.held(t, f)); n != 12 {
		t.Fatalf("%d are left at once", n)
	}
	b.wait(time.Hour)
	b.pass(t)
	if n := len(b.held(t, f)); n != 10 {
		t.Fatalf("%d are left", n)
	}
	b.whole(t, f)
	b.read(t, f)
}
