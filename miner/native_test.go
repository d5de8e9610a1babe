package miner_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

func atNoon() time.Time { return noon }

func TestTagsAndAuditsAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a := newAsker(t, "//Alice")
	for _, size := range []int{1, 4095, 4096, 4097, por.Sample * por.BlockSize, (por.Sample+40)*por.BlockSize + 5} {
		data := vectorData("", "native", size)
		seed := a.store(n, data)
		d := a.give(n, data)
		a.audit(n, d)
		a.audit(n, d)
		n.stop()
		n = start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
		a.audit(n, d)
		a.challenge(n, data, seed) // an audit moved no seed
		a.store(n, data)
		a.audit(n, d) // the same bytes have the same tags
	}
	if s := n.Stats(); s.LastChallenge != noon || s.Requests[0].Task != miner.TaskAudit {
		t.Errorf("stats %+v", s)
	}
}

func TestAnotherPledgeReplacesTheOne(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0)
	alice, bob := newAsker(t, "//Alice"), newAsker(t, "//Bob")
	data := vectorData("", "again", 10_000)
	alice.store(n, data)
	bob.store(n, data)
	first, bobs := alice.give(n, data), bob.give(n, data)
	alice.hand(n, first) // the same again
	alice.audit(n, first)
	second := alice.give(n, data)
	alice.audit(n, second)
	if err := alice.call(n, first.auditMsg(t, first.question())); wire.StatusOf(err) != wire.StatusConflict {
		t.Errorf("a question about the replaced pledge: %v", err)
	}
	bob.audit(n, bobs)
	if err := alice.call(n, &wire.Delete{DataHash: hashOf(data)}); err != nil {
		t.Fatal(err)
	}
	if err := alice.call(n, second.auditMsg(t, second.question())); wire.StatusOf(err) != wire.StatusNotFound {
		t.Errorf("a question about what was deleted: %v", err)
	}
	alice.store(n, data)
	err := alice.call(n, second.auditMsg(t, second.question()))
	if wire.StatusOf(err) != wire.StatusNotFound || !strings.Contains(err.Error(), "no tags") {
		t.Errorf("a question about the tags of a deleted claim: %v", err)
	}
	bob.audit(n, bobs)
}

func TestAnOvertakenPledgeIsRefused(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0)
	alice := newAsker(t, "//Alice")
	data := vectorData("", "overtaken", 10_000)
	alice.store(n, data)
	held := newDeal(t, alice.key, n.peer.Hotkey, data) // on its way
	later := newDeal(t, alice.key, n.peer.Hotkey, data)
	later.pledge.Made = held.pledge.Made.Add(time.Second)
	alice.hand(n, later)
	alice.refuse(n, "of an overtaken pledge", held.tagsMsg(t), hashOf(data), wire.StatusConflict)
	alice.audit(n, later)
}

func TestTagsExpireWithTheData(t *testing.T) {
	now := noon
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: func() time.Time { return now }}, 0)
	a := newAsker(t, "//Alice")
	data := []byte("a day")
	msg := storeMsg(t, data)
	seconds := int64(24 * 3600)
	msg.TTL = &seconds
	if err := a.call(n, msg); err != nil {
		t.Fatal(err)
	}
	d := newDeal(t, a.key, n.peer.Hotkey, data)
	d.pledge.Until = noon.Add(24*time.Hour + time.Minute) // the asker's clock is ahead
	a.hand(n, d)
	for now = d.pledge.Until.Add(-1); ; now = d.pledge.Until {
		if err := n.Expiry().Trigger(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now.Equal(d.pledge.Until) {
			break
		}
		a.audit(n, d) // to the end of what was pledged
	}
	if err := a.call(n, d.auditMsg(t, d.question())); wire.StatusOf(err) != wire.StatusNotFound {
		t.Error(err)
	}
	if _, err := n.store.Tags(t.Context(), a.key.Address(), hashOf(data)); err == nil {
		t.Error("tags are left")
	}
}

