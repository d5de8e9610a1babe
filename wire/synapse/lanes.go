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
	n int

	mu    sync.Mutex  // guards what follows
	ids   []uuid.UUID // what the UUIDs of lane i are made of, towards all peers
	peers map[wire.Peer]*laneSet
}

// laneSet is one peer's lanes, there as long as somebody uses or awaits one.
type laneSet struct {
	free  chan int
	users int // guarded by lanes.mu
}

func newLanes(n int) *lanes {
	l := &lanes{n: n, peers: map[wire.Peer]*laneSet{}}
	l.renew()
	return l
}

// renew gives the lanes new UUIDs.
func (l *lanes) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = nil
	for range l.n {
		l.ids = append(l.ids, uuid.New())
	}
}

// id is what the UUIDs of a lane are made of.
func (l *lanes) id(lane int) uuid.UUID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[lane]
}

// acquire waits for a free lane to a peer and returns it, see sessionID, and what
// gives it back.
func (l *lanes) acquire(ctx context.Context, to wire.Peer) (lane uuid.UUID, release func(), err error) {
	to.Version = 0
	l.mu.Lock()
	set := l.peers[to]
	if set == nil {
		set = &laneSet{free: make(chan int, l.n)}
		for i := range l.n {
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
		return l.id(i), func() { set.free <- i; leave() }, nil
	case <-ctx.Done():
		leave()
		return uuid.UUID{}, nil, context.Cause(ctx)
	}
}
