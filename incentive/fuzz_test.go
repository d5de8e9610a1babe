package incentive_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/incentive"
)

func FuzzRewardsAndScoresStayFinite(f *testing.F) {
	f.Add(int64(time.Second), int64(2*time.Second), int64(100), int64(0), 0.6, -0.01, uint8(3))
	f.Add(int64(-1), int64(math.MaxInt64), int64(math.MinInt64), int64(math.MaxInt64), math.Inf(1), math.NaN(), uint8(255))
	f.Fuzz(func(t *testing.T, e1, e2, b1, b2 int64, factor, failure float64, bits uint8) {
		rules := incentive.DefaultRules()
		tier := incentive.Tier{Factor: factor, Boost: failure}
		batch := []incentive.Answer{
			{OK: bits&1 > 0, Came: bits&2 > 0, Elapsed: time.Duration(e1), Bytes: b1, Tier: tier, Possession: factor},
			{OK: bits&4 > 0, Came: bits&8 > 0, Elapsed: time.Duration(e2), Bytes: b2, Tier: rules.Tiers[0], Possession: 1, Native: bits&64 > 0},
			{OK: bits&16 > 0, Came: bits&32 > 0, Elapsed: time.Second, Bytes: 1, Tier: rules.Tiers[7]},
		}
		rules.Success = 1 + failure
		rules.Scaling = incentive.Scaling(bits >> 6)
		rewards := rules.Rewards(failure, time.Duration(e2), batch)
		all := slices.Concat(rewards, incentive.SpeedScale(batch, rewards), incentive.MinMaxScale(batch, rewards),
			rules.Pay(failure, time.Duration(e2), batch))
		if len(all) != 4*len(batch) {
			t.Fatalf("%d rewards", len(all))
		}
		score := 0.0
		for _, r := range all {
			score = incentive.MovingAverage(score, r, failure)
			score = incentive.MovingAverage(score, r, rules.Alpha)
			if math.IsNaN(r) || math.IsInf(r, 0) || math.IsNaN(score) || math.IsInf(score, 0) {
				t.Fatalf("reward %v, score %v", r, score)
			}
		}
	})
}

func FuzzWilsonStaysWithinUnit(f *testing.F) {
	f.Add(uint64(8), uint64(9))
	f.Add(uint64(math.MaxUint64), uint64(1))
	f.Fuzz(func(t *testing.T, s, n uint64) {
		if w := incentive.Wilson(s, n); !(w >= 0 && w <= 1) {
			t.Fatalf("Wilson(%d, %d) = %v", s, n, w)
		}
	})
}

func FuzzPossessionStaysWithinUnit(f *testing.F) {
	f.Add(3.0, 1.0, 16.0, 0.03, 12.0, 0.5, true)
	f.Add(math.MaxFloat64, math.MaxFloat64, math.MaxFloat64, -1.0, math.MaxFloat64, 7.0, false)
	f.Add(math.NaN(), math.Inf(1), math.Inf(1), math.NaN(), math.NaN(), math.NaN(), true)
	f.Add(5e-324, 0.0, 5e-324, 1.0, 0.0, -1.0, false)
	f.Fuzz(func(t *testing.T, passed, failed, exponent, tolerance, memory, unproven float64, ok bool) {
		rules := incentive.PossessionRules{
			Exponent: exponent, Tolerance: tolerance, Penalty: unproven, MaxDebt: passed,
			Challenges: memory, Retrievals: memory, Unproven: unproven,
		}
		p := incentive.Possession{Challenge: incentive.Evidence{Passed: passed, Failed: failed}, Debt: failed, Losses: unproven}
		for _, by := range []incentive.Audit{incentive.ByChallenge, incentive.ByRetrieve, 7} {
			if f := rules.Factor(p); !(f >= 0 && f <= 1) {
				t.Fatalf("factor %v of %+v", f, p)
			}
			p = rules.Note(p, by, "", found(ok, incentive.Silent+incentive.Finding(math.Float64bits(failed)%2)))
			if d := p.Debt + p.Losses/2; !(d >= 0 && d <= math.MaxFloat64) {
				t.Fatalf("debt %v", d)
			}
			for _, e := range []incentive.Evidence{p.Challenge, p.Retrieve} {
				if n := e.Passed + e.Failed; !(e.Passed >= 0 && e.Failed >= 0 && n <= max(1, memory)*1.001 || math.IsNaN(memory) && n <= 1.001) {
					t.Fatalf("evidence %+v with memory %v", e, memory)
				}
			}
		}
		if !(exponent > 0) && rules.Factor(p) != 1 {
			t.Fatal("the plain sum is not plain")
		}
	})
}

func FuzzTiersOfAnyRecord(f *testing.F) {
	f.Add(uint64(8), uint64(9), uint64(8), uint64(9), uint64(8), uint64(9), uint64(500), "v3")
	f.Add(uint64(math.MaxUint64), uint64(1), uint64(math.MaxUint64), uint64(2), uint64(0), uint64(math.MaxUint64), uint64(math.MaxUint64), "v1")
	f.Add(uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), "v9")
	f.Fuzz(func(t *testing.T, s1, n1, s2, n2, s3, n3, total uint64, name string) {
		rules, err := incentive.Profile(name)
		if (err == nil) != slices.Contains(incentive.Profiles(), name) {
			t.Fatalf("profile %q: %v", name, err)
		}
		record := incentive.Record{
			Store: incentive.Tally{Successes: s1, Attempts: n1}, Challenge: incentive.Tally{Successes: s2, Attempts: n2},
			Retrieve: incentive.Tally{Successes: s3, Attempts: n3}, TotalSuccesses: total,
		}
		if score := rules.ScoreOf(record); !(score >= 0 && score <= 1) {
			t.Fatalf("score %v", score)
		}
		tier := rules.TierOf(record)
		if err == nil && (tier.Name == "" || tier.MinSuccesses > total || rules.Tiers.Named(tier.Name) != tier) {
			t.Fatalf("tier %+v with %d successes", tier, total)
		}
		if next, ok := rules.Tiers.Next(tier.Name); ok && next.MinSuccesses < tier.MinSuccesses {
			t.Fatalf("%s above %s", next.Name, tier.Name)
		}
		if sum := record.Sum(); sum.Successes < max(s1, s2, s3) || sum.Attempts < max(n1, n2, n3) {
			t.Fatalf("sum %+v", sum)
		}
	})
}

func FuzzClimbIsFinite(f *testing.F) {
	f.Add(uint64(1000), 0.034, int64(12*time.Second), 1, 192, 15, 5)
	f.Add(uint64(math.MaxUint64), 5e-324, int64(math.MaxInt64), 1, 0, -1, 0)
	f.Add(uint64(0), math.NaN(), int64(-1), -1, math.MinInt, math.MaxInt, math.MinInt)
	f.Fuzz(func(t *testing.T, successes uint64, p float64, round int64, validators, available, sample, every int) {
		hours, ok := incentive.ClimbHours(successes, p, time.Duration(round), validators)
		if math.IsNaN(hours) || math.IsInf(hours, 0) || hours < 0 || ok && !(p > 0 && round > 0 && validators > 0) {
			t.Fatalf("%v hours, %v", hours, ok)
		}
		if p := incentive.AskedPerRound(available, incentive.Sample{Miners: sample, Every: every}); !(p >= 0 && p <= 1) {
			t.Fatalf("asked %v times", p)
		}
	})
}
