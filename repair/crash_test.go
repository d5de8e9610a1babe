package repair_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
)

// Whatever commit a repair is stopped at, before or after it, the next one goes on,
// and nothing is lost or left behind.
func TestCrashAtAnyCommit(t *testing.T) {
	b := newBench(t, 10, config())
	for _, after := range []bool{false, true} {
		commit := 1
		for b.crashes(t, commit, after) {
			commit++
		}
		if commit < 20 {
			t.Fatalf("only %d commits", commit)
		}
		t.Logf("%d commits", commit-1)
	}
}

// crashes stops everything at a commit, and false if there are not so many.
func (b *bench) crashes(t *testing.T, commit int, after bool) bool {
	t.Helper()
	b.anew(t, config())
	f, g := b.exact(t, b.put(t, 2000, fourOfEight, 24*time.Hour)), b.put(t, 2000, fourOfEight, time.Hour)
	h := b.held(t, f)[0]
	b.miner(t, h.Holder).Behave(fleettest.Failing)
	b.pass(t)
	b.wait(2 * time.Hour)
	b.memory.CrashAt(commit, after)
	for _, do := range []func(context.Context) error{b.Pass, b.Upkeep, b.TellDrops, b.Sweep} {
		if err := do(t.Context()); err != nil && !b.memory.HasCrashed() {
			t.Fatal(err)
		}
	}
	crashed := b.memory.HasCrashed()
	b.memory.Restart()
	b.start(config())
	b.pass(t)
	b.wait(time.Minute)
	b.pass(t)
	b.whole(t, f)
	b.miner(t, h.Holder).Behave(fleettest.Honest)
	b.calm(t)
	b.whole(t, f)
	b.read(t, f)
	if held := b.held(t, g); len(held) > 0 {
		t.Fatalf("commit %d: %d shards of a file that is over are left", commit, len(held))
	}
	b.nothingDead(t, f)
	return crashed
}

// The scan goes on with the part where it was; at the start all parts are scanned.
func TestScanGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 4, config())
		for _, want := range []string{`{"v":1,"part":4}`, `{"v":1,"part":8}`} {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- b.Run(ctx) }()
			synctest.Wait()
			for _, name := range []string{"look", "scan", "scan", "upkeep", "scan", "sweep", "drops", "distribute", "scan"} {
				if err := b.Loop(name).Trigger(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if state, err := b.Index.State(t.Context(), "repair/scan"); err != nil || string(state) != want {
				t.Fatalf("%s, %v", state, err)
			}
			b.start(config())
		}
	})
}

// A running engine repairs by itself.
func TestRunRepairs(t *testing.T) {
	b := newBench(t, 10, config())
	f := b.put(t, 50_000, fourOfEight, 24*time.Hour)
	b.pass(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	stored := make(chan string, 100)
	b.stored = func(id string) { stored <- id }
	go func() { done <- b.Run(ctx) }()
	gone := b.held(t, f)[2].Holder
	b.replace(gone)
	if err := b.Lost(t.Context(), gone); err != nil { // as a validator does, before it forgets what it held
		t.Fatal(err)
	}
	if err := b.Index.ResetHotkey(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if err := b.Loop("look").Trigger(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Lost(t.Context(), b.held(t, f)[0].Holder); err != nil {
			t.Fatal(err)
		}
	}
	for len(b.held(t, f)) < 8 {
		<-stored
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.stored = nil
	b.read(t, f)
}
