package node

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index/indextest"
)

// TestALostDiskComesBackFromTheMiners: whatever has happened, and wherever the process
// died, what was acknowledged before the last pass comes back byte for byte, and what
// was removed does not, with all exports at hand too.
func TestALostDiskComesBackFromTheMiners(t *testing.T) {
	for seed := range uint64(6) {
		net := fleettest.New(t, 4) // whose index on disk is not in the test's time
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 14))
			w := newWorld(t, net)
			for range 40 {
				w.happens(t, r)
			}
			for w.pass(t) {
				w.restart(w.memory)
			}
			w.verify(t, w.ix, false)
			ix, _ := w.rebuild(t, indextest.NewMemory(), true)
			w.verify(t, ix, false)
			ix, report := w.rebuild(t, indextest.NewMemory(), false)
			w.verify(t, ix, false)
			if report.Packs.Missing+report.Objects.Incomplete > 0 || report.Objects.Restored != len(w.there()) {
				t.Errorf("seed %d: %+v, of %d files", seed, report, len(w.there()))
			}
		})
	}
}

// happens lets one thing happen.
func (w *world) happens(t *testing.T, r *rand.Rand) {
	t.Helper()
	there := w.there()
	ttl := time.Duration(1+r.IntN(72)) * time.Hour
	switch n := r.IntN(20); {
	case n < 6:
		n := r.IntN(12) // small files stay small
		w.put(t, n, n%4 > 0, ttl)
	case n < 8 && len(there) > 0:
		w.remove(t, there[r.IntN(len(there))])
	case n < 9 && len(there) > 0:
		w.renew(t, there[r.IntN(len(there))], ttl, r.IntN(2) == 0)
	case n < 11:
		elapse(time.Duration(r.IntN(24)) * time.Hour)
		w.upkeep(t, r.IntN(2) == 0)
	case n < 16:
		if w.pass(t) {
			t.Fatal("a pass failed")
		}
	case n < 18:
		w.dies(r.IntN(40), r.IntN(2) == 0, r.IntN(2) == 0)
		w.pass(t)
		w.restart(w.memory)
	case n < 19: // the disk is lost
		memory := indextest.NewMemory()
		ix, _ := w.rebuild(t, memory, false)
		w.verify(t, ix, true)
		w.restart(memory)
	default: // it is not lost, and is thought to be
		ix, _ := w.rebuild(t, w.memory, true)
		for _, f := range w.files {
			if !f.now.end.After(time.Now()) {
				f.now = state{}
			}
		}
		for cid, f := range w.files {
			if is := w.state(t, ix, cid); is.manifest != f.now.manifest || !is.end.Equal(f.now.end) {
				t.Fatalf("%s until %v, and was until %v", cid, is.end, f.now.end)
			}
		}
	}
}

// TestKilledBetweenAnyTwoSteps of a pass that writes, puts together and drops: an
// index built anew then has exactly what is there.
func TestKilledBetweenAnyTwoSteps(t *testing.T) {
	for _, exchange := range []bool{true, false} { // at an exchange with a miner, or at a commit
		steps := 0
		for died := true; died; steps++ {
			net := fleettest.New(t, 3)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, net)
				for n := range 5 {
					w.put(t, n, n > 0, 24*time.Hour)
					w.pass(t)
				}
				for _, cid := range w.there()[:3] {
					w.remove(t, cid)
				}
				w.put(t, 7, true, 24*time.Hour)
				elapse(2 * time.Hour) // so that a pack is looked at
				w.dies(steps, exchange, steps%2 == 0)
				died = w.pass(t)
				ix, _ := w.rebuild(t, indextest.NewMemory(), false)
				w.verify(t, ix, false)
				w.restart(w.memory)
				if w.pass(t) {
					t.Fatal("the next pass failed")
				}
				ix, report := w.rebuild(t, indextest.NewMemory(), true)
				w.verify(t, ix, false)
				if report.Packs.Missing > 0 || report.Objects.Restored != len(w.there()) {
					t.Fatalf("%d: %+v", steps, report)
				}
			})
			if t.Failed() {
				t.Fatalf("step %d, exchange: %t", steps, exchange)
			}
		}
		if steps < 8 {
			t.Errorf("only %d steps", steps)
		}
		t.Logf("%d steps", steps-1)
	}
}
