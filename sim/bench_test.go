package sim_test

import (
	"testing"

	"github.com/filetao/filetao/sim"
)

// BenchmarkDay is one day of the whole network, on one worker.
func BenchmarkDay(b *testing.B) {
	for b.Loop() {
		cfg := sim.DefaultConfig()
		cfg.Days, cfg.Seed, cfg.Workers = 1, 1, 1
		r, err := sim.Run(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.Outcomes), "outcomes/op")
		b.ReportMetric(float64(r.Steps), "steps/op")
	}
}
