package stream

import (
	"sync"
	"time"

	"github.com/filetao/filetao/wire"
)

const (
	// oldest is how old a request may be on top of its timeout, ahead how far
	// before our clock, as over wire/synapse; longest is the most that a timeout
	// adds. (It is the work that takes long, not the way of the head.)
	oldest  = 4 * time.Second
	ahead   = 12 * time.Second
	longest = 56 * time.Second

	maxUsed   = 1 << 20 // requests remembered for as long as they could come again
	maxPassed = 1 << 14 // and of those that were not let in
	ageOf     = 15 * time.Second
)

// used refuses requests that came before. What was let in is remembered until its
// time alone refuses it; when there is no room, requests are refused rather than
// forgotten. What was not let in, or does no harm twice, is kept in a table that
// forgets the oldest. Requests signed before the server started are refused, so
// that a restart lets nothing through again.
type used struct {
	now func() time.Time
	max int

	mu               sync.Mutex     // guards what follows
	floor            int64          // what was signed before is refused, whatever the clock says
	total, strangers int            // of ages
	ages             map[int64]*age // by time of signing, ageOf each
	once             map[[16]byte]struct{}
	order            [][16]byte // a ring of once
	at               int
}

// age is what was signed at about the same time.
type age struct {
	seen      map[[16]byte]struct{}
	callers   map[[32]byte]int
	strangers int // of seen, by callers that are not registered
}

func newUsed(now func() time.Time) *used {
	return &used{
		now: now, max: maxUsed, floor: now().UnixMilli(),
		ages: map[int64]*age{}, once: map[[16]byte]struct{}{},
	}
}

// fresh holds a request's time against our clock.
func (u *used) fresh(q request) error {
	now, then := u.now(), time.UnixMilli(q.time)
	allowed := oldest + min(time.Duration(q.timeout)*time.Millisecond, longest)
	switch age := now.Sub(then); {
	case age > allowed:
		return wire.Unauthorized("Not Verified with error: the request is %.2f seconds old, %.2f are allowed", age.Seconds(), allowed.Seconds())
	case age < -ahead:
		return wire.Unauthorized("Not Verified with error: the request is from %.2f seconds in the future", -age.Seconds())
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if q.time < u.floor {
		return errForgotten
	}
	return nil
}

var (
	errReplay    = wire.Unauthorized("Not Verified with error: the request came before")
	errForgotten = wire.Unauthorized("Not Verified with error: the request is older than this server's start or memory")
)

// key names a request by its digest, which no other has, whoever signs it.
func key(digest [32]byte) [16]byte { return [16]byte(digest[:16]) }

// claim uses a verified request up, so that it is not worked on twice. Before it
// is worked on, keep makes that last.
func (u *used) claim(q request, digest [32]byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	k := key(digest)
	switch {
	case q.time < u.floor:
		return errForgotten
	case u.knows(q, k):
		return errReplay
	}
	if len(u.order) < maxPassed {
		u.order = append(u.order, k)
	} else {
		delete(u.once, u.order[u.at])
		u.order[u.at] = k
		u.at = (u.at + 1) % maxPassed
	}
	u.once[k] = struct{}{}
	return nil
}

// knows says whether a request came before. Called with mu held.
func (u *used) knows(q request, k [16]byte) bool {
	if _, known := u.once[k]; known {
		return true
	}
	a := u.ages[ageIn(q)]
	if a == nil {
		return false
	}
	_, known := a.seen[k]
	return known
}

// keep remembers a claimed request for as long as it could come again. A caller
// gets a quarter of the room at most, those who are not registered half of it.
func (u *used) keep(q request, digest [32]byte, registered bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.total >= u.max/4 {
		u.sweep()
	}
	if u.total >= u.max || !registered && u.strangers >= u.max/2 || u.of(q.caller) >= u.max/4 {
		return wire.Unavailable("Too many requests at present.")
	}
	a := u.ages[ageIn(q)]
	if a == nil {
		a = &age{seen: map[[16]byte]struct{}{}, callers: map[[32]byte]int{}}
		u.ages[ageIn(q)] = a
		u.sweep()
	}
	k := key(digest)
	if _, known := a.seen[k]; known { // claimed twice, having been forgotten between
		return errReplay
	}
	a.seen[k] = struct{}{}
	a.callers[q.caller]++
	u.total++
	if !registered {
		a.strangers++
		u.strangers++
	}
	return nil
}

func ageIn(q request) int64 { return q.time / ageOf.Milliseconds() }

// of is how many requests of a caller are remembered. Called with mu held.
func (u *used) of(caller [32]byte) (n int) {
	for _, a := range u.ages {
		n += a.callers[caller]
	}
	return n
}

// sweep forgets what its time alone refuses, and sees to it that it does. Called
// with mu held.
func (u *used) sweep() {
	past := u.now().Add(-oldest - longest).UnixMilli()
	u.floor = max(u.floor, past)
	for i, a := range u.ages {
		if (i+1)*ageOf.Milliseconds() <= past {
			u.total -= len(a.seen)
			u.strangers -= a.strangers
			delete(u.ages, i)
		}
	}
}
