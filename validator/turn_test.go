package validator

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// begun keeps the blocks of the steps that began: without a metagraph all fail.
type begun struct {
	slog.Handler
	mu     sync.Mutex // guards blocks
	blocks []uint64
}

func (b *begun) Enabled(context.Context, slog.Level) bool { return true }

func (b *begun) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "step failed" {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "block" {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.blocks = append(b.blocks, a.Value.Uint64())
		}
		return true
	})
	return nil
}

// A step begins with every third block, and goes on below the highest number when
// the chain was begun anew, or the highest was no block.
func TestStepsFollowAChainBegunAnew(t *testing.T) {
	b := &begun{}
	v := New(Config{DisableWeights: true}, Deps{
		Key: fleettest.Key(t, "validator"), Follower: chain.NewFollower(chain.FollowerConfig{}, chain.FollowerDeps{}),
		Index: index.New(indextest.NewMemory()), Log: slog.New(b),
	})
	var r rounds
	for _, number := range []uint64{300, 301, 302, 303, 1 << 60, 304, 305, 306, 3, 4, 6} {
		v.onBlock(t.Context(), &r, chain.Block{Number: number})
		r.wg.Wait()
	}
	if want := []uint64{300, 303, 1 << 60, 304, 306, 3, 6}; !slices.Equal(b.blocks, want) {
		t.Errorf("steps at %v, want %v", b.blocks, want)
	}
}
