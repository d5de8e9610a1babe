package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// segmentHeld is what a segment of a file that is being fetched takes in memory, in
// bytes: in the manifest as it is stored and sent, as it is parsed, and among the
// parts to be fetched.
const segmentHeld = 128

// manifests bound the bytes of large manifests that gets hold on to: of one user a
// quarter, or one that is larger. Small ones, which are most, do not count: all the
// gets together that there may be have a quarter as much of them. Who waits comes in
// its order, but for who waits for its own user's; and has a slow get of a large file
// give way, as windows have. A get has its manifest before its window and never waits
// for the one while it has the other, so that those that have both come to their end.
type manifests struct {
	limit, each, small int64 // bytes
	patience           time.Duration
	hurry              func()

	mu      sync.Mutex // guards what follows
	used    int64
	of      map[wallet.Address]int64 // of used, by user
	waiting []*held
}

// held is a manifest's place in memory.
type held struct {
	user  wallet.Address
	bytes int64
	turn  chan struct{} // closed when it is there
}

func newManifests(cfg Config, hurry func()) *manifests {
	limit := cfg.GetMemory
	return &manifests{
		limit: limit, each: limit / 4, small: limit / 4 / int64(cfg.Gets), patience: cfg.GetPatience, hurry: hurry,
		of: map[wallet.Address]int64{},
	}
}

// take waits for room for a manifest, until release. It does so only if it is large.
func (m *manifests) take(ctx context.Context, user wallet.Address, bytes int64) (release func(), err error) {
	if bytes <= m.small {
		return func() {}, nil
	}
	one := &held{user, min(bytes, m.limit), make(chan struct{})}
	m.mu.Lock()
	m.waiting = append(m.waiting, one)
	m.next()
	m.mu.Unlock()
	timer := time.NewTicker(m.patience)
	defer timer.Stop()
	for {
		select {
		case <-one.turn:
			return sync.OnceFunc(func() { m.release(one) }), nil
		case <-timer.C:
			m.hurry()
		case <-ctx.Done():
			m.release(one)
			return nil, wire.Unavailable("busy: the lists of segments of other large files fill %d MiB; try again later", m.limit>>20)
		}
	}
}

// next gives those room who waited and for whom there is some now. Called with mu held.
func (m *manifests) next() {
	for i := 0; i < len(m.waiting); {
		one := m.waiting[i]
		switch has := m.of[one.user]; {
		case has > 0 && has+one.bytes > m.each:
			i++ // behind its own
		case m.used+one.bytes > m.limit:
			return
		default:
			m.waiting = slices.Delete(m.waiting, i, i+1)
			m.used += one.bytes
			m.of[one.user] += one.bytes
			close(one.turn)
		}
	}
}

// release gives back what one has, or its place among those who wait.
func (m *manifests) release(one *held) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.waiting, one); i >= 0 {
		m.waiting = slices.Delete(m.waiting, i, i+1)
	} else {
		m.used -= one.bytes
		if m.of[one.user] -= one.bytes; m.of[one.user] == 0 {
			delete(m.of, one.user)
		}
	}
	m.next()
}

// heldObject is object for a get, which holds on to the manifest until done, and says
// whether that is a large one.
func (g *Gateway) heldObject(ctx context.Context, owner wallet.Address, id string) (o index.Object, man manifest.Manifest, done func(), large bool, err error) {
	segments, err := g.segmentsOf(ctx, owner, id)
	if err != nil {
		return o, man, nil, false, err
	}
	wait, stop := context.WithTimeout(ctx, g.cfg.RetrieveTimeout)
	defer stop()
	bytes := int64(segments) * segmentHeld
	if done, err = g.manifests.take(wait, owner, bytes); err != nil {
		return o, man, nil, false, err
	}
	o, man, err = g.object(ctx, owner, id)
	if err == nil && len(man.Segments) > segments {
		err = wire.Unavailable("the file is being put again, in more segments; try again")
	}
	if err != nil {
		done()
		return o, man, nil, false, err
	}
	return o, man, done, bytes > g.manifests.small, nil
}
