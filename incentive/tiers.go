// Package incentive turns what miners did into tiers, rewards, scores and
// weights. Its functions are total: any input, however absurd, gives a finite
// result, because one NaN would poison a moving average for good. It asks
// nobody, not for the time either, and keeps nothing but what its caller hands
// it; the validator feeds it and guards it. Enter at Profile; then Ledger.Settle
// is what a batch of answers earns (see Rules.Pay), Rules.Turn a miner's tier
// at a rollover, and Weights the end. docs/incentives.md has the reasons.
package incentive

import "math"

// Tier is one class of miners.
type Tier struct {
	// Name is what statistics record.
	Name string
	// StorageLimit is how many bytes a miner of the tier may be given.
	StorageLimit int64
	// MinScore is the least score (see Measure), MinSuccesses the least number
	// of successes in the miner's whole life. Both must hold.
	MinScore     float64
	MinSuccesses uint64
	// Factor multiplies the tier's rewards; Boost further multiplies those of
	// the fastest answers of a batch.
	Factor, Boost float64
}

// Tiers is a table of tiers, the best first. The last one is everybody's.
type Tiers []Tier

const (
	tib = 1 << 40
	pib = 1 << 50
)

// V3 is the table of the reference's code, 3.0.
func V3() Tiers {
	return Tiers{
		{"Super Saiyan", 50 * pib, 0.85, 15_000, 1.00, 1.02},
		{"Ruby", 20 * pib, 0.80, 10_000, 0.90, 1.04},
		{"Emerald", 10 * pib, 0.75, 7_000, 0.85, 1.05},
		{"Diamond", 5 * pib, 0.70, 5_000, 0.80, 1.08},
		{"Platinum", 1 * pib, 0.65, 3_000, 0.75, 1.10},
		{"Gold", 200 * tib, 0.60, 2_000, 0.70, 1.12},
		{"Silver", 50 * tib, 0.55, 500, 0.65, 1.16},
		{"Bronze", 10 * tib, 0, 0, 0.60, 1.20},
	}
}

// Of is the highest tier whose two conditions both hold. An empty table gives
// the zero Tier.
func (t Tiers) Of(score float64, successes uint64) Tier {
	for _, tier := range t {
		if score >= tier.MinScore && successes >= tier.MinSuccesses {
			return tier
		}
	}
	return t.lowest()
}

// Named is the tier of that name; the lowest for a name not in the table, and
// so for a miner without one.
func (t Tiers) Named(name string) Tier {
	for _, tier := range t {
		if tier.Name == name {
			return tier
		}
	}
	return t.lowest()
}

func (t Tiers) lowest() Tier {
	if len(t) == 0 {
		return Tier{}
	}
	return t[len(t)-1]
}

// wilsonZ is the normal quantile of 0.75: the bounds hold half the mass.
const wilsonZ = 0.6744897501960817

// Wilson is the middle of the Wilson score interval, clamped to [0, 1], for
// successes of attempts; 0.5 when nothing was attempted. More successes than
// attempts count as attempts.
func Wilson(successes, attempts uint64) float64 {
	if attempts == 0 {
		return 0.5
	}
	n := float64(attempts)
	low, high := wilson(float64(min(successes, attempts))/n, n)
	return (low + high) / 2
}

// wilson is the interval for the share p of n > 0 attempts.
func wilson(p, n float64) (low, high float64) {
	z2 := float64(wilsonZ * wilsonZ)
	d := 1 + z2/n
	c := p + z2/(2*n)
	w := math.Sqrt((p*(1-p) + z2/(4*n)) / n)
	return max(0, (c-wilsonZ*w)/d), min(1, (c+wilsonZ*w)/d)
}
