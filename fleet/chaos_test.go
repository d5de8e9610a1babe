package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
)

// Whatever miners do, and wherever their asker gives up: what is acknowledged comes
// back, wrong bytes never do, everything ends in time, and nothing is left running.
func TestSegmentsUnderRandomFailures(t *testing.T) {
	behaviours := []fleettest.Behaviour{
		fleettest.Honest, fleettest.Honest, fleettest.Honest, fleettest.Honest,
		fleettest.Silent, fleettest.Failing, fleettest.Liar, fleettest.Busy, fleettest.Reference, fleettest.Stuck,
	}
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	r := rand.New(rand.NewPCG(1, 2))
	s := newShards(t, 12, fleet.Config{Patience: 5 * time.Millisecond, SegmentHedge: 5 * time.Millisecond, Spare: 2, DeleteTimeout: 200 * time.Millisecond})
	before := runtime.NumGoroutine()
	stored := 0
	for range rounds {
		data := noise(r.Uint64(), 1+r.IntN(2<<20))
		for _, m := range s.Miners {
			m.Behave(behaviours[r.IntN(len(behaviours))], "PutShard")
			m.Behave(fleettest.Honest, "GetShard")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+r.IntN(400))*time.Millisecond)
		start := time.Now()
		neurons := s.Neurons()
		neurons = append([]chain.Neuron(nil), neurons...)
		r.Shuffle(len(neurons), func(i, j int) { neurons[i], neurons[j] = neurons[j], neurons[i] })
		seg, _, err := s.StoreSegment(ctx, s.spec(t, data, erasure.Scheme{Data: 4, Total: 8}), bytes.NewReader(data), func(erasure.Root) error { return nil }, neurons)
		cancel()
		if took := time.Since(start); took > 10*time.Second {
			t.Fatalf("a put took %v", took)
		}
		if err != nil {
			continue
		}
		stored++
		s.check(t, seg, data)
		held := s.held(t, seg)
		for i, h := range held { // as many may fail as there are beyond four
			if i < len(held)-4 {
				s.miner(t, h).Behave(behaviours[r.IntN(len(behaviours))], "GetShard")
			}
		}
		s.check(t, seg, data)
		for _, h := range held {
			s.miner(t, h).Behave(behaviours[r.IntN(len(behaviours))], "GetShard")
		}
		s.giveUp(t, r, seg, data)
	}
	if stored == 0 {
		t.Fatal(errors.New("nothing was stored"))
	}
	settle(t, before)
}

// giveUp gets a segment with any number of failures, and gives up at any point.
func (s *shards) giveUp(t *testing.T, r *rand.Rand, seg index.Segment, data []byte) {
	t.Helper()
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(60))*time.Millisecond)
		got, err := s.get(ctx, seg, 0, seg.Size)
		cancel()
		if !bytes.HasPrefix(data, got) || err == nil && len(got) != len(data) {
			t.Fatalf("%d bytes of %d, not all of them right, %v", len(got), len(data), err)
		}
	}
}

// settle waits until no more goroutines run than before.
func settle(t *testing.T, before int) {
	t.Helper()
	for wait := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(wait) {
			b := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
		}
	}
}
