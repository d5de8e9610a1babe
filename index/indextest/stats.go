package indextest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
)

func testStats(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	fresh, err := x.Stats(ctx, Address(1))
	ok(t, err)
	equal(t, fresh, index.Stats{Hotkey: Address(1)})
	want := index.Stats{Hotkey: Address(1), Capacity: 3 << 40, Standing: incentive.Standing{
		Record: incentive.Record{
			Store: index.Tally{Attempts: 3, Successes: 2}, Challenge: index.Tally{Attempts: 1<<63 + 1},
			Retrieve: index.Tally{Successes: 1}, TotalSuccesses: 1 << 62,
		},
		Tier: "Bronze", StorageLimit: 10 << 40, Window: 77, AtStart: 1 << 40, Shown: 2 << 40,
	}, RegisteredAt: 1<<63 + 1}
	ok(t, x.UpdateStats(ctx, Address(1), func(s *index.Stats) error {
		equal(t, *s, fresh)
		*s = want
		s.Hotkey = "" // not for the caller to change
		return nil
	}))
	got, err := x.Stats(ctx, Address(1))
	ok(t, err)
	equal(t, got, want)

	stop := errors.New("stop")
	fails(t, x.UpdateStats(ctx, Address(1), func(s *index.Stats) error { s.Window = 0; return stop }), stop)
	for _, spoil := range []func(*index.Stats){
		func(s *index.Stats) { s.StorageLimit = -1 }, func(s *index.Stats) { s.Capacity = -1 },
		func(s *index.Stats) { s.AtStart = -1 }, func(s *index.Stats) { s.Shown = -1 },
	} {
		fails(t, x.UpdateStats(ctx, Address(1), func(s *index.Stats) error { spoil(s); return nil }), index.ErrInvalid)
	}
	fails(t, x.UpdateStats(ctx, "x", func(*index.Stats) error { return nil }), index.ErrInvalid)
	got, err = x.Stats(ctx, Address(1))
	ok(t, err)
	equal(t, got, want)

	ok(t, x.UpdateStats(ctx, Address(2), func(*index.Stats) error { return nil }))
	all := map[string]bool{}
	for s, err := range x.AllStats(ctx) {
		ok(t, err)
		all[string(s.Hotkey)] = true
	}
	equal(t, len(all), 2)
}

// A hotkey on another UID starts over with what it holds.
func testResetRecord(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	put(t, x, holding(1, 7, index.User))
	for _, n := range []uint32{1, 2} {
		ok(t, x.UpdateStats(ctx, Address(n), func(s *index.Stats) error { s.Window = 5; return nil }))
		ok(t, x.Settle(ctx, trial(n, 9)))
		ok(t, x.PutPending(ctx, pending(n, 7)))
	}
	for range 2 {
		ok(t, x.ResetRecord(ctx, Address(1), 0))
	}
	fails(t, x.ResetRecord(ctx, "x", 0), index.ErrInvalid)
	fails(t, x.ResetRecord(ctx, "x", 1), index.ErrInvalid)
	for n, want := range map[uint32]int{1: 0, 2: 1} {
		stats, err := x.Stats(ctx, Address(n))
		ok(t, err)
		equal(t, stats.Window, uint64(5*want))
		trials, err := x.Trials(ctx, Address(n))
		ok(t, err)
		equal(t, len(trials), want)
		_, err = x.Pending(ctx, Address(n))
		equal(t, err == nil, want == 1)
	}
	equal(t, len(holdings(t, ctx, x, Address(1))), 1)
}

// A record starts over once for a registration, whoever sees that when.
func testResetOnce(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	check := func(window, registered uint64, trials int) {
		t.Helper()
		stats, err := x.Stats(ctx, Address(1))
		ok(t, err)
		equal(t, stats, index.Stats{Hotkey: Address(1), Standing: incentive.Standing{Window: window}, RegisteredAt: registered})
		all, err := x.Trials(ctx, Address(1))
		ok(t, err)
		equal(t, len(all), trials)
		_, err = x.Pending(ctx, Address(1))
		equal(t, err == nil, trials > 0)
	}
	live := func() {
		t.Helper()
		ok(t, x.UpdateStats(ctx, Address(1), func(s *index.Stats) error { s.Window = 5; return nil }))
		ok(t, x.Settle(ctx, trial(1, 9)))
		ok(t, x.PutPending(ctx, pending(1, 7)))
	}
	live()
	check(5, 0, 1)
	for _, at := range []uint64{40, 41, 1 << 63} {
		ok(t, x.ResetRecord(ctx, Address(1), at))
		check(0, at, 0)
		live()
		for _, late := range []uint64{at, at - 1, 1} {
			ok(t, x.ResetRecord(ctx, Address(1), late))
			check(5, at, 1)
		}
	}
	// A validator that was not there at the registration says which one it is.
	ok(t, x.ResetRecord(ctx, Address(1), 0))
	live()
	ok(t, x.UpdateStats(ctx, Address(1), func(s *index.Stats) error { s.RegisteredAt = 50; return nil }))
	ok(t, x.ResetRecord(ctx, Address(1), 50))
	check(5, 50, 1)
	ok(t, x.ResetRecord(ctx, Address(1), 51))
	check(0, 51, 0)
	live()
	ok(t, x.ResetHotkey(ctx, Address(1)))
	check(0, 0, 0)
}

