package validator_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// testChain is a chain whose blocks, metagraph and refusals a test decides.
type testChain struct {
	chain.Chain
	net   *fleettest.Net
	heads *chain.Heads
	rules chain.Hyperparameters

	mu     sync.Mutex // guards all below
	refuse error
	during func() // if not nil, what happens while weights are sent
	sent   [][]chain.Weight
}

func newTestChain(net *fleettest.Net) *testChain {
	c := &testChain{net: net, heads: chain.NewHeads(), rules: chain.Hyperparameters{MinAllowedWeights: 1, MaxWeightsLimit: 65535}}
	c.heads.Set(blockAt(1))
	return c
}

// blockAt is a block with a hash of its own.
func blockAt(number uint64) chain.Block {
	return chain.Block{Number: number, Hash: sha256.Sum256(binary.BigEndian.AppendUint64(nil, number))}
}

func (c *testChain) Head(context.Context) (chain.Block, error) {
	b, _ := c.heads.Latest()
	return b, nil
}

func (c *testChain) BlockAt(_ context.Context, number uint64) (chain.Block, error) {
	return blockAt(number), nil
}

func (c *testChain) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	out := make(chan chain.Block)
	head, _ := c.heads.Latest()
	go func() {
		defer close(out)
		if err := c.heads.Deliver(ctx, head.Number+1, out, c.BlockAt); err != nil && ctx.Err() == nil {
			panic(err)
		}
	}()
	return out, nil
}

func (c *testChain) Metagraph(context.Context, chain.NetUID) (*chain.Metagraph, error) {
	m := *c.net.Metagraph()
	m.Block, _ = c.heads.Latest()
	return &m, nil
}

func (c *testChain) Hyperparameters(context.Context, chain.NetUID) (chain.Hyperparameters, error) {
	return c.rules, nil
}

func (c *testChain) SetWeights(_ context.Context, _ *wallet.Keypair, _ chain.NetUID, weights []chain.Weight, version uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.during != nil {
		c.during()
	}
	if c.refuse != nil {
		return c.refuse
	}
	if version != 302 {
		return errors.New("wrong version key")
	}
	c.sent = append(c.sent, weights)
	return nil
}

func (c *testChain) answer(err error) (sent [][]chain.Weight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = err
	return c.sent
}

// bench is a validator over a small network.
type bench struct {
	*fleettest.Net
	*validator.Validator
	chain    *testChain
	follower *chain.Follower
	log      *slog.Logger  // of the validators made from now on
	ping     time.Duration // their timeouts
	work     time.Duration
	told     func(validator.Event) // may be nil; called as events come

	mu     sync.Mutex // guards all below
	now    time.Time
	events []validator.Event
	lost   []validator.Loss
}

// settings are short enough for tests that run into the limits, and small
// enough for quick proofs.
func settings() validator.Config {
	cfg := validator.DefaultConfig()
	cfg.UniformSize = 4096
	return cfg
}

func newBench(t *testing.T, miners int, cfg validator.Config) *bench {
	t.Helper()
	b := &bench{Net: fleettest.New(t, miners), now: time.Now(), ping: time.Second, work: 3 * time.Second}
	b.chain = newTestChain(b.Net)
	b.follower = chain.NewFollower(chain.FollowerConfig{NetUID: 21}, chain.FollowerDeps{Chain: b.chain})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error)
	go func() { done <- b.follower.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-b.follower.Ready()
	b.Validator = b.again(cfg, b.Net)
	return b
}

// again is another validator of the same key over the same index: the same one
// after a restart.
func (b *bench) again(cfg validator.Config, transport wire.Transport) *validator.Validator {
	return b.observed(cfg, transport, b.observe)
}

func (b *bench) observed(cfg validator.Config, transport wire.Transport, observe func(validator.Event)) *validator.Validator {
	f := fleet.New(fleet.Config{
		PingTimeout: b.ping, StoreTimeout: b.work, ChallengeTimeout: b.work, RetrieveTimeout: b.work,
		DeleteTimeout: 400 * time.Millisecond,
	}, fleet.Deps{
		Transport: transport, Index: b.Index, Metagraph: b.follower.Metagraph, Rand: rand.Reader, Now: b.clock, Key: b.Asker,
	})
	return validator.New(cfg, validator.Deps{
		Key: b.Asker, Chain: b.chain, Follower: b.follower, Fleet: f, Index: b.Index, Rand: rand.Reader, Now: b.clock,
		Log:     b.log,
		Observe: observe, Lost: b.loss,
	})
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) observe(e validator.Event) {
	if b.told != nil {
		b.told(e)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *bench) loss(_ context.Context, l validator.Loss) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = append(b.lost, l)
}

// seen are the events of a task so far.
func (b *bench) seen(task validator.Task) (events []validator.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Task == task {
			events = append(events, e)
		}
	}
	return events
}

// advance makes the chain, with the network's metagraph, reach a block.
func (b *bench) advance(t *testing.T, number uint64) chain.Block {
	t.Helper()
	b.chain.heads.Set(blockAt(number))
	if err := b.follower.WaitBlock(t.Context(), number); err != nil {
		t.Fatal(err)
	}
	return blockAt(number)
}

// step runs one step at a block, which must work.
func (b *bench) step(t *testing.T, number uint64) {
	t.Helper()
	if err := b.Step(t.Context(), b.advance(t, number)); err != nil {
		t.Fatalf("step at block %d: %v", number, err)
	}
}

func (b *bench) stats(t *testing.T, i int) index.Stats {
	t.Helper()
	s, err := b.Index.Stats(t.Context(), b.Miners[i].Hotkey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
