package replay

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestSpans: a set has all that was added, in order and apart, and nothing else as
// long as the gaps are few.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Spans
		added, wide := map[int64]bool{}, rapid.SampledFrom([]int64{50, 2000}).Draw(t, "wide")
		for range rapid.IntRange(1, 150).Draw(t, "adds") {
			from := rapid.Int64Range(0, wide).Draw(t, "from")
			to := from + rapid.Int64Range(0, 5).Draw(t, "more")
			s.Add(from, to)
			for n := from; n <= to; n++ {
				added[n] = true
			}
			for i := 1; i < len(s.list); i++ {
				if s.list[i].from-1 <= s.list[i-1].to {
					t.Fatalf("not apart: %v", s.list)
				}
			}
		}
		if len(s.list) > maxSpans {
			t.Fatalf("%d spans", len(s.list))
		}
		for n := int64(-1); n < wide+7; n++ {
			if has := s.Has(n); added[n] && !has || wide == 50 && has != added[n] {
				t.Fatalf("%d: %t", n, has)
			}
		}
		half := s.upTo(wide / 2)
		for n := int64(0); n < wide; n++ {
			if half.Has(n) != (s.Has(n) && n <= wide/2) {
				t.Fatalf("up to the middle: %d", n)
			}
		}
	})
}

// TestTheLongestGapsStay: a clock that was a day ahead for once closes no day,
// however many small gaps there are.
func TestTheLongestGapsStay(t *testing.T) {
	var s Spans
	s.Add(1_000_000, 1_000_010)
	for n := int64(0); n < 10_000; n += 7 {
		s.Add(n, n)
	}
	if s.Has(11_000) || s.Has(999_999) || !s.Has(1_000_005) || len(s.list) != maxSpans {
		t.Errorf("%v", s.list)
	}
}

func TestSpansAtTheEnds(t *testing.T) {
	var s Spans
	s.Add(math.MinInt64, math.MinInt64)
	s.Add(math.MaxInt64, math.MaxInt64)
	s.Add(0, 0)
	s.Add(math.MinInt64, math.MinInt64+1)
	if len(s.list) != 3 || !s.Has(math.MinInt64+1) || !s.Has(math.MaxInt64) || s.Has(1) {
		t.Errorf("%v", s.list)
	}
}
