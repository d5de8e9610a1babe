package stream

import (
	"sync"

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
