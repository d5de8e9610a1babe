package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/filetao/filetao/internal/lifecycle"
)

func TestRunClosesInReverseAfterAllPartsEnded(t *testing.T) {
	g := lifecycle.New(nil)
	var order []string
	ended := make(chan struct{})
	g.AddCloser("first", func() error { order = append(order, "first"); return nil })
	g.AddCloser("second", func() error {
		select {
		case <-ended:
		default:
			t.Error("closed while a part was running")
		}
		order = append(order, "second")
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	g.Add("part", func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	if err := g.Run(ctx); err != nil {
		t.Fatalf("the end of the context is an error: %v", err)
	}
	if !slices.Equal(order, []string{"second", "first"}) {
		t.Fatalf("closed in order %v", order)
	}
}

func TestRunFailureOfOnePartEndsTheOthersAndNamesIt(t *testing.T) {
	g := lifecycle.New(nil)
	broken := errors.New("broken pipe")
	g.Add("patient", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	g.Add("done", func(context.Context) error { return nil })
	g.Add("server", func(context.Context) error { return broken })
	g.AddCloser("disk", func() error { return errors.New("disk is stuck") })
	err := g.Run(t.Context())
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "server: ") || !strings.Contains(err.Error(), "close disk: ") {
		t.Fatalf("got %v", err)
	}
}

func TestCloseOfUnstartedGroupRunsClosersOnce(t *testing.T) {
	g := lifecycle.New(nil)
	n := 0
	g.AddCloser("thing", func() error { n++; return nil })
	if err := errors.Join(g.Close(), g.Close()); err != nil || n != 1 {
		t.Fatalf("closed %d times, %v", n, err)
	}
}
