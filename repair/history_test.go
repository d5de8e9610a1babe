package repair_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// history is a random course of things.
type history struct {
	*bench
	r     *rand.Rand
	files []file
	ends  map[string]time.Time // of files, by CID
	off   map[wallet.Address]bool
}

// Whatever happens to miners and files, as long as no more miners are away at a time
// than a segment can lose: nothing live is lost, and nothing dead stays.
func TestHistories(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		h := &history{bench: newBench(t, 13, config()), r: rand.New(rand.NewPCG(seed, 0)), ends: map[string]time.Time{}, off: map[wallet.Address]bool{}}
		for range 50 {
			h.step(t)
		}
		h.comeBack(t, len(h.off))
		h.calm(t)
		h.calm(t)
		h.forgetOver()
		for _, f := range h.files {
			h.whole(t, f)
			h.read(t, f)
		}
		h.nothingDead(t, h.files...)
	}
}

// step is one thing that happens.
func (h *history) step(t *testing.T) {
	t.Helper()
	switch h.r.IntN(10) {
	case 0, 1, 2:
		ttl := time.Duration(1+h.r.IntN(200)) * time.Hour
		f := h.put(t, 1+h.r.IntN(40_000), fourOfEight, ttl)
		h.files, h.ends[f.cid] = append(h.files, f), h.clock().Add(ttl)
	case 3:
		h.remove(t)
	case 4, 5:
		h.goAway(t)
	case 6:
		h.comeBack(t, 1)
	case 7:
		h.wait(time.Duration(h.r.IntN(8)) * time.Hour)
	case 8:
		for _, err := range []error{h.Upkeep(t.Context()), h.Sweep(t.Context()), h.TellDrops(t.Context()), h.Distribute(t.Context())} {
			if err != nil {
				t.Fatal(err)
			}
		}
	case 9:
		if len(h.newcomers) > 0 {
			h.settled(t)
			h.replace(h.Neurons()[h.r.IntN(13)].Hotkey)
		}
	}
	h.pass(t)
	h.forgetOver()
	for _, f := range h.files {
		h.read(t, f)
	}
}

// settled has everything be repaired that is due.
func (h *history) settled(t *testing.T) {
	t.Helper()
	h.pass(t)
	h.wait(2 * time.Hour)
	h.pass(t)
}

// forgetOver forgets the files whose time is over, or nearly.
func (h *history) forgetOver() {
	h.files = slices.DeleteFunc(h.files, func(f file) bool { return !h.ends[f.cid].After(h.clock().Add(time.Minute)) })
}

// remove deletes a file as a gateway does, which perhaps does not get to the end
// of it.
func (h *history) remove(t *testing.T) {
	t.Helper()
	if len(h.files) == 0 {
		return
	}
	at := h.r.IntN(len(h.files))
	o := index.ObjectName{Owner: h.owner.Address(), CID: h.files[at].cid}
	if _, err := h.Index.RemoveObject(t.Context(), o.Owner, o.CID); err != nil {
		t.Fatal(err)
	}
	if h.r.IntN(2) == 0 {
		if err := h.Index.EndLeft(t.Context(), o, time.Nanosecond, nil); err != nil {
			t.Fatal(err)
		}
	}
	h.files = slices.Delete(h.files, at, at+1)
}

// goAway has a miner be silent, and perhaps lose everything.
func (h *history) goAway(t *testing.T) {
	t.Helper()
	if len(h.off) >= 2 {
		return
	}
	h.settled(t)
	m := h.miner(t, h.Neurons()[h.r.IntN(13)].Hotkey)
	if h.r.IntN(2) == 0 {
		h.lose(t, m)
	}
	m.Behave(fleettest.Failing)
	h.off[m.Hotkey()] = true
}

// comeBack has miners answer again. What they have lost their audits show.
func (h *history) comeBack(t *testing.T, n int) {
	t.Helper()
	for a := range h.off {
		if n--; n < 0 {
			return
		}
		delete(h.off, a)
		m := h.miner(t, a)
		m.Behave(fleettest.Honest)
		for x, err := range h.Index.Holdings(t.Context(), a, index.KindShard) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Bytes(x.Replica) == nil {
				h.audited(t, x, false)
				h.pass(t)
				h.audited(t, index.Holding{Holder: a, Hash: "1"}, true) // of random data
			}
		}
	}
}