func testState(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	_, err := x.State(ctx, "scores")
	fails(t, err, index.ErrNotFound)
	for _, data := range [][]byte{{0, 255, 10}, {}, nil, bytes.Repeat([]byte("x"), 1<<20)} {
		ok(t, x.PutState(ctx, "scores/v1", data))
		got, err := x.State(ctx, "scores/v1")
		ok(t, err)
		if !bytes.Equal(got, data) {
			t.Fatalf("got %d bytes, want %d", len(got), len(data))
		}
	}
	for _, name := range []string{"", "a b", "{a}", "a*", "a\x00", "é", strings.Repeat("n", index.MaxName+1)} {
		fails(t, x.PutState(ctx, name, nil), index.ErrInvalid)
		_, err := x.State(ctx, name)
		fails(t, err, index.ErrInvalid)
	}
	fails(t, x.PutState(ctx, "big", make([]byte, index.MaxValue+1)), index.ErrInvalid)
}

// What was acknowledged is there after a restart.
func testRestart(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	ok(t, x.PutFile(ctx, file(1, 7, 8), owner(1)))
	put(t, x, holding(1, 7, index.User), holding(1, 9, index.Random))
	ok(t, x.UpdateStats(ctx, Address(1), func(s *index.Stats) error { s.Window = 5; return nil }))
	ok(t, x.PutState(ctx, "state", []byte("kept")))
	ok(t, x.PutAudit(ctx, Address(1), Hash(7), []byte("record")))
	ok(t, x.Settle(ctx, trial(1, 9)))
	ok(t, x.PutPending(ctx, pending(1, 7)))
	ok(t, x.Close())
	x = s.Open(t)
	f, err := x.File(ctx, CID(1))
	ok(t, err)
	sameFile(t, f, file(1, 7, 8))
	all := holdings(t, ctx, x, Address(1))
	equal(t, len(all), 2)
	equal(t, all[Hash(7)], holding(1, 7, index.User))
	stats, err := x.Stats(ctx, Address(1))
	ok(t, err)
	equal(t, stats.Window, 5)
	state, err := x.State(ctx, "state")
	ok(t, err)
	equal(t, string(state), "kept")
	record, err := x.Audit(ctx, Address(1), Hash(7))
	ok(t, err)
	equal(t, string(record), "record")
	trials, err := x.Trials(ctx, Address(1))
	ok(t, err)
	equal(t, len(trials), 1)
	asked, err := x.Pending(ctx, Address(1))
	ok(t, err)
	same(t, asked, pending(1, 7))
}

// A context that has ended, and a closed index, are errors.
func testEnds(t *testing.T, s Store) {
	x := s.Open(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	fails(t, x.PutHolding(ended, holding(1, 7, index.User)), context.Canceled)
	fails(t, x.PutState(ended, "a", nil), context.Canceled)
	_, err := x.File(ended, CID(1))
	fails(t, err, context.Canceled)
	for _, err := range x.Files(ended) {
		fails(t, err, context.Canceled)
	}
	ok(t, x.Close())
	ctx := t.Context()
	fails(t, x.Close(), index.ErrClosed)
	fails(t, x.PutFile(ctx, file(1), owner(1)), index.ErrClosed)
	fails(t, x.UpdateStats(ctx, Address(1), func(*index.Stats) error { return nil }), index.ErrClosed)
	_, err = x.Holding(ctx, Address(1), Hash(1))
	fails(t, err, index.ErrClosed)
	for _, err := range x.Holdings(ctx, Address(1)) {
		fails(t, err, index.ErrClosed)
	}
	fails(t, x.Settle(ctx, trial(1, 1)), index.ErrClosed)
	_, err = x.Audit(ctx, Address(1), Hash(1))
	fails(t, err, index.ErrClosed)
	for _, err := range x.AllPending(ctx) {
		fails(t, err, index.ErrClosed)
	}
	for _, err := range x.AllStats(ctx) {
		fails(t, err, index.ErrClosed)
	}
}
