package substrate

import (
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
)

// quick is a client that loses its patience soon.
func quick(t *testing.T, nodes ...*substratetest.Node) *Client {
	t.Helper()
	cfg := Config{StallTimeout: 400 * time.Millisecond}
	for _, n := range nodes {
		cfg.Endpoints = append(cfg.Endpoints, n.URL())
	}
	return connect(t, cfg)
}

// until waits for the client's head to be right.
func until(t *testing.T, c *Client, what string, right func(chain.Block) bool) chain.Block {
	t.Helper()
	var b chain.Block
	await(t, what, func() bool {
		var err error
		b, err = c.Head(t.Context())
		return err == nil && right(b)
	})
	return b
}

// A head far ahead that is built on nothing is no head.
func TestAFalseHead(t *testing.T) {
	liar, first, second := living(t, substratetest.Config{}), living(t, substratetest.Config{}), living(t, substratetest.Config{})
	for _, n := range []*substratetest.Node{liar, first, second} {
		n.Steps(3)
	}
	c := client(t, liar, func(cfg *Config) { cfg.Endpoints = append(cfg.Endpoints, first.URL(), second.URL()) })
	blocks, err := c.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	liar.Pretend(0xfffffff0, false)
	await(t, "another endpoint", func() bool { return first.Asked("chain_subscribeNewHeads") > 0 })
	first.Step()
	expect(t, blocks, 4, 1)
	if b, err := c.Head(t.Context()); err != nil || b != first.Head() {
		t.Errorf("head %+v, %v", b, err)
	}
}

// One that its node bears out is believed, but the chain outlives it.
func TestAThoroughLie(t *testing.T) {
	liar, first, second := living(t, substratetest.Config{}), living(t, substratetest.Config{}), living(t, substratetest.Config{})
	c := quick(t, liar, first, second)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	blocks, err := c.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until(t, c, "the lie", func(b chain.Block) bool {
		liar.Pretend(0xfffffff0, true) // until the client is there to hear it
		return b.Number == 0xfffffff0
	})
	liar.Fail(substratetest.Fault{Kind: substratetest.Drop})
	liar.DropAll()
	until(t, c, "an honest node's head", func(b chain.Block) bool { return b.Number < 100 })
	for open := true; open; { // who has counted on it begins anew
		select {
		case _, open = <-blocks:
		case <-time.After(20 * time.Second):
			t.Fatal("the subscription goes on")
		}
	}
	if _, err := c.Metagraph(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if blocks, err = c.Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Step()
	second.Step()
	within(t, blocks, "a block")
}

// A chain that was begun anew is taken for what it is, also by one endpoint's
// client.
func TestAChainBegunAnew(t *testing.T) {
	n := living(t, substratetest.Config{})
	n.Steps(20)
	c := quick(t, n)
	f := chain.NewFollower(chain.FollowerConfig{NetUID: 1, MinBackoff: time.Millisecond, StallTimeout: 50 * time.Millisecond}, chain.FollowerDeps{Chain: c})
	done := make(chan error, 1)
	go func() { done <- f.Run(t.Context()) }()
	t.Cleanup(func() { <-done }) // the context has ended by then
	await(t, "the follower", func() bool { return f.Head().Number == 20 })
	n.Anew()
	n.Steps(2)
	until(t, c, "the new chain", func(b chain.Block) bool { return b.Number == 2 })
	await(t, "the follower on the new chain", func() bool { return f.Head().Number == 2 })
	b := n.Step()
	await(t, "its next block", func() bool { return f.Head() == b })
	if m := f.Metagraph(); m.Block != b {
		t.Errorf("the metagraph is of %+v", m.Block)
	}
}

// A node that is behind, though it goes on, does not keep the client from one
// that is not.
func TestAnEndpointThatLags(t *testing.T) {
	lost, slow, good := living(t, substratetest.Config{}), living(t, substratetest.Config{}), living(t, substratetest.Config{})
	lost.Steps(300)
	good.Steps(301)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				slow.Step()
			case <-stop:
				return
			}
		}
	}()
	defer func() { close(stop); <-done }()
	c := quick(t, lost, slow, good)
	until(t, c, "the first node", func(b chain.Block) bool { return b.Number >= 300 })
	lost.Fail(substratetest.Fault{Kind: substratetest.Drop})
	lost.DropAll()
	if b := until(t, c, "the good node", func(b chain.Block) bool { return b.Number > 300 }); b != good.Head() {
		t.Errorf("head %+v", b)
	}
}

// A node that tells of no block any more is asked, also if it is the only one.
func TestASilentSubscription(t *testing.T) {
	for _, finalized := range []bool{false, true} {
		n := living(t, substratetest.Config{})
		n.Step()
		c := client(t, n, func(cfg *Config) {
			cfg.StallTimeout, cfg.RequestTimeout, cfg.Finalized = 100*time.Millisecond, time.Second, finalized
		})
		until(t, c, "the first block", func(b chain.Block) bool { return b.Number == 1 })
		method := map[bool]string{false: "chain_newHead", true: "chain_finalizedHead"}[finalized]
		n.Fail(substratetest.Fault{Kind: substratetest.Stall, Method: method, Times: 1})
		n.Step()
		until(t, c, "the block that nobody told of", func(b chain.Block) bool { return b.Number == 2 })
	}
}

// A chain that stands still keeps its only connection.
func TestAChainThatStandsStill(t *testing.T) {
	n := living(t, substratetest.Config{})
	c := quick(t, n)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "questions", func() bool { return n.Asked("chain_getHeader") >= 4 })
	if n.Asked("chain_subscribeNewHeads") != 1 {
		t.Error("the connection was given up")
	}
	n.Step()
	until(t, c, "the next block", func(b chain.Block) bool { return b.Number == 1 })
}

// Who syncs says so, and is waited for.
func TestASyncingNodeIsWaitedFor(t *testing.T) {
	r := loadRecording(t, "spec185")
	n := newNode(t, r)
	c := connect(t, Config{StallTimeout: 20 * time.Millisecond}, n)
	head, err := c.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 100)
	n.mu.Lock()
	n.before = func(p *peer, q query) bool {
		if q.Method != "system_health" {
			return false
		}
		p.send(`{"jsonrpc":"2.0","id":` + string(q.ID) + `,"result":{"isSyncing":true}}`)
		select {
		case asked <- struct{}{}:
		default:
		}
		return true
	}
	old := n.blocks[n.head]
	for _, b := range n.blocks {
		if b.number < old.number && b.number > 0 {
			old = b
		}
	}
	old.storage = n.blocks[n.head].storage
	newest := n.head
	n.mu.Unlock()
	n.setHead(old.hash)
	n.drop()
	for range 5 {
		within(t, asked, "questions about syncing")
	}
	if known, _ := c.heads.Latest(); known != head {
		t.Errorf("head went from %d to %d", head.Number, known.Number)
	}
	n.setHead(newest)
	if b, err := c.Head(t.Context()); err != nil || b != head {
		t.Errorf("head %+v, %v", b, err)
	}
}
