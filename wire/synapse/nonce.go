package synapse

import (
	"container/list"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
)

const (
	// timedNonce divides nonces that are Unix times in nanoseconds from those
	// that count since a machine's start: 10^18 is the year 2001, or 31 years
	// of uptime. What a request says of its version is not signed, its nonce is.
	timedNonce = 1e18
	// timedVersion is the first version that sends Unix times.
	timedVersion = 7002000
	// oldest is how old a timed nonce may be on top of the timeout, ahead how
	// far before our clock: the SDK's allowance, and one block.
	oldest = 4 * time.Second
	ahead  = 12 * time.Second
)

// Bounds of the tables.
const (
	maxSessions    = 1 << 17
	maxPerHotkey   = 1 << 10
	maxPassers     = 1 << 14
	sweepInterval  = time.Second
	compactionSlop = 1 << 12
)

// session names one dendrite: its hotkey and its UUID, hashed to bound the
// memory. The first 8 bytes are the hotkey's own.
type session [24]byte

func sessionOf(hotkey, uuid string) session {
	var s session
	own := sha256.Sum256([]byte(hotkey))
	both := sha256.Sum256([]byte(hotkey + ":" + uuid))
	copy(s[:8], own[:])
	copy(s[8:], both[:])
	return s
}

func (s session) hotkey() [8]byte { return [8]byte(s[:8]) }

// last is what is kept of a session.
type last struct {
	trail
	registered bool
}

// nonces refuses requests that came before.
//
// Who was let in is kept for good: when its table is full, new sessions are
// refused, and only timed nonces that are too old to be sent again make room.
// (An operator who runs out of room in decades stops the server and removes the
// file.) Who was not let in is kept in a table of its own that forgets the
// oldest: repeating what was refused gains nothing.
//
// A restart forgets timed nonces: taken then refuses those that were let in, by
// their time. All others are written down before their request is worked on.
type nonces struct {
	now    func() time.Time
	window time.Duration // a timed nonce older than that is refused anyhow
	taken  *replay.Taken // when those let in were signed

	mu           sync.Mutex // guards what follows
	kept         map[session]last
	perHotkey    map[[8]byte]int
	unregistered int // of kept
	swept        time.Time
	passers      map[session]*list.Element
	order        *list.List // of passer, the latest in front
	max          int
	file         *nonceFile
}

type passer struct {
	session session
	trail
}

// openNonces reads the file of a former run; an empty path keeps none.
func openNonces(path string, maxTimeout time.Duration, now func() time.Time, taken *replay.Taken) (*nonces, error) {
	n := &nonces{
		now: now, window: oldest + maxTimeout, taken: taken, max: maxSessions,
		kept: map[session]last{}, perHotkey: map[[8]byte]int{},
		passers: map[session]*list.Element{}, order: list.New(),
	}
	if path == "" {
		return n, nil
	}
	f, records, err := openNonceFile(path, func(r record) bool {
		return !timed(r.nonce) || milliseconds(r.nonce) >= now().UnixMilli() // the latter of earlier versions
	})
	if err != nil {
		return nil, err
	}
	n.file = f
	for _, r := range records {
		n.put(r.session, last{endedAt(r.nonce), r.registered})
	}
	return n, nil
}

func timed(nonce uint64) bool { return nonce >= timedNonce }

// milliseconds is the time that a timed nonce is.
func milliseconds(nonce uint64) int64 { return int64(nonce / 1e6) }

// forgettable says that a nonce is refused for its time alone.
func (n *nonces) forgettable(nonce uint64) bool {
	return timed(nonce) && n.taken.Refuses(milliseconds(nonce))
}

// put adds or replaces a session of the kept. Called with mu held, or before use.
func (n *nonces) put(s session, l last) {
	if old, known := n.kept[s]; known {
		if !old.registered {
			n.unregistered--
		}
	} else {
		n.perHotkey[s.hotkey()]++
	}
	if !l.registered {
		n.unregistered++
	}
	n.kept[s] = l
}

// fresh checks a nonce against the clock, as far as its sender goes by it.
func (n *nonces) fresh(hd head) error {
	now := n.now()
	age := now.Sub(time.Unix(0, int64(min(hd.nonce, 1<<63-1))))
	allowed := oldest + min(hd.timeout, n.window-oldest)
	if hd.version < timedVersion {
		// The version is not signed: whoever held the request back may have
		// lowered it. A time is a time all the same, but gets all we ever allow.
		if allowed = n.window; !timed(hd.nonce) {
			return nil
		}
	}
	switch {
	case !timed(hd.nonce) || age >= allowed:
		return wire.Unauthorized("Not Verified with error: Nonce is too old: acceptable delta is %.2f seconds but request was %.2f seconds old",
			allowed.Seconds(), age.Seconds())
	case age < -ahead:
		return wire.Unauthorized("Not Verified with error: Nonce is %.2f seconds in the future", -age.Seconds())
	}
	return nil
}

