package incentive_test

import (
	"math"
	"testing"
	"time"

	"github.com/filetao/filetao/incentive"
)

func TestTierIsTheHighestWhoseConditionsBothHold(t *testing.T) {
	tiers := incentive.V3()
	for _, c := range []struct {
		score     float64
		successes uint64
		want      string
	}{
		{0.5, 0, "Bronze"}, {1, 0, "Bronze"}, {1, 499, "Bronze"}, {1, 500, "Silver"},
		{0.54, 1 << 40, "Bronze"}, {0.55, 1 << 40, "Silver"}, {0.6, 2000, "Gold"}, {0.65, 3000, "Platinum"},
		{0.70, 5000, "Diamond"}, {0.75, 7000, "Emerald"}, {0.80, 10_000, "Ruby"}, {0.85, 14_999, "Ruby"},
		{0.85, 15_000, "Super Saiyan"}, {math.NaN(), 15_000, "Bronze"}, {math.Inf(1), math.MaxUint64, "Super Saiyan"},
	} {
		if got := tiers.Of(c.score, c.successes); got.Name != c.want {
			t.Errorf("score %v, %d successes: %s, want %s", c.score, c.successes, got.Name, c.want)
		}
	}
	if got := tiers.Named("no such tier"); got.Name != "Bronze" {
		t.Errorf("an unknown name is %s", got.Name)
	}
	if got := (incentive.Tiers{}).Named("Ruby"); got.Name != "" {
		t.Errorf("an empty table has %s", got.Name)
	}
}

func TestTableIsOrdered(t *testing.T) {
	tiers := incentive.V3()
	if len(tiers) != 8 {
		t.Fatalf("%d tiers", len(tiers))
	}
	for i := 1; i < len(tiers); i++ {
		better, worse := tiers[i-1], tiers[i]
		if better.StorageLimit <= worse.StorageLimit || better.MinScore <= worse.MinScore ||
			better.MinSuccesses <= worse.MinSuccesses || better.Factor <= worse.Factor || better.Boost >= worse.Boost {
			t.Errorf("%s is not above %s in everything", better.Name, worse.Name)
		}
	}
}

func TestRewardsBoostTheTwoFastestGoodAnswersInTime(t *testing.T) {
	rules := incentive.DefaultRules()
	bronze, ruby := rules.Tiers.Named("Bronze"), rules.Tiers.Named("Ruby")
	batch := []incentive.Answer{
		{OK: true, Came: true, Elapsed: 3 * time.Second, Tier: bronze},
		{OK: false, Came: true, Elapsed: time.Second, Tier: bronze}, // quick and wrong
		{OK: true, Came: true, Elapsed: 2 * time.Second, Tier: ruby},
		{OK: true, Came: true, Elapsed: 4 * time.Second, Tier: ruby},
		{Tier: ruby},
	}
	want := []float64{0.6 * 1.2, -0.01 * 0.6, 0.9 * 1.04, 0.9, -0.01 * 0.9}
	check(t, rules.Rewards(rules.RetrieveFailure, 100*time.Second, batch), want)
	want[0], want[1], want[4] = 0.6, 0, 0
	check(t, rules.Rewards(rules.ChallengeFailure, 2*time.Second, batch), want)
}

func check(t *testing.T, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rewards, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("reward %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestSpeedScaleGuardsTheZeroSum(t *testing.T) {
	for _, rewards := range [][]float64{{0, 0}, {0.5, -0.5}, {0.01, -0.0101}} {
		batch := []incentive.Answer{{Came: true, Elapsed: time.Second}, {Came: true, Elapsed: 40 * time.Second}}
		check(t, incentive.SpeedScale(batch, rewards), rewards)
	}
	check(t, incentive.SpeedScale(make([]incentive.Answer, 2), []float64{1, math.NaN()}), []float64{1, 0})
	check(t, incentive.SpeedScale(nil, nil), nil)
}

func TestMovingAverage(t *testing.T) {
	for _, c := range []struct{ score, reward, alpha, want float64 }{
		{0, 1, 0.05, 0.05}, {0.5, 0, 0.05, 0.475}, {0.5, math.NaN(), 0.05, 0.5}, {math.NaN(), 1, 0.05, 0.05},
		{0.5, 1, math.Inf(1), 0.5}, {0.5, 1, 7, 1}, {0, -0.005, 0.05, -0.00025},
	} {
		check(t, []float64{incentive.MovingAverage(c.score, c.reward, c.alpha)}, []float64{c.want})
	}
}
