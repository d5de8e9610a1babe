package stream

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// TestNobodyHasAllWorkers: who opens many streams and lets them stand is told so at
// once, and others are served beside.
func TestNobodyHasAllWorkers(t *testing.T) {
	busy, free := make(chan struct{}, leastShare), make(chan struct{})
	r := newRig(t, ServerConfig{StreamWorkers: 2 * leastShare}, ClientConfig{}, "", func(s *Server) {
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

// TestSharesAreGivenBack whatever order they are taken in.
func TestSharesAreGivenBack(t *testing.T) {
	s := newShares(4 * leastShare)
	known := wire.Standing{Registered: true}
	var leave []func()
	take := func(name string, st wire.Standing) error {
		end, err := s.take(wiretest.Key(t, name).Address(), st)
		if err == nil {
			leave = append(leave, end)
		}
		return err
	}
	for range s.each {
		check(t, take("//Alice", known))
		check(t, take("//Bob", wire.Standing{}))
		check(t, take("//Charlie", wire.Standing{}))
		check(t, take("//Dave", wire.Standing{Registered: true, ValidatorPermit: true}))
	}
	for name, st := range map[string]wire.Standing{"//Alice": known, "//Bob": {}, "//Eve": {}} {
		if err := take(name, st); wire.StatusOf(err) != wire.StatusTooMany {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, take("//Eve", known))
	check(t, take("//Dave", wire.Standing{Registered: true, ValidatorPermit: true}))
	for _, end := range leave {
		end()
	}
	if len(s.of) != 0 || s.unknown != 0 {
		t.Errorf("%d callers, %d streams are left", len(s.of), s.unknown)
	}
}
