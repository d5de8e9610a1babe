package miner

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/wire"
)

// Task is what a miner is asked to do.
type Task string

// The tasks, one for every message a miner answers.
const (
	TaskStore     Task = "store"
	TaskChallenge Task = "challenge"
	TaskRetrieve  Task = "retrieve"
	TaskDelete    Task = "delete"
	TaskTags      Task = "tags"
	TaskAudit     Task = "audit"
)

// Count is how often a task ended with a status (of package wire).
type Count struct {
	Task   Task
	Status int
	N      uint64
}

// Stats is what a miner keeps and what it was asked since it started.
type Stats struct {
	blobstore.Usage
	// Requests are ordered by task and status.
	Requests []Count
	// LastChallenge is when a challenge or an audit was last answered well;
	// zero if never.
	LastChallenge time.Time
	// Rot is how often scrubs came upon damaged data, and LastScrub when one was
	// last through; zero if none was.
	Rot       uint64
	LastScrub time.Time
	// NotDue is how many native audits were not due; see Deps.Selections.
	NotDue uint64
}

// Stats returns the miner's present statistics.
func (m *Miner) Stats() Stats {
	s := m.tally.stats()
	s.Usage = m.store.Usage()
	return s
}

// tally counts answers.
type tally struct {
	took   *prometheus.HistogramVec
	notDue atomic.Uint64

	mu            sync.Mutex // guards what follows
	counts        map[Count]uint64
	lastChallenge time.Time
	rot           uint64
	lastScrub     time.Time
}

func newTally(labels prometheus.Labels) *tally {
	return &tally{
		counts: map[Count]uint64{},
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "filetao_miner_answer_seconds", Help: "Time from a request's turn to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 11), ConstLabels: labels,
		}, []string{"task"}),
	}
}

func (t *tally) add(task Task, status int, took time.Duration, now time.Time) {
	t.took.WithLabelValues(string(task)).Observe(took.Seconds())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[Count{Task: task, Status: status}]++
	if (task == TaskChallenge || task == TaskAudit) && status == wire.StatusOK {
		t.lastChallenge = now
	}
}

func (t *tally) stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{LastChallenge: t.lastChallenge, Rot: t.rot, LastScrub: t.lastScrub, NotDue: t.notDue.Load()}
	for c, n := range t.counts {
		c.N = n
		s.Requests = append(s.Requests, c)
	}
	slices.SortFunc(s.Requests, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Status, b.Status))
	})
	return s
}

// collector shows a miner's statistics to Prometheus.
type collector struct {
	m                       *Miner
	gauges                  []gauge
	requests, lastChallenge *prometheus.Desc
	rot, lastScrub, notDue  *prometheus.Desc
}

type gauge struct {
	desc  *prometheus.Desc
	value func(blobstore.Usage) int64
}

func newCollector(m *Miner, all prometheus.Labels) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("filetao_miner_"+name, help, labels, all)
	}
	return &collector{
		m: m,
		gauges: []gauge{
			{desc("stored_bytes", "Bytes of data kept."), func(u blobstore.Usage) int64 { return u.Bytes }},
			{desc("objects", "Data kept."), func(u blobstore.Usage) int64 { return u.Objects }},
			{desc("claims", "Askers' claims on data."), func(u blobstore.Usage) int64 { return u.Records }},
			{desc("capacity_bytes", "Bytes of data that can be kept."), func(u blobstore.Usage) int64 { return u.Capacity }},
			{desc("free_bytes", "Bytes of data that there is room for."), func(u blobstore.Usage) int64 { return u.Free }},
		},
		requests:      desc("requests_total", "Requests by task and status of the answer.", "task", "status"),
		lastChallenge: desc("last_challenge_timestamp_seconds", "When a challenge or audit was last answered well; 0 if never."),
		rot:           desc("rot_total", "How often scrubs came upon damaged data."),
		notDue:        desc("audits_not_due_total", "Native audits that by their block's hash were not due here."),
		lastScrub:     desc("last_scrub_timestamp_seconds", "When a scrub was last through; 0 if none was."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range c.gauges {
		ch <- g.desc
	}
	ch <- c.requests
	ch <- c.lastChallenge
	ch <- c.rot
	ch <- c.lastScrub
	ch <- c.notDue
	c.m.tally.took.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.m.Stats()
	for _, g := range c.gauges {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value(s.Usage)))
	}
	for _, r := range s.Requests {
		ch <- prometheus.MustNewConstMetric(c.requests, prometheus.CounterValue, float64(r.N), string(r.Task), strconv.Itoa(r.Status))
	}
	ch <- prometheus.MustNewConstMetric(c.rot, prometheus.CounterValue, float64(s.Rot))
	ch <- prometheus.MustNewConstMetric(c.notDue, prometheus.CounterValue, float64(s.NotDue))
	for desc, at := range map[*prometheus.Desc]time.Time{c.lastChallenge: s.LastChallenge, c.lastScrub: s.LastScrub} {
		var seconds float64
		if !at.IsZero() {
			seconds = float64(at.Unix())
		}
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, seconds)
	}
	c.m.tally.took.Collect(ch)
}
