package indextest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

func testHolding(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	h := holding(1, 7, index.User)
	_, err := x.Holding(ctx, h.Holder, h.Hash)
	fails(t, err, index.ErrNotFound)
	fails(t, x.ConfirmSeed(ctx, h.Holder, h.Hash, "s", ""), index.ErrNotFound)
	ok(t, x.RemoveHolding(ctx, h.Holder, h.Hash))
	_, err = x.RandomHolding(ctx, h.Holder, 3)
	fails(t, err, index.ErrNotFound)
	equal(t, len(holdings(t, ctx, x, h.Holder)), 0)

	put(t, x, h, holding(1, 8, index.Random))
	back, err := x.Holding(ctx, h.Holder, h.Hash)
	ok(t, err)
	equal(t, back, h)
	moveSeed(t, ctx, x, h.Holder, h.Hash, "next")
	h.Seed = "next"
	equal(t, holdings(t, ctx, x, h.Holder)[h.Hash], h)

	h.Seed, h.Stored, h.TTL, h.Size = "again", day.Add(time.Hour), 0, 5
	put(t, x, h)
	equal(t, holdings(t, ctx, x, h.Holder)[h.Hash], h)
	if h.Expired(day.AddDate(900, 0, 0)) || !holding(1, 8, index.User).Expired(day.Add(time.Hour)) {
		t.Fatal("Expired is wrong")
	}

	ok(t, x.RemoveHolding(ctx, h.Holder, h.Hash))
	_, err = x.Holding(ctx, h.Holder, h.Hash)
	fails(t, err, index.ErrNotFound)
	equal(t, len(holdings(t, ctx, x, h.Holder)), 1)
	ok(t, x.RemoveHolding(ctx, h.Holder, Hash(8)))
	equal(t, len(holdings(t, ctx, x, h.Holder)), 0)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

func testHolders(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	holders, err := x.Holders(ctx, Hash(7))
	ok(t, err)
	equal(t, len(holders), 0)
	var want []wallet.Address
	for n := range uint32(5) {
		put(t, x, holding(n, 7, index.User), holding(n, 8, index.Random))
		want = append(want, Address(n))
	}
	slices.Sort(want)
	for _, datum := range []uint32{7, 8} {
		holders, err = x.Holders(ctx, Hash(datum))
		ok(t, err)
		if !slices.Equal(holders, want) {
			t.Fatalf("got %v, want %v", holders, want)
		}
	}
	var all []wallet.Address
	for a, err := range x.AllHolders(ctx) {
		ok(t, err)
		all = append(all, a)
	}
	slices.Sort(all)
	if !slices.Equal(all, want) {
		t.Fatalf("AllHolders: got %v, want %v", all, want)
	}
	ok(t, x.RemoveHolding(ctx, want[2], Hash(7)))
	holders, err = x.Holders(ctx, Hash(7))
	ok(t, err)
	if want = slices.Delete(want, 2, 3); !slices.Equal(holders, want) {
		t.Fatalf("got %v, want %v", holders, want)
	}
}

// Users' and random data never mix (lesson 2).
func testKinds(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	for n := range uint32(20) {
		put(t, x, holding(1, n, []index.Kind{index.User, index.Random}[n%2]))
	}
	for _, kind := range []index.Kind{index.User, index.Random} {
		n := 0
		for h, err := range x.Holdings(ctx, Address(1), kind) {
			ok(t, err)
			equal(t, h.Kind, kind)
			n++
		}
		equal(t, n, 10)
	}
	fails(t, x.PutHolding(ctx, holding(1, 2, index.Random)), index.ErrInvalid)
	fails(t, x.PutHolding(ctx, holding(1, 3, index.User)), index.ErrInvalid)
	for h, err := range x.Holdings(ctx, Address(1), index.Random) {
		ok(t, err)
		ok(t, x.RemoveHolding(ctx, h.Holder, h.Hash))
	}
	left := holdings(t, ctx, x, Address(1))
	equal(t, len(left), 10)
	for _, h := range left {
		equal(t, h.Kind, index.User)
	}
}

// Every holding has exactly the same chance, after any removals.
func testRandomHolding(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	const n = 40
	for i := range uint32(n) {
		put(t, x, holding(1, i, []index.Kind{index.User, index.Random}[i%2]))
	}
	for _, i := range []uint32{0, n - 1, 3, 17, 18, 19, n - 2} {
		ok(t, x.RemoveHolding(ctx, Address(1), Hash(i)))
		holdings(t, ctx, x, Address(1))
	}
	put(t, x, holding(1, 17, index.User), holding(1, 99, index.Random))
	left := len(holdings(t, ctx, x, Address(1)))
	equal(t, left, n-5)
	drawn := map[string]int{}
	for r := range uint64(left * 10) {
		h, err := x.RandomHolding(ctx, Address(1), r+1<<63)
		ok(t, err)
		drawn[h.Hash]++
	}
	for hash, times := range drawn {
		if times < 9 || times > 11 {
			t.Fatalf("%s was drawn %d times of 10", hash, times)
		}
	}
}

func testChangeWhileListing(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	for i := range uint32(600) {
		put(t, x, holding(1, i, index.Random))
	}
	seen := map[string]bool{}
	for h, err := range x.Holdings(ctx, Address(1)) {
		ok(t, err)
		if !seen[h.Hash] {
			ok(t, x.RemoveHolding(ctx, h.Holder, h.Hash))
		}
		seen[h.Hash] = true
	}
	equal(t, len(seen), 600)
	equal(t, len(holdings(t, ctx, x, Address(1))), 0)
}

func testManyHoldings(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	for i := range uint32(520) {
		put(t, x, holding(1, i, []index.Kind{index.User, index.Random}[i%2]))
	}
	put(t, x, holding(2, 0, index.User))
	equal(t, len(holdings(t, ctx, x, Address(1))), 520)
	ok(t, x.UpdateStats(ctx, Address(1), func(s *index.Stats) error { s.TotalSuccesses = 9; return nil }))
	ok(t, x.ResetHotkey(ctx, Address(1)))
	ok(t, x.ResetHotkey(ctx, Address(1)))
	equal(t, len(holdings(t, ctx, x, Address(1))), 0)
	holders, err := x.Holders(ctx, Hash(0))
	ok(t, err)
	if !slices.Equal(holders, []wallet.Address{Address(2)}) {
		t.Fatalf("holders %v", holders)
	}
	stats, err := x.Stats(ctx, Address(1))
	ok(t, err)
	equal(t, stats, index.Stats{Hotkey: Address(1)})
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

func testInvalidHoldings(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	for name, change := range map[string]func(*index.Holding){
		"holder": func(h *index.Holding) { h.Holder = "x" },
		"hash":   func(h *index.Holding) { h.Hash = "-1" },
		"2^256": func(h *index.Holding) {
			h.Hash = "115792089237316195423570985008687907853269984665640564039457584007913129639936"
		},
		"replica": func(h *index.Holding) { h.Replica = "x" },
		"kind":    func(h *index.Holding) { h.Kind = "User" },
		"size":    func(h *index.Holding) { h.Size = -1 },
		"seed":    func(h *index.Holding) { h.Seed = strings.Repeat("s", index.MaxSeed+1) },
		"ttl":     func(h *index.Holding) { h.TTL = -1 },
	} {
		h := holding(1, 1, index.User)
		change(&h)
		if err := x.PutHolding(ctx, h); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			fails(t, err, index.ErrInvalid)
		}
	}
	for h, err := range x.Holdings(ctx, "x") {
		fails(t, err, index.ErrInvalid)
		equal(t, h, index.Holding{})
	}
	h := holding(1, 1, index.User)
	fails(t, x.PutNative(ctx, h.Holder, h.Hash, &index.Native{Asked: make([]byte, index.MaxNative+1)}), index.ErrInvalid)
	fails(t, x.PutNative(ctx, h.Holder, "x", nil), index.ErrInvalid)
	fails(t, x.PutNative(ctx, "x", h.Hash, nil), index.ErrInvalid)
	_, err := x.Holders(ctx, "*")
	fails(t, err, index.ErrInvalid)
	_, err = x.StoredBytes(ctx, "*")
	fails(t, err, index.ErrInvalid)
	equal(t, len(holdings(t, ctx, x, Address(1))), 0)
}

// testExpire renews between the look and the removal, as two processes may.
func testExpire(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	h := holding(1, 7, index.User)
	h.Stored, h.TTL = day, time.Hour
	put(t, x, h)
	due := day.Add(time.Hour)
	ok(t, x.ExpireHolding(ctx, h.Holder, h.Hash, due.Add(-time.Second)))
	equal(t, len(holdings(t, ctx, x, h.Holder)), 1)
	h.TTL = 2 * time.Hour
	put(t, x, h) // renewed
	ok(t, x.ExpireHolding(ctx, h.Holder, h.Hash, due))
	equal(t, len(holdings(t, ctx, x, h.Holder)), 1)
	ok(t, x.ExpireHolding(ctx, h.Holder, h.Hash, due.Add(time.Hour)))
	equal(t, len(holdings(t, ctx, x, h.Holder)), 0)

	f, o := file(1, 7), owner(1)
	o.Stored, o.TTL = day, time.Hour
	ok(t, x.PutFile(ctx, f, o))
	o.TTL = 2 * time.Hour
	ok(t, x.PutFile(ctx, f, o)) // renewed
	gone, err := x.ExpireOwner(ctx, f.CID, o.Owner, due)
	ok(t, err)
	if _, err := x.File(ctx, f.CID); gone != nil || err != nil {
		t.Fatalf("a renewed file expired: %v, %v", gone, err)
	}
	gone, err = x.ExpireOwner(ctx, f.CID, o.Owner, due.Add(time.Hour))
	ok(t, err)
	if _, fileErr := x.File(ctx, f.CID); gone == nil || fileErr == nil {
		t.Fatalf("an expired file is still there: %v, %v", gone, fileErr)
	}
}
