package indextest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/wallet"
)

// An audit record comes with the first holder and goes with the last.
func testAudit(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	user, random := holding(1, 7, index.User), holding(2, 7, index.Random)
	record := bytes.Repeat([]byte{0, 1, 255}, 100)
	_, err := x.Audit(ctx, user.Hash)
	fails(t, err, index.ErrNotFound)
	fails(t, x.PutAudit(ctx, user.Hash, record), index.ErrNotFound)
	check := func(want []byte) {
		t.Helper()
		got, err := x.Audit(ctx, user.Hash)
		if want == nil {
			fails(t, err, index.ErrNotFound)
			return
		}
		ok(t, err)
		if !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	}
	ok(t, x.PutAudited(ctx, user, record))
	check(record)
	ok(t, x.PutAudited(ctx, random, record[:50]))
	ok(t, x.RemoveHolding(ctx, user.Holder, user.Hash))
	check(record[:50])
	ok(t, x.PutAudit(ctx, user.Hash, record))
	check(record)
	put(t, x, user)
	ok(t, x.ResetHotkey(ctx, random.Holder))
	check(record)
	ok(t, x.ResetHotkey(ctx, user.Holder))
	check(nil)

	ok(t, x.PutAudited(ctx, user, bytes.Repeat([]byte{7}, audit.MaxRecord)))
	ok(t, x.RemoveHolding(ctx, user.Holder, user.Hash))
	check(nil)
	empty := user
	empty.Size = 0
	ok(t, x.PutAudited(ctx, empty, nil))
	check(nil)
	fails(t, x.PutAudited(ctx, empty, record), index.ErrInvalid)
	fails(t, x.PutAudited(ctx, user, nil), index.ErrInvalid)
	fails(t, x.PutAudited(ctx, user, make([]byte, audit.MaxRecord+1)), index.ErrInvalid)
	fails(t, x.PutAudit(ctx, user.Hash, nil), index.ErrInvalid)
	fails(t, x.PutAudit(ctx, user.Hash, make([]byte, audit.MaxRecord+1)), index.ErrInvalid)
	fails(t, x.PutAudit(ctx, "x", record), index.ErrInvalid)
	_, err = x.Audit(ctx, "x")
	fails(t, err, index.ErrInvalid)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

// While holders come and go, whatever is held has its record, and in the end
// what is not held has none.
func testParallelAudits(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	const data = 3
	together(t, 6, func(i int) error { // each a holder of its own
		x := xs[i%len(xs)]
		for range 25 {
			h := holding(uint32(i), rand.N[uint32](data), index.User)
			if err := x.PutAudited(ctx, h, []byte("record")); err != nil {
				return err
			}
			if _, err := x.Audit(ctx, h.Hash); err != nil {
				return fmt.Errorf("held: %w", err)
			}
			if err := x.RemoveHolding(ctx, h.Holder, h.Hash); err != nil {
				return err
			}
		}
		return nil
	})
	_, err := xs[0].Sweep(ctx, 0) // what two that left at once left to each other
	ok(t, err)
	for datum := range uint32(data) {
		_, err := xs[0].Audit(ctx, Hash(datum))
		fails(t, err, index.ErrNotFound)
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
	send("b", 3*time.Second)
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
