package substrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
)

// within fails a test that waits for longer than anything may take.
func within[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v, open := <-from:
		if !open {
			t.Fatalf("%s: closed", what)
		}
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing came", what)
	}
	panic("unreachable")
}

// Blocks come once each and in order, whatever happens to the connection.
func TestNoBlockIsMissed(t *testing.T) {
	n := newNode(t, loadRecording(t, "spec185"))
	c := connect(t, Config{}, n)
	before, err := c.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := c.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		n.grow()
		if i%7 == 3 {
			n.drop()
		}
	}
	last := before
	for range 30 {
		b := within(t, blocks, "blocks")
		if b.Number != last.Number+1 || b.Parent != last.Hash || b.Time.IsZero() {
			t.Fatalf("block %+v came after %+v", b, last)
		}
		last = b
	}
	if n.count("chain_subscribeNewHeads") < 2 {
		t.Error("the connection was never lost")
	}
}

// What nodes use: a follower over a client over a connection that breaks.
func TestFollower(t *testing.T) {
	r := loadRecording(t, "spec300")
	n := newNode(t, r)
	f := chain.NewFollower(chain.FollowerConfig{NetUID: r.net, MinBackoff: time.Millisecond}, chain.FollowerDeps{Chain: connect(t, Config{}, n)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	<-f.Ready()
	for range 3 {
		last := n.grow()
		n.drop()
		if err := f.WaitBlock(t.Context(), n.grow().number); err != nil {
			t.Fatal(err)
		}
		if m := f.Metagraph(); len(m.Neurons) != 7 || m.Block.Number < last.number {
			t.Errorf("metagraph of block %d", m.Block.Number)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTheNextEndpointTakesOver(t *testing.T) {
	r := loadRecording(t, "spec185")
	first, second := newNode(t, r), newNode(t, r)
	c := connect(t, Config{Endpoints: []string{"ws://127.0.0.1:1"}}, first, second)
	if _, err := c.Metagraph(t.Context(), r.net); err != nil || first.count("state_queryStorageAt") == 0 {
		t.Fatalf("%v, the first node was asked %d times", err, first.count("state_queryStorageAt"))
	}
	var asked atomic.Int32
	lose := func(p *peer, q query) bool { // in the middle of a read
		if q.Method != "state_queryStorageAt" {
			return false
		}
		asked.Add(1)
		_ = p.conn.CloseNow()
		return true
	}
	first.mu.Lock()
	first.before = lose
	first.mu.Unlock()
	m, err := c.Metagraph(t.Context(), r.net)
	if err != nil || len(m.Neurons) != 6 || asked.Load() == 0 || second.count("state_queryStorageAt") == 0 {
		t.Errorf("%v: the first was asked %d times, the second %d", err, asked.Load(), second.count("state_queryStorageAt"))
	}
}

// A node that is not of this chain, or not ready, is passed over.
func TestNodesThatArePassedOver(t *testing.T) {
	r := loadRecording(t, "spec185")
	for name, before := range map[string]func(*peer, query) bool{
		"another chain": func(p *peer, q query) bool {
			var number uint64
			q.param(0, &number)
			if q.Method != "chain_getBlockHash" || number != 0 {
				return false
			}
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%q}`, q.ID, chain.Hash{7}))
			return true
		},
		"syncing": func(p *peer, q query) bool {
			if q.Method != "system_health" {
				return false
			}
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"isSyncing":true}}`, q.ID))
			return true
		},
		"no metadata": func(p *peer, q query) bool {
			if q.Method != "state_getMetadata" {
				return false
			}
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"0x6d65746109"}`, q.ID))
			return true
		},
		"a header of no block": func(p *peer, q query) bool {
			if q.Method != "chain_subscribeNewHeads" {
				return false
			}
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"heads"}`, q.ID))
			p.notify("chain_newHead", "heads", json.RawMessage(`{"number":"0x1"}`))
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			good, bad := newNode(t, r), newNode(t, r)
			bad.before = before
			nodes, losses := []*node{good, bad}, 3
			if name == "no metadata" { // once known, nobody is asked for it
				nodes, losses = []*node{bad, good}, 0
			}
			c := connect(t, Config{}, nodes...)
			for range losses {
				if _, err := c.Metagraph(t.Context(), r.net); err != nil {
					t.Fatal(err)
				}
				good.drop()
			}
			if _, err := c.Metagraph(t.Context(), r.net); err != nil {
				t.Fatal(err)
			}
			if bad.count("state_queryStorageAt") != 0 {
				t.Error("it was asked for the metagraph")
			}
		})
	}
}

func TestANodeThatStallsIsLeft(t *testing.T) {
	r := loadRecording(t, "spec185")
	stalled, live := newNode(t, r), newNode(t, r)
	c := connect(t, Config{StallTimeout: 50 * time.Millisecond}, stalled, live)
	blocks, err := c.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := live.grow()
	if b := within(t, blocks, "a block of the other node"); b.Hash != want.hash {
		t.Errorf("block %+v", b)
	}
}

// A transaction whose connection is lost after it was sent may be in a block:
// nobody sends it again.
func TestTransactionOfUnknownFate(t *testing.T) {
	r := loadRecording(t, "spec185")
	for i := range r.extrinsics {
		x := &r.extrinsics[i]
		if x.Call.Method != "burnedRegister" || !x.Result.Success {
			continue
		}
		p := newPool(t, r)
		p.before = func(on *peer, q query) bool {
			if q.Method == "author_submitAndWatchExtrinsic" {
				p.taken.Add(1)
				_ = on.conn.CloseNow()
				return true
			}
			return p.take(on, q)
		}
		if _, err := p.offer(connect(t, Config{TransactionTimeout: 200 * time.Millisecond}, p.node), x); !errors.Is(err, chain.ErrInFlight) || p.taken.Load() != 1 {
			t.Errorf("%v, sent %d times", err, p.taken.Load())
		}
		return
	}
	t.Error("no registration was recorded")
}

