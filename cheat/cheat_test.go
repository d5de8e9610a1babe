package cheat_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/filetao/filetao/cheat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTheValidatorRefusesCheaters is the reduced run.
func TestTheValidatorRefusesCheaters(t *testing.T) {
	cfg := cheat.Reduced()
	cfg.Seed = uint64(time.Now().UnixNano())
	t.Logf("seed %d", cfg.Seed)
	cfg.Dir = t.TempDir()
	results, err := cheat.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(cheat.Catalogue()); len(results) != want {
		t.Errorf("%d results of %d cheaters", len(results), want)
	}
	for _, r := range results {
		t.Logf("%2d %-16s %3d/%3d bound %.3f retrieved %d/%d honest %d/%d score %.3f/%.3f %s: %s (step %.2f s)", r.Number, r.Name,
			r.Passed, r.Asked, r.Bound, r.Retrieved, r.Retrievals, r.HonestPassed, r.HonestAsked, r.Score, r.HonestScore, r.Verdict, r.Reason, r.LongestStep)
		if r.Verdict == cheat.Missed {
			t.Errorf("%d %s: %s", r.Number, r.Name, r.Reason)
		}
	}
}
