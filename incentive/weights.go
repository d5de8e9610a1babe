package incentive

import (
	"math"
	"slices"
)

// Limits are a subnet's rules for weights.
type Limits struct {
	// MinAllowed is how many weights a validator must set at least.
	MinAllowed int
	// Max is the largest share one miner may get, in 65535ths.
	Max uint16
}

// Weight is what goes to the chain for one UID; relative to the others only.
type Weight struct {
	UID, Value uint16
}

// The SDK's constants.
const (
	normalizeMaxEpsilon = 1e-7
	floorWeight         = 1e-5
)

// Weights makes of one score per UID (index = UID, all UIDs of the subnet) the
// weights the Bittensor SDK would set: what is not finite counts as the least
// finite score, negatives as 0; L1 normalisation; process_weights_for_netuid
// without quantile; convert_weights_and_uids_for_emit. UIDs ascend, values are
// never 0, and there are MinAllowed of them if there are as many scores: the SDK
// counts before it rounds, and sends fewer. None has more than Max if that is
// possible: the SDK's rounding may lift the largest above it. It computes in single precision, so
// that its values may differ by one where a value lies on the edge between two.
// UIDs beyond 65535 do not exist and are left out.
func Weights(scores []float64, limits Limits) []Weight {
	scores = scores[:min(len(scores), math.MaxUint16+1)]
	shares := normalizeL1(clean(scores))
	limit := float64(limits.Max) / math.MaxUint16
	all := make([]int, len(shares))
	var uids []int
	var some []float64
	for uid, w := range shares {
		all[uid] = uid
		if w > 0 {
			uids, some = append(uids, uid), append(some, w)
		}
	}
	if len(some) == 0 || len(shares) < limits.MinAllowed {
		return capped(all, uniform(len(shares)), limits.Max)
	}
	if weights := capped(uids, normalizeMax(some, limit), limits.Max); len(weights) >= limits.MinAllowed {
		return weights
	}
	for uid := range shares {
		shares[uid] += floorWeight // 65535 times it, beside a share of 1, rounds to 1
	}
	return capped(all, normalizeMax(shares, limit), limits.Max)
}

// clean replaces what is not finite by the minimum of the rest, then
// negatives by 0.
func clean(scores []float64) []float64 {
	least := math.Inf(1)
	for _, s := range scores {
		if finite(s) == s {
			least = min(least, s)
		}
	}
	out := make([]float64, len(scores))
	for i, s := range scores {
		if finite(s) != s {
			s = finite(least)
		}
		out[i] = max(0, s)
	}
	return out
}

// normalizeL1 divides by the sum; by the maximum first, so that the sum of
// huge scores does not overflow.
func normalizeL1(x []float64) []float64 {
	if len(x) == 0 {
		return nil
	}
	top := slices.Max(x)
	if top == 0 {
		return x
	}
	for i := range x {
		x[i] /= top
	}
	return divide(x, sum(x))
}

// normalizeMax is the SDK's normalize_max_weight: shares that sum to 1 with
// none above limit, the excess of the large being spread by clipping them.
func normalizeMax(x []float64, limit float64) []float64 {
	k := len(x)
	total := sum(x)
	if total == 0 || float64(k)*limit <= 1 {
		return uniform(k)
	}
	sorted := slices.Sorted(slices.Values(x))
	if sorted[k-1]/total <= limit {
		return divide(x, total)
	}
	height := cutoff(sorted, total, limit)
	if !(finite(height) > 0) {
		return uniform(k)
	}
	for i := range x {
		x[i] = min(x[i], height)
	}
	return divide(x, sum(x))
}

// cutoff is the height to which the largest of the sorted weights must be
// clipped for none to exceed limit. It is no positive number when
// there is none.
func cutoff(sorted []float64, total, limit float64) float64 {
	k := len(sorted)
	prefix := make([]float64, k)
	var running float64
	below := 0
	for i, v := range sorted {
		share := v / total
		running += share
		prefix[i] = running
		if share/(float64(k-i-1)*share+running+normalizeMaxEpsilon) < limit {
			below++
		}
	}
	at := below - 1
	if at < 0 {
		at = k - 1 // Python's index -1
	}
	return (limit*prefix[at] - normalizeMaxEpsilon) / (1 - limit*float64(k-below)) * total
}

// capped is emit, but where the largest comes out above limit, in 65535ths of the sum,
// all others are rounded up, and then lifted alike as far as that takes: chains that
// have a limit hold the rounded weights against it, and the SDK's, which are above it
// by rounding or by its normalizeMaxEpsilon, would be refused.
func capped(uids []int, shares []float64, limit uint16) []Weight {
	weights := emit(uids, shares, math.RoundToEven)
	if excess(weights, limit) == 0 {
		return weights
	}
	weights = emit(uids, shares, math.Ceil)
	missing, lower := excess(weights, limit), uint64(0)
	for _, w := range weights {
		if w.Value < math.MaxUint16 {
			lower++
		}
	}
	if lower == 0 {
		return weights
	}
	lift := (missing + lower - 1) / lower
	for i, w := range weights {
		weights[i].Value = uint16(min(uint64(w.Value)+lift, math.MaxUint16))
	}
	return weights
}

// excess is by how much the sum of weights is too small for the largest, which is
// 65535, to have no more than limit 65535ths of it; 0 also for a limit of 0.
func excess(weights []Weight, limit uint16) uint64 {
	if len(weights) == 0 || limit == 0 {
		return 0
	}
	var total uint64
	for _, w := range weights {
		total += uint64(w.Value)
	}
	const largest = math.MaxUint16 * math.MaxUint16
	least := (largest + uint64(limit) - 1) / uint64(limit)
	return max(least, total) - total
}

// emit is convert_weights_and_uids_for_emit: relative to the largest, rounded
// (by the SDK half to even), zeros dropped.
func emit(uids []int, shares []float64, round func(float64) float64) []Weight {
	if len(shares) == 0 {
		return nil
	}
	top := slices.Max(shares)
	if top <= 0 {
		return nil
	}
	out := make([]Weight, 0, len(uids))
	for i, uid := range uids {
		value := uint16(round(shares[i] / top * math.MaxUint16))
		if value > 0 {
			out = append(out, Weight{uint16(uid), value})
		}
	}
	return out
}

func uniform(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 1 / float64(n)
	}
	return x
}

func divide(x []float64, by float64) []float64 {
	for i := range x {
		x[i] /= by
	}
	return x
}

func sum(x []float64) (total float64) {
	for _, v := range x {
		total += v
	}
	return total
}
