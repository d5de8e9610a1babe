//go:build !race

package sim_test

import (
	"testing"

	"github.com/filetao/filetao/sim"
)

// These take fifteen times as long under the race detector, and run the code of the
// tests beside them, which are under it.

// TestTheStatementsHold is what has to come true of the incentive. In the eyes of
// fewer validators luck counts for more.
func TestTheStatementsHold(t *testing.T) {
	c := small(1)
	c.Validators = 24
	r := run(t, c)
	for _, c := range r.Checks {
		if c.Verdict != sim.Pass {
			t.Errorf("%s: %s, %s", c.Statement, c.Verdict, c.Figures)
		}
	}
	if r.Failed() || r.Restarts < 4 {
		t.Errorf("failed %v, %d restarts", r.Failed(), r.Restarts)
	}
	kindsAreAsExpected(t, r)
	for _, f := range r.Figures() {
		if picture, err := f.Render("png"); err != nil || len(picture) < 20_000 {
			t.Errorf("%s: %d bytes, %v", f.Name, len(picture), err)
		}
		if _, err := f.Render("gif"); err == nil {
			t.Error("a gif")
		}
	}
}

func kindsAreAsExpected(t *testing.T, r *sim.Report) {
	t.Helper()
	for _, k := range r.Kinds {
		least, most := 0.0, 0.01
		switch {
		case k.Kind == "slow":
			least, most = 0.5, 0.7
		case k.Kind == "rots":
			least, most = 0.75, 1.05
		case k.Class == sim.Honest, k.Kind == "outage":
			least, most = 0.95, 1.05
		}
		if k.Share == nil && (k.Kind == "drops-1-of-100" || k.Kind == "chooser") { // it may take longer
			continue
		}
		if k.Share == nil || *k.Share < least || *k.Share > most {
			t.Errorf("%s has %v of a steady miner's incentive, want %v to %v", k.Kind, k.Share, least, most)
		}
		// Lost answers fail nobody: they are asked for again.
		if k.Class == sim.Honest && k.Kind != "rots" && k.Audits.Successes != k.Audits.Attempts {
			t.Errorf("%s failed %d audits", k.Kind, k.Audits.Attempts-k.Audits.Successes)
		}
		if k.Class == sim.Honest && k.Demotions != 0 {
			t.Errorf("%s was demoted %d times", k.Kind, k.Demotions)
		}
	}
}

// A network too small or a time too short to tell makes no statement false.
func TestASmallRunLeavesStatementsOpen(t *testing.T) {
	for _, c := range []sim.Config{
		{Miners: 72, Validators: 8, Days: 1, Seed: 1},
		{Miners: 72, Validators: 4, Days: 3, Seed: 1},
		{Miners: 72, Validators: 1, Days: 3, Seed: 2},
		{Miners: 24, Validators: 8, Days: 2, Seed: 1, Cheaters: []string{}},
		{Miners: 192, Validators: 3, Days: 3, Seed: 3},
	} {
		r := run(t, c)
		for _, check := range r.Checks {
			if check.Verdict == sim.Fail {
				t.Errorf("%d miners, %d validators: %s: %s", c.Miners, c.Validators, check.Statement, check.Figures)
			}
		}
		if first := r.Checks[0]; first.Verdict != sim.Open && c.Miners < 192 {
			t.Errorf("%d miners, %d validators: %s: %s, %s", c.Miners, c.Validators, first.Statement, first.Verdict, first.Figures)
		}
	}
}
