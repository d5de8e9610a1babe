package chaintest

import (
	"slices"

	"github.com/filetao/filetao/chain"
)

func (s *subject) register() {
	burn, before := s.rules().Burn, s.balance(s.Funded.Address())
	var keys []chain.Registration
	for i := range 3 {
		keys = append(keys, chain.Registration{UID: chain.UID(i), Hotkey: s.newNeuron(0).Address()})
	}
	if paid := before - s.balance(s.Funded.Address()); paid != 3*burn {
		s.Errorf("three registrations cost %s, want 3 × %s", paid, burn)
	}
	for _, want := range keys {
		n, m := s.neuron(want.Hotkey)
		if by, found := m.ByUID(want.UID); !found || by != n || n.UID != want.UID || m.NetUID != s.NetUID {
			s.Fatalf("UID %d is %+v, by hotkey %+v", want.UID, by, n)
		}
		if n.Coldkey != s.Funded.Address() || n.Stake != 0 || n.ValidatorPermit || n.Axon.Serving() || !n.Active ||
			n.RegisteredAt == 0 || n.RegisteredAt > m.Block.Number || n.LastUpdate != n.RegisteredAt {
			s.Errorf("a new neuron is %+v", n)
		}
		events, err := s.Chain.Registrations(s.Context(), s.NetUID, n.RegisteredAt)
		s.ok(err)
		if !slices.Contains(events, want) {
			s.Errorf("block %d has registrations %v, not %v", n.RegisteredAt, events, want)
		}
	}
	events, err := s.Chain.Registrations(s.Context(), s.NetUID, s.wait(1).Number)
	s.ok(err)
	if len(events) != 0 {
		s.Errorf("a quiet block has registrations %v", events)
	}
}

func (s *subject) registerRefused() {
	key := s.newNeuron(0)
	before := s.balance(s.Funded.Address())
	s.refused(s.Chain.Register(s.Context(), s.Funded, s.NetUID, key.Address(), 0), chain.ErrAlreadyRegistered)
	s.refused(s.Chain.Register(s.Context(), s.newKey(), s.NetUID, s.newKey().Address(), 0), chain.ErrBalanceTooLow)
	s.refused(s.Chain.AddStake(s.Context(), s.newKey(), s.NetUID, key.Address(), 1), chain.ErrBalanceTooLow)
	s.refused(s.Chain.AddStake(s.Context(), s.Funded, s.NetUID, s.newKey().Address(), 1), chain.ErrNotRegistered)
	burn := s.rules().Burn
	dear := s.Chain.Register(s.Context(), s.Funded, s.NetUID, s.newKey().Address(), burn-1)
	s.refused(dear, chain.ErrBurn)
	s.refused(s.Chain.Register(s.Context(), s.Funded, s.Unknown, s.newKey().Address(), burn), chain.ErrNoSubnet)
	if after := s.balance(s.Funded.Address()); after != before {
		s.Errorf("refused transactions cost %s", before-after)
	}
	s.ok(s.Chain.Register(s.Context(), s.Funded, s.NetUID, s.newKey().Address(), burn))
	if err := s.Chain.Register(s.Context(), s.Funded, s.NetUID, "no address", 0); err == nil {
		s.Error("a hotkey that is no address was registered")
	}
}

func (s *subject) transfer() {
	on, ok := s.Chain.(Transferrer)
	if !ok {
		s.Fatalf("%T moves no balance", s.Chain)
	}
	from, to := s.balance(s.Funded.Address()), s.newKey()
	s.ok(on.Transfer(s.Context(), s.Funded, to.Address(), 3*chain.TAO))
	s.ok(on.Transfer(s.Context(), to, s.newKey().Address(), chain.TAO))
	if left, got := s.balance(s.Funded.Address()), s.balance(to.Address()); from-left != 3*chain.TAO || got != 2*chain.TAO {
		s.Errorf("%s less, and %s are there after one of 3 was sent on", from-left, got)
	}
	s.refused(on.Transfer(s.Context(), to, s.Funded.Address(), 3*chain.TAO), chain.ErrBalanceTooLow)
	s.refused(on.Transfer(s.Context(), s.newKey(), to.Address(), 1), chain.ErrBalanceTooLow)
	if got := s.balance(to.Address()); got != 2*chain.TAO {
		s.Errorf("after refused transfers %s are there", got)
	}
	if err := on.Transfer(s.Context(), s.Funded, "no address", 1); err == nil {
		s.Error("a transfer to what is no address")
	}
}

func (s *subject) stake() {
	least := s.rules().MinStake
	key := s.newNeuron(least - 1)
	if n, _ := s.neuron(key.Address()); n.Stake != least-1 || n.ValidatorPermit {
		s.Errorf("below the least stake a neuron is %+v", n)
	}
	before := s.balance(s.Funded.Address())
	s.ok(s.Chain.AddStake(s.Context(), s.Funded, s.NetUID, key.Address(), 1))
	if paid := before - s.balance(s.Funded.Address()); paid != 1 {
		s.Errorf("a stake of 1 rao cost %d", paid)
	}
	n, _ := s.neuron(key.Address())
	for range 50 { // a chain may give permits at its epoch only
		if n.ValidatorPermit {
			break
		}
		s.wait(1)
		n, _ = s.neuron(key.Address())
	}
	if n.Stake != least || !n.ValidatorPermit {
		s.Errorf("with the least stake a neuron is %+v", n)
	}
}

