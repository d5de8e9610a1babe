package repair_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// Repair moves no more than its bandwidth on average, but for what is begun on
// credit, and no less.
func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.Bandwidth, cfg.Parallel = 100_000, 2
		b := newBench(t, 12, cfg)
		var files []file
		for range 12 {
			files = append(files, b.exact(t, b.put(t, 100_000, fourOfEight, 100*time.Hour)))
		}
		b.pass(t)
		b.replace(b.held(t, files[0])[0].Holder)
		b.replace(b.held(t, files[1])[1].Holder)
		start := time.Now()
		b.pass(t)
		took := time.Since(start)
		for _, f := range files {
			b.whole(t, f)
		}
		s, err := b.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		moved := time.Duration(float64(s.Fetched+s.Stored) / float64(cfg.Bandwidth) * float64(time.Second))
		job := 2 * time.Second // at most
		if s.Fetched+s.Stored < 500_000 || took < moved-time.Second-2*job || took > moved+job {
			t.Errorf("%d bytes took %v", s.Fetched+s.Stored, took)
		}
	})
}
