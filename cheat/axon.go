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
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// trick is what a cheater puts over the real miner's handlers; nil leaves the
// real one.
type trick struct {
	store     func(context.Context, wire.Caller, *wire.Store) error
	tags      func(context.Context, wire.Caller, *wire.Tags) error
	challenge answering[*wire.Challenge]
	audit     answering[*wire.Audit]
	retrieve  func(context.Context, wire.Caller, *wire.Retrieve) error
	// forget, if not nil, is told the hash of what will not be asked for any more.
	forget func(hash string)
	// front, if not nil, stands before the axon and may break the wire; next
	// goes on to the axon.
	front func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// answering answers a question about what is held, and returns beside its error
// how likely such a question is about something that the miner lacks: with that
// probability the answer has to fail.
type answering[M wire.Message] func(context.Context, wire.Caller, M) (lacks float64, err error)

// inOrder is what an answering says of an answer that is no cheating yet: it is
// not counted.
const inOrder = -1

// axon is a dishonest node: a real miner, its handlers under a trick, a server
// behind a front door.
type axon struct {
	name    string
	key     *wallet.Keypair
	coldkey *wallet.Keypair
	trick   func(*axon) trick // nil: honest
	silent  bool              // it is no part of the cheater's count
	// protocol is what the axon poses as: one of Reference does not know Tags
	// and Audit.
	protocol Protocol
	forget   func(hash string) // may be nil

	store  *blobstore.Store
	honest map[string]wire.Handler // the real miner's, by message
	addr   netip.AddrPort          // to announce

	did      tally // what came of it, counted by the arena
	silences int   // questions that it was silent about; written by its trick, read between steps

	mu      sync.Mutex // guards all below
	random  *rand.Rand
	passing []passing // of the questions answered since the last look
	native  bool      // the last question that came was a native audit
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
	f, err := newFront(x.watching(t.front), server.Addr())
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
	x.forget = t.forget
	for _, h := range real {
		switch h.make().(type) {
		case *wire.Store:
			h.handle = over(h.handle, t.store)
		case *wire.Challenge:
			h.handle = noting(x, h.handle, t.challenge)
		case *wire.Retrieve:
			h.handle = over(h.handle, t.retrieve)
		case *wire.Tags, *wire.Audit:
			if x.protocol == Reference {
				continue // the server answers 404
			}
			if h.make().Name() == "Tags" {
				h.handle = over(h.handle, t.tags)
			} else {
				h.handle = noting(x, h.handle, t.audit)
			}
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

// noting notes of every question with which probability the answer passes.
func noting[M wire.Message](x *axon, real wire.Handler, trick answering[M]) wire.Handler {
	if trick == nil {
		trick = func(ctx context.Context, from wire.Caller, msg M) (float64, error) {
			return 0, real(ctx, from, msg)
		}
	}
	return over(real, func(ctx context.Context, from wire.Caller, msg M) error {
		lacks, err := trick(ctx, from, msg)
		size, native := guessed(msg)
		p := 1 - lacks
		if err == nil && size > 0 && lacks > 0 {
			p += lacks * math.Exp2(-8*float64(size)) // it may have guessed
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.native = native
		x.passing = append(x.passing, passing{p, lacks != inOrder})
		return err
	})
}

// guessed is how many bytes who has none of them has to guess to answer a
// question, and whether that is a native audit.
func guessed(msg wire.Message) (size int64, native bool) {
	switch msg := msg.(type) {
	case *wire.Challenge:
		size = int64(len(msg.DataChunk))
	case *wire.Audit:
		native = true
		if q, err := receipt.ParseQuestion(msg.Question); err == nil {
			size = q.Size
		}
	}
	return size, native
}

// watching has a front note which questions come, for it may answer them itself.
func (x *axon) watching(front func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if asks(r) {
			x.mu.Lock()
			x.native = r.URL.Path == "/Audit"
			x.mu.Unlock()
		}
		front(w, r, next)
	}
}

// asks says whether a request is a question about what is held, but for
// retrievals.
func asks(r *http.Request) bool { return r.URL.Path == "/Challenge" || r.URL.Path == "/Audit" }

// passing is with which probability an answer passes, and whether it was
// cheating at all.
type passing struct {
	p       float64
	counted bool
}

// What a cheater may pass with beyond what it holds: by forging a tag of an
// audit record, or a proof of retrievability (packages proof/audit, proof/por).
var (
	forgedTag   = math.Exp2(-80)
	forgedProof = math.Exp2(-127)
)

// chance is the probability with which the question passes that was answered
// since the last call; counted is false when that was no cheating. A question
// that never got to the miner's handler may not pass.
func (x *axon) chance() (p float64, counted, native bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	counted = len(x.passing) == 0
	if !counted {
		p = 1
	}
	for _, one := range x.passing {
		p *= one.p
		counted = counted || one.counted
	}
	forged := forgedTag
	if x.native {
		forged = forgedProof
	}
	x.passing = nil
	return min(1, p+forged), counted, x.native
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

// tally is how many audits and retrievals an axon passed and failed.
type tally struct{ passed, failed [2]int }

func (t *tally) add(ok bool, of int) {
	if ok {
		t.passed[of]++
	} else {
		t.failed[of]++
	}
}
