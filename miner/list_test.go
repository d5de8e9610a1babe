package miner_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// putLabelled hands a shard over with a label.
func (a asker) putLabelled(n *node, data []byte, label string) *shardDeal {
	a.t.Helper()
	d := newShardDeal(a.t, a.key, n.peer.Hotkey, data)
	msg, body := d.put(a.t)
	if _, err := a.send(n, msg, bodyOf(append(body, label...))); err != nil {
		a.t.Fatalf("a label of %d bytes: %v", len(label), err)
	}
	return d
}

// list is all that the miner lists, by root, in pages of so many.
func (a asker) list(n *node, msg wire.ListShards) map[string]wire.ListedShard {
	a.t.Helper()
	all := map[string]wire.ListedShard{}
	for {
		if err := a.call(n, &msg); err != nil {
			a.t.Fatal(err)
		}
		page, err := wire.ParseShardList(msg.Shards)
		if err != nil || int64(len(page)) > msg.Limit {
			a.t.Fatalf("%d shards, %v", len(page), err)
		}
		if len(page) == 0 {
			return all
		}
		for _, l := range page {
			p, err := receipt.ParsePledge(l.Pledge)
			if err != nil || p.VerifyAsker(l.Asked) != nil || p.VerifyMiner(l.Receipt) != nil || p.Asker != a.key.Address() {
				a.t.Fatalf("%+v, %v", p, err)
			}
			msg.After = p.Hash.String()
			all[msg.After] = l
		}
	}
}

// TestLabelsComeBackInLists: after restarts, renewals, and when the shard is
// handed over again or pledged anew without a word about its label.
func TestLabelsComeBackInLists(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a, other := newAsker(t, "//Alice"), newAsker(t, "//Other")
	labels := map[string]string{}
	var deals []*shardDeal
	for i, label := range []string{"", "x", strings.Repeat("l", wire.MaxLabel), "renewed", "again", "pledged", "replaced"} {
		d := a.putLabelled(n, vectorData("", "listed", 70_000+i), label)
		labels[d.hash()], deals = label, append(deals, d)
	}
	other.putLabelled(n, deals[1].data, "another's")
	a.renew(n, deals[3], time.Hour)
	a.putShard(n, deals[4])
	if err := a.call(n, deals[5].tagsMsg(t)); err != nil {
		t.Fatal(err)
	}
	msg, body := deals[6].put(t)
	if _, err := a.send(n, msg, bodyOf(append(body, "by this"...))); err != nil {
		t.Fatal(err)
	}
	labels[deals[6].hash()] = "by this"
	for range 2 {
		for _, limit := range []int64{1, 3, wire.MaxListed} {
			all := a.list(n, wire.ListShards{Limit: limit})
			if len(all) != len(labels) {
				t.Fatalf("%d shards, want %d", len(all), len(labels))
			}
			for hash, label := range labels {
				if l := all[hash]; string(l.Label) != label || l.Damaged {
					t.Errorf("label %q, want %q", l.Label, label)
				}
			}
		}
		n.stop()
		n = start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	}
	for _, d := range deals {
		a.audit(n, &deal{a.key, d.key, d.tags, mustPledge(t, a.list(n, wire.ListShards{Limit: 100})[d.hash()])})
	}
	if all := newAsker(t, "//Nobody").list(n, wire.ListShards{Limit: 10}); len(all) > 0 {
		t.Errorf("%d shards of somebody who has none", len(all))
	}
}

func mustPledge(t *testing.T, l wire.ListedShard) receipt.Pledge {
	t.Helper()
	p, err := receipt.ParsePledge(l.Pledge)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestListsSayWhatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a := newAsker(t, "//Alice")
	good, bad := a.putLabelled(n, vectorData("", "good", 100_000), "good"), a.putLabelled(n, vectorData("", "bad", 100_000), "bad")
	name := hex.EncodeToString(bad.pledge.Hash[:])
	path := filepath.Join(dir, "data", "content", name[:2], name)
	if err := os.WriteFile(path, bytes.Repeat([]byte{1}, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Scrub().Trigger(t.Context()); err != nil {
		t.Fatal(err)
	}
	damaged := a.list(n, wire.ListShards{Limit: 1, Damaged: true})
	if len(damaged) != 1 || string(damaged[bad.hash()].Label) != "bad" {
		t.Errorf("%v are damaged", damaged)
	}
	if all := a.list(n, wire.ListShards{Limit: 10}); len(all) != 2 || all[good.hash()].Damaged || !all[bad.hash()].Damaged {
		t.Errorf("%v", all)
	}
}

func TestListsThatAreNoneAreRefused(t *testing.T) {
	n := startBehind(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0, wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: 5})
	a := newAsker(t, "//Alice")
	for i, c := range []struct {
		msg  wire.ListShards
		want int
	}{
		{wire.ListShards{Limit: 0}, wire.StatusBadRequest}, {wire.ListShards{Limit: wire.MaxListed + 1}, wire.StatusBadRequest},
		{wire.ListShards{Limit: 1, After: "x"}, wire.StatusBadRequest}, {wire.ListShards{Limit: 1, After: "-1"}, wire.StatusBadRequest},
		{wire.ListShards{Limit: 1, After: "7"}, wire.StatusOK}, {wire.ListShards{Limit: 1}, wire.StatusTooMany},
	} {
		if err := a.call(n, &c.msg); wire.StatusOf(err) != c.want {
			t.Errorf("%d: %v, want status %d", i, err, c.want)
		}
	}
}
