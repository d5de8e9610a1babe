package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// said collects a node's log and wakes those who wait for a sentence.
type said struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	new  chan struct{}
}

func listen() *said { return &said{new: make(chan struct{}, 1)} }

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.new <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *said) log() *slog.Logger { return slog.New(slog.NewTextHandler(s, nil)) }

// await waits until all the words were said.
func (s *said) await(t *testing.T, words ...string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		missing := ""
		for _, w := range words {
			if !strings.Contains(s.String(), w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-s.new:
		case <-limit:
			t.Fatalf("nobody said %q in\n%s", missing, s)
		}
	}
}

// checkChain is a chain with the hotkey //Miner registered and so much staked.
func checkChain(t *testing.T, stake chain.Rao, offset time.Duration, change func(*chain.Hyperparameters)) (*devchain.Devchain, *wallet.Keypair) {
	t.Helper()
	h := devchain.DefaultHyperparameters()
	h.Tempo, h.ServingRateLimit, h.WeightsRateLimit = 20, 0, 0
	change(&h)
	dev, err := devchain.Open(devchain.Config{BlockTime: 10 * time.Millisecond, NetUID: 21, Hyperparameters: h},
		devchain.Deps{Now: func() time.Time { return time.Now().Add(offset) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends after the test's nodes
	done := make(chan error, 1)
	go func() { done <- dev.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return dev, member(t, dev, "Miner", stake)
}

func member(t *testing.T, dev *devchain.Devchain, name string, stake chain.Rao) *wallet.Keypair {
	t.Helper()
	alice, err := wallet.KeypairFromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	key, err := wallet.KeypairFromURI("//" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Register(t.Context(), alice, 21, key.Address(), 0); err != nil {
		t.Fatal(err)
	}
	if stake > 0 {
		if err := dev.AddStake(t.Context(), alice, 21, key.Address(), stake); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

// started is a node that runs until the test ends.
func started(t *testing.T, n *Node) (ended <-chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	done, finished := make(chan error, 1), make(chan struct{})
	go func() { defer close(finished); done <- n.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-finished })
	return done
}

func checkValidator(t *testing.T, c Common, weights bool) *Node {
	t.Helper()
	ix, err := OpenIndex(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	c.NetUID, c.Dir = 21, t.TempDir()
	v, err := NewValidator(ValidatorConfig{Common: c, Index: ix, Validator: validator.Config{BlocksPerStep: 1 << 30, DisableWeights: !weights}})
	if err != nil {
		t.Fatal(err)
	}
	return v.Node
}

func ends(t *testing.T, done <-chan error, want error, words ...string) {
	t.Helper()
	select {
	case err := <-done:
		for _, w := range words {
			if !errors.Is(err, want) || !strings.Contains(err.Error(), w) {
				t.Errorf("the node ended with %v, without %q", err, w)
			}
		}
	case <-time.After(20 * time.Second):
		t.Error("the node ran on")
	}
}

func unchanged(*chain.Hyperparameters) {}

func TestStartOnNoSubnet(t *testing.T) {
	dev, key := checkChain(t, 0, 0, unchanged)
	m, err := NewMiner(MinerConfig{Common: Common{Chain: dev, NetUID: 5, Hotkey: key, Listen: "127.0.0.1:0", Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, started(t, m.Node), chain.ErrNoSubnet, "no such subnet: 5")
}

func TestStartUnregistered(t *testing.T) {
	dev, _ := checkChain(t, 0, 0, unchanged)
	stranger, err := wallet.KeypairFromURI("//Stranger")
	if err != nil {
		t.Fatal(err)
	}
	ends(t, started(t, checkValidator(t, Common{Chain: dev, Hotkey: stranger}, true)), ErrNotRegistered, "on subnet 21; register it with `filetao chain register`")
}

func TestStartWithAnUnregisteredAsker(t *testing.T) {
	dev, key := checkChain(t, 0, 0, unchanged)
	stranger, err := wallet.KeypairFromURI("//Stranger")
	if err != nil {
		t.Fatal(err)
	}
	ix, _, _ := audited(t)
	g, err := NewGateway(GatewayConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Listen: "127.0.0.1:0", Dir: t.TempDir()}, Index: ix, Asker: stranger})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, started(t, g.Node), ErrNotRegistered, string(stranger.Address()), "under which miners are asked")
}

func TestStartWithTooLittleStake(t *testing.T) {
	dev, key := checkChain(t, 999*chain.TAO, 0, unchanged)
	ends(t, started(t, checkValidator(t, Common{Chain: dev, Hotkey: key}, true)), chain.ErrStakeTooLow,
		"has 999 TAO, and subnet 21 takes weights from 1000 TAO on", "filetao chain stake", "--neuron.disable_set_weights")
	heard := listen()
	n := checkValidator(t, Common{Chain: dev, Hotkey: key, Log: heard.log()}, false)
	started(t, n)
	<-n.Ready()
	if strings.Contains(heard.String(), "weights") {
		t.Errorf("a node that sets none hears of weights:\n%s", heard)
	}
}

func TestStartWithoutPermit(t *testing.T) {
	dev, key := checkChain(t, 1000*chain.TAO, 0, func(h *chain.Hyperparameters) { h.MaxValidators = 1 })
	member(t, dev, "Richer", 2000*chain.TAO)
	heard := listen()
	started(t, checkValidator(t, Common{Chain: dev, Hotkey: key, Log: heard.log()}, true))
	heard.await(t, "no validator permit on subnet 21; the 1 highest stakes get one when an epoch ends, the next time in ", " and this one has 1000 TAO")
}

func TestStartWithAnOldVersion(t *testing.T) {
	dev, key := checkChain(t, 1000*chain.TAO, 0, func(h *chain.Hyperparameters) {
		h.WeightsVersion, h.CommitReveal, h.CommitRevealVersion = 400, true, 4
	})
	heard := listen()
	started(t, checkValidator(t, Common{Chain: dev, Hotkey: key, Log: heard.log()}, true))
	const words = "this program's is 302, subnet 21 wants 400 or later; update filetao"
	heard.await(t, "no weights will be set: weights version key too low: "+words, "subnet 21 has commit-reveal version 4", "the subnet's owner sets that")
	guarded := versioned{dev, 302}
	for _, err := range []error{
		guarded.SetWeights(t.Context(), key, 21, nil, 302),
		guarded.CommitWeights(t.Context(), key, 21, chain.Hash{}),
	} {
		if !errors.Is(err, chain.ErrVersionKey) || !strings.Contains(err.Error(), words) {
			t.Errorf("weights of an old version: %v", err)
		}
	}
	current := versioned{dev, 400}
	if err := current.CommitWeights(t.Context(), key, 21, chain.Hash{}); !errors.Is(err, chain.ErrTimelock) {
		t.Errorf("of a current version: %v", err)
	}
}

func TestStartWithAWrongClock(t *testing.T) {
	for words, offset := range map[string]time.Duration{"behind the chain's newest block": time.Hour, "ahead of the chain's newest block": -time.Hour} {
		dev, key := checkChain(t, 0, offset, unchanged)
		heard := listen()
		m, err := NewMiner(MinerConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Listen: "127.0.0.1:0", Dir: t.TempDir(), Log: heard.log()}})
		if err != nil {
			t.Fatal(err)
		}
		started(t, m.Node)
		heard.await(t, words)
		if !strings.Contains(heard.String(), "clock is 1h0m0") && !strings.Contains(heard.String(), "clock is 59m59.9") {
			t.Errorf("an hour is said to be\n%s", heard)
		}
	}
}

// TestNodeThatCatchesUp: its old blocks say nothing of the clock.
func TestNodeThatCatchesUp(t *testing.T) {
	for name, c := range map[string]struct {
		ages []time.Duration // of the blocks when they come
		want []string
	}{
		"behind, then level":         {[]time.Duration{time.Minute, 50 * time.Second, 40 * time.Second, time.Second}, []string{"node is behind: its newest block is 50s old"}},
		"behind, then a wrong clock": {[]time.Duration{time.Minute, 48 * time.Second, 36 * time.Second, 36 * time.Second}, []string{"node is behind", "clock is 36s ahead of"}},
		"a wrong clock":              {[]time.Duration{time.Minute, 59 * time.Second}, []string{"clock is 59s ahead of"}},
		"the other way":              {[]time.Duration{-time.Minute, -time.Minute}, []string{"clock is 1m0s behind"}},
		"one late block":             {[]time.Duration{20 * time.Second, time.Second}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				heard := listen()
				n := &Node{log: heard.log(), follower: chain.NewFollower(chain.FollowerConfig{}, chain.FollowerDeps{})}
				blocks := make(chan chain.Block, len(c.ages))
				for i, age := range c.ages {
					blocks <- chain.Block{Number: uint64(i + 1), Time: time.Now().Add(-age)}
				}
				close(blocks)
				n.checkClock(blocks)
				if strings.Count(heard.String(), "level=WARN") != len(c.want) {
					t.Errorf("want %q, heard\n%s", c.want, heard)
				}
				for _, want := range c.want {
					if !strings.Contains(heard.String(), want) {
						t.Errorf("want %q, heard\n%s", want, heard)
					}
				}
			})
		})
	}
}

func TestStartWithAnAxonNobodyReaches(t *testing.T) {
	dev, key := checkChain(t, 0, 0, unchanged)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := dev.ServeAxon(t.Context(), key, 21, chain.Axon{IP: netip.MustParseAddr("127.0.0.9"), Port: 1, Protocol: 4}); err != nil {
		t.Fatal(err)
	}
	heard := listen()
	m, err := NewMiner(MinerConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Listen: "127.0.0.1:0", External: closed, Dir: t.TempDir(), Log: heard.log()}})
	if err != nil {
		t.Fatal(err)
	}
	started(t, m.Node)
	<-m.Ready()
	heard.await(t, "the chain has another address of this hotkey's axon", "chain=127.0.0.9:1",
		"does not answer from here", "--axon.external_ip", "connection refused", "axon="+closed.String())
}

func TestStartWithNothingWrong(t *testing.T) {
	dev, key := checkChain(t, 1000*chain.TAO, 0, unchanged)
	heard := listen()
	n := checkValidator(t, Common{Chain: dev, Hotkey: key, Log: heard.log()}, true)
	started(t, n)
	<-n.Ready()
	if err := n.follower.WaitBlock(t.Context(), n.follower.Head().Number+3); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(heard.String(), "level=WARN") {
		t.Errorf("without a reason it warns:\n%s", heard)
	}
}
