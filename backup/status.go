package backup

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Status is how it stands with the backup.
type Status struct {
	// Waiting is how many objects have changed since they were backed up, and Oldest
	// since when the first of them has; zero for none. A backup that is behind
	// shows there.
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"`
	// Packs are those that count, Bytes their length.
	Packs int   `json:"packs"`
	Bytes int64 `json:"bytes"`
	// Period is how often what has changed is written.
	Period time.Duration `json:"period_ns"`
}

// Status is how it stands now. It fails when the index cannot be read.
func (b *Backup) Status(ctx context.Context) (Status, error) {
	st := Status{Period: b.cfg.Period}
	for c, err := range b.deps.Index.Changes(ctx) {
		if err != nil {
			return st, err
		}
		if st.Waiting++; st.Oldest.IsZero() || c.Since.Before(st.Oldest) {
			st.Oldest = c.Since
		}
	}
	packs, err := b.list(ctx)
	if err != nil {
		return st, err
	}
	for _, k := range packs {
		st.Packs++
		st.Bytes += k.Size
	}
	return st, nil
}

// metrics are what an operator watches, as of the last pass.
type metrics struct {
	packs, bytes prometheus.Gauge
	backedUp     prometheus.Gauge // Unix seconds
	failures     prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "filetao_backup_" + name, Help: help})
	}
	return &metrics{
		packs: gauge("packs", "Packs of file records on the miners."), bytes: gauge("bytes", "Their bytes."),
		backedUp: gauge("last_pass_timestamp_seconds", "When all that had changed was backed up last."),
		failures: f.NewCounter(prometheus.CounterOpts{Name: "filetao_backup_failures_total", Help: "Passes of the backup that failed."}),
	}
}

// measure notes how it stands after a pass.
func (b *Backup) measure(s *shelf) {
	sum := int64(0)
	for _, k := range s.packs {
		sum += k.Size
	}
	b.metrics.packs.Set(float64(len(s.packs)))
	b.metrics.bytes.Set(float64(sum))
	b.metrics.backedUp.Set(float64(b.deps.Now().Unix()))
}
