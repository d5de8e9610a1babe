package chain_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
)

// line is a chain whose connection a test can cut.
type line struct {
	*devchain.Devchain
	beforeBlockAt func()

	mu       sync.Mutex // guards all below
	down     bool
	cuts     []context.CancelFunc
	attempts []time.Time
	graphs   []uint64 // blocks at which the metagraph was read
	head     *chain.Block
	latency  time.Duration // of the metagraph
}

func (l *line) setLatency(latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latency = latency
}

func (l *line) Head(ctx context.Context) (chain.Block, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head != nil {
		return *l.head, nil
	}
	return l.Devchain.Head(ctx)
}

// pauses are the times between the attempts to subscribe.
func (l *line) pauses() (pauses []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.attempts[1:] {
		pauses = append(pauses, l.attempts[i+1].Sub(l.attempts[i]))
	}
	return pauses
}

func (l *line) setHead(b *chain.Block) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head = b
}

func (l *line) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts = append(l.attempts, time.Now())
	if l.down {
		return nil, chain.ErrUnavailable
	}
	ctx, cancel := context.WithCancel(ctx)
	l.cuts = append(l.cuts, cancel)
	return l.Devchain.Subscribe(ctx)
}

func (l *line) Metagraph(ctx context.Context, net chain.NetUID) (*chain.Metagraph, error) {
	m, err := l.Devchain.Metagraph(ctx, net)
	l.mu.Lock()
	latency := l.latency
	l.mu.Unlock()
	<-time.After(latency)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, chain.ErrUnavailable
	}
	l.graphs = append(l.graphs, m.Block.Number)
	return m, err
}

func (l *line) BlockAt(ctx context.Context, number uint64) (chain.Block, error) {
	l.beforeBlockAt()
	return l.Devchain.BlockAt(ctx, number)
}

func (l *line) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	for _, cut := range l.cuts {
		cut()
	}
	l.cuts = nil
}

