package incentive

import "math"

// maxRestore bounds the ratio by which scaled rewards are brought back to their
// sum. Every factor lies within 0.19 and 1, so that rewards of one sign need
// less; only good and bad ones that nearly cancel out would need more.
const maxRestore = 6

// SpeedScale shifts the rewards of a batch towards the fast answers and keeps
// their sum: u = seconds / ln(1+bytes), a falling sigmoid of u around the
// batch's mean times the reward, then all times Σ reward / Σ scaled. Each
// answer's own size and time belong together. An answer that never came counts
// as having taken the longest of the others. Where the ratio says nothing
// (all zero, or good and bad nearly cancelling out) rewards stay as they are.
// rewards and answers must be equally long; a reward without an answer stays.
func SpeedScale(answers []Answer, rewards []float64) []float64 {
	return scale(answers, rewards, speedFactors, maxRestore)
}

// MinMaxScale is SpeedScale with (max - u) / (max - min) for the sigmoid: the
// slowest answer of a batch gets nothing. It is the alternative of 1.x.
func MinMaxScale(answers []Answer, rewards []float64) []float64 {
	return scale(answers, rewards, minMaxFactors, max(maxRestore, float64(len(answers))))
}

// Scaling is a way to shift rewards towards the fast.
type Scaling int

// The ways. BySigmoid is SpeedScale, ByMinMax is MinMaxScale.
const (
	BySigmoid Scaling = iota
	ByMinMax
)

func (s Scaling) apply(answers []Answer, rewards []float64) []float64 {
	if s == ByMinMax {
		return MinMaxScale(answers, rewards)
	}
	return SpeedScale(answers, rewards)
}

func scale(answers []Answer, rewards []float64, factorsOf func([]float64) []float64, most float64) []float64 {
	n := min(len(answers), len(rewards))
	out := make([]float64, len(rewards))
	for i, r := range rewards {
		out[i] = finite(r)
	}
	factors := factorsOf(perByte(answers[:n]))
	var before, after float64
	for i := range n {
		before += out[i]
		after += out[i] * factors[i]
	}
	ratio := before / after
	if !(ratio > 0 && ratio <= most) {
		return out
	}
	for i := range n {
		out[i] = finite(out[i] * factors[i] * ratio)
	}
	return out
}

// perByte is each answer's time in seconds over the logarithm of its size.
func perByte(answers []Answer) []float64 {
	var slowest float64
	for _, a := range answers {
		if a.Came {
			slowest = max(slowest, a.Elapsed.Seconds())
		}
	}
	u := make([]float64, len(answers))
	for i, a := range answers {
		t := slowest
		if a.Came {
			t = max(0, a.Elapsed.Seconds())
		}
		u[i] = t / math.Log1p(float64(max(a.Bytes, 1)))
	}
	return u
}

// speedFactors is the sigmoid over normalised times: near 1 for the fastest,
// smaller for the slower; all 1 when nothing took any time.
func speedFactors(u []float64) []float64 {
	var sum, slowest float64
	for _, v := range u {
		sum += v
		slowest = max(slowest, v)
	}
	mean, limit := sum/float64(len(u)), 2*slowest
	factors := make([]float64, len(u))
	for i, v := range u {
		factors[i] = 1
		if limit > 0 {
			factors[i] = 1 / (1 + math.Exp(7/limit*((v-mean)-0.3*limit)))
		}
	}
	return factors
}

// minMaxFactors is 1 for the fastest, 0 for the slowest, in proportion between;
// all 1 when they were equally fast.
func minMaxFactors(u []float64) []float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range u {
		low, high = min(low, v), max(high, v)
	}
	factors := make([]float64, len(u))
	for i, v := range u {
		factors[i] = 1
		if high > low {
			factors[i] = (high - v) / (high - low)
		}
	}
	return factors
}

// finite replaces what is no finite number by zero.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
