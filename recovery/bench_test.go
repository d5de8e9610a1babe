package recovery_test

import (
	"testing"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/recovery"
)

// BenchmarkRebuild is of 1000 shards on five miners, into an index on disk.
func BenchmarkRebuild(b *testing.B) {
	n := newBench(b, 5)
	n.put(b, 200*segmentSize, false)
	for b.Loop() {
		b.StopTimer()
		ix, err := index.Open(b.TempDir(), index.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		r, err := recovery.Rebuild(b.Context(), recovery.Deps{Fleet: n.fleetOver(ix, n.Net), Index: ix})
		if err != nil || r.Shards.Added != 1000 || r.Complete != 200 {
			b.Fatalf("%+v, %v", r, err)
		}
		b.StopTimer()
		if err := ix.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "shards/s")
}
