package substratetest

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// Node is a subtensor that runs until its test ends. It is safe for concurrent
// use.
type Node struct {
	t   testing.TB
	cfg Config
	url string

	mu        sync.Mutex // guards all below
	runtime   map[uint32]*runtime
	blocks    map[chain.Hash]*block
	numbers   map[uint64]chain.Hash // the best chain
	genesis   chain.Hash
	head      chain.Hash
	final     uint64
	slot      uint64
	upgrade   *runtime // of the next block
	pool      []*pooled
	submitted []Submitted
	sockets   map[*socket]struct{}
	subs      uint64 // subscriptions made
	asked     map[string]int
	faults    []*Fault
	closed    bool
	handlers  sync.WaitGroup
}

// Start serves a node until the test ends. It fails the test for what it cannot
// do.
func Start(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.Runtime == 0 {
		cfg.Runtime = 300
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.StateKept == 0 {
		cfg.StateKept = 4096
	}
	cfg.StateKept = max(cfg.StateKept, 2) // the newest block's parent is always there
	if cfg.Genesis == nil {
		g := DefaultGenesis()
		cfg.Genesis = &g
	}
	n := &Node{
		t: t, cfg: cfg, runtime: map[uint32]*runtime{}, blocks: map[chain.Hash]*block{}, numbers: map[uint64]chain.Hash{},
		sockets: map[*socket]struct{}{}, asked: map[string]int{},
	}
	rt := n.load(cfg.Runtime)
	if cfg.Recorded {
		n.recordedBlocks(rt)
	} else {
		b, err := genesisBlock(rt, *cfg.Genesis, cfg.Style)
		if err != nil {
			t.Fatal(err)
		}
		n.genesis, n.head = b.hash, b.hash
		n.blocks[b.hash], n.numbers[0] = b, b.hash
	}
	n.final = n.blocks[n.head].number
	n.listen()
	if cfg.Ticks != nil {
		n.tick()
	}
	return n
}

func (n *Node) load(spec uint32) *runtime {
	n.t.Helper()
	rt := n.runtime[spec]
	if rt == nil {
		rt = loadRuntime(n.t, spec, n.cfg.RegisterLimit)
		n.runtime[spec] = rt
	}
	return rt
}

// listen opens the socket; the test's end closes it and waits for everybody.
func (n *Node) listen() {
	n.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.url = "ws://" + l.Addr().String()
	srv := &http.Server{Handler: http.HandlerFunc(n.serve), ConnContext: withConn, ReadHeaderTimeout: 10 * time.Second}
	var work sync.WaitGroup
	work.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.t.Errorf("substratetest: %v", err)
		}
	})
	n.t.Cleanup(func() {
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		_ = srv.Close() // it closes what was not upgraded
		n.DropAll()
		n.handlers.Wait()
		work.Wait()
	})
}

// tick makes blocks until the test ends.
func (n *Node) tick() {
	stop := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for {
			select {
			case <-stop:
				return
			case _, open := <-n.cfg.Ticks:
				if !open {
					return
				}
				n.Step()
			}
		}
	})
	n.t.Cleanup(func() { close(stop); work.Wait() })
}

// URL is where the node serves: ws://127.0.0.1 and a port.
func (n *Node) URL() string { return n.url }

// Metadata is that of the runtime that makes the next block.
func (n *Node) Metadata() *scale.Metadata {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.blocks[n.head].next.types
}

// Asked is how many requests of a method have come.
func (n *Node) Asked(method string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[method]
}

// Head is the newest block.
func (n *Node) Head() chain.Block {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.blocks[n.head].name()
}

func (b *block) name() chain.Block {
	out := chain.Block{Number: b.number, Hash: b.hash, Parent: b.parent}
	if b.state == nil {
		return out
	}
	now, _ := b.state.in("Timestamp", "Now")
	if ms, err := now.Uint64(); err == nil && ms > 0 {
		out.Time = time.UnixMilli(int64(ms)).UTC()
	}
	return out
}

// at is the block of that number on the best chain.
func (n *Node) at(number uint64) (chain.Hash, bool) {
	hash, known := n.numbers[number]
	return hash, known
}
