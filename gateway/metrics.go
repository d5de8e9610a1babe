package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what an operator watches.
type metrics struct {
	requests  *prometheus.CounterVec // by task and status
	bytes     *prometheus.CounterVec // users' bytes by direction
	shortages prometheus.Counter     // chunks acknowledged with too few holders
	unreached prometheus.Counter     // deletions that did not reach a holder
	memory    prometheus.Gauge       // users' bytes in memory
	gaveWay   *prometheus.CounterVec // requests broken off for others, by task
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "filetao_gateway_requests_total", Help: "Users' requests by task and answered status.",
		}, []string{"task", "status"}),
		bytes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "filetao_gateway_bytes_total", Help: "Bytes of users' files stored and retrieved.",
		}, []string{"task"}),
		shortages: f.NewCounter(prometheus.CounterOpts{
			Name: "filetao_gateway_short_chunks_total", Help: "Chunks acknowledged with fewer holders than the redundancy.",
		}),
		unreached: f.NewCounter(prometheus.CounterOpts{
			Name: "filetao_gateway_unreached_deletions_total", Help: "Chunks that a holder could not be told to delete.",
		}),
		memory: f.NewGauge(prometheus.GaugeOpts{
			Name: "filetao_gateway_memory_bytes", Help: "Bytes of users' files being worked on.",
		}),
		gaveWay: f.NewCounterVec(prometheus.CounterOpts{
			Name: "filetao_gateway_gave_way_total", Help: "Requests of slow users that were broken off, to go on later, since others waited.",
		}, []string{"task"}),
	}
}
