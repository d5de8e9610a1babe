package incentive

import "math"

// CapacityRules say how much a miner may be given.
type CapacityRules struct {
	// Start is how many bytes everybody may be given.
	Start int64
	// Growth is by how much a miner may grow beyond what it has shown.
	Growth float64
}

// Shown is how many bytes a miner has shown it can hold, brought up to date at
// the end of a window: the most that it held from the beginning of a window to
// its end (before: of earlier windows; the lesser of atStart and atEnd: of this
// one), while audits of that window passed, times its possession at the end. A
// window without a passed audit shows nothing. What was shown once stays:
// capacity falls by failing audits, not because data expires. It goes with the
// hotkey.
func Shown(before, atStart, atEnd int64, window Record, possession float64) int64 {
	before = max(before, 0)
	if window.Challenge.Successes == 0 && window.Retrieve.Successes == 0 {
		return before
	}
	return max(before, scaleBytes(max(0, min(atStart, atEnd)), unit(possession)))
}

// Of is how many bytes a miner may hold now, all that it holds already
// included: Growth times what it has shown times its possession, at least
// Start, at most its tier's limit and its own signed claim (0: it has claimed
// nothing, so that the limit alone counts). It is within 0 and the limit, and
// never falls when an argument grows, but for a claim that appears.
func (r CapacityRules) Of(limit, claimed, shown int64, possession float64) int64 {
	most := max(limit, 0)
	if claimed > 0 {
		most = min(most, claimed)
	}
	grown := scaleBytes(max(shown, 0), max(1, finite(r.Growth))*unit(possession))
	return min(most, max(r.Start, grown, 0))
}

// scaleBytes is bytes times a factor >= 0, at most math.MaxInt64.
func scaleBytes(bytes int64, factor float64) int64 {
	if factor == 1 {
		return bytes
	}
	product := float64(bytes) * factor
	if product >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(product)
}
