package incentive

import (
	"cmp"
	"slices"
	"time"
)

// Rules are the constants of the incentive; DefaultRules has the network's,
// Profile those of other generations.
type Rules struct {
	// Tiers are the table, Measure is what their MinScore is held against.
	Tiers   Tiers
	Measure Measure
	// Success and the failures are the rewards of one answer before the
	// tier's factor; Unavailable is that of a miner found down, without it.
	Success, StoreFailure, ChallengeFailure, RetrieveFailure, Unavailable float64
	// Fastest is how many of a batch's answers get their tier's boost.
	Fastest int
	// Scaling is how a batch's rewards are shifted towards the fast.
	Scaling Scaling
	// Alpha is the weight of a new reward in the moving average.
	Alpha float64
	// Possession is what audits are worth, Capacity how much a miner may hold.
	Possession PossessionRules
	Capacity   CapacityRules
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
	// Native says that it answers a native audit, which takes a miner a
	// hundredth of the time of the reference's challenge: Pay compares its speed
	// with that of other native audits only.
	Native bool
	// Tier is the miner's.
	Tier Tier
	// Possession is the miner's PossessionRules.Factor. Pay uses it.
	Possession float64
}

// Pay is what each answer of a batch adds to its miner's score: its reward, a
// success times the miner's possession, then scaled by speed. A good answer of
// a miner whose possession is below one half takes nobody's place among the
// fastest: to answer without disks is no merit. Under the reference's plain
// rules, where possession is 1, Pay is SpeedScale of Rewards for a batch of one
// protocol. Of two, speed counts within each; but the fastest are those of the
// whole batch, so that there is nothing to gain from being asked in the slower.
func (r Rules) Pay(failure float64, limit time.Duration, batch []Answer) []float64 {
	rewards := r.rewards(failure, limit, batch, func(a Answer) float64 { return unit(a.Possession) })
	if !slices.ContainsFunc(batch, func(a Answer) bool { return a.Native }) {
		return r.Scaling.apply(batch, rewards)
	}
	for _, native := range []bool{true, false} {
		var at []int
		var answers []Answer
		var theirs []float64
		for i, a := range batch {
			if a.Native == native {
				at, answers, theirs = append(at, i), append(answers, a), append(theirs, rewards[i])
			}
		}
		for i, reward := range r.Scaling.apply(answers, theirs) {
			rewards[at[i]] = reward
		}
	}
	return rewards
}

// leastForBoost is the possession that a place among the fastest takes.
const leastForBoost = 0.5

// Rewards gives every answer of a batch its reward before scaling by speed and
// whatever its possession: Success for a good one and failure for any other,
// times the tier's factor. The Fastest good answers within limit also get their
// tier's boost; a wrong answer takes nobody's place however fast it was, and of
// equal times the earlier in the batch wins. Factors that are no finite numbers
// count as zero.
func (r Rules) Rewards(failure float64, limit time.Duration, batch []Answer) []float64 {
	return r.rewards(failure, limit, batch, func(Answer) float64 { return 1 })
}

func (r Rules) rewards(failure float64, limit time.Duration, batch []Answer, possession func(Answer) float64) []float64 {
	rewards := make([]float64, len(batch))
	var timely []int
	for i, a := range batch {
		reward := failure
		if a.OK {
			has := possession(a)
			reward = finite(r.Success * has)
			if a.Elapsed <= limit && has >= leastForBoost {
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