func TestReceiptIsGivenOnlyOnceItIsOnDisk(t *testing.T) {
	mem, alice, bob := disk(), keypair(t, "//Alice"), keypair(t, "//Bob")
	deps := miner.Deps{Key: bob, Now: atNoon}
	_, h := inMemory(t, mem, miner.Config{}, deps)
	data := vectorData("", "crash", 3_000_000)
	d := newDeal(t, alice, bob.Address(), data)
	for _, msg := range []wire.Message{storeMsg(t, data), d.tagsMsg(t)} {
		if err := h.call(t.Context(), alice.Address(), msg); err != nil {
			t.Fatal(err)
		}
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{}) // power is lost right after the answer
	left.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
	_, again := inMemory(t, left, miner.Config{}, deps)
	q := d.question()
	msg := d.auditMsg(t, q)
	if err := again.call(t.Context(), alice.Address(), msg); err != nil {
		t.Fatal(err)
	}
	if err := d.check(q, msg); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedDataProvesNothing: what the disk lost is no longer proven, and what
// is known to be damaged is not even tried.
func TestDamagedDataProvesNothing(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{Now: atNoon}, 0)
	a := newAsker(t, "//Alice")
	data := vectorData("", "rot", 100*por.BlockSize+9)
	a.store(n, data)
	d, path := a.give(n, data), contentPath(dir, data)
	bad := bytes.Clone(data)
	bad[77_777] ^= 4
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	q := d.question()
	msg := d.auditMsg(t, q)
	if err := a.call(n, msg); err != nil {
		t.Fatal(err)
	}
	if err := d.check(q, msg); !errors.Is(err, proof.ErrProof) {
		t.Fatalf("a flipped bit: %v", err)
	}
	damaged := func(what string, msg wire.Message) {
		t.Helper()
		if err := a.call(n, msg); wire.StatusOf(err) != wire.StatusInternal || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", what, err)
		}
	}
	damaged("tags of a flipped bit", newDeal(t, a.key, n.peer.Hotkey, data).tagsMsg(t))
	damaged("an audit of what is known to be damaged", d.auditMsg(t, d.question()))
	a.store(n, data)
	a.audit(n, d)
	if err := os.Truncate(path, int64(len(data)-1)); err != nil {
		t.Fatal(err)
	}
	damaged("an audit of too few bytes", d.auditMsg(t, d.question()))
	a.store(n, data)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	damaged("an audit of no bytes", d.auditMsg(t, d.question()))
	a.store(n, data)
	a.audit(n, d)
}

