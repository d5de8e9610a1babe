package incentive

import (
	"cmp"
	"slices"
	"time"
)

// Rules are the constants of the incentive; DefaultRules has the network's.
type Rules struct {
	Tiers Tiers
	// Success and the failures are the rewards of one answer before the
	// tier's factor; Unavailable is that of a miner found down, without it.
	Success, StoreFailure, ChallengeFailure, RetrieveFailure, Unavailable float64
	// Fastest is how many of a batch's answers get their tier's boost.
	Fastest int
	// Alpha is the weight of a new reward in the moving average.
	Alpha float64
}

// DefaultRules are those of the reference, 3.0.
func DefaultRules() Rules {
	return Rules{
		Tiers: V3(), Success: 1, RetrieveFailure: -0.01, Unavailable: -0.005,
		Fastest: 2, Alpha: 0.05,
	}
}

// Answer is how one miner did in a batch of the same task.
type Answer struct {
	// OK says that the answer came and verified.
	OK bool
	// Came says that there was a whole answer, right or wrong; then Elapsed
	// is the time from sending to its end.
	Came    bool
	Elapsed time.Duration
	// Bytes is the length of the data that the task was about.
	Bytes int64
	// Tier is the miner's.
	Tier Tier
}

// Rewards gives every answer of a batch its reward before scaling by speed:
// Success for a good one and failure for any other, times the tier's factor.
// The Fastest good answers within limit also get their tier's boost; a wrong
// answer takes nobody's place however fast it was, and of equal times the
// earlier in the batch wins. Factors that are no finite numbers count as zero.
func (r Rules) Rewards(failure float64, limit time.Duration, batch []Answer) []float64 {
	rewards := make([]float64, len(batch))
	var timely []int
	for i, a := range batch {
		reward := failure
		if a.OK {
			reward = r.Success
			if a.Elapsed <= limit {
				timely = append(timely, i)
			}
		}
		rewards[i] = finite(reward * a.Tier.Factor)
	}
	slices.SortStableFunc(timely, func(i, j int) int { return cmp.Compare(batch[i].Elapsed, batch[j].Elapsed) })
	for _, i := range timely[:min(max(r.Fastest, 0), len(timely))] {
		rewards[i] = finite(rewards[i] * batch[i].Tier.Boost)
	}
	return rewards
}

// MovingAverage moves a score towards a reward by alpha. What is not finite
// does not enter: such a reward leaves the score, such a score counts as 0,
// and alpha is held within 0 and 1.
func MovingAverage(score, reward, alpha float64) float64 {
	score = finite(score)
	if finite(reward) != reward {
		return score
	}
	alpha = min(max(finite(alpha), 0), 1)
	return finite(alpha*reward + (1-alpha)*score)
}
