package validator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
)

// amend changes a miner's statistics.
func (b *bench) amend(t *testing.T, i int, change func(*index.Stats)) {
	t.Helper()
	err := b.Index.UpdateStats(t.Context(), b.Miners[i].Hotkey(), func(s *index.Stats) error { change(s); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestARolloverIsTold(t *testing.T) {
	b := newBench(t, 3, settings())
	b.step(t, 3)
	b.amend(t, 0, func(s *index.Stats) { s.TotalSuccesses, s.Store = 600, index.Tally{Attempts: 100, Successes: 66} })
	b.amend(t, 1, func(s *index.Stats) {
		s.Tier, s.TotalSuccesses, s.Store = "Gold", 9000, index.Tally{Attempts: 100, Successes: 1}
	})
	b.step(t, 717)
	if n := len(b.seen(validator.TaskRollover)); n != 0 {
		t.Errorf("%d events within the window", n)
	}
	b.step(t, 720)
	events := b.seen(validator.TaskRollover)
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	order := []int{slices.Index(e.UIDs, 1), slices.Index(e.UIDs, 2)} // the third has hardly been asked: nothing was decided
	if len(e.UIDs) != 2 || e.Window != 2 || e.Block != 720 || slices.Min(order) < 0 || len(e.Scores) != 4 {
		t.Fatalf("%+v", e)
	}
	for i, want := range []struct{ before, after, said string }{
		{"Bronze", "Silver", "score 0.6"}, {"Gold", "Bronze", "score 0.0"},
	} {
		at := order[i]
		if e.TiersBefore[at] != want.before || e.TiersAfter[at] != want.after || !strings.HasPrefix(e.StatusMessages[at], want.said) ||
			!strings.Contains(e.StatusMessages[at], " successes in all") || e.Hotkeys[at] != b.Miners[i].Hotkey() {
			t.Errorf("UID %d: %+v", i+1, e)
		}
	}
	if text, err := json.Marshal(e); err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v", text, err)
	}
	b.step(t, 723)
	b.step(t, 600) // a fork, or a node that lags
	if n := len(b.seen(validator.TaskRollover)); n != 1 || b.stats(t, 0).Window != 2 || b.stats(t, 0).Tier != "Silver" {
		t.Errorf("%d events, %+v", n, b.stats(t, 0))
	}
}

// Whoever holds data over a window and proves it may hold more, at rollovers;
// failing takes room away at once.
func TestCapacityIsWhatWasShown(t *testing.T) {
	cfg := settings()
	cfg.EpochBlocks, cfg.WindowEpochs, cfg.RetrieveEvery = 120, 1, 1
	cfg.Rules = incentive.DefaultRules()
	cfg.Rules.Capacity.Start = 100
	b := newBench(t, 2, cfg)
	b.step(t, 3)
	if s := b.stats(t, 0); s.Capacity != 0 || s.StorageLimit != 10<<40 {
		t.Errorf("before anything was decided: %+v", s)
	}
	number := uint64(3)
	until := func(last uint64) {
		for number < last {
			if number += 3; number%120 < 36 {
				b.step(t, number)
			}
		}
	}
	until(117)
	if s := b.stats(t, 0); s.Capacity != 100 {
		t.Errorf("in the first window: %+v", s)
	}
	until(120)
	first := b.stats(t, 0)
	if first.Window != 2 || first.AtStart == 0 || first.Shown != 0 || first.Capacity != 100 {
		t.Errorf("after the first window: %+v", first)
	}
	until(240)
	if s := b.stats(t, 0); s.Window != 3 || s.Shown != first.AtStart || s.Capacity != max(100, 2*s.Shown) {
		t.Errorf("after the second window: %+v, then %+v", first, s)
	}
	for i := range b.Miners {
		b.amend(t, i, func(s *index.Stats) { s.Shown = 1 << 20 })
	}
	b.Miners[0].Behave(fleettest.Liar, "Challenge", "Retrieve")
	until(258)
	if liar, honest := b.stats(t, 0), b.stats(t, 1); liar.Capacity > 1<<16 || honest.Capacity != 2<<20 || liar.Window != 3 {
		t.Errorf("a liar: %+v, another: %+v", liar, honest)
	}
}

// Every event has what it takes to say why a score is what it is.
func TestEventsExplainEveryScore(t *testing.T) {
	cfg := settings()
	cfg.RetrieveEvery = 2
	b := newBench(t, 3, cfg)
	b.Miners[2].Behave(fleettest.Failing, "Synapse")
	b.step(t, 3)
	b.Miners[1].Behave(fleettest.Liar, "Challenge", "Retrieve")
	for number := uint64(6); number <= 30; number += 3 {
		b.step(t, number)
	}
	scores := map[chain.UID]float64{}
	said := map[validator.Task][]string{}
	rules := incentive.DefaultRules()
	for _, e := range b.events {
		for i, uid := range e.UIDs {
			want := incentive.MovingAverage(scores[uid], e.Rewards[i], rules.Alpha)
			if e.Task == validator.TaskMonitor && e.Rewards[i] == 0 {
				want = scores[uid]
			}
			if e.Before[i] != scores[uid] || e.After[i] != want || e.Scores[uid] != want || e.Hotkeys[i] != b.Miners[uid-1].Hotkey() {
				t.Errorf("block %d, %s, UID %d: from %v by %v to %v", e.Block, e.Task, uid, e.Before[i], e.Rewards[i], e.After[i])
			}
			scores[uid] = e.After[i]
			said[e.Task] = append(said[e.Task], e.StatusMessages[i])
			if e.Task == validator.TaskMonitor {
				continue
			}
			if e.MinerTiers[i] != "Bronze" || e.Possession[i] < 0 || e.Possession[i] > 1 || uid == 2 && e.Block > 12 && e.Possession[i] > 0.1 {
				t.Errorf("block %d, %s, UID %d: %+v", e.Block, e.Task, uid, e)
			}
		}
	}
	for task, prefixes := range map[validator.Task][]string{
		validator.TaskChallenge: {"passed: a piece of ", "failed: the piece is not the one that was stored"},
		validator.TaskRetrieve:  {"passed: all ", "failed: what came back is not what was stored"},
		validator.TaskStore:     {"Success"}, validator.TaskMonitor: {"Success", "ping at "},
	} {
		for _, prefix := range prefixes {
			if !slices.ContainsFunc(said[task], func(s string) bool { return strings.HasPrefix(s, prefix) }) {
				t.Errorf("%s: no message begins with %q", task, prefix)
			}
		}
	}
}

// What is proven counts: a miner without a tier's audits earns half, and one that
// fails them nothing, unless the profile is the reference's.
func TestPossessionIsPaid(t *testing.T) {
	for _, name := range incentive.Profiles() {
		cfg := settings()
		rules, err := incentive.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Rules, cfg.RetrieveEvery = rules, 1
		b := newBench(t, 2, cfg)
		b.step(t, 3)
		b.Miners[1].Behave(fleettest.Liar, "Challenge", "Retrieve")
		for number := uint64(6); number <= 30; number += 3 {
			b.step(t, number)
		}
		stores := b.seen(validator.TaskStore)
		last := stores[len(stores)-1]
		honest, liar := last.Rewards[slices.Index(last.UIDs, 1)], last.Rewards[slices.Index(last.UIDs, 2)]
		if plain := rules.Possession.Exponent == 0; plain && liar <= honest/3 || !plain && liar > honest/100 || honest <= 0 {
			t.Errorf("%s: an honest miner's store earns %v, a liar's %v", name, honest, liar)
		}
	}
}
