package cheat_test

import (
	"context"
	"errors"
	"os"
	"slices"
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
	cfg.Dir, cfg.Protocols = t.TempDir(), protocols
	results, err := cheat.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, c := range cheat.Catalogue() {
		for _, p := range c.Protocols() {
			if slices.Contains(protocols, p) {
				want++
			}
		}
	}
	if len(results) != want {
		t.Errorf("%d results, want %d", len(results), want)
	}
	for _, r := range results {
		t.Logf("%2d %-16s %-9s %3d/%3d (%d native) bound %.3f retrieved %d/%d honest %d/%d score %.3f/%.3f dossiers %d/%d %s: %s (step %.2f s)",
			r.Number, r.Name, r.Protocol, r.Passed, r.Asked, r.Native, r.Bound, r.Retrieved, r.Retrievals, r.HonestPassed, r.HonestAsked,
			r.Score, r.HonestScore, r.Confirmed, r.Dossiers, r.Verdict, r.Reason, r.LongestStep)
		if r.Verdict == cheat.Missed {
			t.Errorf("%d %s, %s: %s", r.Number, r.Name, r.Protocol, r.Reason)
		}
	}
}

func TestARunThatIsGivenUpLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // in the midst of it
	defer cancel()
	if _, err := cheat.Run(ctx, cheat.Config{Only: []string{"late", "fabricator"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a run that is given up ends with %v", err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestAnUnknownCheaterIsRefused(t *testing.T) {
	if _, err := cheat.Run(t.Context(), cheat.Config{Only: []string{"saint"}}); !errors.Is(err, cheat.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
