package cycle_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/internal/cycle"
)

func TestLoopCountsPeriodsAndStopsWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		loop := cycle.New(time.Minute, func(context.Context) error { n++; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- loop.Run(ctx) }()

		advance(t, 3*time.Minute)
		loop.Pause()
		advance(t, 5*time.Minute)
		if n != 3 {
			t.Fatalf("%d calls in three minutes and a pause, want 3", n)
		}
		if err := loop.Trigger(t.Context()); err != nil || n != 4 {
			t.Fatalf("trigger while paused: %v, %d calls", err, n)
		}
		loop.Resume()
		advance(t, time.Minute)
		if n != 5 {
			t.Fatalf("%d calls after resuming, want 5", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := loop.Trigger(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("trigger of a stopped loop: %v", err)
		}
	})
}

func TestLoopEndsOnItsFunctionsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		loop := cycle.New(time.Second, func(context.Context) error { return broken })
		if err := loop.Run(t.Context()); !errors.Is(err, broken) {
			t.Fatalf("got %v", err)
		}
	})
}

// advance moves the bubble's clock and lets everything due happen.
func advance(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d + time.Millisecond)
	<-timer.C
	synctest.Wait()
}
