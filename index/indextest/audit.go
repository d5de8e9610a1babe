package indextest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/wallet"
)

// An audit record is one holding's: it comes with it and goes with it.
func testAudit(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	one, other := holding(1, 7, index.User), holding(2, 7, index.Random)
	record := bytes.Repeat([]byte{0, 1, 255}, 100)
	fails(t, x.PutAudit(ctx, one.Holder, one.Hash, record), index.ErrNotFound)
	check := func(h index.Holding, want []byte) {
		t.Helper()
		got, err := x.Audit(ctx, h.Holder, h.Hash)
		if want == nil {
			fails(t, err, index.ErrNotFound)
			return
		}
		ok(t, err)
		if !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	}
	check(one, nil)
	ok(t, x.PutAudited(ctx, one, record))
	check(one, record)
	check(other, nil)
	ok(t, x.PutAudited(ctx, other, record[:50]))
	check(one, record)
	check(other, record[:50])
	ok(t, x.PutAudited(ctx, one, record[:60])) // anew
	check(one, record[:60])
	ok(t, x.RemoveHolding(ctx, one.Holder, one.Hash))
	check(one, nil)
	check(other, record[:50])
	put(t, x, one)
	check(one, nil)
	ok(t, x.PutAudit(ctx, one.Holder, one.Hash, record[:70]))
	ok(t, x.PutAudit(ctx, one.Holder, one.Hash, record))
	put(t, x, one)
	check(one, record)
	ok(t, x.ResetHotkey(ctx, other.Holder))
	check(other, nil)
	ok(t, x.ResetHotkey(ctx, one.Holder))
	check(one, nil)

	ok(t, x.PutAudited(ctx, one, bytes.Repeat([]byte{7}, audit.MaxRecord)))
	empty := one
	empty.Size = 0
	ok(t, x.PutAudited(ctx, empty, nil))
	check(one, nil)
	fails(t, x.PutAudit(ctx, one.Holder, one.Hash, record), index.ErrInvalid)
	fails(t, x.PutAudited(ctx, empty, record), index.ErrInvalid)
	fails(t, x.PutAudited(ctx, one, nil), index.ErrInvalid)
	fails(t, x.PutAudited(ctx, one, make([]byte, audit.MaxRecord+1)), index.ErrInvalid)
	fails(t, x.PutAudited(ctx, holding(1, 7, index.Random), record), index.ErrInvalid)
	fails(t, x.PutAudit(ctx, one.Holder, one.Hash, nil), index.ErrInvalid)
	fails(t, x.PutAudit(ctx, one.Holder, one.Hash, make([]byte, audit.MaxRecord+1)), index.ErrInvalid)
	fails(t, x.PutAudit(ctx, one.Holder, "x", record), index.ErrInvalid)
	_, err := x.Audit(ctx, "x", one.Hash)
	fails(t, err, index.ErrInvalid)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

// What is known of a replica goes when the replica changes.
func testReplica(t *testing.T, s Store) {
	x, ctx, h := s.Open(t), t.Context(), holding(1, 7, index.User)
	native := &index.Native{Pledge: bytes.Repeat([]byte{1}, index.MaxNative-128), Asked: bytes.Repeat([]byte{2}, 64), Receipt: bytes.Repeat([]byte{3}, 64)}
	check := func(want index.Holding, record string) {
		t.Helper()
		got, err := x.Holding(ctx, h.Holder, h.Hash)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		for got, err := range x.Holdings(ctx, h.Holder) {
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, want %+v, %v", got, want, err)
			}
		}
		got2, err := x.Audit(ctx, h.Holder, h.Hash)
		if string(got2) != record || (err != nil) != (record == "") {
			t.Fatalf("record %q, want %q, %v", got2, record, err)
		}
	}
	equal(t, h.Held(), h.Hash)
	fails(t, x.PutNative(ctx, h.Holder, h.Hash, native), index.ErrNotFound)
	given := h
	given.Native = native // PutNative's to set
	ok(t, x.PutAudited(ctx, given, []byte("plain")))
	check(h, "plain")

	h.Replica = Hash(8)
	equal(t, h.Held(), Hash(8))
	ok(t, x.PutAudited(ctx, h, []byte("masked")))
	check(h, "masked")
	ok(t, x.PutNative(ctx, h.Holder, h.Hash, native))
	same := h
	same.Native = native
	check(same, "masked")
	h.Seed, same.Seed = "later", "later"
	ok(t, x.PutAudited(ctx, h, []byte("again")))
	check(same, "again")
	put(t, x, h)
	check(same, "again")
	moveSeed(t, ctx, x, h.Holder, h.Hash, "moved")
	h.Seed, same.Seed = "moved", "moved"
	check(same, "again")
	ok(t, x.PutNative(ctx, h.Holder, h.Hash, nil))
	check(h, "again")

	ok(t, x.PutNative(ctx, h.Holder, h.Hash, native))
	h.Size++
	put(t, x, h)
	check(h, "")
	ok(t, x.PutAudited(ctx, h, []byte("longer")))
	ok(t, x.PutNative(ctx, h.Holder, h.Hash, native))
	h.Replica = ""
	ok(t, x.PutAudited(ctx, h, []byte("plain")))
	check(h, "plain")

	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

// While holders come and go and get new records, whatever is held has its record,
// and in the end what is not held has none.
func testParallelAudits(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	together(t, 6, func(i int) error { // two at a time share a holding
		x, h := xs[i%len(xs)], holding(uint32(i/2), 7, index.User)
		for n := range 25 {
			h.Replica = Hash(rand.N[uint32](2))
			if err := x.PutAudited(ctx, h, fmt.Append(nil, i, n)); err != nil {
				return err
			}
			removes := i >= 4
			if _, err := x.Audit(ctx, h.Holder, h.Hash); err != nil && (!removes || !errors.Is(err, index.ErrNotFound)) {
				return fmt.Errorf("held: %w", err)
			}
			var err error
			if removes {
				err = x.RemoveHolding(ctx, h.Holder, h.Hash)
			} else {
				err = x.PutAudit(ctx, h.Holder, h.Hash, []byte("other"))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	swept, err := xs[0].Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
	for holder := range uint32(3) {
		_, err := xs[0].Holding(ctx, Address(holder), Hash(7))
		equal(t, err == nil, holder < 2)
		_, err = xs[0].Audit(ctx, Address(holder), Hash(7))
		equal(t, err == nil, holder < 2)
	}
}

func testSeeds(t *testing.T, s Store) {
	x, ctx, h := s.Open(t), t.Context(), holding(1, 7, index.User)
	check := func(all bool, want ...string) {
		t.Helper()
		got, err := x.Seeds(ctx, h.Holder, h.Hash)
		ok(t, err)
		if !slices.Equal(got.Known, want) || got.All != all {
			t.Fatalf("got %v, want %v %q", got, all, want)
		}
	}
	send := func(seed string, after time.Duration) {
		t.Helper()
		got, err := x.SendSeed(ctx, h.Holder, h.Hash, seed, h.Stored.Add(after))
		ok(t, err)
		check(got.All, got.Known...)
	}
	_, err := x.Seeds(ctx, h.Holder, h.Hash)
	fails(t, err, index.ErrNotFound)
	_, err = x.SendSeed(ctx, h.Holder, h.Hash, "a", day)
	fails(t, err, index.ErrNotFound)
	fails(t, x.UnsendSeed(ctx, h.Holder, h.Hash, "a"), index.ErrNotFound)

	ok(t, x.PutAudited(ctx, h, []byte("record")))
	check(true, "seed")
	send("a", time.Second)
	send("b", 2*time.Second)
	send("b", 2*time.Second)
	send("c", 3*time.Second)
	check(true, "seed", "a", "b", "c")
	ok(t, x.UnsendSeed(ctx, h.Holder, h.Hash, "a"))
	check(true, "seed", "b", "c")
	ok(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, "c", "seed")) // b may still come
	check(true, "c", "seed", "b")
	send("d", index.Linger+3*time.Second) // b is past by then
	ok(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, "d", "c"))
	check(true, "d")
	ok(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, "b", "seed"))
	check(true, "d")

	for i := range index.MaxSent {
		send(strconv.Itoa(i), index.Linger+4*time.Second)
	}
	send("more", index.Linger+5*time.Second)
	got, err := x.Seeds(ctx, h.Holder, h.Hash)
	ok(t, err)
	equal(t, got.All, false)
	equal(t, len(got.Known), index.MaxSent+1)
	ok(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, "more", "0"))
	send("last", 2*index.Linger+6*time.Second)
	ok(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, "last", "more"))
	check(true, "last")

	h.Seed, h.Stored = "again", h.Stored.Add(4*index.Linger)
	ok(t, x.PutAudited(ctx, h, []byte("record")))
	check(true, "again")
	put(t, x, h)
	check(false, "again")
	seedSentAgain(t, x)
}