// TestManyAuditsAtOnce has askers store, pledge, audit, retrieve and delete the
// same data at the same time: every answer is right, or is about something that
// is not there at that moment.
func TestManyAuditsAtOnce(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{Challenges: 2}, miner.Deps{Now: atNoon}, 0)
	data := vectorData("", "at once", 30_000)
	var wg sync.WaitGroup
	for _, uri := range []string{"//Alice", "//Bob"} {
		a := newAsker(t, uri)
		d := newDeal(t, a.key, n.peer.Hotkey, data)
		other := newDeal(t, a.key, n.peer.Hotkey, data)
		a.store(n, data)
		a.hand(n, d)
		gone := func(msg wire.Message) bool {
			err := a.call(n, msg)
			switch wire.StatusOf(err) {
			case wire.StatusOK:
				return false
			case wire.StatusNotFound, wire.StatusConflict:
			default:
				t.Errorf("%s: %v", msg.Name(), err)
			}
			return true
		}
		work := []func(){
			func() { gone(storeMsg(t, data)) },
			func() { gone(d.tagsMsg(t)) },
			func() { gone(other.tagsMsg(t)) },
			func() { gone(&wire.Delete{DataHash: hashOf(data)}) },
			func() { gone(&wire.Retrieve{DataHash: hashOf(data), Seed: "s"}) },
		}
		for range 3 {
			work = append(work, func() {
				q := d.question()
				if msg := d.auditMsg(t, q); !gone(msg) {
					if err := d.check(q, msg); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, do := range work {
			wg.Go(func() {
				for range 10 {
					do()
				}
			})
		}
	}
	wg.Wait()
}

func TestNativeMessagesNeedAKey(t *testing.T) {
	_, h := inMemory(t, disk(), miner.Config{}, miner.Deps{})
	for _, name := range []string{"Tags", "Audit"} {
		if h[name] != nil {
			t.Errorf("%s is answered without a key", name)
		}
	}
}

// TestReceiptDefendsTheMiner: what is kept beside the data is enough to show
// that an asker handed out wrong tags.
func TestReceiptDefendsTheMiner(t *testing.T) {
	mem, alice, bob := disk(), keypair(t, "//Alice"), keypair(t, "//Bob")
	m, h := inMemory(t, mem, miner.Config{}, miner.Deps{Key: bob, Now: atNoon})
	data := vectorData("", "defence", 50_000)
	d := newDeal(t, alice, bob.Address(), data)
	d.tags[0] ^= 1
	d.pledge.Tags = sha256.Sum256(d.tags)
	for _, msg := range []wire.Message{storeMsg(t, data), d.tagsMsg(t)} {
		if err := h.call(t.Context(), alice.Address(), msg); err != nil {
			t.Fatal(err)
		}
	}
	q := d.question()
	msg := d.auditMsg(t, q)
	if err := h.call(t.Context(), alice.Address(), msg); err != nil {
		t.Fatal(err)
	}
	if err := d.check(q, msg); !errors.Is(err, proof.ErrProof) {
		t.Fatalf("wrong tags: %v", err)
	}
	k, err := m.Kept(t.Context(), alice.Address(), hashOf(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Pledge.VerifyAsker(k.Asker), k.Pledge.VerifyMiner(k.Miner)); err != nil {
		t.Fatal(err)
	}
	if err := receipt.CheckTags(k.Pledge, d.key, data, k.Tags); !errors.Is(err, receipt.ErrTags) {
		t.Fatal(err)
	}
}

// FuzzNative sends anything at all as statements: a receipt must come only of
// the right tags, a proof only of a signed question.
func FuzzNative(f *testing.F) {
	alice, bob := keypair(f, "//Alice"), keypair(f, "//Bob")
	data := vectorData("", "native", 5000)
	h, from, d := native(f, disk(), miner.Config{}, len(data))
	tags, audit := d.tagsMsg(f), d.auditMsg(f, d.question())
	late, none := d.question(), newDeal(f, alice, bob.Address(), data[1:])
	late.Size = 1 << 30
	f.Add(tags.Pledge, tags.Signature, d.tags)
	f.Add(audit.Question, audit.Signature, d.tags)
	f.Add(tags.Pledge, audit.Signature, d.tags[1:])
	f.Add(late.Encode(), d.auditMsg(f, late).Signature, []byte{})
	f.Add(none.pledge.Encode(), none.tagsMsg(f).Signature, none.tags)
	f.Add(tags.Pledge[:100], []byte{}, []byte{})
	f.Add([]byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, statement, signature, tags []byte) {
		give := &wire.Tags{Pledge: bytes.Clone(statement), Signature: bytes.Clone(signature), Tags: bytes.Clone(tags)}
		ask := &wire.Audit{Question: bytes.Clone(statement), Signature: bytes.Clone(signature)}
		for _, msg := range []wire.Message{give, ask} {
			if err := h.call(t.Context(), from, msg); wire.StatusOf(err) >= 500 {
				t.Errorf("%s: %v", msg.Name(), err)
			}
		}
		if give.Receipt != nil && (!bytes.Equal(statement, d.pledge.Encode()) || !bytes.Equal(tags, d.tags)) {
			t.Errorf("a receipt for %x", statement)
		}
		if q, err := receipt.ParseQuestion(statement); ask.Proof != nil && (err != nil || q.Verify(signature) != nil || d.check(q, ask) != nil) {
			t.Errorf("a proof for %x", statement)
		}
	})
}
