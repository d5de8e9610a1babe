package repair

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/index"
)

// thing is a segment (kind shard) by its ID, or a chunk (kind user) by its hash.
type thing struct {
	kind index.Kind
	id   string
}

// job is a thing that something is to be done about.
type job struct {
	thing
	margin int       // healthy shards above those that give it back
	since  time.Time // when it was first found due
	at     int       // in the heap
}

// before says what comes first: what can lose less, then what is due for longer.
func (j *job) before(other *job) bool {
	return cmp.Or(cmp.Compare(j.margin, other.margin), j.since.Compare(other.since)) < 0
}

const (
	// maxQueued bounds the queue. What finds no place the scan finds again; what
	// has a margin of at most urgent finds one.
	maxQueued = 1 << 17
	urgent    = 1
)

// queue is the work that is due. Nothing is worked on twice at a time.
type queue struct {
	retry, longest time.Duration

	mu      sync.Mutex // guards all below
	heap    jobs
	due     map[thing]*job
	working map[thing]bool
	waiting map[thing]*pause // failed, and not to be tried yet
	more    chan struct{}    // has one in it when there may be work
}

// pause is when something that failed is to be tried again.
type pause struct {
	job
	tries int
	next  time.Time // zero: it is due or being worked on
}

func newQueue(retry, longest time.Duration) *queue {
	return &queue{
		retry: retry, longest: longest, due: map[thing]*job{}, working: map[thing]bool{}, waiting: map[thing]*pause{},
		more: make(chan struct{}, 1),
	}
}

// put has something be done about a thing.
func (q *queue) put(t thing, margin int, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(t, margin, now, now)
}

// add is put for what is due since a time. q.mu is held.
func (q *queue) add(t thing, margin int, since, now time.Time) {
	if j := q.due[t]; j != nil {
		j.margin = margin
		heap.Fix(&q.heap, j.at)
		return
	}
	p := q.waiting[t]
	if p != nil && p.next.After(now) && margin >= p.margin || len(q.heap) >= maxQueued && margin > urgent {
		return
	}
	if p != nil {
		p.next, since = time.Time{}, p.since
	}
	j := &job{thing: t, margin: margin, since: since}
	q.due[t] = j
	heap.Push(&q.heap, j)
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// pop takes the first job that is not being worked on. Without any it waits for
// one, or, if it is not to wait, is false.
func (q *queue) pop(ctx context.Context, wait bool) (job, bool) {
	for {
		if ctx.Err() != nil {
			return job{}, false
		}
		if j, ok := q.take(); ok {
			return j, true
		}
		if !wait {
			return job{}, false
		}
		select {
		case <-q.more:
		case <-ctx.Done():
		}
	}
}

func (q *queue) take() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var busy []*job // come back when the others are through with them
	defer func() {
		for _, j := range busy {
			heap.Push(&q.heap, j)
		}
	}()
	for len(q.heap) > 0 {
		j := heap.Pop(&q.heap).(*job)
		if q.working[j.thing] {
			busy = append(busy, j)
			continue
		}
		delete(q.due, j.thing)
		q.working[j.thing] = true
		if len(q.heap) > 0 {
			q.signal()
		}
		return *j, true
	}
	return job{}, false
}

// claim keeps others from working on a thing until unclaim; false if somebody does.
func (q *queue) claim(t thing) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.working[t] {
		return false
	}
	q.working[t] = true
	return true
}

func (q *queue) unclaim(t thing) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.working, t)
	q.signal()
}

// done ends a job. One that failed is due again after a while.
func (q *queue) done(j job, failed bool, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.working, j.thing)
	if q.due[j.thing] != nil {
		q.signal()
	}
	p := q.waiting[j.thing]
	if !failed {
		delete(q.waiting, j.thing)
		return
	}
	if p == nil {
		p = &pause{}
		q.waiting[j.thing] = p
	}
	p.job = j
	p.next = now.Add(min(q.longest, q.retry<<min(p.tries, 16)))
	p.tries++
}

// wake makes due again what has waited long enough, or all of it.
func (q *queue) wake(now time.Time, all bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for t, p := range q.waiting {
		if all && p.next.After(now) {
			p.next = now
		}
		if !p.next.IsZero() && !p.next.After(now) {
			q.add(t, p.margin, p.since, now)
		}
	}
}

// behind says how much is due or being worked on, with what has failed; by margin,
// and since when the oldest is.
func (q *queue) behind() (levels []Level, oldest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	levels = []Level{}
	counts := map[int]int{}
	note := func(margin int, since time.Time) {
		counts[margin]++
		if oldest.IsZero() || since.Before(oldest) {
			oldest = since
		}
	}
	for _, j := range q.heap {
		note(j.margin, j.since)
	}
	for t, p := range q.waiting {
		if q.due[t] == nil {
			note(p.margin, p.since)
		}
	}
	for margin, n := range counts {
		levels = append(levels, Level{Margin: margin, Things: n})
	}
	slices.SortFunc(levels, func(a, b Level) int { return cmp.Compare(a.Margin, b.Margin) })
	return levels, oldest
}

// idle says that nothing is due or being worked on that could be done.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.heap)+len(q.working) == 0
}

// jobs implements heap.Interface.
type jobs []*job

// Len implements heap.Interface.
func (h jobs) Len() int { return len(h) }

// Less implements heap.Interface.
func (h jobs) Less(a, b int) bool { return h[a].before(h[b]) }

// Swap implements heap.Interface.
func (h jobs) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].at, h[b].at = a, b
}

// Push implements heap.Interface.
func (h *jobs) Push(x any) {
	j := x.(*job)
	j.at = len(*h)
	*h = append(*h, j)
}

// Pop implements heap.Interface.
func (h *jobs) Pop() any {
	last := len(*h) - 1
	j := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return j
}
