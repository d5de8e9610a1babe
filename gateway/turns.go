package gateway

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/wallet"
)

// turns bound how many segments are taken in at a time, and of them how many of
// one user's: a slow one holds up none but its own.
type turns struct {
	all  *semaphore.Weighted
	each int64

	mu    sync.Mutex // guards what follows
	users map[wallet.Address]*userTurns
}

// userTurns are there as long as somebody has or awaits one.
type userTurns struct {
	sem  *semaphore.Weighted
	want int
}

// newTurns gives one user a quarter of all at most, and never less than a client
// sends at a time.
func newTurns(n int) *turns {
	return &turns{all: semaphore.NewWeighted(int64(n)), each: max(int64(n)/4, 4), users: map[wallet.Address]*userTurns{}}
}

// take waits for a turn, which done ends.
func (t *turns) take(ctx context.Context, user wallet.Address) (done func(), err error) {
	t.mu.Lock()
	u := t.users[user]
	if u == nil {
		u = &userTurns{sem: semaphore.NewWeighted(t.each)}
		t.users[user] = u
	}
	u.want++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if u.want--; u.want == 0 {
			delete(t.users, user)
		}
	}
	if err := u.sem.Acquire(ctx, 1); err != nil {
		leave()
		return nil, err
	}
	if err := t.all.Acquire(ctx, 1); err != nil {
		u.sem.Release(1)
		leave()
		return nil, err
	}
	return func() {
		t.all.Release(1)
		u.sem.Release(1)
		leave()
	}, nil
}
