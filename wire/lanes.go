package wire

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/wallet"
)

// Lanes see to it that nobody has all of something: a caller has a part of it at
// most, and what it asks beyond that waits behind its own, where it holds up nobody
// else. Who has a validator permit asks for others, and has no such bound. They are
// safe for concurrent use.
type Lanes struct {
	each int64

	mu sync.Mutex // guards what follows
	of map[wallet.Address]*lane
}

// lane is there as long as somebody is in it.
type lane struct {
	sem *semaphore.Weighted
	in  int
}

// NewLanes makes lanes in which a caller has so much at most, at least 1.
func NewLanes(each int64) *Lanes {
	return &Lanes{each: max(each, 1), of: map[wallet.Address]*lane{}}
}

// Wait takes n of a caller's part, or all of it if that is less, until leave. It
// fails with ctx's error.
func (l *Lanes) Wait(ctx context.Context, a wallet.Address, st Standing, n int64) (leave func(), err error) {
	if st.ValidatorPermit {
		return func() {}, nil
	}
	l.mu.Lock()
	one := l.of[a]
	if one == nil {
		one = &lane{sem: semaphore.NewWeighted(l.each)}
		l.of[a] = one
	}
	one.in++
	l.mu.Unlock()
	gone := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.in--; one.in == 0 {
			delete(l.of, a)
		}
	}
	n = min(n, l.each)
	if err := one.sem.Acquire(ctx, n); err != nil {
		gone()
		return nil, err
	}
	return func() { one.sem.Release(n); gone() }, nil
}

// In is how many of a caller's are in its lane, those that wait among them.
func (l *Lanes) In(a wallet.Address) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.of[a]; one != nil {
		return one.in
	}
	return 0
}
