package stream

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// leastShare is how many streams a caller may have at a time on a small server.
const leastShare = 16

// shares sees to it that nobody has all workers for streams, which may be slow for
// as long as they move: a caller has a quarter of them at most, and those without a
// UID, who may be one and the same, half of them together. Of that half the last
// quarter is for those of them who have few, so that two do not keep out the
// others. Who has a validator permit asks for others.
type shares struct {
	each, few, strangers int

	mu      sync.Mutex // guards what follows
	of      map[wallet.Address]int
	unknown int // of those without a UID
}

func newShares(workers int) *shares {
	each := max(workers/4, leastShare)
	return &shares{each: each, few: each / 4, strangers: max(workers/2, leastShare), of: map[wallet.Address]int{}}
}

// take counts one more of a caller's, until leave.
func (s *shares) take(a wallet.Address, st wire.Standing) (leave func(), err error) {
	if st.ValidatorPermit {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.of[a]; n >= s.each || !st.Registered && !s.admits(n) {
		return nil, wire.TooMany("Too many streams at a time: %d of yours, %d of callers without a UID.", n, s.unknown)
	}
	s.add(a, st, 1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.add(a, st, -1)
	}, nil
}

// admits says whether a caller without a UID that has n gets another. Called with mu
// held.
func (s *shares) admits(n int) bool {
	return s.unknown < s.strangers && (n < s.few || s.unknown < s.strangers*3/4)
}

// add is called with mu held.
func (s *shares) add(a wallet.Address, st wire.Standing, n int) {
	if s.of[a] += n; s.of[a] == 0 {
		delete(s.of, a)
	}
	if !st.Registered {
		s.unknown += n
	}
}

// lanes see to it that nobody has all of something: a caller has a part of it at
// most, and what it asks beyond that waits behind its own, where it holds up nobody
// else. Who has a validator permit asks for others.
type lanes struct {
	each int64

	mu sync.Mutex // guards what follows
	of map[wallet.Address]*lane
}

// lane is there as long as somebody is in it.
type lane struct {
	sem  *semaphore.Weighted
	want int
}

func newLanes(each int64) *lanes {
	return &lanes{each: max(each, 1), of: map[wallet.Address]*lane{}}
}

// wait takes n of a caller's part, or all of it if that is less, until leave. It
// fails with ctx's error.
func (l *lanes) wait(ctx context.Context, a wallet.Address, st wire.Standing, n int64) (leave func(), err error) {
	if st.ValidatorPermit {
		return func() {}, nil
	}
	l.mu.Lock()
	one := l.of[a]
	if one == nil {
		one = &lane{sem: semaphore.NewWeighted(l.each)}
		l.of[a] = one
	}
	one.want++
	l.mu.Unlock()
	gone := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.want--; one.want == 0 {
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
