package cheat

import (
	"math"
	"slices"
	"testing"
)

func TestAtLeastIsTheTailOfTheBinomial(t *testing.T) {
	ps := slices.Repeat([]float64{0.5}, 4)
	for k, want := range []float64{1, 15.0 / 16, 11.0 / 16, 5.0 / 16, 1.0 / 16, 0} {
		if got := atLeast(ps, k); math.Abs(got-want) > 1e-12 {
			t.Errorf("4 tosses, at least %d heads: %v, want %v", k, got, want)
		}
	}
	if got := atLeast([]float64{0, 0, 0}, 1); got > 1e-20 {
		t.Errorf("what cannot pass passes with %v", got)
	}
	if got := atLeast([]float64{0.25, 1}, 2); math.Abs(got-0.25) > 1e-12 {
		t.Errorf("unequal chances: %v, want 0.25", got)
	}
}

func TestLacksCountsThePiecesThatAreTouchedByTheirBytes(t *testing.T) {
	for _, c := range []struct {
		size  int64
		lost  span
		piece int64
		want  float64
	}{
		{1000, span{0, 1}, 100, 0.1},
		{1000, span{99, 101}, 100, 0.2},
		{1000, span{100, 200}, 100, 0.1},
		{1001, span{1000, 1001}, 100, 1.0 / 1001},
		{1000, span{0, 1000}, 300, 1},
		{1000, span{5, 5}, 100, 0},
		{10, span{9, 10}, 256, 1},
	} {
		k := kept{size: c.size, lost: c.lost}
		if got := k.lacks(c.piece); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d bytes without %v, pieces of %d: lacks %v, want %v", c.size, c.lost, c.piece, got, c.want)
		}
	}
}

func TestAJudgementIsNoPassWithoutWhatItNeeds(t *testing.T) {
	good := Result{Asked: 3, Retrievals: 1, HonestAsked: 3, HonestPassed: 3, HonestScore: 1, chances: []float64{0, 0, 0}}
	judged := Cheater{Number: 5, judge: failsAll} // 5 has no gap
	for name, c := range map[string]struct {
		spoil func(*Result)
		want  Verdict
	}{
		"all failed":            {func(*Result) {}, Refused},
		"never asked":           {func(r *Result) { r.Asked = 0 }, Missed},
		"a challenge passed":    {func(r *Result) { r.Passed = 1 }, Missed},
		"a retrieval passed":    {func(r *Result) { r.Retrieved = 1 }, Missed},
		"honest miner accused":  {func(r *Result) { r.HonestPassed = 2 }, Missed},
		"honest miner unasked":  {func(r *Result) { r.HonestAsked, r.HonestPassed = 0, 0 }, Missed},
		"as rich as the honest": {func(r *Result) { r.Score = 1 }, Missed},
	} {
		r := good
		c.spoil(&r)
		if r.settle(judged); r.Verdict != c.want {
			t.Errorf("%s: %s (%s), want %s", name, r.Verdict, r.Reason, c.want)
		}
	}
	r := good
	r.Passed = 3
	if r.settle(Cheater{Number: 7, judge: failsAll}); r.Verdict != NotYet || !Passed([]Result{r}) {
		t.Errorf("a known gap: %s", r.Verdict)
	}
}

func TestTheCatalogueHasAllThirteen(t *testing.T) {
	names := map[string]bool{}
	last := 0
	for _, c := range Catalogue() {
		if c.Number != last && c.Number != last+1 {
			t.Errorf("number %d comes after %d", c.Number, last)
		}
		if last = c.Number; names[c.Name] || c.Name == "" || c.What == "" || c.Required == "" {
			t.Errorf("cheater %d, %q: its name is another's, or something is not said of it", c.Number, c.Name)
		}
		names[c.Name] = true
	}
	if last != 13 {
		t.Errorf("the catalogue ends with %d", last)
	}
}
