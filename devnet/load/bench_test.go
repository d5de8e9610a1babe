package load_test

import (
	"testing"

	"github.com/filetao/filetao/devnet/load"
)

// The benchmarks are what `filetao bench` measures, where Go's profilers see it: a
// network of ten miners, files in four of eight shards.
func benchmark(b *testing.B, cfg load.Config, op load.Op) {
	_, target := network(b, 10)
	cfg.Count, cfg.Runs, cfg.Seed = b.N*max(1, cfg.Count), 1, 1
	b.SetBytes(cfg.Sizes[0])
	err := load.Run(b.Context(), cfg, target, func(r load.Result) {
		if r.Op == op {
			b.ReportMetric(r.MBPerSecond, "MB/s_of_files")
			b.ReportMetric(r.PerSecond, "files/s")
			b.ReportMetric(r.CPUPerGB, "cpu-s/GB")
			b.ReportMetric(r.FirstP50, "ms_first")
		}
		b.Logf("%+v", r)
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkLarge(b *testing.B) {
	benchmark(b, load.Config{Sizes: []int64{256 << 20}, Workers: 1}, load.Put)
}

func BenchmarkSmall(b *testing.B) {
	benchmark(b, load.Config{Sizes: []int64{4 << 10}, Workers: 16}, load.Put)
}