var errReplay = wire.Unauthorized("Not Verified with error: Nonce is too small")

// unused checks a nonce against those that the session used. Called with mu
// held.
func (n *nonces) unused(s session, nonce uint64) error {
	if l, known := n.kept[s]; known {
		// A session whose nonces change their kind would outlive its own past.
		if !l.takes(nonce) || timed(nonce) != timed(l.highest) {
			return errReplay
		}
	} else if e, known := n.passers[s]; known && !e.Value.(passer).takes(nonce) {
		return errReplay
	}
	if n.forgettable(nonce) {
		return errReplay
	}
	return nil
}

// check says whether a nonce may be used; it changes nothing.
func (n *nonces) check(s session, hd head) error {
	if err := n.fresh(hd); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unused(s, hd.nonce)
}

// claim uses a nonce up, once its signature is verified.
func (n *nonces) claim(s session, nonce uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.unused(s, nonce); err != nil {
		return err
	}
	if l, known := n.kept[s]; known {
		l.take(nonce)
		n.kept[s] = l
		return nil
	}
	if e, known := n.passers[s]; known {
		p := e.Value.(passer)
		p.take(nonce)
		e.Value = p
		n.order.MoveToFront(e)
		return nil
	}
	n.passers[s] = n.order.PushFront(passer{s, begunAt(nonce)})
	if n.order.Len() > maxPassers {
		delete(n.passers, n.order.Remove(n.order.Back()).(passer).session)
	}
	return nil
}

// keep remembers a claimed nonce for good; it returns once that is as durable
// as it has to be.
func (n *nonces) keep(s session, nonce uint64, registered bool) error {
	if timed(nonce) { // before the session is there and may be forgotten again
		if err := n.taken.Add(milliseconds(nonce)); err != nil {
			return err
		}
	}
	n.mu.Lock()
	if err := n.room(s, registered); err != nil {
		n.mu.Unlock()
		return err
	}
	l, known := n.kept[s]
	if !known {
		l.trail = begunAt(nonce)
		if e, passed := n.passers[s]; passed {
			l.trail = n.order.Remove(e).(passer).trail
			delete(n.passers, s)
		}
	}
	l.registered = registered
	n.put(s, l)
	n.mu.Unlock()
	if n.file == nil || timed(nonce) {
		return nil
	}
	// After a restart nothing up to the highest is taken: that is enough.
	if err := n.file.append(record{s, l.highest, registered}, n.durable); err != nil {
		return fmt.Errorf("nonce file: %w", err)
	}
	return nil
}

// keepIfCheap is keep for a request that does no harm when it comes again: the
// unregistered get at most a quarter of the table with such.
func (n *nonces) keepIfCheap(s session, nonce uint64, registered bool) error {
	n.mu.Lock()
	scarce := !registered && n.unregistered >= n.max/4 || n.room(s, registered) != nil
	n.mu.Unlock()
	if scarce {
		return nil
	}
	return n.keep(s, nonce, registered)
}

// durable lists what has to be in the file.
func (n *nonces) durable() []record {
	n.mu.Lock()
	defer n.mu.Unlock()
	var records []record
	for s, l := range n.kept {
		if !timed(l.highest) {
			records = append(records, record{s, l.highest, l.registered})
		}
	}
	return records
}

// room refuses a new session when the table is full, a hotkey has too many or
// the unregistered have half of all. Called with mu held.
func (n *nonces) room(s session, registered bool) error {
	if _, known := n.kept[s]; known {
		return nil
	}
	full := func() bool {
		return len(n.kept) >= n.max || n.perHotkey[s.hotkey()] >= maxPerHotkey || !registered && n.unregistered >= n.max/2
	}
	if full() {
		n.sweep()
	}
	if full() {
		return wire.Unavailable("Too many sessions of dendrites at present.")
	}
	return nil
}

// sweep forgets timed nonces that are too old to come again, and sees to it
// that they cannot. Called with mu held.
func (n *nonces) sweep() {
	now := n.now()
	if since := now.Sub(n.swept); since >= 0 && since < sweepInterval {
		return
	}
	n.swept = now
	n.taken.Forget(now.Add(-n.window).UnixMilli())
	for s, l := range n.kept {
		if !n.forgettable(l.highest) {
			continue
		}
		delete(n.kept, s)
		if !l.registered {
			n.unregistered--
		}
		if n.perHotkey[s.hotkey()]--; n.perHotkey[s.hotkey()] == 0 {
			delete(n.perHotkey, s.hotkey())
		}
	}
}

// close closes the file.
func (n *nonces) close() error {
	if n.file == nil {
		return nil
	}
	return n.file.close()
}
