package gateway_test

import (
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
)

// What was acknowledged with fewer shards than it should have gets them as soon as
// miners take them.
func TestShortSegmentsAreCompleted(t *testing.T) {
	n := newNatively(t, 10, gateway.Config{})
	for _, m := range n.Miners[:3] {
		m.Behave(fleettest.Stuck, "PutShard")
	}
	n.store(t, noise(200_000), time.Hour)
	before := n.held(t)
	if len(before) < 4 || len(before) > 7 {
		t.Fatalf("%d shards while three miners stand still", len(before))
	}
	for _, m := range n.Miners {
		m.Behave(fleettest.Honest, "PutShard")
	}
	n.Complete(t.Context())
	after, miners := map[int]bool{}, map[string]bool{}
	for _, h := range n.held(t) {
		after[h.Number], miners[string(h.Holder)] = true, true
		if h.Stored.Add(h.TTL).Before(before[0].Stored.Add(before[0].TTL).Add(-2 * time.Second)) {
			t.Errorf("shard %d ends early: %v after %v", h.Number, h.TTL, h.Stored)
		}
	}
	if len(after) != 8 || len(miners) != 8 {
		t.Fatalf("%d shards at %d miners", len(after), len(miners))
	}
	n.Complete(t.Context()) // there is nothing to do any more
	if len(n.held(t)) != 8 {
		t.Fatal("more than all")
	}
}

// held are the shards of the one segment there is.
func (n *natively) held(t *testing.T) (all []index.Holding) {
	t.Helper()
	for seg, err := range n.Index.AllSegments(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if all, err = n.Index.Shards(t.Context(), seg.ID); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
