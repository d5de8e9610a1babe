package devchain

import (
	"errors"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// do applies a call of an account with its right nonce.
func do(cfg *Config, s *state, signer wallet.Address, c call) error {
	return cfg.apply(s, &transaction{signer: signer, nonce: s.Nonces[signer], call: c})
}

// try applies a call that shall fail with want (nil: succeed), and checks that a
// failure leaves no trace.
func try(t *testing.T, cfg *Config, s *state, signer wallet.Address, c call, want error) {
	t.Helper()
	before := s.clone()
	before.registered, before.events = s.registered, s.events
	nonce := s.Nonces[signer]
	err := do(cfg, s, signer, c)
	if !errors.Is(err, want) {
		t.Errorf("%T %+v: got %v, want %v", c, c, err, want)
	}
	if err != nil {
		if !reflect.DeepEqual(before, s) {
			t.Errorf("%T %+v was refused (%v) and left a trace", c, c, err)
		}
	} else if s.Nonces[signer] != nonce+1 {
		t.Errorf("%T: the nonce went from %d to %d", c, nonce, s.Nonces[signer])
	}
}

func TestServeRules(t *testing.T) {
	cfg := ruled(t, func(c *Config) { c.Hyperparameters.ServingRateLimit = 5 })
	s := populated(cfg, 0, 0)
	s.Head.Number = 100
	serve := func(ip string, port uint16) serveAxon {
		return serveAxon{net1, chain.Axon{IP: netip.MustParseAddr(ip), Port: port, Version: 7, Protocol: 4}}
	}
	try(t, cfg, s, hot(9), serve("1.2.3.4", 1), chain.ErrNotRegistered)
	for _, bad := range []serveAxon{
		serve("1.2.3.4", 0), serve("0.0.0.0", 1), serve("255.255.255.255", 1), serve("::", 1), serve("::1", 1),
		serve("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1),
	} {
		try(t, cfg, s, hot(0), bad, chain.ErrAxon)
	}
	for _, good := range []serveAxon{serve("127.0.0.1", 1), serve("127.1.2.3", 65535), serve("10.0.0.1", 80), serve("2001:db8::1", 8091)} {
		try(t, cfg, s, hot(0), good, nil)
		want := good.axon
		want.Block = s.Head.Number
		if got := s.Neurons[0].Axon; got != want {
			t.Errorf("the axon is %+v, want %+v", got, want)
		}
		for range 5 {
			try(t, cfg, s, hot(0), good, chain.ErrRateLimit)
			s.Head.Number++
		}
	}
	cfg.Hyperparameters.ServingRateLimit = 0
	try(t, cfg, s, hot(0), serve("127.0.0.1", 1), nil)
	try(t, cfg, s, hot(0), serve("127.0.0.1", 1), nil)
}

func TestWeightsRules(t *testing.T) {
	cfg := ruled(t, func(c *Config) {
		h := &c.Hyperparameters
		h.MinStake, h.WeightsVersion, h.WeightsRateLimit, h.MinAllowedWeights, h.MaxWeightsLimit = 100, 302, 10, 2, 40000
	})
	s := populated(cfg, 100, 99, 100, 0)
	s.Neurons[2].ValidatorPermit = false
	s.Head.Number = 11
	set := func(version uint64, weights ...chain.Weight) setWeights { return setWeights{net1, weights, version} }
	w := func(uid chain.UID, value uint16) chain.Weight { return chain.Weight{UID: uid, Value: value} }
	good := set(302, w(2, 1), w(3, 1))

	// Each row violates its own rule and all later ones; the first one counts.
	all := []chain.Weight{w(9, 1), w(9, 2)}
	try(t, cfg, s, hot(8), setWeights{5, all, 301}, chain.ErrNoSubnet)
	cfg.Hyperparameters.CommitReveal = true
	try(t, cfg, s, hot(8), set(301, append(all, all...)...), chain.ErrCommitReveal)
	cfg.Hyperparameters.CommitReveal = false
	try(t, cfg, s, hot(8), set(301, append(all, append(all, all...)...)...), chain.ErrWeights)
	try(t, cfg, s, hot(8), set(301, all...), chain.ErrNotRegistered)
	s.Head.Number = 2
	try(t, cfg, s, hot(1), set(301, all...), chain.ErrStakeTooLow)
	try(t, cfg, s, hot(2), set(301, all...), chain.ErrVersionKey)
	try(t, cfg, s, hot(2), set(302, all...), chain.ErrRateLimit)
	s.Head.Number = 11
	try(t, cfg, s, hot(2), set(302, all...), chain.ErrNoPermit)
	for _, bad := range []setWeights{
		set(302, all...),                 // twice
		set(302, w(2, 1), w(4, 1)),       // no such UID
		set(302, w(2, 1)),                // too few
		set(302),                         // none
		set(302, w(2, 40001), w(3, 100)), // too large a share
	} {
		try(t, cfg, s, hot(0), bad, chain.ErrWeights)
	}
	try(t, cfg, s, hot(2), set(302, w(2, 1)), nil) // itself needs no permit, no company
	try(t, cfg, s, hot(0), good, nil)
	if want := row(0, 0, 65535, 65535); !slices.Equal(s.Weights[0], want) || s.Neurons[0].LastUpdate != 11 {
		t.Errorf("the row is %v, set at %d", s.Weights[0], s.Neurons[0].LastUpdate)
	}
	try(t, cfg, s, hot(0), good, chain.ErrRateLimit)
	s.Head.Number = 20
	try(t, cfg, s, hot(0), good, chain.ErrRateLimit)
	s.Head.Number = 21
	try(t, cfg, s, hot(0), good, nil)
	cfg.Hyperparameters.WeightsVersion, cfg.Hyperparameters.WeightsRateLimit = 0, 0
	try(t, cfg, s, hot(0), set(0, w(2, 0), w(3, 0)), nil)
	if want := []chain.Weight{w(2, 0), w(3, 0)}; !slices.Equal(s.Weights[0], want) {
		t.Errorf("nothing but zeros became %v", s.Weights[0])
	}
}

func TestUpscale(t *testing.T) {
	for _, c := range []struct{ in, want []chain.Weight }{
		{row(65535, 32768, 100), row(65535, 32768, 100)},
		{row(1, 2, 4), row(16384, 32768, 65535)}, // 16383.75, 32767.5
		{row(7), row(65535)},
		{row(60000, 1), row(65535, 1)},
		{nil, nil},
	} {
		if got := upscale(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%v became %v, want %v", c.in, got, c.want)
		}
	}
}

func TestMoneyRules(t *testing.T) {
	cfg := ruled(t, func(c *Config) { c.Hyperparameters.Burn = 10 })
	s := populated(cfg, 0)
	s.Balances = map[wallet.Address]chain.Rao{cold(0): 100, cold(1): 10}
	try(t, cfg, s, cold(0), transfer{cold(2), 101}, chain.ErrBalanceTooLow)
	try(t, cfg, s, cold(0), transfer{cold(2), 30}, nil)
	try(t, cfg, s, cold(0), transfer{cold(0), 70}, nil)
	try(t, cfg, s, cold(0), addStake{net1, hot(0), 71}, chain.ErrBalanceTooLow)
	try(t, cfg, s, cold(0), addStake{net1, hot(7), 1}, chain.ErrNotRegistered)
	try(t, cfg, s, cold(0), addStake{net1, hot(0), 20}, nil)
	try(t, cfg, s, cold(1), addStake{net1, hot(0), 1 << 63}, chain.ErrBalanceTooLow)
	try(t, cfg, s, cold(1), register{net1, hot(7)}, chain.ErrBalanceTooLow) // exactly the price
	try(t, cfg, s, cold(2), register{net1, hot(0)}, chain.ErrAlreadyRegistered)
	try(t, cfg, s, cold(2), register{net1, hot(7)}, nil)
	want := map[wallet.Address]chain.Rao{cold(0): 50, cold(1): 10, cold(2): 20}
	if !maps.Equal(s.Balances, want) || s.Burned != 10 || s.Stakes[hot(0)] != 20 {
		t.Errorf("balances %v, burned %d, stakes %v", s.Balances, s.Burned, s.Stakes)
	}
	wrong := &transaction{signer: cold(0), nonce: s.Nonces[cold(0)] + 1, call: transfer{cold(2), 1}}
	if err := cfg.apply(s, wrong); !errors.Is(err, chain.ErrNonce) {
		t.Errorf("a future nonce: %v", err)
	}
	if wrong.nonce -= 2; !errors.Is(cfg.apply(s, wrong), chain.ErrNonce) {
		t.Error("a used nonce was taken")
	}
}

// TestReplacement registers neurons in a full subnet of four. UID 3 earns least
// but is immune at first.
func TestReplacement(t *testing.T) {
	cfg := ruled(t, func(c *Config) {
		c.Hyperparameters.MaxUIDs, c.Hyperparameters.ImmunityPeriod, c.Hyperparameters.Burn = 4, 10, 1
	})
	s := populated(cfg, 500, 0, 0, 0)
	s.Balances[cold(9)], s.Balances[cold(0)] = 100, 100
	for i, n := range []chain.Neuron{{RegisteredAt: 1, Emission: 7}, {RegisteredAt: 3, Emission: 7}, {RegisteredAt: 2, Emission: 9}, {RegisteredAt: 8}} {
		s.Neurons[i].RegisteredAt, s.Neurons[i].Emission = n.RegisteredAt, n.Emission
	}
	s.Neurons[0].Incentive, s.Neurons[0].Axon = 1, testAxon()
	s.Weights[0], s.Weights[1] = row(0, 1, 2, 3), row(1, 2, 3, 4)

	s.Head.Number = 10
	try(t, cfg, s, cold(9), register{net1, hot(9)}, chain.ErrFull)
	s.Head.Number = 17 // UIDs 0 and 1 earn least of the rest, 0 is the older
	try(t, cfg, s, cold(9), register{net1, hot(9)}, nil)
	want := chain.Neuron{UID: 0, Hotkey: hot(9), Coldkey: cold(9), LastUpdate: 17, RegisteredAt: 17}
	if s.Neurons[0] != want || len(s.Neurons) != 4 {
		t.Errorf("UID 0 is %+v, want %+v", s.Neurons[0], want)
	}
	if len(s.Weights[0]) != 0 || !slices.Equal(s.Weights[1], row(0, 2, 3, 4)) {
		t.Errorf("weights are %v", s.Weights)
	}
	if events := s.registered[len(s.registered)-1]; events != (chain.Registration{UID: 0, Hotkey: hot(9)}) {
		t.Errorf("the event is %+v", events)
	}
	if s.Stakes[hot(0)] != 500 {
		t.Errorf("who lost its slot has a stake of %d", s.Stakes[hot(0)])
	}
	// It can come back, by its owner, and finds its stake.
	try(t, cfg, s, cold(9), register{net1, hot(0)}, chain.ErrNotOwner)
	try(t, cfg, s, cold(0), register{net1, hot(0)}, nil)
	if n := s.metagraph(cfg).Neurons[1]; n.Hotkey != hot(0) || n.Stake != 500 || n.Axon.Serving() {
		t.Errorf("it came back as %+v", n)
	}
	s.Head.Number = 18 // UID 3 is immune no more; nor are 0 and 1 yet
	try(t, cfg, s, cold(9), register{net1, hot(8)}, nil)
	if s.Neurons[3].Hotkey != hot(8) {
		t.Errorf("neurons are %+v", s.Neurons)
	}
}

func TestPermits(t *testing.T) {
	cfg := ruled(t, func(c *Config) { c.Hyperparameters.MaxValidators, c.Hyperparameters.MinStake = 2, 10 })
	for _, c := range []struct {
		stakes []chain.Rao
		want   []chain.UID
	}{
		{[]chain.Rao{10, 30, 20}, []chain.UID{1, 2}},
		{[]chain.Rao{20, 20, 20}, []chain.UID{0, 1}},
		{[]chain.Rao{9, 10, 0}, []chain.UID{1}},
		{[]chain.Rao{0, 0}, nil},
	} {
		s := populated(cfg, c.stakes...)
		s.permit(&cfg.Hyperparameters)
		var got []chain.UID
		for _, n := range s.Neurons {
			if n.ValidatorPermit {
				got = append(got, n.UID)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("with stakes %v %v have a permit, want %v", c.stakes, got, c.want)
		}
	}
	cfg.Hyperparameters.MinStake = 0
	s := populated(cfg, 0, 1)
	if s.permit(&cfg.Hyperparameters); s.Neurons[0].ValidatorPermit || !s.Neurons[1].ValidatorPermit {
		t.Error("without a least stake anything above 0 has a permit")
	}
}
