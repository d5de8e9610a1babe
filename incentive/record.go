package incentive

import "math"

// Tally counts one task of a miner in a window.
type Tally struct {
	Attempts  uint64 `json:"attempts"`
	Successes uint64 `json:"successes"`
}

// rate is the share of successes; 0 when nothing was attempted.
func (t Tally) rate() float64 {
	if t.Attempts == 0 {
		return 0
	}
	return float64(min(t.Successes, t.Attempts)) / float64(t.Attempts)
}

// Record is what decides a miner's tier: the tallies of the window that ends
// and the successes of its whole life.
type Record struct {
	Store          Tally  `json:"store"`
	Challenge      Tally  `json:"challenge"`
	Retrieve       Tally  `json:"retrieve"`
	TotalSuccesses uint64 `json:"total_successes"`
}

// Sum is the tallies of all three tasks together.
func (r Record) Sum() (s Tally) {
	for _, t := range []Tally{r.Store, r.Challenge, r.Retrieve} {
		s.Attempts, s.Successes = add(s.Attempts, t.Attempts), add(s.Successes, t.Successes)
	}
	return s
}

// add does not overflow.
func add(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// Measure is what a tier's MinScore is held against.
type Measure int

// The measures. WilsonOfAll is the Wilson score of the three tasks' sum.
// LeastRate, of 1.x, is the lowest of the three success rates, where a task
// that was never attempted has the rate 0.
const (
	WilsonOfAll Measure = iota
	LeastRate
)

// ScoreOf is the score that decides a miner's tier, from 0 to 1.
func (r Rules) ScoreOf(m Record) float64 {
	if r.Measure == LeastRate {
		return min(m.Store.rate(), m.Challenge.rate(), m.Retrieve.rate())
	}
	sum := m.Sum()
	return Wilson(sum.Successes, sum.Attempts)
}

// TierOf is the tier that a record deserves. It is the only thing to call at a
// rollover, whatever the profile.
func (r Rules) TierOf(m Record) Tier { return r.Tiers.Of(r.ScoreOf(m), m.TotalSuccesses) }

// Next is the tier above the one of that name, for whoever wants to know what
// is missing; false for the best. A name not in the table is the lowest's.
func (t Tiers) Next(name string) (Tier, bool) {
	now := t.Named(name)
	for i := 1; i < len(t); i++ {
		if t[i].Name == now.Name {
			return t[i-1], true
		}
	}
	return Tier{}, false
}
