package gateway

import (
	"context"
	"sync"
)

// locks is a mutex for every name, kept only while somebody wants it.
type locks struct {
	mu   sync.Mutex // guards held and the counts in it
	held map[string]*namedLock
}

type namedLock struct {
	turn chan struct{} // holds one token while taken
	want int           // holder and waiters
}

func newLocks() *locks { return &locks{held: map[string]*namedLock{}} }

// lock takes a name, or gives up with ctx's error.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	l.mu.Lock()
	one := l.held[name]
	if one == nil {
		one = &namedLock{turn: make(chan struct{}, 1)}
		l.held[name] = one
	}
	one.want++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.want--; one.want == 0 {
			delete(l.held, name)
		}
	}
	select {
	case one.turn <- struct{}{}:
		return func() { <-one.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
