package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// TestEveryShardHasATagOfItsMiners: those that were stored, moved, rebuilt and
// renewed; from the manifest's secret and ID alone it can be told which.
func TestEveryShardHasATagOfItsMiners(t *testing.T) {
	s := newShards(t, 6, fleet.Config{})
	seg := s.put(t, noise(1, 300_000), erasure.Scheme{Data: 2, Total: 3})
	s.moveRebuildRenew(t, seg)
	id, err := proof.ParseDigest(seg.ID)
	if err != nil {
		t.Fatal(err)
	}
	secret, tags := envelope.ShardSecret(seg.Secret), map[[32]byte]int{}
	f := fleet.New(fleet.Config{}, deps(s.Net, lister{s.Net, func(_ *wire.ListShards, list []wire.ListedShard) []wire.ListedShard {
		for _, l := range list {
			p, err := receipt.ParsePledge(l.Pledge)
			if err != nil {
				t.Fatal(err)
			}
			miner, err := p.Miner.PublicKey()
			if err != nil {
				t.Fatal(err)
			}
			found, ok := wire.FindingOf(l.Label)
			if !ok || found.Tag != secret.Tag(id, miner) || found.Voucher != secret.Vouch(id, miner, found.Number, p.Hash) {
				t.Errorf("shard %d at %s is not found: %t", found.Number, p.Miner, ok)
			}
			tags[found.Tag]++
		}
		return list
	}}))
	held := s.held(t, seg)
	for _, n := range s.Neurons() {
		all, odd, err := inventory(t, f, n)
		if len(odd) > 0 || err != nil {
			t.Fatal(odd, err)
		}
		for _, found := range all {
			if h := found.Holding(); found.Segment.ID != seg.ID || !slices.ContainsFunc(held, func(k index.Holding) bool {
				return k.Holder == h.Holder && k.Number == h.Number && k.Replica == h.Replica
			}) {
				t.Errorf("%+v", h)
			}
		}
	}
	if len(tags) < 5 { // three were put, one was moved, one rebuilt
		t.Errorf("%d different tags", len(tags))
	}
}

// moveRebuildRenew has one more miner hold a shard in each way there is.
func (s *shards) moveRebuildRenew(t *testing.T, seg index.Segment) {
	t.Helper()
	free := func() (list []chain.Neuron) {
		held := s.held(t, seg)
		for _, n := range s.Neurons() {
			if !slices.ContainsFunc(held, func(h index.Holding) bool { return h.Holder == n.Hotkey }) {
				list = append(list, n)
			}
		}
		return list
	}
	if _, err := s.MoveShard(t.Context(), seg, s.held(t, seg)[0], time.Hour, free()[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RebuildSegment(t.Context(), seg, []int{7}, time.Hour, free()[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RenewSegment(t.Context(), seg.ID, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
}
