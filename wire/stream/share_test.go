package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// TestNobodyHasAllWorkers: who opens many streams and lets them stand is told so at
// once, and others are served beside.
func TestNobodyHasAllWorkers(t *testing.T) {
	busy, free := make(chan struct{}, leastShare), make(chan struct{})
	r := newRig(t, ServerConfig{StreamWorkers: 4 * leastShare}, ClientConfig{}, "", func(s *Server) {
		s.HandleStream(newPut, func(ctx context.Context, _ wire.Caller, _ wire.Message, _ wire.Body) (wire.Body, error) {
			busy <- struct{}{}
			select {
			case <-free:
			case <-ctx.Done():
			}
			return wire.Body{}, nil
		}, 1<<20)
		s.HandleStream(func() wire.Message { return &wire.GetShard{} }, func(context.Context, wire.Caller, wire.Message, wire.Body) (wire.Body, error) {
			return wire.Body{}, nil
		}, 0)
	})
	ask := func(c *Client, m wire.Message) error {
		a, err := c.Open(within(t, 10*time.Second), r.peer, m, wire.Body{})
		if err == nil {
			err = a.Close()
		}
		return err
	}
	var hold sync.WaitGroup
	for range leastShare {
		hold.Go(func() {
			if err := ask(r.client, newPut()); err != nil {
				t.Error(err)
			}
		})
	}
	for range leastShare {
		<-busy
	}
	start := time.Now()
	if err := ask(r.client, newPut()); wire.StatusOf(err) != wire.StatusTooMany || time.Since(start) > 5*time.Second {
		t.Errorf("one too many: %v after %v", err, time.Since(start))
	}
	close(free)
	hold.Wait()
	other := NewClient(ClientConfig{Key: wiretest.Key(t, "//Charlie")}, ClientDeps{})
	defer func() { check(t, other.Close()) }()
	for _, c := range []*Client{r.client, other} {
		if err := ask(c, &wire.GetShard{}); err != nil {
			t.Error(err)
		}
	}
}

// TestSharesAreGivenBack whatever order they are taken in, and two without a UID
// leave some for others.
func TestSharesAreGivenBack(t *testing.T) {
	s := newShares(4 * leastShare)
	known, permit := wire.Standing{Registered: true}, wire.Standing{Registered: true, ValidatorPermit: true}
	var leave []func()
	most := func(name string, st wire.Standing, want int) {
		t.Helper()
		for got := range want + 1 {
			end, err := s.take(wiretest.Key(t, name).Address(), st)
			if err != nil && (got != want || wire.StatusOf(err) != wire.StatusTooMany) {
				t.Fatalf("%s: %d, %v", name, got, err)
			}
			if err == nil {
				leave = append(leave, end)
			}
			if err == nil && got == want && !st.ValidatorPermit {
				t.Fatalf("%s has more than %d", name, want)
			}
		}
	}
	most("//Alice", known, s.each)
	most("//Bob", wire.Standing{}, s.each)
	most("//Charlie", wire.Standing{}, s.strangers*3/4-s.each)
	most("//Dave", permit, 2*s.each)
	most("//Eve", wire.Standing{}, s.few)
	most("//Ferdie", wire.Standing{}, s.few)
	most("//Grace", wire.Standing{}, 0)
	most("//Grace", known, s.each)
	for _, end := range leave {
		end()
	}
	if len(s.of) != 0 || s.unknown != 0 {
		t.Errorf("%d callers, %d streams are left", len(s.of), s.unknown)
	}
}

// TestMessagesWaitInTheirLane: who asks more than its share at a time holds up
// itself, and gets all of its answers.
func TestMessagesWaitInTheirLane(t *testing.T) {
	const workers = 4
	var all, most, now atomic.Int64
	busy, free := make(chan struct{}, 100), make(chan struct{})
	r := newRig(t, ServerConfig{Workers: workers}, ClientConfig{}, "", func(s *Server) {
		s.Handle(func() wire.Message { return &wire.DropUpload{} }, func(ctx context.Context, _ wire.Caller, _ wire.Message) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			all.Add(1)
			busy <- struct{}{}
			select {
			case <-free:
			case <-ctx.Done():
			}
			return nil
		}, 1<<10)
		s.Handle(func() wire.Message { return &wire.Explain{} }, func(context.Context, wire.Caller, wire.Message) error { return nil }, 1<<10)
	})
	ask := func(c *Client, m wire.Message) error {
		a, err := c.Open(within(t, 30*time.Second), r.peer, m, wire.Body{})
		if err == nil {
			err = a.Close()
		}
		return err
	}
	var hold sync.WaitGroup
	for range 3 * workers {
		hold.Go(func() {
			if err := ask(r.client, &wire.DropUpload{}); err != nil {
				t.Error(err)
			}
		})
	}
	for range workers / 2 {
		<-busy
	}
	other := NewClient(ClientConfig{Key: wiretest.Key(t, "//Charlie")}, ClientDeps{})
	defer func() { check(t, other.Close()) }()
	for range workers {
		if err := ask(other, &wire.Explain{}); err != nil {
			t.Error(err)
		}
	}
	close(free)
	hold.Wait()
	if all.Load() != 3*workers || most.Load() != workers/2 {
		t.Errorf("%d answered, %d at a time", all.Load(), most.Load())
	}
}
