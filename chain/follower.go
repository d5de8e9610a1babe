package chain

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// FollowerConfig says what a Follower follows.
type FollowerConfig struct {
	NetUID NetUID
	// RefreshEvery is how many blocks apart the metagraph is read; 0 is 1.
	RefreshEvery uint64
	// MinBackoff and MaxBackoff bound the pause before the next attempt after
	// the chain was lost, doubling from one to the other; 0 are 1 s and 30 s.
	MinBackoff, MaxBackoff time.Duration
	// StallTimeout is for how long a chain that is behind the newest block seen
	// is not followed; 0 is 2 minutes. Who stays behind for longer was begun
	// anew, or what was seen was no block.
	StallTimeout time.Duration
}

// FollowerDeps are what a Follower works with.
type FollowerDeps struct {
	Chain Chain
	Log   *slog.Logger // nil discards
}

// Follower keeps the newest block and metagraph of one subnet at hand, whatever
// happens to the connection. Reading it never waits for the chain.
type Follower struct {
	cfg   FollowerConfig
	chain Chain
	log   *slog.Logger

	heads *Heads
	graph atomic.Pointer[Metagraph]
	ready chan struct{}

	mu    sync.Mutex // guards ended and adding to views
	ended bool
	views sync.WaitGroup

	// Only Run's goroutine uses these.
	last      uint64    // newest block seen
	refreshed uint64    // block at which the metagraph was read
	behind    time.Time // since when the chain is behind last; zero if it is not
}

// NewFollower makes a follower; it knows nothing until Run.
func NewFollower(cfg FollowerConfig, deps FollowerDeps) *Follower {
	cfg.RefreshEvery = max(cfg.RefreshEvery, 1)
	if cfg.MinBackoff <= 0 {
		cfg.MinBackoff = time.Second
	}
	if cfg.MaxBackoff <= 0 {
		cfg.MaxBackoff = 30 * time.Second
	}
	if cfg.StallTimeout <= 0 {
		cfg.StallTimeout = 2 * time.Minute
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &Follower{cfg: cfg, chain: deps.Chain, log: deps.Log, heads: NewHeads(), ready: make(chan struct{})}
}

// Ready is closed when the first metagraph is there.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Metagraph is the newest snapshot; nil before Ready. It is at least as new as
// Head, unless RefreshEvery is more than 1.
func (f *Follower) Metagraph() *Metagraph { return f.graph.Load() }

// Head is the newest block seen; zero before Ready. It goes back only with a
// chain that stays behind it for FollowerConfig.StallTimeout.
func (f *Follower) Head() Block {
	b, _ := f.heads.Latest()
	return b
}

// WaitBlock returns when Head has reached the number. It fails with the
// context's error, or ErrUnavailable when Run has ended.
func (f *Follower) WaitBlock(ctx context.Context, number uint64) error {
	_, err := f.heads.Wait(ctx, number)
	return err
}

// Blocks is the caller's own view of the blocks to come, ascending. Whoever is
// busy finds the newest next and holds nobody up: a jump in the numbers tells
// which blocks to ask the chain about (Registrations above all). After a loss
// the missed blocks come in quick succession. A number that is no higher than
// the one before means that the chain was begun anew. The channel closes when
// ctx ends or Run does.
func (f *Follower) Blocks(ctx context.Context) <-chan Block {
	out := make(chan Block)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		close(out)
		return out
	}
	var next uint64
	if head, known := f.heads.Latest(); known {
		next = head.Number + 1
	}
	f.views.Go(func() {
		defer close(out)
		f.heads.offer(ctx, next, out)
	})
	return out
}

// Run follows the chain until ctx ends, whose error it returns. A lost chain is
// logged and tried again; blocks missed meanwhile are fetched.
func (f *Follower) Run(ctx context.Context) error {
	defer f.end()
	pause := f.cfg.MinBackoff
	for {
		before := f.last
		err := f.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.last != before {
			pause = f.cfg.MinBackoff
		}
		f.log.Warn("chain lost", "err", err, "block", f.last, "retry", pause)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, f.cfg.MaxBackoff)
	}
}

func (f *Follower) end() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	f.heads.Close()
	f.views.Wait()
}

// session follows one connection until it is lost.
func (f *Follower) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks, err := f.chain.Subscribe(ctx)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	head, err := f.chain.Head(ctx)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	if err := f.back(ctx, head); err != nil {
		return err
	}
	// Blocks may come faster than metagraphs can be read: this follows the newest.
	newest := NewHeads()
	newest.Set(head)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	reader.Go(func() {
		defer newest.Close()
		for b := range blocks {
			newest.Set(b)
		}
	})
	if err := f.accept(ctx, head); err != nil {
		return err
	}
	for {
		b, err := newest.Wait(ctx, f.last+1)
		if err != nil {
			return fmt.Errorf("subscription: %w", err)
		}
		if err := f.accept(ctx, b); err != nil {
			return err
		}
	}
}

// accept publishes b and, before it, the blocks between it and the last; the
// metagraph first, so that whoever sees a block finds no older metagraph.
func (f *Follower) accept(ctx context.Context, b Block) error {
	_, known := f.heads.Latest()
	if known && b.Number <= f.last {
		return nil
	}
	if f.graph.Load() == nil || b.Number >= f.refreshed+f.cfg.RefreshEvery || b.Number < f.refreshed {
		if err := f.refresh(ctx, b.Number); err != nil {
			return err
		}
	}
	for known && f.last+1 < b.Number {
		missed, err := f.chain.BlockAt(ctx, f.last+1)
		if err != nil {
			return fmt.Errorf("missed block %d: %w", f.last+1, err)
		}
		f.publish(missed)
	}
	f.publish(b)
	if !known {
		close(f.ready)
	}
	return nil
}

func (f *Follower) refresh(ctx context.Context, number uint64) error {
	m, err := f.chain.Metagraph(ctx, f.cfg.NetUID)
	if err != nil {
		return fmt.Errorf("metagraph: %w", err)
	}
	f.graph.Store(m)
	f.refreshed = number
	return nil
}

// back refuses a chain that is behind what was seen, but not for ever: then it
// is followed from where it is.
func (f *Follower) back(ctx context.Context, head Block) error {
	switch {
	case head.Number >= f.last:
		f.behind = time.Time{}
		return nil
	case f.behind.IsZero():
		f.behind = time.Now()
	}
	if time.Since(f.behind) < f.cfg.StallTimeout {
		return fmt.Errorf("%w: it went back from block %d to %d", ErrUnavailable, f.last, head.Number)
	}
	if err := f.refresh(ctx, head.Number); err != nil {
		return err
	}
	f.log.Error("the chain has gone back and is followed from there", "block", head.Number, "seen", f.last, "waited", f.cfg.StallTimeout)
	f.behind, f.last = time.Time{}, head.Number
	f.heads.Reset(head)
	return nil
}

func (f *Follower) publish(b Block) {
	f.last = b.Number
	f.heads.Set(b)
}
