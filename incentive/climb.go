package incentive

import (
	"math"
	"time"
)

// ClimbHours is how long a miner may expect to take for a number of successes,
// if all its answers are good: successes / P / validators rounds of that
// length. perRound is P, how often one validator asks it in a round on average
// (see AskedPerRound). ok is false when it never gets there: nobody asks, or a
// number makes no sense.
func ClimbHours(successes uint64, perRound float64, round time.Duration, validators int) (hours float64, ok bool) {
	if !(finite(perRound) > 0) || round <= 0 || validators <= 0 {
		return 0, false
	}
	hours = float64(successes) / perRound * round.Seconds() / 3600 / float64(validators)
	if math.IsNaN(hours) || math.IsInf(hours, 0) {
		return 0, false
	}
	return hours, true
}

// Sample is a task that asks Miners of the available ones, every Every rounds
// (0: every round).
type Sample struct {
	Miners, Every int
}

// AskedPerRound is how often one of the available miners is asked in a round on
// average, when every task draws evenly; 0 when there are none.
func AskedPerRound(available int, samples ...Sample) float64 {
	var asked float64
	for _, s := range samples {
		if available > 0 && s.Miners > 0 {
			asked += min(1, float64(s.Miners)/float64(available)) / float64(max(1, s.Every))
		}
	}
	return asked
}
