package miner_test

import (
	"testing"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wire"
)

// A shard goes with the pledge that its asker names, renewed or not, and stays if it
// was handed over again since. Nobody drops another's.
func TestShardsAreDroppedByTheirPledge(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a, b := newAsker(t, "//Alice"), newAsker(t, "//Bob2")
	data := vectorData("", "shard", 100_000)
	first := saltedShardDeal(t, a.key, n.peer.Hotkey, data, [16]byte{1})
	second := saltedShardDeal(t, a.key, n.peer.Hotkey, data, [16]byte{2})
	drop := func(who asker, d *shardDeal) bool {
		t.Helper()
		msg := &wire.DropShard{Hash: d.hash(), Salt: d.pledge.Salt[:]}
		if err := who.call(n, msg); err != nil {
			t.Fatal(err)
		}
		return msg.Dropped
	}
	a.putShard(n, first)
	a.putShard(n, second)
	if drop(a, first) {
		t.Error("a shard is dropped that was handed over again")
	}
	a.audit(n, &second.deal)
	drop(b, second) // has none, so it is gone
	a.audit(n, &second.deal)
	a.renew(n, second, 3600e9)
	for range 2 {
		if !drop(a, second) {
			t.Error("a shard is not dropped")
		}
	}
	if s := n.Stats(); s.Bytes != 0 || s.Records != 0 {
		t.Errorf("stats %+v", s)
	}
}
