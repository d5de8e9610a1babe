package incentive

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"
)

func load(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// near allows for fused multiplication on other processors.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

func TestWilsonIsTheReferences(t *testing.T) {
	var v struct {
		Cases []struct {
			Successes, Attempts uint64
			Score               float64
		}
	}
	load(t, "wilson.json", &v)
	if len(v.Cases) < 30 {
		t.Fatalf("only %d cases", len(v.Cases))
	}
	for _, c := range v.Cases {
		if got := Wilson(c.Successes, c.Attempts); !near(got, c.Score) {
			t.Errorf("Wilson(%d, %d) = %v, want %v", c.Successes, c.Attempts, got, c.Score)
		}
	}
}

func TestSpeedIsTheReferences(t *testing.T) {
	var v struct {
		Sigmoid []struct {
			U, Factor []float64
			MaxTime   float64 `json:"max_time"`
		}
		Scale []struct {
			Seconds         []*float64
			Bytes           []int64
			Rewards, Scaled []float64
		}
	}
	load(t, "speed.json", &v)
	if len(v.Sigmoid) < 3 || len(v.Scale) < 6 {
		t.Fatalf("only %d and %d cases", len(v.Sigmoid), len(v.Scale))
	}
	for _, c := range v.Sigmoid {
		for i, got := range speedFactors(c.U) {
			if !near(got, c.Factor[i]) {
				t.Errorf("factor of %v in %v: %v, want %v", c.U[i], c.U, got, c.Factor[i])
			}
		}
	}
	for n, c := range v.Scale {
		batch := make([]Answer, len(c.Seconds))
		for i, s := range c.Seconds {
			batch[i].Bytes = c.Bytes[i]
			if s != nil {
				batch[i].Came = true
				batch[i].Elapsed = time.Duration(math.Round(*s * float64(time.Second)))
			}
		}
		for i, got := range SpeedScale(batch, c.Rewards) {
			if !near(got, c.Scaled[i]) {
				t.Errorf("batch %d, answer %d: %v, want %v", n, i, got, c.Scaled[i])
			}
		}
	}
}

func truncated(x float64) float64 { return math.Floor(x*1e4) / 1e4 }

// The worked examples of the network's documents: factors by tier, then the
// 2.x boosts on the two fastest.
func TestSpeedTimesTierAsDocumented(t *testing.T) {
	rules, err := Profile("v2")
	if err != nil {
		t.Fatal(err)
	}
	times := []float64{0.15, 0.12, 0.19, 0.11, 0.3}
	tiers := []float64{0.6, 0.7, 0.8, 0.9, 1.0}
	want := []float64{0.5491, 0.6571, 0.6971, 0.8506, 0.6524}
	boosted := map[int]float64{1: 0.7557, 3: 0.8931}
	for i, f := range speedFactors(times) {
		tier := rules.Tiers[len(tiers)-1-i]
		if tier.Factor != tiers[i] {
			t.Errorf("the factor of %s is %v, want %v", tier.Name, tier.Factor, tiers[i])
		}
		if got := truncated(f * tiers[i]); got != want[i] {
			t.Errorf("answer %d: %v, want %v", i, got, want[i])
		}
		if w, ok := boosted[i]; ok && truncated(f*tiers[i]*tier.Boost) != w {
			t.Errorf("answer %d, boosted: %v, want %v", i, f*tiers[i]*tier.Boost, w)
		}
	}
}

func TestSpeedFactorsAsDocumented(t *testing.T) {
	times := []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}
	want := []float64{0.9752, 0.9652, 0.9514, 0.9324, 0.9067, 0.8726, 0.8284, 0.7729, 0.7057, 0.6283}
	for i, f := range speedFactors(times) {
		if truncated(f) != want[i] {
			t.Errorf("%v s: %v, want %v", times[i], f, want[i])
		}
	}
}

// The reference's README has 0.79 for the last; the formula rules.
func TestWilsonAsDocumented(t *testing.T) {
	for _, c := range []struct {
		s, n uint64
		want float64
		tol  float64
	}{{8, 9, 0.8701769999681506, 1e-15}, {4, 5, 0.77498, 5e-6}, {7, 9, 0.76441, 5e-6}, {0, 0, 0.5, 0}} {
		if got := Wilson(c.s, c.n); math.Abs(got-c.want) > c.tol {
			t.Errorf("Wilson(%d, %d) = %v, want %v", c.s, c.n, got, c.want)
		}
	}
}
