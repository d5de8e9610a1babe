package substrate

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// live is a real chain with Alice's coins: a localnet, or a runtime under
// Chopsticks, whose blocks are made here.
type live struct {
	*testing.T
	c     *Client
	net   chain.NetUID
	alice *wallet.Keypair
}

// TestLive registers, serves, stakes, sets weights, waits for an epoch and reads
// all back: FILETAO_CHAIN_WS=ws://127.0.0.1:9944 and, unless it is 1,
// FILETAO_CHAIN_NETUID. The subnet needs room for two neurons and its owner to
// allow registrations.
func TestLive(t *testing.T) {
	endpoint := os.Getenv("FILETAO_CHAIN_WS")
	if endpoint == "" {
		t.Skip("FILETAO_CHAIN_WS names no chain to test with")
	}
	l := &live{T: t, net: 1, alice: devKey(t, "Alice"), c: connect(t, Config{Endpoints: []string{endpoint}})}
	if text := os.Getenv("FILETAO_CHAIN_NETUID"); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		l.ok(err)
		l.net = chain.NetUID(n)
	}
	l.makeBlocks()
	validator, miner := l.register(), l.register()
	l.serve(miner)
	l.stake(validator)
	l.weigh(validator, miner)
}

func (l *live) ok(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// makeBlocks makes Chopsticks make blocks, which it does not by itself.
func (l *live) makeBlocks() {
	next := func(ctx context.Context) error {
		return l.c.read(ctx, func(ctx context.Context, s *session) error {
			var hash any
			return s.call(ctx, &hash, "dev_newBlock")
		})
	}
	var refused *rpcError
	err := next(l.Context())
	if errors.As(err, &refused) && refused.Code == codeNoMethod {
		return
	}
	l.ok(err)
	ctx, cancel := context.WithCancel(l.Context())
	tick, ended := time.NewTicker(300*time.Millisecond), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = next(ctx) // the test waits for blocks and fails without
			}
		}
	}()
	l.Cleanup(func() { cancel(); <-ended; tick.Stop() })
}

// register gives a new hotkey of Alice's a slot.
func (l *live) register() *wallet.Keypair {
	var seed [32]byte
	_, err := rand.Read(seed[:])
	l.ok(err)
	key := wallet.KeypairFromSeed(seed)
	rules, err := l.c.Hyperparameters(l.Context(), l.net)
	l.ok(err)
	before, err := l.c.Balance(l.Context(), l.alice.Address())
	l.ok(err)
	l.ok(l.c.Register(l.Context(), l.alice, l.net, key.Address(), 0))
	after, err := l.c.Balance(l.Context(), l.alice.Address())
	l.ok(err)
	if before-after < rules.Burn {
		l.Errorf("a registration cost %s, the price was %s", before-after, rules.Burn)
	}
	n := l.neuron(key)
	if n.Coldkey != l.alice.Address() || n.Axon.Serving() || n.RegisteredAt == 0 {
		l.Errorf("a new neuron is %+v", n)
	}
	list, err := l.c.Registrations(l.Context(), l.net, n.RegisteredAt)
	l.ok(err)
	if !slices.Contains(list, chain.Registration{UID: n.UID, Hotkey: key.Address()}) {
		l.Errorf("block %d has registrations %v", n.RegisteredAt, list)
	}
	if err := l.c.Register(l.Context(), l.alice, l.net, key.Address(), 0); !errors.Is(err, chain.ErrAlreadyRegistered) && !errors.Is(err, chain.ErrRateLimit) {
		l.Errorf("once more: %v", err)
	}
	return key
}

func (l *live) neuron(key *wallet.Keypair) chain.Neuron {
	l.Helper()
	m, err := l.c.Metagraph(l.Context(), l.net)
	l.ok(err)
	n, found := m.ByHotkey(key.Address())
	if !found {
		l.Fatalf("%s has no slot at block %d", key.Address(), m.Block.Number)
	}
	return n
}

func (l *live) serve(key *wallet.Keypair) {
	for _, text := range []string{"127.0.0.2", "2001:db8::7"} {
		axon := chain.Axon{Version: 302, IP: netip.MustParseAddr(text), Port: 8091, Protocol: 4}
		l.ok(l.c.ServeAxon(l.Context(), key, l.net, axon))
		got := l.neuron(key).Axon
		if axon.Block = got.Block; got != axon || got.Block == 0 {
			l.Errorf("served %+v, is %+v", axon, got)
		}
		rules, err := l.c.Hyperparameters(l.Context(), l.net)
		l.ok(err)
		if rules.ServingRateLimit == 0 {
			continue
		}
		if err := l.c.ServeAxon(l.Context(), key, l.net, axon); !errors.Is(err, chain.ErrRateLimit) {
			l.Errorf("once more: %v", err)
		}
		l.wait(rules.ServingRateLimit + 1)
	}
	bad := chain.Axon{IP: netip.MustParseAddr("127.0.0.1"), Port: 8091, Protocol: 4}
	if err := l.c.ServeAxon(l.Context(), key, l.net, bad); !errors.Is(err, chain.ErrAxon) {
		l.Errorf("127.0.0.1: %v", err)
	}
}

func (l *live) stake(key *wallet.Keypair) {
	before := l.neuron(key).Stake
	l.ok(l.c.AddStake(l.Context(), l.alice, l.net, key.Address(), 100*chain.TAO))
	if after := l.neuron(key).Stake; after <= before {
		l.Errorf("the stake went from %s to %s", before, after)
	}
}

// weigh sets weights, on itself for want of a permit, and sees them through an
// epoch.
func (l *live) weigh(validator, miner *wallet.Keypair) {
	rules, err := l.c.Hyperparameters(l.Context(), l.net)
	l.ok(err)
	l.wait(max(rules.WeightsRateLimit, uint64(rules.Tempo)) + 2)
	v, m := l.neuron(validator), l.neuron(miner)
	want := []chain.Weight{{UID: m.UID, Value: 65535}}
	if !v.ValidatorPermit {
		want[0].UID = v.UID
	}
	err = l.c.SetWeights(l.Context(), validator, l.net, want, rules.WeightsVersion)
	if rules.CommitReveal {
		if !errors.Is(err, chain.ErrCommitReveal) {
			l.Errorf("plain weights with commit-reveal: %v", err)
		}
		return
	}
	l.ok(err)
	rows, err := l.c.Weights(l.Context(), l.net)
	l.ok(err)
	if !slices.Equal(rows[v.UID], want) {
		l.Errorf("row %d is %v, want %v", v.UID, rows[v.UID], want)
	}
	if set := l.neuron(validator); set.LastUpdate <= v.LastUpdate {
		l.Errorf("the last update is still block %d", set.LastUpdate)
	}
	l.wait(uint64(rules.Tempo) + 2)
	if got := l.neuron(miner); v.ValidatorPermit && got.Incentive == 0 {
		l.Errorf("after an epoch the miner is %+v", got)
	}
}

// wait lets blocks pass.
func (l *live) wait(n uint64) {
	l.Helper()
	blocks, err := l.c.Subscribe(l.Context())
	l.ok(err)
	for range n {
		within(l.T, blocks, "blocks")
	}
}
