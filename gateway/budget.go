package gateway

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/wire"
)

// budget keeps the bytes of users' files in memory below a limit.
type budget struct {
	limit int64
	sem   *semaphore.Weighted
	used  prometheus.Gauge
}

func newBudget(limit int64, used prometheus.Gauge) *budget {
	return &budget{limit: limit, sem: semaphore.NewWeighted(limit), used: used}
}

// take waits until size bytes fit; one request larger than the whole budget
// has it alone. When ctx ends first the answer is that the gateway is busy.
func (b *budget) take(ctx context.Context, size int64) (release func(), err error) {
	size = min(size, b.limit)
	if err := b.sem.Acquire(ctx, size); err != nil {
		return nil, wire.Unavailable("busy: %d MiB of files are being worked on; try again later", b.limit>>20)
	}
	b.used.Add(float64(size))
	return func() {
		b.used.Sub(float64(size))
		b.sem.Release(size)
	}, nil
}
