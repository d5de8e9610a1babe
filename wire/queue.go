package wire

import (
	"container/heap"
	"context"
	"sync"
)

// Queue lets a bounded number of requests work at a time; of those that wait,
// the one with the highest priority goes first, of equals the first to come.
// It is safe for concurrent use.
type Queue struct {
	mu      sync.Mutex // guards what follows
	free    int
	waiting waiters
	arrived uint64
}

type waiter struct {
	priority float64
	arrival  uint64
	turn     chan struct{} // closed when the turn has come
	at       int           // index in the heap, -1 when out of it
}

// NewQueue makes a queue for so many workers, at least one.
func NewQueue(workers int) *Queue { return &Queue{free: max(workers, 1)} }

// Wait waits for a turn. Whoever got one calls Done after its work. It fails
// with the cause of ctx's end.
func (q *Queue) Wait(ctx context.Context, priority float64) error {
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	q.arrived++
	w := &waiter{priority: priority, arrival: q.arrived, turn: make(chan struct{})}
	heap.Push(&q.waiting, w)
	q.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	gone := w.at >= 0
	if gone {
		heap.Remove(&q.waiting, w.at)
	}
	q.mu.Unlock()
	if !gone { // the turn came in the same moment: pass it on
		q.Done()
	}
	return context.Cause(ctx)
}

// Done ends a turn: the next one's begins.
func (q *Queue) Done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	close(heap.Pop(&q.waiting).(*waiter).turn)
}

// Waiting is the number of those who wait.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// waiters is a heap: the next one is at 0.
type waiters []*waiter

func (h waiters) Len() int { return len(h) }
func (h waiters) Less(i, j int) bool {
	if h[i].priority != h[j].priority {
		return h[i].priority > h[j].priority
	}
	return h[i].arrival < h[j].arrival
}
func (h waiters) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *waiters) Push(x any) {
	w := x.(*waiter)
	w.at = len(*h)
	*h = append(*h, w)
}

func (h *waiters) Pop() any {
	old := *h
	w := old[len(old)-1]
	w.at = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}
