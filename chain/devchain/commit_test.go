package devchain

import (
	"slices"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

func commitTo(t *testing.T, hotkey wallet.Address, r revealWeights) commitWeights {
	t.Helper()
	hash, err := chain.CommitHash(hotkey, r.net, r.weights, r.salt, r.version)
	if err != nil {
		t.Fatal(err)
	}
	return commitWeights{r.net, hash}
}

func TestCommitRules(t *testing.T) {
	cfg := ruled(t, func(c *Config) {
		h := &c.Hyperparameters
		h.MinStake, h.WeightsRateLimit, h.Tempo = 100, 10, 99
	})
	h := &cfg.Hyperparameters
	s := populated(cfg, 100, 99, 100)
	s.Head.Number = 2
	good := commitTo(t, hot(0), revealWeights{net1, row(0, 1, 1), []uint16{5}, 7})
	try(t, cfg, s, hot(8), commitWeights{5, chain.Hash{}}, chain.ErrNoSubnet)
	try(t, cfg, s, hot(8), good, chain.ErrReveal)
	h.CommitReveal, h.CommitRevealVersion = true, 4
	try(t, cfg, s, hot(8), good, chain.ErrTimelock)
	h.CommitRevealVersion = 2
	try(t, cfg, s, hot(8), good, chain.ErrNotRegistered)
	try(t, cfg, s, hot(1), good, chain.ErrStakeTooLow)
	try(t, cfg, s, hot(0), good, chain.ErrRateLimit)
	h.WeightsRateLimit = 0
	for i := range maxCommits {
		try(t, cfg, s, hot(0), commitWeights{net1, chain.Hash{byte(i)}}, nil)
	}
	if s.Neurons[0].LastUpdate != 2 {
		t.Errorf("the last update was at %d", s.Neurons[0].LastUpdate)
	}
	try(t, cfg, s, hot(0), good, chain.ErrRateLimit)
	s.Head.Number += 200 // when nobody can reveal the ten any more
	try(t, cfg, s, hot(0), good, nil)
	if len(s.Commits[hot(0)]) != 1 {
		t.Errorf("%d commitments wait", len(s.Commits[hot(0)]))
	}
}

func TestRevealRules(t *testing.T) {
	cfg := ruled(t, func(c *Config) {
		h := &c.Hyperparameters
		h.MinStake, h.WeightsRateLimit, h.Tempo, h.RevealPeriod, h.CommitReveal, h.WeightsVersion = 100, 0, 9, 2, true, 7
	})
	s := populated(cfg, 100, 99, 0)
	r := revealWeights{net1, row(0, 1, 2), []uint16{5}, 7}
	low := revealWeights{net1, r.weights, r.salt, 6}
	twice := revealWeights{net1, append(row(0, 1), row(0, 1)...), nil, 7}
	poor := revealWeights{net1, r.weights, nil, 7}
	s.Head.Number = 5
	for signer, list := range map[wallet.Address][]revealWeights{hot(0): {low, twice, r, r}, hot(2): {poor}} {
		for _, one := range list {
			c := commitTo(t, signer, one)
			s.keepCommits(signer, append(slices.Clone(s.Commits[signer]), commit{c.hash, 5}))
		}
	}
	first, last := chain.RevealWindow(5, net1, cfg.Hyperparameters)
	s.Head.Number = first - 1
	try(t, cfg, s, hot(0), r, chain.ErrReveal)
	s.Head.Number = last + 1
	try(t, cfg, s, hot(0), r, chain.ErrReveal)
	for _, block := range []uint64{first, last} {
		s := s.clone()
		s.Head.Number = block
		try(t, cfg, s, hot(9), r, chain.ErrReveal)
		try(t, cfg, s, hot(0), revealWeights{5, nil, nil, 0}, chain.ErrNoSubnet)
		try(t, cfg, s, hot(0), revealWeights{net1, r.weights, []uint16{6}, 7}, chain.ErrReveal)
		try(t, cfg, s, hot(0), low, chain.ErrVersionKey)
		try(t, cfg, s, hot(0), twice, chain.ErrWeights)
		try(t, cfg, s, hot(2), poor, chain.ErrStakeTooLow)
		update := s.Neurons[0].LastUpdate
		try(t, cfg, s, hot(0), r, nil)
		if want := row(0, 32768, 65535); !slices.Equal(s.Weights[0], want) || s.Neurons[0].LastUpdate != update {
			t.Errorf("the row is %v, updated at %d", s.Weights[0], s.Neurons[0].LastUpdate)
		}
		try(t, cfg, s, hot(0), low, chain.ErrReveal) // older than the revealed one
		try(t, cfg, s, hot(0), r, nil)               // made twice
		try(t, cfg, s, hot(0), r, chain.ErrReveal)
		if _, waits := s.Commits[hot(0)]; waits {
			t.Errorf("%d commitments wait", len(s.Commits[hot(0)]))
		}
	}
	cfg.Hyperparameters.CommitReveal = false
	try(t, cfg, s, hot(0), r, chain.ErrReveal)
}
