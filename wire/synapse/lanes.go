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
	ids []uuid.UUID // what the UUIDs of lane i are made of, towards all peers

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
		l.ids = append(l.ids, uuid.New())
	}
	return l
}

// acquire waits for a free lane to a peer and returns it, see sessionID, and what
// gives it back.
func (l *lanes) acquire(ctx context.Context, to wire.Peer) (lane uuid.UUID, release func(), err error) {
	to.Version = 0
	l.mu.Lock()
	set := l.peers[to]
	if set == nil {
		set = &laneSet{free: make(chan int, len(l.ids))}
		for i := range l.ids {
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
		return l.ids[i], func() { set.free <- i; leave() }, nil
	case <-ctx.Done():
		leave()
		return uuid.UUID{}, nil, context.Cause(ctx)
	}
}
