package fleet_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/receipt"
)

// A put of what is there already is cut off after miners have replaced their
// pledges: their audits go on under the later ones, and nobody has failed.
func TestAuditsGoOnUnderALaterPledge(t *testing.T) {
	data := noise(9, 300_000)
	s := newShards(t, 8, fleet.Config{Spare: -1})
	seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
	for _, m := range s.Miners {
		m.Behave(fleettest.Liar, "PutShard")
	}
	for range 25 { // chance decides which miners are sent the shard that they have
		s.places-- // the same place again
		candidates := s.Neurons()
		rand.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
		spec := s.spec(t, data, seg.Scheme)
		spec.TTL *= 2
		_, _, err := s.StoreSegment(t.Context(), spec, bytes.NewReader(data), func(erasure.Root) error { return nil }, candidates)
		if !errors.Is(err, fleet.ErrShort) {
			t.Fatal(err)
		}
	}
	later := 0
	for _, h := range s.held(t, seg) {
		n, _ := s.Metagraph().ByHotkey(h.Holder)
		var last fleet.Outcome
		for range 2 {
			h, err := s.Index.Holding(t.Context(), h.Holder, h.Hash)
			if err != nil {
				t.Fatal(err)
			}
			q, err := s.Question(t.Context(), n, h, chain.Block{Number: 9}, fleet.TaskChallenge)
			if err != nil || !q.Native() {
				t.Fatal(q, err)
			}
			if p, err := receipt.ParsePledge(h.Native.Pledge); err != nil || p.Until.Sub(h.Stored.Add(h.TTL)).Abs() > time.Second {
				t.Errorf("the index has it end %v, the pledge %v, %v", h.Stored.Add(h.TTL), p.Until, err)
			}
			if last = s.Ask(t.Context(), n, q); last.OK() {
				break
			}
			if later++; !last.Void {
				t.Fatalf("%s has failed: %v", h.Holder, last.Err)
			}
		}
		if !last.OK() {
			t.Errorf("%s is not audited any more: %v", h.Holder, last.Err)
		}
	}
	if later == 0 {
		t.Error("no miner has a later pledge: nothing was tested")
	}
	// Who has none is not believed.
	h := s.held(t, seg)[0]
	n, _ := s.Metagraph().ByHotkey(h.Holder)
	q, err := s.Question(t.Context(), n, h, chain.Block{Number: 9}, fleet.TaskChallenge)
	if err != nil {
		t.Fatal(err)
	}
	s.miner(t, h).Behave(fleettest.Conflicting, "Audit")
	if o := s.Ask(t.Context(), n, q); o.OK() || o.Void {
		t.Errorf("a conflict without a later pledge: %+v", o)
	}
}
