package cheat

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/internal/lifecycle"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// trick is what a cheater puts over the real miner's handlers; nil leaves the
// real one.
type trick struct {
	store func(context.Context, wire.Caller, *wire.Store) error
	// challenge returns beside its error the share of the pieces asked from
	// that the miner lacks: what has to fail with that probability.
	challenge func(context.Context, wire.Caller, *wire.Challenge) (lacks float64, err error)
	retrieve  func(context.Context, wire.Caller, *wire.Retrieve) error
	// front, if not nil, stands before the axon and may break the wire; next
	// goes on to the axon.
	front func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// inOrder is what a trick's challenge says of an answer that is no cheating
// yet: it is not counted.
const inOrder = -1

// axon is a dishonest node: a real miner, its handlers under a trick, a server
// behind a front door.
type axon struct {
	name    string
	key     *wallet.Keypair
	coldkey *wallet.Keypair
	trick   func(*axon) trick // nil: honest
	partner *axon             // whom it has dealings with; may be nil
	silent  bool              // it is no part of the cheater's count

	store  *blobstore.Store
	honest map[string]wire.Handler // the real miner's, by message
	addr   netip.AddrPort          // to announce

	mu      sync.Mutex // guards all below
	random  *rand.Rand
	passing []passing // of the challenges answered since the last look
}

// build makes the axon's parts and adds them to the group.
func (x *axon) build(group *lifecycle.Group, dir string, door wire.DoorDeps) error {
	store, err := blobstore.Open(blobstore.Config{Dir: filepath.Join(dir, x.name), MinFree: -1}, blobstore.Deps{})
	if err != nil {
		return fmt.Errorf("%s: %w", x.name, err)
	}
	group.AddCloser(x.name+"'s store", store.Close)
	x.store = store
	server, err := synapse.NewServer(synapse.ServerConfig{Key: x.key, DrainTimeout: 200 * time.Millisecond},
		synapse.ServerDeps{Door: wire.NewDoor(wire.DoorConfig{RequestsPerWindow: -1}, door)})
	if err != nil {
		return fmt.Errorf("%s: %w", x.name, err)
	}
	group.Add(x.name+"'s axon", server.Run)
	x.addr = server.Addr()
	role := miner.New(miner.Config{}, miner.Deps{Key: x.key, Store: store})
	group.Add(x.name, role.Run)
	t := x.register(role, server)
	if t.front == nil {
		return nil
	}
	f, err := newFront(t.front, server.Addr())
	if err != nil {
		return fmt.Errorf("%s: %w", x.name, err)
	}
	group.Add(x.name+"'s front", f.run)
	x.addr = f.addr
	return nil
}

// register puts the trick's handlers over the miner's.
func (x *axon) register(role *miner.Miner, server miner.Server) trick {
	var real collected
	role.Register(&real)
	x.honest = map[string]wire.Handler{}
	for _, h := range real {
		x.honest[h.make().Name()] = h.handle
	}
	var t trick
	if x.trick != nil {
		t = x.trick(x)
	}
	for _, h := range real {
		switch h.make().(type) {
		case *wire.Store:
			h.handle = over(h.handle, t.store)
		case *wire.Challenge:
			h.handle = x.noting(h.handle, t.challenge)
		case *wire.Retrieve:
			h.handle = over(h.handle, t.retrieve)
		}
		server.Handle(h.make, h.handle, h.maxBody)
	}
	return t
}

// collected are a miner's handlers, taken instead of served.
type collected []struct {
	make    func() wire.Message
	handle  wire.Handler
	maxBody int64
}

func (c *collected) Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64) {
	*c = append(*c, struct {
		make    func() wire.Message
		handle  wire.Handler
		maxBody int64
	}{makeMsg, h, maxBody})
}

var errMessage = errors.New("a handler got another message than it answers")

func over[M wire.Message](real wire.Handler, trick func(context.Context, wire.Caller, M) error) wire.Handler {
	if trick == nil {
		return real
	}
	return func(ctx context.Context, from wire.Caller, msg wire.Message) error {
		asked, ok := msg.(M)
		if !ok {
			return errMessage
		}
		return trick(ctx, from, asked)
	}
}

// noting notes of every challenge what the miner lacks.
func (x *axon) noting(real wire.Handler, trick func(context.Context, wire.Caller, *wire.Challenge) (float64, error)) wire.Handler {
	if trick == nil {
		trick = func(ctx context.Context, from wire.Caller, msg *wire.Challenge) (float64, error) {
			return 0, real(ctx, from, msg)
		}
	}
	return over(real, func(ctx context.Context, from wire.Caller, msg *wire.Challenge) error {
		lacks, err := trick(ctx, from, msg)
		p := 1 - lacks
		if n := len(msg.DataChunk); err == nil && n > 0 && lacks > 0 {
			p += lacks * math.Exp2(-8*float64(n)) // it may have guessed
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.passing = append(x.passing, passing{p, lacks != inOrder})
		return err
	})
}

// passing is with which probability an answer passes, and whether it was
// cheating at all.
type passing struct {
	p       float64
	counted bool
}

// chance is the probability with which the challenges answered since the last
// call pass, each being about one piece; counted is false when they were no
// cheating. A question that never got to the miner's handler may not pass.
func (x *axon) chance() (p float64, counted bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	defer func() { x.passing = nil }()
	if len(x.passing) == 0 {
		return 0, true
	}
	p = 1
	for _, one := range x.passing {
		p *= one.p
		counted = counted || one.counted
	}
	return p, counted
}

// intN draws from 0 to n-1.
func (x *axon) intN(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.random.IntN(n)
}

// bytes draws n bytes.
func (x *axon) bytes(n int64) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(x.random.Uint32())
	}
	return b
}
