package miner_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wire"
)

// labelOf is one that a shard is found by.
func labelOf(f wire.Finding) string {
	return strings.Repeat("l", wire.FindableLabel-wire.FindingSize) + string(f.Encode())
}

func findingOf(tag byte, number int) wire.Finding {
	return wire.Finding{Tag: [32]byte{tag}, Number: number, Voucher: [32]byte{tag, byte(number)}}
}

// find asks for tags and returns what is under each.
func (a asker) find(n *node, tags ...byte) []wire.FoundShard {
	a.t.Helper()
	msg := &wire.FindShards{}
	for _, tag := range tags {
		f := findingOf(tag, 0)
		msg.Tags = append(msg.Tags, f.Tag[:]...)
	}
	body, err := a.send(n, msg, wire.Body{})
	if err != nil || len(body) > 0 {
		a.t.Fatalf("%d bytes, %v", len(body), err)
	}
	list, err := wire.ParseFound(msg.Found, len(tags))
	if err != nil {
		a.t.Fatal(err)
	}
	return list
}

// TestShardsAreFoundAgain: by whoever knows a tag, also after restarts, renewals and
// when they are handed over or pledged anew without a word about it; not what has no
// tag, and nothing that is gone.
func TestShardsAreFoundAgain(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a, owner := newAsker(t, "//Alice"), newAsker(t, "//Owner")
	var want []wire.FoundShard
	var deals []*shardDeal
	for i, size := range []int{70_000, 5, 70_001, 300_000} {
		f := findingOf(byte(i+1), i+20)
		d := a.putLabelled(n, vectorData("", "found", size), labelOf(f))
		deals = append(deals, d)
		want = append(want, wire.FoundShard{Tag: i, Number: i + 20, Root: d.pledge.Hash, Size: int64(size), Voucher: f.Voucher})
	}
	a.putLabelled(n, vectorData("", "other", 70_000), "another label")
	a.renew(n, deals[0], time.Hour)
	a.putShard(n, deals[1])
	if err := a.call(n, deals[2].tagsMsg(t)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := owner.find(n, 1, 2, 3, 4, 5); !slices.Equal(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		if got := owner.find(n, 9, 9, 2); len(got) != 1 || got[0].Tag != 2 || got[0].Root != want[1].Root {
			t.Fatalf("%+v", got)
		}
		n.stop()
		n = start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	}
	owner.getShard(n, deals[3], 0, 0)
	for i, l := range a.list(n, wire.ListShards{Limit: 10}) { // and the label is whole
		if len(l.Label) != wire.FindableLabel && string(l.Label) != "another label" {
			t.Errorf("%s has a label of %d bytes", i, len(l.Label))
		}
	}
	if err := a.call(n, &wire.Delete{DataHash: deals[3].hash()}); err != nil {
		t.Fatal(err)
	}
	if got := owner.find(n, 4); len(got) > 0 {
		t.Errorf("what was deleted: %+v", got)
	}
}

// TestATagIsAcknowledgedWithItsShard: both are on disk before the receipt goes out.
func TestATagIsAcknowledgedWithItsShard(t *testing.T) {
	for _, size := range []int{1000, 300_000} {
		mem, alice := disk(), keypair(t, "//Alice")
		_, _, s := streaming(t, mem, miner.Config{})
		d := newShardDeal(t, alice, keypair(t, "//Bob").Address(), vectorData("", "crash", size))
		f := findingOf(7, 3)
		msg, body := d.put(t)
		if _, err := s.call(t.Context(), alice.Address(), msg, bodyOf(append(body, labelOf(f)...))); err != nil {
			t.Fatal(err)
		}
		left := mem.CrashClone(vfs.CrashCloneCfg{})
		left.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
		_, _, again := streaming(t, left, miner.Config{})
		ask := &wire.FindShards{Tags: f.Tag[:]}
		if _, err := again.call(t.Context(), alice.Address(), ask, wire.Body{}); err != nil {
			t.Fatal(err)
		}
		list, err := wire.ParseFound(ask.Found, 1)
		if err != nil || len(list) != 1 || list[0].Root != d.pledge.Hash || list[0].Number != 3 || list[0].Voucher != f.Voucher {
			t.Errorf("%d bytes: %+v, %v", size, list, err)
		}
	}
}

// TestFindingHasTheRateOfReading: strangers are let in, and get no more than the
// recovery door gives them.
func TestFindingHasTheRateOfReading(t *testing.T) {
	n := startBehind(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0, wire.DoorConfig{})
	owner := newAsker(t, "//Owner")
	for _, tags := range [][]byte{nil, make([]byte, 31), make([]byte, 33), make([]byte, 32*(wire.MaxFindTags+1))} {
		if _, err := owner.send(n, &wire.FindShards{Tags: tags}, wire.Body{}); wire.StatusOf(err) != wire.StatusBadRequest {
			t.Errorf("tags of %d bytes: %v", len(tags), err)
		}
	}
	if got := owner.find(n, bytes.Repeat([]byte{1}, wire.MaxFindTags)...); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	for range 300 - 5 {
		owner.find(n, 1)
	}
	if _, err := owner.send(n, &wire.FindShards{Tags: make([]byte, 32)}, wire.Body{}); wire.StatusOf(err) != wire.StatusTooMany {
		t.Errorf("more than one a second: %v", err)
	}
	if err := newAsker(t, "//Other").call(n, &wire.Store{}); wire.StatusOf(err) != wire.StatusForbidden {
		t.Errorf("a stranger's data: %v", err)
	}
}