// seedSentAgain asks the very same question again: its seed counts from then.
func seedSentAgain(t *testing.T, x *index.Index) {
	ctx, h := t.Context(), holding(2, 7, index.User)
	ok(t, x.PutAudited(ctx, h, []byte("record")))
	for _, sent := range []struct {
		seed  string
		after time.Duration
	}{{"put again", time.Second}, {"put again", index.Linger + time.Minute}, {"overtaking", index.Linger + 2*time.Minute}} {
		_, err := x.SendSeed(ctx, h.Holder, h.Hash, sent.seed, h.Stored.Add(sent.after))
		ok(t, err)
	}
	ok(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, "overtaking", "seed"))
	got, err := x.Seeds(ctx, h.Holder, h.Hash)
	ok(t, err)
	same(t, got, index.Seeds{Known: []string{"overtaking", "put again"}, All: true})
}

// exchange is one question on its way.
type exchange struct {
	seed string
	at   time.Time
	came index.Seeds // when it was sent
	over string      // what the miner had when it began to answer
	step int         // 0 sent, 1 begun, 2 answered
}

// A miner that gets questions in any order and answers them side by side, while
// questions and answers are lost, always has one of the seeds that are known,
// as long as these are said to be all; and what it says it had before too.
func testSeedsOfHonestMiner(t *testing.T, s Store) {
	x, ctx, round := s.Open(t), t.Context(), uint32(0)
	rapid.Check(t, func(t *rapid.T) {
		round++
		h := holding(1, 7, index.User)
		h.Hash = Hash(round)
		ok(t, x.PutAudited(ctx, h, []byte("record")))
		now, has, sent := day, h.Seed, 0
		var open []*exchange
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			open = slices.DeleteFunc(open, func(e *exchange) bool { return now.Sub(e.at) >= index.Linger-time.Second })
			if kind := rapid.IntRange(0, 5).Draw(t, "event"); kind < 2 || len(open) == 0 {
				now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
				sent++
				e := &exchange{seed: strconv.Itoa(sent), at: now}
				var err error
				e.came, err = x.SendSeed(ctx, h.Holder, h.Hash, e.seed, now)
				ok(t, err)
				open = append(open, e)
				continue
			}
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			e := open[i]
			switch e.step++; {
			case e.step == 1:
				e.over = has
			case e.step == 2:
				has = e.seed
				if rapid.Bool().Draw(t, "lost") {
					open = slices.Delete(open, i, i+1)
				}
			default:
				open = slices.Delete(open, i, i+1)
				later, err := x.Seeds(ctx, h.Holder, h.Hash)
				ok(t, err)
				known := append(e.came.Known, later.Known...)
				if !slices.Contains(known, e.over) && e.came.All && later.All {
					t.Fatalf("an honest link over %s, known %v", e.over, known)
				}
				ok(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, e.seed, e.over))
			}
			got, err := x.Seeds(ctx, h.Holder, h.Hash)
			ok(t, err)
			if !slices.Contains(got.Known, has) && got.All {
				t.Fatalf("the miner has %s, known %v", has, got.Known)
			}
			if len(got.Known) > index.MaxSent+1 {
				t.Fatalf("%d seeds", len(got.Known))
			}
		}
	})
}

// moveSeed has a holding's seed move on from the one it has.
func moveSeed(t tb, ctx context.Context, x *index.Index, holder wallet.Address, hash, seed string) {
	t.Helper()
	_, err := x.SendSeed(ctx, holder, hash, seed, day)
	ok(t, err)
	ok(t, x.ConfirmSeed(ctx, holder, hash, seed, ""))
	if h, err := x.Holding(ctx, holder, hash); err != nil || h.Seed != seed {
		t.Fatal(errors.Join(err, fmt.Errorf("seed %q", h.Seed)))
	}
}
