package synapse

import (
	"slices"
	"time"
)

const (
	// overtaking is how far a nonce may be below its session's highest. All
	// nonces count nanoseconds, whatever from.
	overtaking = 12 * time.Second
	// maxUsed bounds how many used nonces of a session are remembered one by one.
	maxUsed = 64
)

// trail is what is known of the nonces of a session. Calls of one dendrite at
// the same time come over connections of their own, so that a later one may
// overtake an earlier one: each nonce is good once, in any order, unless it is
// far below the highest.
type trail struct {
	highest uint64
	floor   uint64   // up to here none is good
	used    []uint64 // between floor and highest, ascending
}

// endedAt is a trail of which only the highest nonce is known.
func endedAt(nonce uint64) trail { return trail{highest: nonce, floor: nonce} }

// begunAt is the trail of a session's first nonce.
func begunAt(nonce uint64) trail {
	var t trail
	t.take(nonce)
	return t
}

func (t trail) takes(nonce uint64) bool {
	_, used := slices.BinarySearch(t.used, nonce)
	return nonce > t.highest || nonce > t.floor && nonce != t.highest && !used
}

// take uses up a nonce that the trail takes.
func (t *trail) take(nonce uint64) {
	at, _ := slices.BinarySearch(t.used, min(nonce, t.highest))
	t.used = slices.Insert(t.used, at, min(nonce, t.highest))
	if t.highest = max(t.highest, nonce); t.highest > uint64(overtaking) {
		t.floor = max(t.floor, t.highest-uint64(overtaking))
	}
	if n := len(t.used) - maxUsed; n > 0 {
		t.floor = max(t.floor, t.used[n-1])
	}
	at, found := slices.BinarySearch(t.used, t.floor)
	if found {
		at++
	}
	t.used = slices.Delete(t.used, 0, at)
}
