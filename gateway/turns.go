package gateway

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	// turnPatience is how long somebody waits for a turn before one gives way to it,
	// and how long that one's user has had to send.
	turnPatience = 10 * time.Second
	// crawl is how many bytes a second a segment brings at least that does not crawl.
	crawl = 64 << 10
)

// turns bound how many segments are taken in at a time, and of them how many of one
// user's. Who waits is served by how few turns its user has, then by when it came.
//
// A user may be slow for as long as nobody waits for others. When somebody has
// waited for turnPatience, one turn gives way: its segment breaks off with 503 and
// is to be sent again. It is one that is not brisk (briskRate) over all the time
// that we waited for its bytes, turnPatience or more; and its user has two turns
// more than the one who waits, or it has one more and the turn is one of those that
// crawl, which are more than half of all. Of such ones it is one of the user's who
// has most of them, and there the one that has brought least.
//
// So nobody has the turns by being slow: with fewer users than turns each comes to
// its share, with more of them half of the turns are not for those that crawl. Nor is
// anybody sent in circles. A turn that gave way lets the users' numbers come nearer
// to each other and does not come back in the other's place; each user keeps the
// turn that is furthest, which has its connection for itself then; and of users with
// one turn each as many as half of the turns crawl undisturbed, those that are
// furthest, until they are done. The others come next, or as soon as nobody waits.
type turns struct {
	most, each int
	now        func() time.Time

	mu      sync.Mutex // guards what follows, and what is in a turn
	held    map[*turn]struct{}
	of      map[wallet.Address]int // of held, by user
	waiting []*turn
}

// turn is one segment's.
type turn struct {
	all   *turns
	user  wallet.Address
	ready chan struct{}
	end   func() // has it give way

	moved  int64 // bytes that have come
	took   time.Duration
	since  time.Time // when we began to wait for more; zero: we do not
	whole  bool      // nothing more is to come
	ending bool
}

// errTooSlow ends a put of a segment that comes slowly while others wait.
var errTooSlow = wire.Unavailable("others wait for the gateway, and this segment comes too slowly; send it again")

// newTurns gives one user a quarter of all at most, and never less than a client
// sends at a time.
func newTurns(n int, now func() time.Time) *turns {
	return &turns{most: n, each: max(n/4, 4), now: now, held: map[*turn]struct{}{}, of: map[wallet.Address]int{}}
}

// take waits for a turn, which is good until close. end is called, once at most, when
// it has to give way.
func (t *turns) take(ctx context.Context, user wallet.Address, end func()) (*turn, error) {
	one := &turn{all: t, user: user, ready: make(chan struct{}), end: end}
	t.mu.Lock()
	t.waiting = append(t.waiting, one)
	t.next()
	t.mu.Unlock()
	timer := time.NewTicker(turnPatience)
	defer timer.Stop()
	for {
		select {
		case <-one.ready:
			return one, nil
		case <-timer.C:
			t.hurry()
		case <-ctx.Done():
			one.close()
			return nil, ctx.Err()
		}
	}
}

// first is the place among those who wait of the one that is to be served; -1 if they
// wait for their own users' turns alone. Called with mu held.
func (t *turns) first() int {
	at, fewest := -1, t.each
	for i, one := range t.waiting {
		if n := t.of[one.user]; n < fewest {
			at, fewest = i, n
		}
	}
	return at
}

// next has those begin who waited and for whom there is a turn now. Called with mu
// held.
func (t *turns) next() {
	for len(t.held) < t.most {
		at := t.first()
		if at < 0 {
			return
		}
		one := t.waiting[at]
		t.waiting = slices.Delete(t.waiting, at, at+1)
		t.held[one] = struct{}{}
		t.of[one.user]++
		close(one.ready)
	}
}

// hurry ends the turn that has to give way to who waits, if there is one.
func (t *turns) hurry() {
	t.mu.Lock()
	one := t.burden()
	if one != nil {
		one.ending = true
	}
	t.mu.Unlock()
	if one != nil {
		one.end()
	}
}

// burden is the turn that has to give way; nil for none. Called with mu held.
func (t *turns) burden() (worst *turn) {
	at := t.first()
	if at < 0 {
		return nil
	}
	share := t.of[t.waiting[at].user]
	keeps, crawling := map[wallet.Address]int{}, 0
	for one := range t.held {
		switch {
		case one.ending:
			share++ // as if it were for the one who waits
		case one.slower(crawl):
			crawling++
			fallthrough
		default:
			keeps[one.user]++
		}
	}
	for one := range t.held {
		n := keeps[one.user]
		owes := n >= share+2 || n == share+1 && crawling > t.most/2 && one.slower(crawl)
		if !owes || one.ending || !one.slower(briskRate) {
			continue
		}
		if worst == nil || n > keeps[worst.user] || n == keeps[worst.user] && one.moved < worst.moved {
			worst = one
		}
	}
	return worst
}

// slower says whether a turn that has had its time, and is not done, brings fewer
// bytes a second. Called with mu held.
func (o *turn) slower(rate float64) bool {
	took := o.took
	if !o.since.IsZero() {
		took += o.all.now().Sub(o.since)
	}
	return !o.whole && took >= turnPatience && float64(o.moved) < rate*took.Seconds()
}

// close gives the turn back.
func (o *turn) close() {
	t := o.all
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, o); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		return
	}
	delete(t.held, o)
	if t.of[o.user]--; t.of[o.user] == 0 {
		delete(t.of, o.user)
	}
	t.next()
}

// body is a segment's, as it comes, until ctx ends.
func (o *turn) body(ctx context.Context, in wire.Body) io.Reader {
	return &turnBody{o, ctx, in.Reader, in.Size}
}

// turnBody has its turn know how fast it comes. A read that ctx finds under way is
// the last one: the transport sees to it that it does not take long.
type turnBody struct {
	turn *turn
	ctx  context.Context
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (b *turnBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	o, t := b.turn, b.turn.all
	t.mu.Lock()
	o.since = t.now()
	t.mu.Unlock()
	n, err := b.r.Read(p)
	b.left -= int64(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	o.took, o.since = o.took+t.now().Sub(o.since), time.Time{}
	o.moved, o.whole = o.moved+int64(n), b.left <= 0 || err != nil
	return n, err
}
