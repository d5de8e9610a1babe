package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

const (
	// unsettled is how long what another gateway over this index writes may take:
	// what is newer than that is not ended at once.
	unsettled = time.Hour
	// maxLeft is how many segments of dropped uploads wait to be ended, and how many
	// deleted files. What is beyond is left to the upkeep of the index.
	maxLeft      = index.MaxSegments
	maxLeftFiles = 1 << 14
)

// left is what deleted files and dropped uploads have left behind. The index lists
// it for files; what is here is for soon.
type left struct {
	wake chan struct{} // holds one token while there is something

	mu      sync.Mutex // guards what follows
	names   map[index.ObjectName]bool
	objects []index.ObjectName
	parts   []string
	away    map[wallet.Address]time.Time // miners that are not told anything until then
}

func newLeft() *left {
	return &left{wake: make(chan struct{}, 1), names: map[index.ObjectName]bool{}, away: map[wallet.Address]time.Time{}}
}

// object has the segments be ended that a file has left.
func (l *left) object(name index.ObjectName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names[name] || len(l.objects) >= maxLeftFiles {
		return
	}
	l.names[name], l.objects = true, append(l.objects, name)
	l.ring()
}

// segments has those be ended that nobody needs.
func (l *left) segments(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(ids) == 0 || len(l.parts)+len(ids) > maxLeft {
		return
	}
	l.parts = append(l.parts, ids...)
	l.ring()
}

func (l *left) ring() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take takes all there is.
func (l *left) take() (objects []index.ObjectName, parts []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	objects, parts = l.objects, l.parts
	l.names, l.objects, l.parts = map[index.ObjectName]bool{}, nil, nil
	return objects, parts
}

func (l *left) awayUntil(a wallet.Address) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away[a]
}

func (l *left) isAway(a wallet.Address, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away[a] = until
}

// Run ends, until ctx does, the segments that deleted files have left behind, and
// tells their miners; beside that it gives segments the shards that they lack. What
// it has not come to then, or cannot do, the upkeep of the index and repair do.
func (g *Gateway) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() {
		for {
			select {
			case id := <-g.short:
				g.complete(ctx, id)
			case <-ctx.Done():
				return
			}
		}
	})
	defer work.Wait()
	for {
		select {
		case <-g.left.wake:
			g.EndLeft(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// EndLeft is what Run does when there is something to do.
func (g *Gateway) EndLeft(ctx context.Context) {
	objects, parts := g.left.take()
	for _, o := range objects {
		tell, done := context.WithTimeout(ctx, g.cfg.CleanupTimeout)
		err := g.deps.Index.EndLeft(ctx, o, unsettled, func(drops []index.Drop) { g.tell(tell, drops) })
		if done(); err != nil && ctx.Err() == nil {
			g.log.Warn("what a deleted file had is ended later", "cid", o.CID, "owner", o.Owner, "err", err)
		}
	}
	tell, done := context.WithTimeout(ctx, g.cfg.CleanupTimeout)
	defer done()
	for batch := range slices.Chunk(parts, leftAtOnce) {
		drops, _, err := g.deps.Index.EndSegments(ctx, batch, unsettled)
		if g.tell(tell, drops); err != nil && ctx.Err() == nil {
			g.log.Warn("what a dropped upload had is ended later", "segments", len(batch), "err", err)
		}
	}
}

// leftAtOnce is after how many segments of an upload their miners are told.
const leftAtOnce = 256

// tell tells miners to drop what the index has ended, as far as there is time. The
// upkeep of the index tells them the rest.
func (g *Gateway) tell(ctx context.Context, drops []index.Drop) {
	byMiner := map[wallet.Address][]index.Drop{}
	for _, d := range drops {
		byMiner[d.Holder] = append(byMiner[d.Holder], d)
	}
	var work errgroup.Group // of functions that do not fail
	work.SetLimit(maxDeletions)
	for a, drops := range byMiner {
		work.Go(func() error {
			if n, err := g.tellMiner(ctx, a, drops); err != nil {
				g.metrics.unreached.Add(float64(len(drops) - n))
				g.log.Info("a miner is told later to delete shards", "miner", a, "shards", len(drops)-n, "err", err)
			}
			return nil
		})
	}
	_ = work.Wait()
}

// errAway says that a miner could not be told anything a moment ago.
var errAway = errors.New("it did not answer just now")

// tellMiner tells one miner what it still has to drop, and returns how much that was.
func (g *Gateway) tellMiner(ctx context.Context, a wallet.Address, drops []index.Drop) (int, error) {
	if now := g.deps.Now(); now.Before(g.left.awayUntil(a)) {
		return 0, errAway
	}
	for i, d := range drops {
		d, err := g.deps.Index.Drop(ctx, a, d.Replica)
		if errors.Is(err, index.ErrNotFound) {
			continue // told already, or given it again
		}
		if err == nil && d.Due(g.deps.Now()) {
			err = g.deps.Fleet.Drop(ctx, d)
		}
		if err != nil && ctx.Err() == nil {
			g.left.isAway(a, g.deps.Now().Add(g.cfg.CleanupTimeout))
		}
		if err != nil {
			return i, err
		}
	}
	return len(drops), nil
}
