package stream

import (
	"sync"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
)

const (
	// oldest is how old a request may be on top of its timeout, ahead how far
	// before our clock, as over wire/synapse; longest is the most that a timeout
	// adds. (It is the work that takes long, not the way of the head.)
	oldest  = 4 * time.Second
	ahead   = 12 * time.Second
	longest = 56 * time.Second

	// maxUsed requests are remembered for as long as they could come again: 34,000 a
	// second, each for a minute, in up to 40 MiB, and some 40 bytes more for every
	// second of every caller.
	maxUsed   = 1 << 21
	maxPassed = 1 << 14 // and of those that were not let in
	ageOf     = time.Second
)

// used refuses requests that came before. What was let in is remembered until its
// own time alone refuses it; when there is no room, requests are refused rather
// than forgotten. What was not let in, or does no harm twice, is kept in a table
// that forgets the oldest.
//
// The clock may jump and come back: an age whose requests are forgotten is closed
// for good, and no other is. What earlier processes let in is refused by taken.
type used struct {
	now   func() time.Time
	max   int
	taken *replay.Taken

	mu      sync.Mutex   // guards what follows
	swept   int64        // when
	closed  replay.Spans // the ages that were forgotten
	total   int          // of ages
	unknown int          // of total, by callers that are not registered
	of      map[[32]byte]*tally
	ages    map[int64]*age // by the time at which they end, ageOf each
	once    map[[16]byte]struct{}
	order   [][16]byte // a ring of once
	at      int
}

// tally is how many requests of a caller are remembered.
type tally struct {
	caller [32]byte
	n      int
}

// age is what ends at about the same time.
type age struct {
	seen    map[[8]byte]struct{} // by the first bytes of their digests
	callers map[*tally]int
	unknown int // of seen, by callers that are not registered
}

func newUsed(now func() time.Time, taken *replay.Taken) *used {
	return &used{
		now: now, max: maxUsed, taken: taken,
		of: map[[32]byte]*tally{}, ages: map[int64]*age{}, once: map[[16]byte]struct{}{},
	}
}

// allowed is how old a request may be.
func allowed(q request) time.Duration {
	return oldest + min(time.Duration(q.timeout)*time.Millisecond, longest)
}

// endOf is when a request's time alone refuses it, in Unix milliseconds.
func endOf(q request) int64 { return q.time + allowed(q).Milliseconds() }

// fresh holds a request's time against our clock.
func (u *used) fresh(q request) error {
	now, then, allowed := u.now(), time.UnixMilli(q.time), allowed(q)
	switch age := now.Sub(then); {
	case age > allowed:
		return wire.Unauthorized("Not Verified with error: the request is %.2f seconds old, %.2f are allowed", age.Seconds(), allowed.Seconds())
	case age < -ahead:
		return wire.Unauthorized("Not Verified with error: the request is from %.2f seconds in the future", -age.Seconds())
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.forgotten(q) {
		return errForgotten
	}
	return nil
}

var (
	errReplay    = wire.Unauthorized("Not Verified with error: the request came before")
	errForgotten = wire.Unauthorized("Not Verified with error: the request is older than this server's start or memory")
)

// forgotten says whether a request would not be known again. Called with mu held.
func (u *used) forgotten(q request) bool { return u.taken.Refuses(q.time) || u.closed.Has(ageIn(q)) }

// key names a request by its digest, which no other has, whoever signs it.
func key(digest [32]byte) [16]byte { return [16]byte(digest[:16]) }

// claim uses a verified request up, so that it is not worked on twice. Before it
// is worked on, keep makes that last.
func (u *used) claim(q request, digest [32]byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	k := key(digest)
	switch {
	case u.forgotten(q):
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
	_, known := a.seen[brief(k)]
	return known
}

// brief is what is remembered of a name for longer: that another request has the
// same is next to impossible, and refuses one that would be sent again.
func brief(k [16]byte) [8]byte { return [8]byte(k[:8]) }

// keep remembers a claimed request for as long as it could come again, here and, by
// its time, after a restart.
func (u *used) keep(q request, digest [32]byte, registered bool) error {
	if err := u.remember(q, digest, registered); err != nil {
		return err
	}
	return u.taken.Add(q.time)
}

// remember is keep as long as the process lives. A caller gets half of the room at most, those who are not registered half of it together,
// and the last quarter, of that half too, is for those who have used little.
func (u *used) remember(q request, digest [32]byte, registered bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := u.now().UnixMilli(); now < u.swept || now >= u.swept+ageOf.Milliseconds() {
		u.sweep(now)
	}
	if u.forgotten(q) {
		return errForgotten
	}
	of := u.of[q.caller]
	if of == nil {
		of = &tally{caller: q.caller}
	}
	if !u.admits(of.n, registered) {
		return wire.Unavailable("Too many requests at present.")
	}
	a := u.ages[ageIn(q)]
	if a == nil {
		a = &age{seen: map[[8]byte]struct{}{}, callers: map[*tally]int{}}
		u.ages[ageIn(q)] = a
	}
	k := brief(key(digest))
	if _, known := a.seen[k]; known { // claimed twice, having been forgotten between
		return errReplay
	}
	u.of[q.caller] = of
	a.seen[k] = struct{}{}
	a.callers[of]++
	of.n++
	u.total++
	if !registered {
		a.unknown++
		u.unknown++
	}
	return nil
}

// admits says whether there is room for one more of a caller that has so many.
// Called with mu held.
func (u *used) admits(n int, registered bool) bool {
	few := n < u.max/64
	if !registered && (u.unknown >= u.max/2 || !few && u.unknown >= u.max*3/8) {
		return false
	}
	return u.total < u.max && n < u.max/2 && (few || u.total < u.max*3/4)
}

func ageIn(q request) int64 { return endOf(q) / ageOf.Milliseconds() }

// farOff is how far from now ages end that are only there since the clock was set
// back, by more than a little: they are forgotten too, or would take up the room.
const farOff = 2 * (ahead + oldest + longest)

// sweep forgets what its time alone refuses, and sees to it that it does. Called
// with mu held.
func (u *used) sweep(now int64) {
	u.swept = now
	for i, a := range u.ages {
		if end := (i + 1) * ageOf.Milliseconds(); end > now && end <= now+farOff.Milliseconds() {
			continue
		}
		u.closed.Add(i, i)
		u.total -= len(a.seen)
		u.unknown -= a.unknown
		for of, n := range a.callers {
			if of.n -= n; of.n == 0 {
				delete(u.of, of.caller)
			}
		}
		delete(u.ages, i)
	}
}
