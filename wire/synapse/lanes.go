package synapse

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/filetao/filetao/wire"
)

// lanes keep calls to one peer in order. A server takes only rising nonces of
// a UUID, so each lane has a UUID of its own and carries one call at a time.
// It is safe for concurrent use.
type lanes struct {
	uuids []string // of lane i, towards all peers

	mu    sync.Mutex // guards peers
	peers map[wire.Peer]*laneSet
}

// laneSet is one peer's lanes, there as long as somebody uses or awaits one.
type laneSet struct {
	free  chan int
	users int // guarded by lanes.mu
}

func newLanes(n int) *lanes {
	l := &lanes{peers: map[wire.Peer]*laneSet{}}
	for range n {
		l.uuids = append(l.uuids, uuid.NewString())
	}
	return l
}

// acquire waits for a free lane to a peer and returns its UUID, and what gives
// the lane back.
func (l *lanes) acquire(ctx context.Context, to wire.Peer) (id string, release func(), err error) {
	to.Version = 0
	l.mu.Lock()
	set := l.peers[to]
	if set == nil {
		set = &laneSet{free: make(chan int, len(l.uuids))}
		for i := range l.uuids {
			set.free <- i
		}
		l.peers[to] = set
	}
	set.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if set.users--; set.users == 0 {
			delete(l.peers, to)
		}
	}
	select {
	case i := <-set.free:
		return l.uuids[i], func() { set.free <- i; leave() }, nil
	case <-ctx.Done():
		leave()
		return "", nil, context.Cause(ctx)
	}
}