func (l *line) blocks(t *testing.T, n int) {
	t.Helper()
	for range n {
		if _, err := l.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// follow runs test in a bubble with a follower of a chain that makes blocks only
// when told.
func follow(t *testing.T, cfg chain.FollowerConfig, test func(*testing.T, *line, *chain.Follower)) {
	synctest.Test(t, func(t *testing.T) {
		d, err := devchain.Open(devchain.Config{NetUID: 21}, devchain.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		l := &line{Devchain: d, beforeBlockAt: func() {}}
		cfg.NetUID = 21
		f := chain.NewFollower(cfg, chain.FollowerDeps{Chain: l})
		if f.Metagraph() != nil || f.Head() != (chain.Block{}) {
			t.Error("a follower knows something before Run")
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		<-f.Ready()
		synctest.Wait() // until the follower has its subscription
		test(t, l, f)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		if _, open := <-f.Blocks(context.WithoutCancel(ctx)); open {
			t.Error("a block after Run has ended")
		}
		if err := f.WaitBlock(context.WithoutCancel(ctx), 1000); !errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("waiting after Run has ended: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFollowerFollows(t *testing.T) {
	follow(t, chain.FollowerConfig{}, func(t *testing.T, l *line, f *chain.Follower) {
		if f.Metagraph() == nil {
			t.Fatal("ready without a metagraph")
		}
		blocks := f.Blocks(t.Context())
		for want := uint64(1); want <= 5; want++ {
			l.blocks(t, 1)
			b := <-blocks
			if b.Number != want || f.Head() != b || f.Metagraph().Block.Number < want {
				t.Fatalf("block %d: got %+v, head %+v, metagraph at %d", want, b, f.Head(), f.Metagraph().Block.Number)
			}
		}
		if err := f.WaitBlock(t.Context(), 5); err != nil {
			t.Error(err)
		}
	})
}

func TestFollowerClosesAViewWithItsContext(t *testing.T) {
	follow(t, chain.FollowerConfig{}, func(t *testing.T, l *line, f *chain.Follower) {
		ctx, cancel := context.WithCancel(t.Context())
		idle, offering := f.Blocks(ctx), f.Blocks(ctx)
		cancel()
		if _, open := <-idle; open {
			t.Error("a block after the context's end")
		}
		l.blocks(t, 1)
		synctest.Wait()
		if _, open := <-offering; open {
			t.Error("a block after the context's end")
		}
		if err := f.WaitBlock(ctx, 1000); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting with an ended context: %v", err)
		}
	})
}

func TestFollowerSlowSubscriberFindsTheNewest(t *testing.T) {
	follow(t, chain.FollowerConfig{}, func(t *testing.T, l *line, f *chain.Follower) {
		slow, quick := f.Blocks(t.Context()), f.Blocks(t.Context())
		for want := uint64(1); want <= 6; want++ {
			l.blocks(t, 1)
			if b := <-quick; b.Number != want {
				t.Fatalf("the quick one got %d, want %d", b.Number, want)
			}
		}
		synctest.Wait()
		if b := <-slow; b.Number != 6 {
			t.Errorf("the slow one got %d, want 6", b.Number)
		}
		l.blocks(t, 1)
		if b := <-slow; b.Number != 7 {
			t.Errorf("then it got %d, want 7", b.Number)
		}
	})
}

func TestFollowerFillsTheGapAfterALoss(t *testing.T) {
	follow(t, chain.FollowerConfig{}, func(t *testing.T, l *line, f *chain.Follower) {
		view := f.Blocks(t.Context())
		var heads []uint64 // when the follower asked for a missed block
		var seen []uint64  // by a view that keeps up
		l.blocks(t, 3)
		if err := f.WaitBlock(t.Context(), 3); err != nil || (<-view).Number != 3 {
			t.Fatal(err)
		}
		synctest.Wait()
		l.beforeBlockAt = func() {
			heads = append(heads, f.Head().Number)
			if m := f.Metagraph(); m.Block.Number != 10 {
				t.Errorf("while filling the gap the metagraph is of block %d", m.Block.Number)
			}
			if len(heads) > 1 {
				seen = append(seen, (<-view).Number)
			}
		}
		l.setDown(true)
		l.blocks(t, 7)
		l.setDown(false)
		if err := f.WaitBlock(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		if want := []uint64{3, 4, 5, 6, 7, 8}; !slices.Equal(heads, want) {
			t.Errorf("the head went through %v to the newest, want %v", heads, want)
		}
		if want := []uint64{4, 5, 6, 7, 8}; !slices.Equal(seen, want) {
			t.Errorf("a view saw %v, want %v", seen, want)
		}
	})
}

func TestFollowerBacksOff(t *testing.T) {
	follow(t, chain.FollowerConfig{}, func(t *testing.T, l *line, f *chain.Follower) {
		l.setDown(true)
		<-time.After(100 * time.Second)
		l.setDown(false)
		l.blocks(t, 1)
		if err := f.WaitBlock(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		pauses := l.pauses()
		want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}
		if len(pauses) != len(want) || !slices.EqualFunc(pauses, want, func(got, want time.Duration) bool { return got == want*time.Second }) {
			t.Errorf("attempts came after %v", pauses)
		}
		l.setDown(true)
		synctest.Wait()
		l.setDown(false)
		<-time.After(1500 * time.Millisecond)
		if pauses := l.pauses(); pauses[len(pauses)-1] != time.Second {
			t.Errorf("after a success attempts came after %v", pauses)
		}
	})
}

func TestFollowerRefreshesTheMetagraphAsOftenAsTold(t *testing.T) {
	follow(t, chain.FollowerConfig{RefreshEvery: 3}, func(t *testing.T, l *line, f *chain.Follower) {
		for range 9 {
			l.blocks(t, 1)
			synctest.Wait()
		}
		if want := []uint64{0, 3, 6, 9}; !slices.Equal(l.graphs, want) {
			t.Errorf("read the metagraph at blocks %v, want %v", l.graphs, want)
		}
	})
}

// A metagraph that is slow to come is read less often; no block is lost.
func TestFollowerKeepsUpWithAQuickChain(t *testing.T) {
	follow(t, chain.FollowerConfig{}, func(t *testing.T, l *line, f *chain.Follower) {
		l.setLatency(10 * time.Second)
		for n := uint64(1); n <= 100; n++ {
			l.blocks(t, 1)
			<-time.After(time.Second)
			if lag := n - f.Head().Number; n > 30 && lag > 30 {
				t.Fatalf("at block %d the follower is at %d", n, f.Head().Number)
			}
		}
		if err := f.WaitBlock(t.Context(), 100); err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if n := len(l.graphs); n > 15 {
			t.Errorf("the metagraph was read %d times", n)
		}
	})
}

// A chain that is behind what was seen, say restored from a backup, is not
// followed until it has caught up.
func TestFollowerDoesNotGoBack(t *testing.T) {
	follow(t, chain.FollowerConfig{}, func(t *testing.T, l *line, f *chain.Follower) {
		l.blocks(t, 5)
		if err := f.WaitBlock(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		l.setDown(true)
		l.setHead(&chain.Block{Number: 2})
		l.setDown(false)
		l.blocks(t, 1)
		<-time.After(10 * time.Second)
		if f.Head().Number != 5 {
			t.Errorf("head went from 5 to %d", f.Head().Number)
		}
		l.setHead(nil)
		if err := f.WaitBlock(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
	})
}

// One that stays behind was begun anew, or what was seen was no block: it is
// followed from where it is, by everybody.
func TestFollowerGoesBackInTheEnd(t *testing.T) {
	follow(t, chain.FollowerConfig{RefreshEvery: 3}, func(t *testing.T, l *line, f *chain.Follower) {
		l.blocks(t, 5)
		if err := f.WaitBlock(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		view := f.Blocks(t.Context())
		l.setDown(true)
		l.setHead(&chain.Block{Number: 2})
		l.setDown(false)
		<-time.After(time.Minute)
		if f.Head().Number != 5 {
			t.Fatalf("head went from 5 to %d", f.Head().Number)
		}
		l.mu.Lock()
		read := len(l.graphs)
		l.mu.Unlock()
		<-time.After(2 * time.Minute)
		if b := <-view; b.Number != 2 || f.Head().Number != 2 {
			t.Fatalf("head is %d, the view has %d", f.Head().Number, b.Number)
		}
		l.mu.Lock()
		if len(l.graphs) != read+1 {
			t.Errorf("the metagraph was read at %v", l.graphs[read:])
		}
		l.mu.Unlock()
		l.blocks(t, 1)
		if err := f.WaitBlock(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
		for b := range view {
			if b.Number == 6 {
				break
			}
		}
	})
}

// A false head far ahead is no reason to wait until the metagraph is as new.
func TestFollowerRefreshesAfterAFalseHead(t *testing.T) {
	follow(t, chain.FollowerConfig{RefreshEvery: 3}, func(t *testing.T, l *line, f *chain.Follower) {
		l.blocks(t, 2)
		l.setDown(true)
		l.setHead(&chain.Block{Number: 1000})
		l.setDown(false)
		<-time.After(5 * time.Second)
		l.setHead(nil)
		l.blocks(t, 4)
		if err := f.WaitBlock(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
		if m := f.Metagraph(); m.Block.Number < 4 {
			t.Errorf("the metagraph is of block %d", m.Block.Number)
		}
	})
}