func TestANonceThatSomebodyElseTook(t *testing.T) {
	r := loadRecording(t, "spec185")
	for i := range r.extrinsics {
		x := &r.extrinsics[i]
		if x.Call.Method != "burnedRegister" || !x.Result.Success {
			continue
		}
		p := newPool(t, r)
		refused := 0
		p.before = func(on *peer, q query) bool {
			if q.Method == "author_submitAndWatchExtrinsic" && refused < 3 {
				refused++
				on.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":1014,"message":"Priority is too low"}}`, q.ID))
				return true
			}
			return p.take(on, q)
		}
		if _, err := p.offer(connect(t, Config{}, p.node), x); err != nil || p.taken.Load() != 1 || p.count("system_accountNextIndex") != 4 {
			t.Errorf("%v, sent %d times", err, p.taken.Load())
		}
		return
	}
	t.Error("no registration was recorded")
}

// The runtime changes between two reads: each is read by its own metadata. The
// block that brought the new runtime was still made by the old one.
func TestRuntimeUpgrade(t *testing.T) {
	before, after := loadRecording(t, "spec185"), loadRecording(t, "spec300")
	n := newNode(t, before)
	c := connect(t, Config{}, n)
	first, err := c.Metagraph(t.Context(), before.net)
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	upgrade := n.blocks[n.head]
	upgrade.old = before // it is in the state of block 95, which 185 made
	n.mu.Unlock()
	n.add(after)
	n.setHead(after.storage.Hash)
	if _, err := c.heads.Wait(t.Context(), after.storage.Number); err != nil {
		t.Fatal(err)
	}
	second, err := c.Metagraph(t.Context(), after.net)
	if err != nil {
		t.Fatal(err)
	}
	if first.Neurons[0].Axon.Port != 8091 || second.Neurons[1].Axon != first.Neurons[0].Axon && second.Neurons[1].Axon.Port != 8091 {
		t.Errorf("axons %+v and %+v", first.Neurons[0].Axon, second.Neurons[1].Axon)
	}
	if n.count("state_getMetadata") != 1 || n.count("state_call") < 3 {
		t.Errorf("metadata 14 was loaded %d times", n.count("state_getMetadata"))
	}
}

func TestABlockIsReadByTheRuntimeThatMadeIt(t *testing.T) {
	old, upgraded := loadRecording(t, "spec185"), loadRecording(t, "spec300")
	n := newNode(t, old)
	n.mu.Lock()
	b := n.blocks[n.head]
	b.rec, b.old = upgraded, old // its state has the new code, its values are the old one's
	n.mu.Unlock()
	c := connect(t, Config{}, n)
	h, err := c.Hyperparameters(t.Context(), old.net)
	if err != nil || h.Tempo != 5 {
		t.Errorf("%+v, %v", h, err)
	}
	events, err := c.Events(t.Context(), old.storage.Number)
	if err != nil || len(events) == 0 {
		t.Errorf("%v, %v", events, err)
	}
}

func TestUnavailable(t *testing.T) {
	cfg := Config{Endpoints: []string{"ws://127.0.0.1:1"}, RequestTimeout: 50 * time.Millisecond}
	idle, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Head(t.Context()); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("before Run: %v", err)
	}
	if _, err := connect(t, cfg).Head(t.Context()); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("with nobody there: %v", err)
	}
	n := newNode(t, loadRecording(t, "spec185"))
	remote, err := Dial(t.Context(), Config{Endpoints: []string{n.url}}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := remote.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-blocks; open {
		t.Error("a subscription outlives its client")
	}
	_, headErr := remote.Head(t.Context())
	_, subErr := remote.Subscribe(t.Context())
	for _, err := range []error{headErr, subErr} {
		if !errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	}
	cfg.RequestTimeout = time.Hour
	if _, err := Dial(t.Context(), cfg, Deps{}); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("dialling nobody: %v", err)
	}
}

func TestContextsEnd(t *testing.T) {
	r := loadRecording(t, "spec185")
	n := newNode(t, r)
	c := connect(t, Config{}, n)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n.mu.Lock()
	n.before = func(_ *peer, q query) bool { // never answers
		if q.Method == "state_queryStorageAt" {
			cancel()
			return true
		}
		return false
	}
	n.mu.Unlock()
	_, graphErr := c.Metagraph(ctx, r.net)
	_, headErr := c.Head(ctx)
	_, subErr := c.Subscribe(ctx)
	key := devKey(t, "Alice")
	registerErr := c.Register(ctx, key, r.net, key.Address(), 0)
	for i, err := range []error{graphErr, headErr, subErr, registerErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{
		{}, {Endpoints: []string{"127.0.0.1:9944"}}, {Endpoints: []string{"http://127.0.0.1"}}, {Endpoints: []string{"ws://"}},
		{Endpoints: []string{"ws://a", "%"}}, {Endpoints: []string{"ws://a"}, Mortality: 5}, {Endpoints: []string{"ws://a"}, Mortality: 2},
		{Endpoints: []string{"ws://a"}, Mortality: 1 << 17},
	} {
		if _, err := New(bad, Deps{}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	for _, network := range []string{"finney", "test", "local"} {
		list, known := Endpoints(network)
		if _, err := New(Config{Endpoints: list}, Deps{}); !known || err != nil {
			t.Errorf("%s: %v, %v", network, list, err)
		}
	}
	if _, known := Endpoints("mainnet"); known {
		t.Error("there is a network mainnet")
	}
}
