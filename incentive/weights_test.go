package incentive_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/filetao/filetao/incentive"
)

// Values from the SDK's functions in plain Python, in double precision.
func TestWeightsAreTheSDKs(t *testing.T) {
	for _, c := range []struct {
		scores     []float64
		minAllowed int
		limit      uint16
		want       []incentive.Weight
	}{
		{[]float64{0.5, 0.25, 0.125}, 1, 65535, []incentive.Weight{{0, 65535}, {1, 32768}, {2, 16384}}},
		{[]float64{0.9, 0.05, 0.03, 0.02}, 1, 19661, []incentive.Weight{{0, 65535}, {1, 65535}, {2, 52425}, {3, 34950}}},
		{[]float64{0, 0, 0.7, 0.1}, 3, 65535, []incentive.Weight{{0, 1}, {1, 1}, {2, 65535}, {3, 9363}}},
		{[]float64{0, 0, 0}, 1, 65535, []incentive.Weight{{0, 65535}, {1, 65535}, {2, 65535}}},
		{[]float64{1, 2}, 5, 65535, []incentive.Weight{{0, 65535}, {1, 65535}}},
		{[]float64{10, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 8, 13107, []incentive.Weight{{0, 65535}, {1, 29127}, {2, 29127}, {3, 29127}, {4, 29127}, {5, 29127}, {6, 29127}, {7, 29127}, {8, 29127}, {9, 29127}}},
		{[]float64{0, 0.3, 0.9, 0, 0.6, 0.6, 0.01}, 2, 30000, []incentive.Weight{{1, 21845}, {2, 65535}, {4, 43690}, {5, 43690}, {6, 728}}},
		{[]float64{5, 5, 0, 0}, 1, 13107, []incentive.Weight{{0, 65535}, {1, 65535}}},
		{[]float64{1, 0.999, 1e-07}, 1, 32768, []incentive.Weight{{0, 65535}, {1, 65534}, {2, 1}}}, // the SDK's 65533 and none are over the limit
		{[]float64{1, 1e-6, 0}, 2, 65535, []incentive.Weight{{0, 65535}, {1, 1}, {2, 1}}},          // the SDK's is one, which the chain refuses
		{[]float64{4, 2, 1, 1}, 1, 26214, []incentive.Weight{{0, 65535}, {1, 49151}, {2, 24576}, {3, 24576}}},
	} {
		got := incentive.Weights(c.scores, incentive.Limits{MinAllowed: c.minAllowed, Max: c.limit})
		if !slices.Equal(got, c.want) {
			t.Errorf("weights of %v: %v, want %v", c.scores, got, c.want)
		}
	}
}

func TestWeightsOfUnusableScores(t *testing.T) {
	limits := incentive.Limits{MinAllowed: 1, Max: math.MaxUint16}
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		scores []float64
		want   []incentive.Weight
	}{
		{nil, nil},
		{[]float64{nan, 0.2, 0.4}, []incentive.Weight{{0, 32768}, {1, 32768}, {2, 65535}}},
		{[]float64{nan, -0.2, 0.4}, []incentive.Weight{{2, 65535}}},
		{[]float64{inf, 0.2, 0.4}, []incentive.Weight{{0, 32768}, {1, 32768}, {2, 65535}}},
		{[]float64{nan, nan}, []incentive.Weight{{0, 65535}, {1, 65535}}},
		{[]float64{-1, -2}, []incentive.Weight{{0, 65535}, {1, 65535}}},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, []incentive.Weight{{0, 65535}, {1, 65535}}},
	} {
		if got := incentive.Weights(c.scores, limits); !slices.Equal(got, c.want) {
			t.Errorf("weights of %v: %v, want %v", c.scores, got, c.want)
		}
	}
}

// tiny are ten scores of which five are too small, beside three others, to round
// to a weight.
func tiny() (raw []byte) {
	for _, score := range []float64{0.5, 0.5, 0.5, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 0, 0} {
		raw = binary.BigEndian.AppendUint64(raw, math.Float64bits(score))
	}
	return raw
}

// TestNoWeightIsAboveTheLimit as the chain computes it, of the rounded weights; of
// random scores with heavy tails the SDK's rounding is over it in every second row.
func TestNoWeightIsAboveTheLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		scores := make([]float64, 20+r.IntN(237))
		for i := range scores {
			scores[i] = math.Exp(3 * r.NormFloat64())
		}
		limit := 65535/uint64(len(scores)) + 200 + r.Uint64N(30000)
		var top, total uint64
		for _, w := range incentive.Weights(scores, incentive.Limits{MinAllowed: 8, Max: uint16(limit)}) {
			top, total = max(top, uint64(w.Value)), total+uint64(w.Value)
		}
		if top*math.MaxUint16 > limit*total {
			t.Fatalf("%d scores: %d of %d is above %d of 65535", len(scores), top, total, limit)
		}
	}
}

func FuzzWeightsAreFitForTheChain(f *testing.F) {
	f.Add([]byte{0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0}, 1, uint16(65535))
	f.Add([]byte{0x7f, 0xf8, 0, 0, 0, 0, 0, 1}, 8, uint16(0))
	f.Add(make([]byte, 8*64), -5, uint16(2000))
	f.Add(tiny(), 8, uint16(65535))
	f.Fuzz(func(t *testing.T, raw []byte, minAllowed int, limit uint16) {
		var scores []float64
		for len(raw) >= 8 && len(scores) < 512 {
			scores = append(scores, math.Float64frombits(binary.BigEndian.Uint64(raw)))
			raw = raw[8:]
		}
		got := incentive.Weights(scores, incentive.Limits{MinAllowed: minAllowed, Max: limit})
		if len(scores) > 0 && len(got) == 0 {
			t.Fatal("no weights at all")
		}
		if len(got) < min(minAllowed, len(scores)) {
			t.Fatalf("%d weights of %d scores, at least %d", len(got), len(scores), minAllowed)
		}
		top, total := uint16(0), uint64(0)
		for i, w := range got {
			if int(w.UID) >= len(scores) || i > 0 && w.UID <= got[i-1].UID || w.Value == 0 {
				t.Fatalf("weights out of order, of strangers or empty: %v", got)
			}
			top, total = max(top, w.Value), total+uint64(w.Value)
		}
		if len(got) > 0 && top != math.MaxUint16 {
			t.Fatalf("the largest weight is %d", top)
		}
		if len(got)*int(limit) > math.MaxUint16*101/100 && uint64(top)*math.MaxUint16 > total*uint64(limit) {
			t.Fatalf("a share of %d in %d, at most %d in 65535 allowed", top, total, limit)
		}
	})
}
