package cheat

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/filetao/filetao/proof/por"
)

func TestAtLeastIsTheTailOfTheBinomial(t *testing.T) {
	ps := slices.Repeat([]float64{0.5}, 4)
	for k, want := range []float64{1, 15.0 / 16, 11.0 / 16, 5.0 / 16, 1.0 / 16, 0} {
		if got := atLeast(ps, k); math.Abs(got-want) > 1e-12 {
			t.Errorf("4 tosses, at least %d heads: %v, want %v", k, got, want)
		}
	}
	if got := atLeast([]float64{0, 0, 0}, 1); got != 0 {
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

func TestLacksBlocksIsTheChanceOfASampleThatMeetsOne(t *testing.T) {
	const block = por.BlockSize
	for _, c := range []struct {
		blocks int64
		lost   span
		want   float64
	}{
		{460, span{5, 6}, 1},
		{100, span{0, 1}, 1},
		{920, span{4095, 4096}, 0.5},
		{920, span{4095, 4097}, 1 - 460.0/920*459/919},
		{1000, span{0, 540 * block}, 1 - 1/binomial(1000, 460)},
		{1000, span{0, 541 * block}, 1},
		{4600, span{7, 7}, 0},
	} {
		k := kept{size: c.blocks * block, lost: c.lost}
		if got := k.lacksBlocks(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d blocks without %v: %v, want %v", c.blocks, c.lost, got, c.want)
		}
		f := float64((c.lost.to-1)/block-c.lost.from/block+1) / float64(c.blocks)
		if c.lost.to > c.lost.from && 1-k.lacksBlocks() > math.Pow(1-f, float64(min(c.blocks, por.Sample)))+1e-12 {
			t.Errorf("%d blocks without %v: more than (1-f)^460", c.blocks, c.lost)
		}
	}
}

// binomial is n over k.
func binomial(n, k int64) float64 {
	v, _ := new(big.Float).SetInt(new(big.Int).Binomial(n, k)).Float64()
	return v
}

func good() Result {
	return Result{
		Protocol: Native, Native: 3, Asked: 3, Retrievals: 1, HonestAsked: 3, HonestPassed: 3, HonestScore: 1,
		chances: []float64{0, 0, 0},
	}
}

func TestAJudgementIsNoPassWithoutWhatItNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Result)
		want  Verdict
	}{
		"all failed":            {func(*Result) {}, Refused},
		"never asked":           {func(r *Result) { r.Asked = 0 }, Missed},
		"an audit passed":       {func(r *Result) { r.Passed = 1 }, Missed},
		"a retrieval passed":    {func(r *Result) { r.Retrieved = 1 }, Missed},
		"honest miner accused":  {func(r *Result) { r.HonestPassed = 2 }, Missed},
		"honest miner unasked":  {func(r *Result) { r.HonestAsked, r.HonestPassed = 0, 0 }, Missed},
		"as rich as the honest": {func(r *Result) { r.Score = 1 }, Missed},
		"no native audits":      {func(r *Result) { r.Native = 0 }, Missed},
		"some native audits":    {func(r *Result) { r.Native = 1 }, Refused},
		"reference":             {func(r *Result) { r.Protocol, r.Native = Reference, 0 }, Refused},
		"reference, native":     {func(r *Result) { r.Protocol = Reference }, Missed},
		"a dossier refuted":     {func(r *Result) { r.refuted = []string{"no"} }, Missed},
	} {
		r := good()
		c.spoil(&r)
		if r.settle(Cheater{judge: failsAll}); r.Verdict != c.want {
			t.Errorf("%s: %s (%s), want %s", name, r.Verdict, r.Reason, c.want)
		}
	}
}

func TestTwinsAndChoosersAreJudgedByTheirParts(t *testing.T) {
	first, rest := tally{passed: [2]int{1, 1}}, tally{failed: [2]int{1, 1}}
	for name, c := range map[string]struct {
		judge func(*Result) (string, bool)
		spoil func(*Result)
		want  Verdict
	}{
		"twins":                   {onlyOneCopy, func(*Result) {}, Refused},
		"the copy fails":          {onlyOneCopy, func(r *Result) { r.each[0] = rest }, Missed},
		"the second passes":       {onlyOneCopy, func(r *Result) { r.each[2].passed[0]++ }, Missed},
		"the second gives back":   {onlyOneCopy, func(r *Result) { r.each[1].passed[1]++ }, Missed},
		"nobody gave back":        {onlyOneCopy, func(r *Result) { r.each[1].failed[1], r.each[2].failed[1] = 0, 0 }, Missed},
		"chooser":                 {settledBySilence, func(*Result) {}, Refused},
		"chooser that was let be": {settledBySilence, func(r *Result) { r.tries = []int{4, 3} }, Missed},
		"chooser never silent":    {settledBySilence, func(r *Result) { r.silences = 0 }, Missed},
		"chooser over the bound":  {settledBySilence, func(r *Result) { r.Passed, r.chances = 2, []float64{0, 0, 0} }, Missed},
		"one question is open":    {settledBySilence, func(r *Result) { r.silences = 4 }, Refused},
		"two questions lapsed":    {settledBySilence, func(r *Result) { r.silences = 5 }, Missed},
	} {
		r := good()
		r.each, r.tries, r.silences = []tally{first, rest, rest}, []int{4, 4}, 3
		r.Passed, r.chances = 1, []float64{1, 0, 0}
		c.spoil(&r)
		if r.settle(Cheater{judge: c.judge}); r.Verdict != c.want {
			t.Errorf("%s: %s (%s), want %s", name, r.Verdict, r.Reason, c.want)
		}
	}
}

func TestTheCatalogueHasThemAll(t *testing.T) {
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
	if last != 14 {
		t.Errorf("the catalogue ends with %d", last)
	}
}
