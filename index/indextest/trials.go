package indextest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
)

func trial(miner, datum uint32) index.Trial {
	return index.Trial{
		Miner: Address(miner), Task: "challenge", Hash: Hash(datum), Replica: Hash(datum, 1), Size: 100, Block: 1<<63 + 1, Asked: day,
		Settled: day.Add(time.Minute), Tries: 3, Reason: "silent: \"<é>\"", Elapsed: time.Second + 1, Dossier: json.RawMessage(`{"version":1}`),
	}
}

func pending(miner, datum uint32) index.Pending {
	return index.Pending{
		Miner: Address(miner), Hash: Hash(datum), Asked: day, Next: day.Add(time.Minute), Tries: 1, Question: json.RawMessage(`{"seed":"00"}`),
	}
}

func same(t tb, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
}

func testTrials(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	none, err := x.Trials(ctx, Address(1))
	ok(t, err)
	equal(t, len(none), 0)
	var want []index.Trial
	for i := range uint32(2*index.MaxTrials + 3) {
		next := trial(1, i)
		if next.Passed = i%2 == 0; next.Passed {
			next.Dossier, next.Replica = nil, ""
		}
		next.ID = 77 // Settle's to set
		ok(t, x.Settle(ctx, next))
		next.ID = uint64(i) + 1
		want = slices.Insert(want, 0, next)
		want = want[:min(len(want), index.MaxTrials)]
		got, err := x.Trials(ctx, Address(1))
		ok(t, err)
		same(t, got, want)
	}
	ok(t, x.Settle(ctx, trial(2, 1)))
	ok(t, x.ResetHotkey(ctx, Address(1)))
	for miner, want := range map[uint32]int{1: 0, 2: 1} {
		got, err := x.Trials(ctx, Address(miner))
		ok(t, err)
		equal(t, len(got), want)
	}
	ok(t, x.Settle(ctx, trial(1, 1)))
	got, err := x.Trials(ctx, Address(1))
	ok(t, err)
	equal(t, got[0].ID, 1)
}

