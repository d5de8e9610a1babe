package miner

import (
	"context"
	"sync"

	"github.com/filetao/filetao/wallet"
)

// turns lets one exchange at a time work on a datum of an asker. The zero value
// is ready.
type turns struct {
	mu   sync.Mutex // guards what follows
	each map[turn]*line
}

type turn struct {
	asker wallet.Address
	hash  string
}

// line is who works on a datum and who waits for it.
type line struct {
	token chan struct{} // holds one while somebody works
	here  int           // those who work or wait
}

// wait returns when it is the caller's turn, which done ends, or with ctx's
// error.
func (t *turns) wait(ctx context.Context, asker wallet.Address, hash string) (done func(), err error) {
	key := turn{asker, hash}
	t.mu.Lock()
	if t.each == nil {
		t.each = map[turn]*line{}
	}
	l := t.each[key]
	if l == nil {
		l = &line{token: make(chan struct{}, 1)}
		t.each[key] = l
	}
	l.here++
	t.mu.Unlock()
	select {
	case l.token <- struct{}{}:
		return func() { <-l.token; t.leave(key, l) }, nil
	case <-ctx.Done():
		t.leave(key, l)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(key turn, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.here--; l.here == 0 {
		delete(t.each, key)
	}
}
