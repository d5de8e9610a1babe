package incentive_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/filetao/filetao/incentive"
)

// audited is a newcomer's possession after audits, true for passed and false for
// silence.
func audited(by incentive.Audit, outcomes ...bool) incentive.Possession {
	rules, p := incentive.DefaultRules().Possession, incentive.Possession{}
	for _, ok := range outcomes {
		p = rules.Note(p, by, "", found(ok, incentive.Silent))
	}
	return p
}

// found is Passed, or the other finding.
func found(ok bool, failure incentive.Finding) incentive.Finding {
	if ok {
		return incentive.Passed
	}
	return failure
}

func repeat(ok bool, n int) []bool {
	outcomes := make([]bool, n)
	for i := range outcomes {
		outcomes[i] = ok
	}
	return outcomes
}

func TestPossessionFactor(t *testing.T) {
	rules := incentive.DefaultRules().Possession
	both := func(c, r incentive.Possession) incentive.Possession {
		return incentive.Possession{Challenge: c.Challenge, Retrieve: r.Retrieve}
	}
	passedChallenges := audited(incentive.ByChallenge, repeat(true, 40)...)
	passedRetrievals := audited(incentive.ByRetrieve, repeat(true, 20)...)
	for _, c := range []struct {
		name        string
		possession  incentive.Possession
		least, most float64
	}{
		{"newcomer", incentive.Possession{}, 0.5, 0.5},
		{"never retrieved", passedChallenges, 0.5, 0.5},
		{"never challenged", passedRetrievals, 0.5, 0.5},
		{"first of both passed", both(audited(incentive.ByChallenge, true), audited(incentive.ByRetrieve, true)), 1, 1},
		{"steady", both(passedChallenges, passedRetrievals), 1, 1},
		{"first retrieval failed", both(passedChallenges, audited(incentive.ByRetrieve, false)), 0, 1e-7},
		{"never passed a retrieval", both(passedChallenges, audited(incentive.ByRetrieve, repeat(false, 20)...)), 0, 1e-15},
		{"one challenge lost", both(audited(incentive.ByChallenge, append(repeat(true, 40), false)...), passedRetrievals), 0.95, 1},
		{"one retrieval lost", both(passedChallenges, audited(incentive.ByRetrieve, append(repeat(true, 20), false)...)), 0.65, 0.75},
		{"half of the challenges", both(incentive.Possession{Challenge: incentive.Evidence{Passed: 16, Failed: 16}}, passedRetrievals), 0, 0.001},
		{"half of the retrievals", both(passedChallenges, incentive.Possession{Retrieve: incentive.Evidence{Passed: 6, Failed: 6}}), 0, 0.01},
	} {
		if f := rules.Factor(c.possession); !(f >= c.least && f <= c.most) {
			t.Errorf("%s: %v, want %v to %v", c.name, f, c.least, c.most)
		}
	}
}

func TestPossessionForgetsWithTheAuditsNotTheHours(t *testing.T) {
	rules := incentive.DefaultRules().Possession
	p := audited(incentive.ByRetrieve, append(repeat(false, 100), repeat(true, 200)...)...)
	if f := rules.Factor(rules.Note(p, incentive.ByChallenge, "", incentive.Passed)); f != 1 {
		t.Errorf("after 200 passed retrievals: %v", f)
	}
	if n := p.Retrieve.Passed + p.Retrieve.Failed; math.Abs(n-rules.Retrievals) > 0.01 {
		t.Errorf("300 retrievals weigh %v", n)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back incentive.Possession
	if err := json.Unmarshal(data, &back); err != nil || back != p {
		t.Errorf("%s came back as %+v, %v", data, back, err)
	}
}

// A proven loss is paid for with as many passed audits as the penalty says, of
// either kind; silence costs nothing of the sort, and pays nothing.
func TestAProvenLossIsPaidOff(t *testing.T) {
	rules := incentive.DefaultRules().Possession
	steady := incentive.Possession{
		Challenge: audited(incentive.ByChallenge, repeat(true, 200)...).Challenge,
		Retrieve:  audited(incentive.ByRetrieve, repeat(true, 200)...).Retrieve,
	}
	p := rules.Note(steady, incentive.ByRetrieve, "", incentive.Lost)
	for n := range int(rules.Penalty) {
		if f := rules.Factor(p); f != 0 {
			t.Fatalf("worth %v after %d passed audits", f, n)
		}
		by := incentive.ByChallenge
		if n%6 == 0 {
			by = incentive.ByRetrieve
		}
		p = rules.Note(p, by, "", incentive.Passed)
	}
	if f := rules.Factor(p); f != 1 || p.Debt != 0 {
		t.Errorf("worth %v when all is paid, debt %v", f, p.Debt)
	}
	if p = rules.Note(p, incentive.ByChallenge, "", incentive.Silent); p.Debt != 0 || rules.Factor(p) < 0.9 {
		t.Errorf("one silence: %+v is worth %v", p, rules.Factor(p))
	}
	again := steady
	for range 3 { // about the same datum
		again = rules.Note(again, incentive.ByChallenge, "datum", incentive.Lost)
	}
	if again.Debt != rules.Penalty {
		t.Errorf("one datum is lost three times: %+v", again)
	}
	if again = rules.Note(again, incentive.ByRetrieve, "other", incentive.Lost); math.Abs(again.Debt-3*rules.Penalty) > 1 {
		t.Errorf("a second one makes %+v", again)
	}
	// One datum of a hundred makes debts faster than they are paid, up to the most.
	for n := range 10_000 {
		p = rules.Note(p, incentive.ByChallenge, "", found(n%100 > 0, incentive.Lost))
		if n > 0 && rules.Factor(p) != 0 {
			t.Fatalf("who lacks 1 %% is worth %v after %d audits", rules.Factor(p), n)
		}
	}
	if p.Debt < rules.MaxDebt-100 || p.Debt > rules.MaxDebt {
		t.Errorf("the debt is %v", p.Debt)
	}
	data, err := json.Marshal(p)
	var back incentive.Possession
	if err != nil || json.Unmarshal(data, &back) != nil || back != p {
		t.Errorf("%s came back as %+v, %v", data, back, err)
	}
	rules.Exponent = 0
	if f := rules.Factor(p); f != 1 {
		t.Errorf("the plain sum pays %v", f)
	}
}

// Why evidence is not counted in windows: a window of two epochs has 2.5
// retrievals of a miner on average, so that one in twelve has none, and the
// middle of the Wilson interval to the 8th power would take 41 % from a miner
// that never failed, half-way through the second of two windows.
func TestWindowsHoldTooFewRetrievals(t *testing.T) {
	schedule := incentive.DefaultSchedule()
	steps := float64(schedule.EpochBlocks*schedule.WindowEpochs) / stepBlocks
	mean := steps * incentive.AskedPerRound(miners, incentive.Sample{Miners: 10, Every: 5})
	if math.Abs(mean-2.5) > 1e-9 || math.Abs(math.Exp(-mean)-0.082) > 1e-3 {
		t.Errorf("%v retrievals a window, none in %v of them", mean, math.Exp(-mean))
	}
	var factor float64
	chance := math.Exp(-1.5 * mean) // Poisson
	for n := range uint64(60) {
		factor += chance * math.Pow(incentive.Wilson(n, n), 8)
		chance *= 1.5 * mean / float64(n+1)
	}
	if math.Abs(factor-0.586) > 1e-3 {
		t.Errorf("a miner that never failed would have %v", factor)
	}
}
