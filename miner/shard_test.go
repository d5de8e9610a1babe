package miner_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// TestShardsOverTheWire: kept, proven, read in parts and whole, renewed, and all
// of it again after a restart; deleted at the end.
func TestShardsOverTheWire(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a := newAsker(t, "//Alice")
	var deals []*shardDeal
	for _, size := range []int{1, 4097, erasure.Block, erasure.Block + 1, 1<<20 + 3} {
		d := a.giveShard(n, vectorData("", "shard", size))
		a.audit(n, &d.deal)
		deals = append(deals, a.renew(n, d, time.Hour))
	}
	for range 2 {
		for _, d := range deals {
			a.audit(n, &d.deal)
			a.getShard(n, d, 0, 0)
			if len(d.data) > erasure.Block {
				a.getShard(n, d, erasure.Block, erasure.Block)
			}
			a.putShard(n, d) // again: nothing changes
		}
		n.stop()
		n = start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	}
	if s := n.Stats(); s.Objects != int64(len(deals)) || s.Records != s.Objects {
		t.Errorf("stats %+v", s)
	}
	for _, d := range deals {
		if err := a.call(n, &wire.Delete{DataHash: d.hash()}); err != nil {
			t.Error(err)
		}
		for _, msg := range []wire.Message{d.auditMsg(t, d.question()), d.renewMsg(t)} {
			if err := a.call(n, msg); wire.StatusOf(err) != wire.StatusNotFound {
				t.Errorf("%s of what was deleted: %v", msg.Name(), err)
			}
		}
		if _, err := a.send(n, &wire.GetShard{Hash: d.hash()}, wire.Body{}); wire.StatusOf(err) != wire.StatusNotFound {
			t.Errorf("reading what was deleted: %v", err)
		}
	}
	if s := n.Stats(); s.Bytes != 0 || s.Records != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestAShardIsForWhoeverKnowsItsRoot: the owner of a file has no UID and no claim
// here, and comes in by a door with a rate of its own.
func TestAShardIsForWhoeverKnowsItsRoot(t *testing.T) {
	n := startBehind(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0, wire.DoorConfig{})
	gateway, owner := newAsker(t, "//Alice"), newAsker(t, "//Owner")
	d := newShardDeal(t, gateway.key, n.peer.Hotkey, vectorData("", "recovered", 200_000))
	msg, body := d.put(t)
	if _, err := gateway.send(n, msg, bodyOf(body)); wire.StatusOf(err) != wire.StatusForbidden {
		t.Fatalf("a shard of who is not registered: %v", err)
	}
	s := streams{}
	n.RegisterStreams(s) // as if it were
	if _, err := s.call(t.Context(), gateway.key.Address(), msg, bodyOf(body)); err != nil {
		t.Fatal(err)
	}
	owner.getShard(n, d, 0, 0)
	for range 299 {
		owner.getShard(n, d, 3*erasure.Block, 0)
	}
	if _, err := owner.send(n, &wire.GetShard{Hash: d.hash()}, wire.Body{}); wire.StatusOf(err) != wire.StatusTooMany {
		t.Errorf("more than one a second: %v", err)
	}
	gateway.getShard(n, d, 0, erasure.Block)
	if _, err := gateway.send(n, &wire.GetShard{Hash: hashOf(d.data)}, wire.Body{}); wire.StatusOf(err) != wire.StatusNotFound {
		t.Errorf("who does not know the root: %v", err)
	}
}

func TestShardsExpireUnlessTheyAreRenewed(t *testing.T) {
	now := noon
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: func() time.Time { return now }}, 0)
	a := newAsker(t, "//Alice")
	ends, stays := a.giveShard(n, vectorData("", "ends", 100_000)), a.giveShard(n, vectorData("", "stays", 100_000))
	now = now.Add(23 * time.Hour)
	stays = a.renew(n, stays, 24*time.Hour)
	a.renew(n, stays, 0)
	expire := func() {
		t.Helper()
		if err := n.Expiry().Trigger(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	now = noon.Add(24*time.Hour + time.Minute - 1) // of grace
	expire()
	a.audit(n, &ends.deal)
	now = now.Add(1)
	expire()
	if err := a.call(n, ends.auditMsg(t, ends.question())); wire.StatusOf(err) != wire.StatusNotFound {
		t.Errorf("what has ended: %v", err)
	}
	a.getShard(n, stays, 0, 0)
	now = noon.Add(48*time.Hour + time.Minute)
	expire()
	if s := n.Stats(); s.Records != 0 || s.Bytes != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestScrubFindsWhatTheDiskLost: before an audit does. What is known to be
// damaged is neither proven, read out nor pledged again, until it is put again.
func TestScrubFindsWhatTheDiskLost(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{ScrubRate: 1 << 40}, miner.Deps{Now: atNoon}, 0)
	a := newAsker(t, "//Alice")
	d, whole := a.giveShard(n, vectorData("", "rot", 300_000)), a.giveShard(n, vectorData("", "whole", 100_000))
	h := d.pledge.Hash
	path := filepath.Join(dir, "data", "content", hex.EncodeToString(h[:1]), hex.EncodeToString(h[:]))
	bad := append([]byte{}, d.data...)
	bad[200_000] ^= 4
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Scrub().Trigger(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := n.Damaged(t.Context())
	if err != nil || len(list) != 1 || list[0].Hash != d.hash() || !list[0].Shard {
		t.Fatalf("damaged: %+v, %v", list, err)
	}
	if s := n.Stats(); s.Rot != 1 || s.LastScrub != noon {
		t.Errorf("stats %+v", s)
	}
	damaged := func(what string, err error) {
		t.Helper()
		if wire.StatusOf(err) != wire.StatusInternal || !strings.Contains(err.Error(), "damaged here") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = a.send(n, &wire.GetShard{Hash: d.hash()}, wire.Body{})
	damaged("reading", err)
	damaged("an audit", a.call(n, d.auditMsg(t, d.question())))
	damaged("a renewal", a.call(n, d.longer(time.Hour).renewMsg(t)))
	a.getShard(n, whole, 0, 0)
	a.putShard(n, d)
	a.audit(n, &d.deal)
	a.getShard(n, d, 0, 0)
	if list, err := n.Damaged(t.Context()); err != nil || list != nil {
		t.Errorf("damaged after it was mended: %+v, %v", list, err)
	}
}

func TestScrubCanBeOff(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{ScrubRate: -1, ScrubPeriod: time.Nanosecond}, miner.Deps{}, 0)
	if err := n.Expiry().Trigger(t.Context()); err != nil { // it runs
		t.Fatal(err)
	}
	n.stop()
	if !n.Stats().LastScrub.IsZero() {
		t.Error("it scrubbed")
	}
}

func TestAShardIsAcknowledgedOnlyOnceItIsOnDisk(t *testing.T) {
	for _, size := range []int{1000, 300_000} {
		mem, alice := disk(), keypair(t, "//Alice")
		_, _, s := streaming(t, mem, miner.Config{})
		d := newShardDeal(t, alice, keypair(t, "//Bob").Address(), vectorData("", "crash", size))
		msg, body := d.put(t)
		if _, err := s.call(t.Context(), alice.Address(), msg, bodyOf(body)); err != nil {
			t.Fatal(err)
		}
		left := mem.CrashClone(vfs.CrashCloneCfg{}) // power is lost right after the answer
		left.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
		_, again, _ := streaming(t, left, miner.Config{})
		longer := d.longer(time.Hour)
		for _, msg := range []wire.Message{d.auditMsg(t, d.question()), longer.renewMsg(t), longer.auditMsg(t, longer.question())} {
			if err := again.call(t.Context(), alice.Address(), msg); err != nil {
				t.Fatalf("%s of %d bytes: %v", msg.Name(), size, err)
			}
		}
		later := left.CrashClone(vfs.CrashCloneCfg{})
		later.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
		m, _, _ := streaming(t, later, miner.Config{})
		if k, err := m.Kept(t.Context(), alice.Address(), d.hash()); err != nil || k.Pledge != longer.pledge {
			t.Errorf("after a renewal: %+v, %v", k.Pledge, err)
		}
	}
}

// TestShardsAreNoDataToTheOtherMessages: the reference's know no roots; new tags
// may come by Tags.
func TestShardsAreNoDataToTheOtherMessages(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a := newAsker(t, "//Alice")
	data := vectorData("", "kinds", 100_000)
	d := a.giveShard(n, data)
	challenge := challengeMsg(t, data)
	challenge.ChallengeHash = d.hash()
	for _, msg := range []wire.Message{challenge, &wire.Retrieve{DataHash: d.hash(), Seed: "s"}} {
		if err := a.call(n, msg); wire.StatusOf(err) != wire.StatusNotFound {
			t.Errorf("%s: %v", msg.Name(), err)
		}
	}
	again := newShardDeal(t, a.key, n.peer.Hotkey, data)
	a.hand(n, &again.deal)
	a.audit(n, &again.deal)
	other := newShardDeal(t, a.key, n.peer.Hotkey, data)
	other.pledge.Shard = false
	a.refuse(n, "of a shard as of data", other.tagsMsg(t), d.hash(), wire.StatusConflict)
	a.store(n, data)
	asShard := newDeal(t, a.key, n.peer.Hotkey, data)
	asShard.pledge.Shard, asShard.pledge.Root = true, receipt.Pledge{}.Root
	if err := a.call(n, asShard.tagsMsg(t)); wire.StatusOf(err) != wire.StatusConflict {
		t.Errorf("tags of data as of a shard: %v", err)
	}
	if _, err := a.send(n, &wire.GetShard{Hash: hashOf(data)}, wire.Body{}); wire.StatusOf(err) != wire.StatusNotFound {
		t.Errorf("data as a shard: %v", err)
	}
}
