package repair

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what an operator watches.
type metrics struct {
	fetched, stored prometheus.Counter // bytes
	shards          prometheus.Counter
	failures        prometheus.Counter
	drops           prometheus.Counter
}

func newMetrics(r prometheus.Registerer, e *Engine) *metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "filetao_repair_" + name, Help: help})
	}
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "filetao_repair_" + name, Help: help}, value)
	}
	gauge("due", "Segments and chunks that are to be repaired.", func() float64 {
		n := 0
		levels, _ := e.queue.behind()
		for _, l := range levels {
			n += l.Things
		}
		return float64(n)
	})
	gauge("oldest_due_seconds", "For how long the first of what is due has been due.", func() float64 {
		if _, oldest := e.queue.behind(); !oldest.IsZero() {
			return e.deps.Now().Sub(oldest).Seconds()
		}
		return 0
	})
	gauge("at_risk", "Segments and chunks that can lose no healthy shard any more.", func() float64 { return float64(e.census.status().AtRisk) })
	gauge("lost", "Segments and chunks with too few healthy shards.", func() float64 { return float64(e.census.status().Lost) })
	return &metrics{
		fetched:  counter("fetched_bytes_total", "Bytes fetched from miners for repair."),
		stored:   counter("stored_bytes_total", "Bytes stored on miners by repair."),
		shards:   counter("shards_total", "Shards and chunks stored on miners by repair."),
		failures: counter("failures_total", "Repairs that did not come about."),
		drops:    counter("drops_total", "Deletions that miners were told of."),
	}
}
