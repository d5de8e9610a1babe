package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// bench is a gateway over a small network without sockets.
type bench struct {
	*fleettest.Net
	*gateway.Gateway
	fleet *fleet.Fleet

	mu     sync.Mutex // guards what follows
	dead   map[wallet.Address]bool
	killAt map[string]int // by message: the miner that gets so many of them dies before it answers
	once   func()         // runs before the next message is answered
}

// newBench has limits short enough that a test may run into them.
func newBench(t testing.TB, miners int, cfg gateway.Config) *bench {
	t.Helper()
	b := &bench{Net: fleettest.New(t, miners), dead: map[wallet.Address]bool{}, killAt: map[string]int{}}
	b.fleet = fleet.New(fleet.Config{
		PingTimeout: 200 * time.Millisecond, StoreTimeout: 300 * time.Millisecond, RetrieveTimeout: 300 * time.Millisecond,
		DeleteTimeout: 200 * time.Millisecond, Hedge: 50 * time.Millisecond,
	}, fleet.Deps{Transport: b, Index: b.Index, Metagraph: b.Metagraph, Rand: rand.Reader, Key: b.Asker})
	b.Gateway = b.another(cfg)
	return b
}

// another gateway of the same owner over the same index and miners.
func (b *bench) another(cfg gateway.Config) *gateway.Gateway {
	return gateway.New(cfg, gateway.Deps{Fleet: b.fleet, Index: b.Index, Key: envelope.Key{7}})
}

// Call implements wire.Transport: the network's, with miners that can die.
func (b *bench) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	if b.isDead(to.Hotkey) {
		return wire.Exchange{}, wire.Unavailable("connection refused")
	}
	b.mu.Lock()
	once := b.once
	b.once = nil
	b.mu.Unlock()
	if once != nil {
		once()
	}
	x, err := b.Net.Call(ctx, to, msg)
	b.mu.Lock()
	if n := b.killAt[msg.Name()]; n > 0 {
		if b.killAt[msg.Name()]--; n == 1 {
			b.dead[to.Hotkey] = true
		}
	}
	b.mu.Unlock()
	if b.isDead(to.Hotkey) {
		return x, wire.Unavailable("connection lost")
	}
	return x, err
}

func (b *bench) isDead(a wallet.Address) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dead[a]
}

func (b *bench) kill(miners ...wallet.Address) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range miners {
		b.dead[a] = true
	}
}

func (b *bench) killAtThe(n int, message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.killAt[message] = n
}

func (b *bench) put(t testing.TB, owner wallet.Address, data []byte) string {
	t.Helper()
	id, err := b.Store(t.Context(), owner, bytes.Clone(data), userPayload, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// check retrieves and compares.
func (b *bench) check(t testing.TB, owner wallet.Address, id string, want []byte) {
	t.Helper()
	b.checkPayload(t, owner, id, want, userPayload)
}

func (b *bench) checkPayload(t testing.TB, owner wallet.Address, id string, want []byte, wantPayload string) {
	t.Helper()
	got, payload, err := b.Retrieve(t.Context(), owner, id)
	if err != nil || !bytes.Equal(got, want) || payload != wantPayload {
		t.Fatalf("%d bytes with payload %s, %v; want %d bytes", len(got), payload, err, len(want))
	}
}

func (b *bench) file(t testing.TB, id string) index.File {
	t.Helper()
	f, err := b.Index.File(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (b *bench) holders(t testing.TB, hash string) []wallet.Address {
	t.Helper()
	holders, err := b.Index.Holders(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	return holders
}

// replica is the hash of what a miner holds of a chunk; "" for nothing.
func (b *bench) replica(t testing.TB, m *fleettest.Miner, hash string) string {
	t.Helper()
	h, err := b.Index.Holding(t.Context(), m.Hotkey(), hash)
	if errors.Is(err, index.ErrNotFound) {
		return ""
	} else if err != nil {
		t.Fatal(err)
	}
	return h.Held()
}

// held counts the data at all miners, as they themselves know them.
func (b *bench) held() (n int) {
	for _, m := range b.Miners {
		n += len(m.Holds())
	}
	return n
}

const userPayload = `{"nonce":"of the user"}`

func user(t testing.TB, name string) wallet.Address { return fleettest.Key(t, name).Address() }

// noise is size bytes that look random and are the same in every run.
func noise(size int) []byte {
	data := make([]byte, 0, size+sha256.Size)
	for seed := sha256.Sum256(nil); len(data) < size; seed = sha256.Sum256(seed[:]) {
		data = append(data, seed[:]...)
	}
	return data[:size]
}
