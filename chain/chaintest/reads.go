package chaintest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/filetao/filetao/chain"
)

func (s *subject) blocks() {
	s.wait(3)
	head := s.head()
	if head.Number < 3 || head.Hash == (chain.Hash{}) || head.Time.IsZero() {
		s.Fatalf("head is %+v", head)
	}
	for n := head.Number; n > 0; n-- {
		b, err := s.Chain.BlockAt(s.Context(), n)
		s.ok(err)
		parent, err := s.Chain.BlockAt(s.Context(), n-1)
		s.ok(err)
		if b.Number != n || b.Parent != parent.Hash || b.Hash == parent.Hash {
			s.Fatalf("block %d is %+v on %+v", n, b, parent)
		}
		if n == head.Number && (b.Hash != head.Hash || !b.Time.Equal(head.Time)) {
			s.Fatalf("block %d is %+v, as head it was %+v", n, b, head)
		}
	}
	_, err := s.Chain.BlockAt(s.Context(), head.Number+1_000_000)
	s.refused(err, chain.ErrNoBlock)
	_, err = s.Chain.Registrations(s.Context(), s.NetUID, head.Number+1_000_000)
	s.refused(err, chain.ErrNoBlock)
}

// follow reads n blocks and checks that each follows on the one before.
func (s *subject) follow(blocks <-chan chain.Block, n int) (first, last chain.Block) {
	for i := range n {
		b := s.next(blocks)
		if i == 0 {
			first = b
		} else if b.Number != last.Number+1 || b.Parent != last.Hash {
			s.Fatalf("block %+v came after %+v", b, last)
		}
		last = b
	}
	return first, last
}

func (s *subject) subscribe() {
	before := s.head()
	blocks, err := s.Chain.Subscribe(s.Context())
	s.ok(err)
	after := s.head()
	first, _ := s.follow(blocks, 10)
	// A client may need a moment until it hears of blocks.
	if first.Number <= before.Number || first.Number > after.Number+2 {
		s.Fatalf("subscribed between blocks %d and %d, the first was %d", before.Number, after.Number, first.Number)
	}
}

func (s *subject) slowSubscriber() {
	slow, err := s.Chain.Subscribe(s.Context())
	s.ok(err)
	quick, err := s.Chain.Subscribe(s.Context())
	s.ok(err)
	_, last := s.follow(quick, 20)
	if _, reached := s.follow(slow, 25); reached.Number < last.Number {
		s.Fatalf("25 blocks led the slow one to %d, 20 the quick one to %d", reached.Number, last.Number)
	}
}

func (s *subject) subscriptionEnds() {
	ctx, cancel := context.WithCancel(s.Context())
	blocks, err := s.Chain.Subscribe(ctx)
	s.ok(err)
	s.next(blocks)
	cancel()
	limit := time.After(patience)
	for {
		select {
		case _, open := <-blocks:
			if !open {
				return
			}
		case <-limit:
			s.Fatal("the subscription goes on after its context's end")
		}
	}
}

// event finds what happened to a hotkey or UID in the blocks from one to another.
func (s *subject) event(name, about string, from, to uint64) bool {
	s.Helper()
	for number := from; number <= to; number++ {
		list, err := s.Chain.Events(s.Context(), number)
		s.ok(err)
		for _, e := range list {
			if !json.Valid(e.Fields) || e.Pallet == "" {
				s.Fatalf("block %d has the event %+v", number, e)
			}
			if e.Name == name && e.Pallet == "SubtensorModule" && strings.Contains(string(e.Fields), about) {
				return true
			}
		}
	}
	return false
}

func (s *subject) events() {
	from := s.head().Number
	key := s.newNeuron(0)
	s.ok(s.Chain.ServeAxon(s.Context(), key, s.NetUID, s.Axon))
	to := s.wait(1).Number
	for _, name := range []string{"NeuronRegistered", "AxonServed"} {
		if !s.event(name, string(key.Address()), from, to) {
			s.Errorf("no event %s of %s in blocks %d to %d", name, key.Address(), from, to)
		}
		if s.event(name, string(s.newKey().Address()), from, to) {
			s.Errorf("an event %s of a hotkey nobody has", name)
		}
	}
	_, err := s.Chain.Events(s.Context(), to+1_000_000)
	s.refused(err, chain.ErrNoBlock)
}

func (s *subject) noSubnet() {
	ctx, c, key := s.Context(), s.Chain, s.newKey()
	_, err := c.Metagraph(ctx, s.Unknown)
	s.refused(err, chain.ErrNoSubnet)
	_, err = c.Hyperparameters(ctx, s.Unknown)
	s.refused(err, chain.ErrNoSubnet)
	_, err = c.Registrations(ctx, s.Unknown, s.head().Number)
	s.refused(err, chain.ErrNoSubnet)
	_, err = c.Weights(ctx, s.Unknown)
	s.refused(err, chain.ErrNoSubnet)
	s.refused(c.Register(ctx, s.Funded, s.Unknown, key.Address(), 0), chain.ErrNoSubnet)
	s.refused(c.AddStake(ctx, s.Funded, s.Unknown, key.Address(), 1), chain.ErrNoSubnet)
	s.refused(c.ServeAxon(ctx, key, s.Unknown, s.Axon), chain.ErrNoSubnet)
	s.refused(c.SetWeights(ctx, key, s.Unknown, []chain.Weight{{UID: 0, Value: 1}}, 0), chain.ErrNoSubnet)
}

func (s *subject) cancelled() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, headErr := s.Chain.Head(ctx)
	_, graphErr := s.Chain.Metagraph(ctx, s.NetUID)
	_, subscribeErr := s.Chain.Subscribe(ctx)
	registerErr := s.Chain.Register(ctx, s.Funded, s.NetUID, s.newKey().Address(), 0)
	for i, err := range []error{headErr, graphErr, subscribeErr, registerErr} {
		if !errors.Is(err, context.Canceled) {
			s.Errorf("call %d: got %v, want the context's error", i, err)
		}
	}
}
