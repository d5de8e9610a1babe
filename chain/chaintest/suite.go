package chaintest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// Subject is a chain to be tested. It makes blocks by itself, has one subnet
// with a tempo of at most 50, at least eight free slots, MaxValidators of at
// least 2, MinAllowedWeights of at most 1, MinStake and Burn above 1, weights
// and serving rate limits from 1 to 20 blocks, and no neurons yet.
type Subject struct {
	// Chain also has a Transfer, as Transferrer wants it.
	Chain  chain.Chain
	NetUID chain.NetUID
	// Funded is a coldkey that pays for 20 registrations and minimum stakes.
	Funded *wallet.Keypair
	// Axon is one the chain lets be served, its Block 0.
	Axon chain.Axon
	// Unknown is a subnet that does not exist.
	Unknown chain.NetUID
}

// Transferrer is a chain that moves balance between coldkeys.
type Transferrer interface {
	Transfer(ctx context.Context, from *wallet.Keypair, to wallet.Address, amount chain.Rao) error
}

// Run tests the chains that open makes, one for every test.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(*subject)
	}{
		{"blocks", (*subject).blocks},
		{"subscribe", (*subject).subscribe},
		{"slow subscriber", (*subject).slowSubscriber},
		{"subscription ends", (*subject).subscriptionEnds},
		{"register", (*subject).register},
		{"register refused", (*subject).registerRefused},
		{"stake and permit", (*subject).stake},
		{"transfer", (*subject).transfer},
		{"serve", (*subject).serve},
		{"weights refused", (*subject).weightsRefused},
		{"weights become incentive", (*subject).weights},
		{"rows", (*subject).rows},
		{"events", (*subject).events},
		{"commit-reveal is off", (*subject).revealOff},
		{"one account at a time", (*subject).concurrent},
		{"no such subnet", (*subject).noSubnet},
		{"context", (*subject).cancelled},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(&subject{Subject: open(t), T: t}) })
	}
}

// RunCommitReveal tests the chains that open makes, which are as Run wants them
// but for commit-reveal: it is on, by hash, with a RevealPeriod of 1 or 2. An
// epoch is long enough for a client to send three transactions.
func RunCommitReveal(t *testing.T, open func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(*subject)
	}{
		{"commit refused", (*subject).commitRefused},
		{"reveal", (*subject).reveal},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(&subject{Subject: open(t), T: t}) })
	}
}

// patience is how long anything may take before a test fails.
const patience = time.Minute

type subject struct {
	Subject
	*testing.T
}

func (s *subject) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *subject) refused(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("got %v, want %v", err, want)
	}
}

func (s *subject) newKey() *wallet.Keypair {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		s.Fatal(err)
	}
	return wallet.KeypairFromSeed(seed)
}

func (s *subject) head() chain.Block {
	s.Helper()
	b, err := s.Chain.Head(s.Context())
	s.ok(err)
	return b
}

func (s *subject) rules() chain.Hyperparameters {
	s.Helper()
	h, err := s.Chain.Hyperparameters(s.Context(), s.NetUID)
	s.ok(err)
	return h
}

func (s *subject) balance(a wallet.Address) chain.Rao {
	s.Helper()
	r, err := s.Chain.Balance(s.Context(), a)
	s.ok(err)
	return r
}

func (s *subject) neuron(hotkey wallet.Address) (chain.Neuron, *chain.Metagraph) {
	s.Helper()
	m, err := s.Chain.Metagraph(s.Context(), s.NetUID)
	s.ok(err)
	n, found := m.ByHotkey(hotkey)
	if !found {
		s.Fatalf("%s is not in the metagraph", hotkey)
	}
	return n, m
}

// newNeuron registers a fresh hotkey, with a stake if it is not 0.
func (s *subject) newNeuron(stake chain.Rao) *wallet.Keypair {
	s.Helper()
	key := s.newKey()
	s.ok(s.Chain.Register(s.Context(), s.Funded, s.NetUID, key.Address(), 0))
	if stake > 0 {
		s.ok(s.Chain.AddStake(s.Context(), s.Funded, s.NetUID, key.Address(), stake))
	}
	return key
}

// next reads one block.
func (s *subject) next(blocks <-chan chain.Block) chain.Block {
	s.Helper()
	select {
	case b, open := <-blocks:
		if !open {
			s.Fatal("the subscription closed")
		}
		return b
	case <-time.After(patience):
		s.Fatal("no block")
	}
	return chain.Block{}
}

// wait lets n blocks pass.
func (s *subject) wait(n int) chain.Block {
	s.Helper()
	blocks, err := s.Chain.Subscribe(s.Context())
	s.ok(err)
	var b chain.Block
	for range n {
		b = s.next(blocks)
	}
	return b
}