func testInvalidTrials(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	text := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", n-2) + `"`) }
	for name, change := range map[string]func(*index.Trial){
		"miner":         func(r *index.Trial) { r.Miner = "x" },
		"hash":          func(r *index.Trial) { r.Hash = "" },
		"replica":       func(r *index.Trial) { r.Replica = "x" },
		"size":          func(r *index.Trial) { r.Size = -1 },
		"tries":         func(r *index.Trial) { r.Tries = -1 },
		"elapsed":       func(r *index.Trial) { r.Elapsed = -1 },
		"task":          func(r *index.Trial) { r.Task = strings.Repeat("t", index.MaxName+1) },
		"reason":        func(r *index.Trial) { r.Reason = strings.Repeat("r", index.MaxReason+1) },
		"reason, UTF-8": func(r *index.Trial) { r.Reason = "\xc3" },
		"dossier":       func(r *index.Trial) { r.Dossier = json.RawMessage(`{"a":}`) },
		"two dossiers":  func(r *index.Trial) { r.Dossier = json.RawMessage(`{} {}`) },
		"long dossier":  func(r *index.Trial) { r.Dossier = text(index.MaxDossier + 1) },
		"no time":       func(r *index.Trial) { r.Settled = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		r := trial(1, 1)
		if change(&r); x.Settle(ctx, r) == nil {
			t.Errorf("%s: taken", name)
		}
		fails(t, x.Settle(ctx, r), index.ErrInvalid)
	}
	for name, change := range map[string]func(*index.Pending){
		"miner":         func(p *index.Pending) { p.Miner = "x" },
		"hash":          func(p *index.Pending) { p.Hash = "x" },
		"tries":         func(p *index.Pending) { p.Tries = -1 },
		"no question":   func(p *index.Pending) { p.Question = nil },
		"question":      func(p *index.Pending) { p.Question = json.RawMessage("{") },
		"long question": func(p *index.Pending) { p.Question = text(index.MaxDossier + 1) },
	} {
		p := pending(1, 1)
		if change(&p); x.PutPending(ctx, p) == nil {
			t.Errorf("%s: taken", name)
		}
		fails(t, x.PutPending(ctx, p), index.ErrInvalid)
	}
	_, err := x.Trials(ctx, "x")
	fails(t, err, index.ErrInvalid)
	_, err = x.Pending(ctx, "x")
	fails(t, err, index.ErrInvalid)
	fails(t, x.DropPending(ctx, "*"), index.ErrInvalid)

	most := trial(1, 1)
	most.Reason, most.Dossier = strings.Repeat("r", index.MaxReason), text(index.MaxDossier)
	for range index.MaxTrials {
		most.Asked = most.Asked.Add(1)
		ok(t, x.Settle(ctx, most))
	}
	all, err := x.Trials(ctx, Address(1))
	ok(t, err)
	equal(t, len(all), index.MaxTrials)
	same(t, all[0].Dossier, most.Dossier)
}

// A miner is asked one question at a time, until it is settled or dropped.
func testPending(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	p := pending(1, 7)
	check := func(want *index.Pending) {
		t.Helper()
		got, err := x.Pending(ctx, Address(1))
		if want == nil {
			fails(t, err, index.ErrNotFound)
			return
		}
		ok(t, err)
		same(t, got, *want)
	}
	check(nil)
	ok(t, x.DropPending(ctx, p.Miner))
	spaced := p
	spaced.Question, spaced.Asked = json.RawMessage("{ \"seed\" :\n\"00\" }"), p.Asked.In(time.FixedZone("x", 3600))
	ok(t, x.PutPending(ctx, spaced))
	check(&p)
	p.Tries, p.Next = 2, day.Add(time.Hour)
	again := p
	again.Asked = day.Add(time.Minute) // asked first at day
	ok(t, x.PutPending(ctx, again))
	check(&p)
	fails(t, x.PutPending(ctx, pending(1, 8)), index.ErrConflict)
	other := p
	other.Question = json.RawMessage(`{"seed":"01"}`)
	fails(t, x.PutPending(ctx, other), index.ErrConflict)
	check(&p)

	ok(t, x.Settle(ctx, trial(1, 8))) // about another datum
	check(&p)
	ok(t, x.Settle(ctx, trial(2, 7))) // at another miner
	check(&p)
	ok(t, x.Settle(ctx, trial(1, 7)))
	check(nil)
	ok(t, x.Settle(ctx, trial(1, 7))) // is that one
	ok(t, x.PutPending(ctx, other))
	check(&other)
	ok(t, x.DropPending(ctx, p.Miner))
	check(nil)
	trials, err := x.Trials(ctx, p.Miner)
	ok(t, err)
	equal(t, len(trials), 2)
	for n := range uint32(5) {
		ok(t, x.PutPending(ctx, pending(n, 7)))
	}
	ok(t, x.ResetHotkey(ctx, Address(1)))
	check(nil)
	left := map[string]bool{}
	for p, err := range x.AllPending(ctx) {
		ok(t, err)
		left[string(p.Miner)] = true
		ok(t, x.DropPending(ctx, p.Miner))
	}
	equal(t, len(left), 4)
	for range x.AllPending(ctx) {
		t.Fatal("a question that was dropped is listed")
	}
}

// Trials settled at once all count, each once, and of questions put at once one
// is pending.
func testParallelTrials(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	const workers, times = 6, 10
	together(t, workers, func(i int) error {
		x := xs[i%len(xs)]
		for n := range times {
			if err := x.PutPending(ctx, pending(1, uint32(i))); err == nil {
				got, err := x.Pending(ctx, Address(1))
				if err != nil || got.Hash != Hash(uint32(i)) {
					return fmt.Errorf("pending %s: %w", got.Hash, err)
				}
			}
			next := trial(1, uint32(i))
			next.Asked = day.Add(time.Duration(n))
			if err := x.Settle(ctx, next); err != nil {
				return err
			}
		}
		return nil
	})
	all, err := xs[0].Trials(ctx, Address(1))
	ok(t, err)
	equal(t, len(all), index.MaxTrials)
	for i, r := range all {
		equal(t, r.ID, uint64(workers*times-i))
	}
	_, err = xs[0].Pending(ctx, Address(1))
	fails(t, err, index.ErrNotFound)
}
