package incentive_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/incentive"
)

const (
	tib = 1 << 40
	pib = 1 << 50
	eib = 1 << 60
)

func profile(t *testing.T, name string) incentive.Rules {
	t.Helper()
	rules, err := incentive.Profile(name)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// The tables of the specification.
func TestProfilesAreTheGenerations(t *testing.T) {
	v3 := incentive.Tiers{
		{"Super Saiyan", 50 * pib, 0.85, 15_000, 1.00, 1.02}, {"Ruby", 20 * pib, 0.80, 10_000, 0.90, 1.04},
		{"Emerald", 10 * pib, 0.75, 7_000, 0.85, 1.05}, {"Diamond", 5 * pib, 0.70, 5_000, 0.80, 1.08},
		{"Platinum", pib, 0.65, 3_000, 0.75, 1.10}, {"Gold", 200 * tib, 0.60, 2_000, 0.70, 1.12},
		{"Silver", 50 * tib, 0.55, 500, 0.65, 1.16}, {"Bronze", 10 * tib, 0, 0, 0.60, 1.20},
	}
	for name, want := range map[string]incentive.Tiers{
		"v3": v3, "v3-plain": v3,
		"v3-readme": {
			{"Super Saiyan", 50 * pib, 0.85, 15_000, 1.00, 1.02}, {"Ruby", 20 * pib, 0.80, 10_000, 0.90, 1.04},
			{"Emerald", 10 * pib, 0.75, 8_000, 0.85, 1.05}, {"Diamond", 5 * pib, 0.70, 6_000, 0.80, 1.08},
			{"Platinum", pib, 0.65, 4_000, 0.75, 1.10}, {"Gold", 200 * tib, 0.60, 2_000, 0.65, 1.12},
			{"Silver", 50 * tib, 0.55, 500, 0.65, 1.16}, {"Bronze", 10 * tib, 0, 0, 0.60, 1.20},
		},
		"v2": {
			{"Super Saiyan", eib, 0.88, 10_000, 1.0, 1.02}, {"Diamond", pib, 0.77, 5_000, 0.9, 1.05},
			{"Gold", 100 * tib, 0.66, 2_000, 0.8, 1.10}, {"Silver", 10 * tib, 0.55, 1_000, 0.7, 1.15},
			{"Bronze", tib, 0, 0, 0.6, 1.20},
		},
		"v1": {
			{"Super Saiyan", eib, 0.999, 100_000, 2.0, 1}, {"Diamond", pib, 0.99, 50_000, 1.0, 1},
			{"Gold", 100 * tib, 0.975, 5_000, 0.888, 1}, {"Silver", 10 * tib, 0.95, 1_000, 0.555, 1},
			{"Bronze", tib, 0, 0, 0.333, 1},
		},
	} {
		rules := profile(t, name)
		if !slices.Equal(rules.Tiers, want) {
			t.Errorf("%s: %v", name, rules.Tiers)
		}
		if rules.Success != 1 || rules.StoreFailure != 0 || rules.ChallengeFailure != 0 ||
			rules.RetrieveFailure != -0.01 || rules.Unavailable != -0.005 || rules.Alpha != 0.05 {
			t.Errorf("%s: %+v", name, rules)
		}
	}
}

func TestProfilesByName(t *testing.T) {
	names := incentive.Profiles()
	if !slices.Equal(names, []string{"v3", "v3-plain", "v3-readme", "v2", "v1"}) {
		t.Errorf("profiles %v", names)
	}
	for _, name := range names {
		rules := profile(t, name)
		worst := incentive.Possession{Challenge: incentive.Evidence{Failed: 9}}
		if plain := rules.Possession.Factor(worst) == 1; plain != (name != incentive.DefaultProfile) {
			t.Errorf("%s: possession is worth nothing: %v", name, plain)
		}
		if (name == "v1") != (rules.Measure == incentive.LeastRate) || (name == "v1") != (rules.Fastest == 0) {
			t.Errorf("%s: measure %v, %d boosted", name, rules.Measure, rules.Fastest)
		}
	}
	if _, err := incentive.Profile("v4"); !errors.Is(err, incentive.ErrProfile) {
		t.Errorf("an unknown profile: %v", err)
	}
}

func TestTierOfARecord(t *testing.T) {
	tally := func(successes, attempts uint64) incentive.Tally {
		return incentive.Tally{Attempts: attempts, Successes: successes}
	}
	for _, c := range []struct {
		profile string
		record  incentive.Record
		want    string
	}{
		{"v3", incentive.Record{}, "Bronze"},
		{"v3", incentive.Record{TotalSuccesses: 1 << 40}, "Bronze"}, // 0.5 without attempts
		{"v3", incentive.Record{Store: tally(8, 9), TotalSuccesses: 15_000}, "Super Saiyan"},
		{"v3", incentive.Record{tally(3, 3), tally(2, 3), tally(2, 3), 1 << 40}, "Emerald"}, // 7 of 9: 0.764
		{"v2", incentive.Record{tally(3, 3), tally(2, 3), tally(2, 3), 1 << 40}, "Gold"},
		{"v1", incentive.Record{tally(999, 1000), tally(999, 1000), tally(999, 1000), 100_000}, "Super Saiyan"},
		{"v1", incentive.Record{tally(999, 1000), tally(989, 1000), tally(999, 1000), 100_000}, "Gold"},
		{"v1", incentive.Record{tally(999, 1000), tally(999, 1000), tally(999, 1000), 4_999}, "Silver"},
		{"v1", incentive.Record{Store: tally(9, 9), Challenge: tally(9, 9), TotalSuccesses: 1 << 40}, "Bronze"},
		{"v1", incentive.Record{tally(9, 1), tally(9, 1), tally(9, 1), 1 << 40}, "Super Saiyan"},
	} {
		if got := profile(t, c.profile).TierOf(c.record); got.Name != c.want {
			t.Errorf("%s: %+v is %s, want %s", c.profile, c.record, got.Name, c.want)
		}
	}
}

func TestNextTier(t *testing.T) {
	tiers := incentive.V3()
	for _, c := range []struct{ name, want string }{{"", "Silver"}, {"Bronze", "Silver"}, {"Ruby", "Super Saiyan"}, {"Super Saiyan", ""}} {
		if next, ok := tiers.Next(c.name); next.Name != c.want || ok != (c.want != "") {
			t.Errorf("above %q: %q", c.name, next.Name)
		}
	}
	if next, ok := (incentive.Tiers{}).Next("Bronze"); ok {
		t.Errorf("an empty table has %v", next)
	}
}

func TestPayIsRewardTimesPossessionScaled(t *testing.T) {
	batch := func(possessions ...float64) []incentive.Answer {
		answers := make([]incentive.Answer, len(possessions))
		for i, p := range possessions {
			answers[i] = incentive.Answer{
				OK: i < 3, Came: true, Elapsed: time.Duration(i+1) * time.Second, Bytes: 1 << 20,
				Tier: incentive.V3().Named("Bronze"), Possession: p,
			}
		}
		return answers
	}
	plain, rules := profile(t, "v3-plain"), incentive.DefaultRules()
	full := batch(1, 1, 1, 1)
	check(t, plain.Pay(-0.01, time.Minute, full), incentive.SpeedScale(full, plain.Rewards(-0.01, time.Minute, full)))
	// Without a disk the fastest takes nobody's place, and a failure costs all.
	lacking := batch(0.25, 1, 1, 0)
	check(t, rules.Pay(-0.01, time.Minute, lacking),
		incentive.SpeedScale(lacking, []float64{0.25 * 0.6, 0.6 * 1.2, 0.6 * 1.2, -0.01 * 0.6}))
	rules.Scaling = incentive.ByMinMax
	check(t, rules.Pay(0, time.Minute, batch(1, 1, 1)), []float64{1.2 * 0.6 * 34. / 18, 0.6 * 1.2 * 0.5 * 34. / 18, 0})
}

// A reference miner that needs a hundred times as long for its challenge as others
// for their native audits is paid as among its like; but the fastest are theirs.
func TestPayComparesSpeedWithinAProtocol(t *testing.T) {
	rules, bronze := incentive.DefaultRules(), incentive.V3().Named("Bronze")
	answer := func(native bool, elapsed time.Duration) incentive.Answer {
		return incentive.Answer{
			OK: true, Came: true, Native: native, Elapsed: elapsed, Bytes: 64 << 20, Tier: bronze, Possession: 1,
		}
	}
	batch := []incentive.Answer{
		answer(false, 3*time.Second), answer(true, 20*time.Millisecond), answer(false, 2*time.Second),
		answer(true, 10*time.Millisecond), answer(true, 40*time.Millisecond),
	}
	native := incentive.SpeedScale([]incentive.Answer{batch[1], batch[3], batch[4]}, []float64{0.72, 0.72, 0.6})
	reference := incentive.SpeedScale([]incentive.Answer{batch[0], batch[2]}, []float64{0.6, 0.6})
	check(t, rules.Pay(0, time.Minute, batch), []float64{reference[0], native[0], reference[1], native[1], native[2]})
}

func TestMinMaxScale(t *testing.T) {
	batch := []incentive.Answer{
		{Came: true, Elapsed: time.Second}, {Came: true, Elapsed: 2 * time.Second}, {Came: true, Elapsed: 3 * time.Second}, {},
	}
	check(t, incentive.MinMaxScale(batch, []float64{1, 1, 1, 0}), []float64{2, 1, 0, 0})
	same := []incentive.Answer{{Came: true, Elapsed: time.Second}, {Came: true, Elapsed: time.Second}}
	check(t, incentive.MinMaxScale(same, []float64{0.6, 1}), []float64{0.6, 1})
	check(t, incentive.MinMaxScale(nil, nil), nil)
}