func (s *subject) serve() {
	ctx, c, key := s.Context(), s.Chain, s.newKey()
	s.refused(c.ServeAxon(ctx, key, s.NetUID, s.Axon), chain.ErrNotRegistered)
	key = s.newNeuron(0)
	_, old := s.neuron(key.Address())
	noPort := s.Axon
	noPort.Port = 0
	s.refused(c.ServeAxon(ctx, key, s.NetUID, noPort), chain.ErrAxon)
	s.ok(c.ServeAxon(ctx, key, s.NetUID, s.Axon))
	n, m := s.neuron(key.Address())
	got := n.Axon
	if got.Block == 0 || got.Block > m.Block.Number || !got.Serving() || got.AddrPort() != s.Axon.AddrPort() {
		s.Errorf("the axon is %+v, served was %+v", got, s.Axon)
	}
	if got.Block = 0; got != s.Axon {
		s.Errorf("the axon is %+v, served was %+v", got, s.Axon)
	}
	s.refused(c.ServeAxon(ctx, key, s.NetUID, s.Axon), chain.ErrRateLimit)
	s.wait(int(s.rules().ServingRateLimit) + 1)
	s.ok(c.ServeAxon(ctx, key, s.NetUID, s.Axon))
	if before, _ := old.ByHotkey(key.Address()); before.Axon.Serving() {
		s.Error("a metagraph changed after it was handed out")
	}
}

func (s *subject) weightsRefused() {
	ctx, c := s.Context(), s.Chain
	one := []chain.Weight{{UID: 0, Value: 1}}
	s.newNeuron(0)
	s.refused(c.SetWeights(ctx, s.newKey(), s.NetUID, one, 0), chain.ErrNotRegistered)
	poor := s.newNeuron(s.rules().MinStake - 1)
	s.refused(c.SetWeights(ctx, poor, s.NetUID, one, 0), chain.ErrStakeTooLow)
	rich := s.newNeuron(s.rules().MinStake)
	s.wait(int(s.rules().WeightsRateLimit) + 1)
	for _, bad := range [][]chain.Weight{
		{{UID: 0, Value: 1}, {UID: 0, Value: 2}},
		{{UID: 99, Value: 1}},
		{{UID: 0, Value: 1}, {UID: 1, Value: 1}, {UID: 2, Value: 1}, {UID: 0, Value: 1}},
	} {
		s.refused(c.SetWeights(ctx, rich, s.NetUID, bad, 0), chain.ErrWeights)
	}
	s.ok(c.SetWeights(ctx, rich, s.NetUID, one, 0))
	s.refused(c.SetWeights(ctx, rich, s.NetUID, one, 0), chain.ErrRateLimit)
}

func (s *subject) weights() {
	miner, other := s.newNeuron(0), s.newNeuron(0)
	validator := s.newNeuron(s.rules().MinStake)
	s.wait(int(s.rules().WeightsRateLimit) + 1)
	a, _ := s.neuron(miner.Address())
	b, _ := s.neuron(other.Address())
	s.ok(s.Chain.SetWeights(s.Context(), validator, s.NetUID, []chain.Weight{{UID: a.UID, Value: 300}, {UID: b.UID, Value: 100}}, 0))
	set, m := s.neuron(validator.Address())
	if set.LastUpdate <= set.RegisteredAt || set.LastUpdate > m.Block.Number {
		s.Errorf("after setting weights the neuron is %+v", set)
	}
	s.wait(int(s.rules().Tempo) + 2)
	a, m = s.neuron(miner.Address())
	b, _ = m.ByHotkey(other.Address())
	v, _ := m.ByHotkey(validator.Address())
	// 3 : 1, but for rounding.
	if a.Incentive < 49140 || a.Incentive > 49160 || b.Incentive < 16370 || b.Incentive > 16390 || a.Emission <= b.Emission || b.Emission == 0 {
		s.Errorf("the miners are %+v and %+v", a, b)
	}
	if v.Dividends < 65530 || v.ValidatorTrust < 65530 || v.Emission == 0 || v.Incentive != 0 || v.Stake <= set.Stake {
		s.Errorf("the validator is %+v", v)
	}
}

// concurrent sends several transactions of one account at once: none is lost
// and none is made twice.
func (s *subject) concurrent() {
	const n = 6
	burn, before := s.rules().Burn, s.balance(s.Funded.Address())
	results := make(chan error, n)
	for range n {
		key := s.newKey()
		go func() { results <- s.Chain.Register(s.Context(), s.Funded, s.NetUID, key.Address(), 0) }()
	}
	for range n {
		s.ok(<-results)
	}
	if paid := before - s.balance(s.Funded.Address()); paid != n*burn {
		s.Errorf("%d registrations cost %s", n, paid)
	}
}
