package synapse

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A trail takes what a full memory of the session takes, except what is too
// far below the highest, and nothing twice.
func TestTrail(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, start := range []uint64{1, uint64(overtaking), timedNonce} {
		tr, used, highest := begunAt(start), map[uint64]bool{start: true}, start
		for range 20_000 {
			nonce := highest + 5 - random.Uint64N(min(highest, 20))
			if random.IntN(50) == 0 {
				nonce = highest + random.Uint64N(uint64(overtaking))
			}
			switch taken := tr.takes(nonce); {
			case taken && used[nonce]:
				t.Fatalf("%d was taken twice", nonce)
			case !taken && !used[nonce] && nonce+10 > highest && nonce > 0:
				t.Fatalf("%d was not taken after %d", nonce, highest)
			case taken:
				tr.take(nonce)
				used[nonce], highest = true, max(highest, nonce)
			}
			if len(tr.used) > maxUsed || tr.highest != highest || tr.takes(highest) {
				t.Fatalf("%+v, highest %d", tr, highest)
			}
		}
	}
}

func TestTrailEnds(t *testing.T) {
	tr := endedAt(100)
	for nonce, want := range map[uint64]bool{0: false, 99: false, 100: false, 101: true} {
		if tr.takes(nonce) != want {
			t.Errorf("%d is taken: %t", nonce, !want)
		}
	}
	tr.take(100 + uint64(overtaking) + 50)
	for nonce, want := range map[uint64]bool{150: false, 151: true} {
		if tr.takes(nonce) != want {
			t.Errorf("%d is taken: %t, after a high one", nonce, !want)
		}
	}
}

// What was in flight at the same time, of one dendrite, is let in once each,
// also once an overtaken one was and the server was started anew.
func TestNoncesInAnyOrder(t *testing.T) {
	path, c := t.TempDir()+"/nonces", newClock()
	n := nonceTable(t, path, c)
	c.add(time.Minute)
	for kind, first := range map[string]uint64{"monotonic": 1000, "timed": uint64(c.now().UnixNano()) - 100} {
		var taken atomic.Int64
		var group sync.WaitGroup
		for i := range uint64(80) { // each of 40 twice
			group.Go(func() {
				if n.send(kind, 722, first+i%40, true) == nil {
					taken.Add(1)
				}
			})
		}
		if group.Wait(); taken.Load() != 40 {
			t.Errorf("%s: of 40 requests %d were let in", kind, taken.Load())
		}
	}
	expect(t, n.send("gap", 722, 5000, true), 200, "monotonic, early")
	n = nonceTable(t, path, c)
	for i := range uint64(40) {
		expect(t, n.send("monotonic", 722, 1000+i, true), 401, "after a restart: %d", i)
		expect(t, n.send("timed", 722, uint64(c.now().UnixNano())-100+i, true), 401, "after a restart: %d, timed", i)
	}
	expect(t, n.send("gap", 722, 4999, true), 401, "below what the file has")
}
