package incentive_test

import (
	"math"
	"testing"

	"github.com/filetao/filetao/incentive"
)

const gib = 1 << 30

func TestCapacity(t *testing.T) {
	rules := incentive.DefaultRules().Capacity
	for _, c := range []struct {
		name                  string
		limit, claimed, shown int64
		possession            float64
		want                  int64
	}{
		{"newcomer", 10 * tib, 0, 0, 0.5, gib},
		{"newcomer with a small disk", 10 * tib, 100 << 20, 0, 0.5, 100 << 20},
		{"doubles what it has shown", 10 * tib, 0, 5 * gib, 1, 10 * gib},
		{"its claim", 10 * tib, 8 * gib, 5 * gib, 1, 8 * gib},
		{"its tier's limit", 10 * tib, 20 * tib, 9 * tib, 1, 10 * tib},
		{"fails audits", 10 * tib, 0, 5 * tib, 0.001, 10995116277},
		{"failed them all", 10 * tib, 0, 5 * tib, 0, gib},
		{"no tier", 0, 0, 5 * gib, 1, 0},
		{"no number", 10 * tib, -1, -1, math.NaN(), gib},
		{"as much as there is", math.MaxInt64, math.MaxInt64, math.MaxInt64, 1, math.MaxInt64},
	} {
		if got := rules.Of(c.limit, c.claimed, c.shown, c.possession); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestShown(t *testing.T) {
	passed := incentive.Record{Challenge: incentive.Tally{Attempts: 2, Successes: 1}}
	retrieved := incentive.Record{Retrieve: incentive.Tally{Attempts: 1, Successes: 1}}
	unasked := incentive.Record{Store: incentive.Tally{Attempts: 9, Successes: 9}}
	for _, c := range []struct {
		name              string
		before, from, end int64
		window            incentive.Record
		possession        float64
		want              int64
	}{
		{"held through the window", 0, 3 * gib, 4 * gib, passed, 1, 3 * gib},
		{"what expired meanwhile", 0, 3 * gib, gib, retrieved, 1, gib},
		{"what was shown stays", 5 * gib, 3 * gib, 4 * gib, passed, 1, 5 * gib},
		{"with failures", 0, 4 * gib, 4 * gib, passed, 0.5, 2 * gib},
		{"not audited", gib, 3 * gib, 4 * gib, unasked, 1, gib},
		{"no numbers", -1, -3, math.MinInt64, passed, math.Inf(1), 0},
	} {
		if got := incentive.Shown(c.before, c.from, c.end, c.window, c.possession); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// A miner that fills what it may have as soon as it may: a window to hold it
// through, then twice as much: 14 doublings from 1 GiB to Bronze's 10 TiB, each
// of two windows.
func TestCapacityGrowsByDoubling(t *testing.T) {
	rules, limit := incentive.DefaultRules().Capacity, incentive.V3().Named("Bronze").StorageLimit
	passed := incentive.Record{Challenge: incentive.Tally{Attempts: 1, Successes: 1}}
	var held, shown int64
	windows := 0
	for ; held < limit; windows++ {
		room := rules.Of(limit, 0, shown, 1)
		if room > max(gib, 2*shown) {
			t.Fatalf("given %d, shown %d", room, shown)
		}
		shown = incentive.Shown(shown, held, room, passed, 1)
		held = room
	}
	if windows != 29 {
		t.Errorf("%d windows", windows)
	}
}

func FuzzCapacityIsBoundedAndMonotone(f *testing.F) {
	f.Add(int64(10*tib), int64(0), int64(5*gib), 0.5, int64(gib), 2.0, int64(1))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), 1.0, int64(math.MaxInt64), math.MaxFloat64, int64(-1))
	f.Add(int64(-1), int64(-1), int64(math.MinInt64), math.NaN(), int64(-1), math.Inf(1), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, limit, claimed, shown int64, possession float64, start int64, growth float64, more int64) {
		rules := incentive.CapacityRules{Start: start, Growth: growth}
		got := rules.Of(limit, claimed, shown, possession)
		if got < 0 || got > max(limit, 0) || claimed > 0 && got > claimed {
			t.Fatalf("%d of %d, claimed %d", got, limit, claimed)
		}
		more = max(more, 0)
		up := func(n int64) int64 { return n + min(more, math.MaxInt64-max(n, 0)) }
		for _, bigger := range []int64{
			rules.Of(up(limit), claimed, shown, possession), rules.Of(limit, claimed, up(shown), possession),
			rules.Of(limit, claimed, shown, max(possession, 1)),
			incentive.CapacityRules{Start: up(start), Growth: growth}.Of(limit, claimed, shown, possession),
		} {
			if bigger < got {
				t.Fatalf("%d for more, %d for less", bigger, got)
			}
		}
		if claimed > 0 && rules.Of(limit, up(claimed), shown, possession) < got {
			t.Fatal("less for a larger claim")
		}
		passed := incentive.Record{Challenge: incentive.Tally{Attempts: 1, Successes: 1}}
		if s := incentive.Shown(shown, limit, claimed, passed, possession); s < 0 || s < shown || s > max(0, shown, min(limit, claimed)) {
			t.Fatalf("shown %d, held %d and %d: %d", shown, limit, claimed, s)
		}
	})
}
