package load_test

import (
	"context"
	"testing"

	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/devnet/load"
)

// The benchmarks are what `filetao bench` measures, where Go's profilers see it: a
// network of ten miners, files in four of eight shards.
func benchmark(b *testing.B, cfg load.Config) {
	cfg.Count, cfg.Runs, cfg.Seed = b.N, 1, 1
	err := load.With(b.Context(), load.Network{Miners: 10}, func(ctx context.Context, _ *devnet.Devnet, target load.Target) error {
		return load.Run(ctx, cfg, target, func(r load.Result) {
			op := string(r.Op)
			b.ReportMetric(r.PerSecond, op+"s/s")
			if r.Op != load.Delete {
				b.ReportMetric(r.MBPerSecond, op+"-MB/s")
				b.ReportMetric(r.CPUPerGB, op+"-cpu-s/GB")
			}
		})
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkLarge(b *testing.B) {
	benchmark(b, load.Config{Sizes: []int64{256 << 20}, Workers: 1})
}

func BenchmarkSmall(b *testing.B) {
	benchmark(b, load.Config{Sizes: []int64{4 << 10}, Workers: 16})
}
