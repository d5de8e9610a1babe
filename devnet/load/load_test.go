package load_test

import (
	"context"
	"testing"
	"time"

	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/devnet/load"
)

func TestRun(t *testing.T) {
	var results []load.Result
	report := func(r load.Result) { results = append(results, r) }
	err := load.With(t.Context(), load.Network{Miners: 8, Traffic: true, BlockTime: 100 * time.Millisecond}, func(ctx context.Context, d *devnet.Devnet, target load.Target) error {
		cfg := load.Config{Sizes: []int64{4 << 10, 1 << 20}, Count: 4, Workers: 2, Runs: 1, Seed: 1, Keep: true}
		if err := load.Run(ctx, cfg, target, report); err != nil {
			return err
		}
		audits, err := load.Audits(ctx, d, 16, 4)
		report(audits)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		op   load.Op
		size int64
	}{{load.Put, 4 << 10}, {load.Get, 4 << 10}, {load.Put, 1 << 20}, {load.Get, 1 << 20}, {load.Audit, 256<<10 + 4}} {
		if i >= len(results) {
			t.Fatalf("%d results", len(results))
		}
		r := results[i]
		if r.Op != want.op || r.PerSecond <= 0 || r.P99 < r.P50 || r.P50 <= 0 {
			t.Errorf("result %d: %+v, want %v of %d bytes", i, r, want.op, want.size)
		}
		if r.Size == 1<<20 && (r.PerUserByte < 1.5 || r.PerUserByte > 4) {
			t.Errorf("%s: %.2f bytes on the wire for each of the user's", r.Op, r.PerUserByte)
		}
	}
}

func TestProofs(t *testing.T) {
	results, err := load.Proofs(t.Context(), 64<<10, 1)
	if err != nil || len(results) != 3 || results[2].Op != load.Check {
		t.Fatalf("%+v, %v", results, err)
	}
}

func TestAStrangeNetworkIsRefused(t *testing.T) {
	for _, n := range []load.Network{{}, {Miners: 3, Slow: 2, Slowdown: 2, Dead: 2}, {Miners: 3, Slow: 1}, {Miners: 3, Dead: -1}} {
		if n.Check() == nil {
			t.Errorf("%+v is taken", n)
		}
	}
}
