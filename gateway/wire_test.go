package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// served is a gateway and its miners, each a real axon on a socket.
type served struct {
	*fleettest.Net
	fleet *fleet.Fleet
	peer  wire.Peer
	kill  []func()               // per miner: its axon drops all connections and is gone
	fatal atomic.Pointer[string] // a message at which the miner that gets it is killed, once
}

func serve(t *testing.T, miners int, access gateway.Access, cfg gateway.Config) *served {
	t.Helper()
	s := &served{Net: fleettest.New(t, miners)}
	for i, m := range s.Miners {
		s.serveMiner(t, i, m)
	}
	transport := synapse.NewClient(synapse.ClientConfig{Key: s.Asker}, synapse.ClientDeps{})
	t.Cleanup(func() { _ = transport.Close() })
	s.fleet = fleet.New(fleet.Config{
		PingTimeout: time.Second, StoreTimeout: 2 * time.Second, RetrieveTimeout: 2 * time.Second, DeleteTimeout: time.Second,
	}, fleet.Deps{Transport: transport, Index: s.Index, Metagraph: s.Metagraph, Rand: rand.Reader, Key: s.Asker})
	server, err := synapse.NewServer(synapse.ServerConfig{Key: s.Asker}, synapse.ServerDeps{Door: wire.NewDoor(access.Door(), wire.DoorDeps{})})
	if err != nil {
		t.Fatal(err)
	}
	gateway.New(cfg, gateway.Deps{Fleet: s.fleet, Index: s.Index, Key: envelope.Key{7}}).Register(server)
	run(t, server)
	s.peer = wire.Peer{Hotkey: s.Asker.Address(), Addr: server.Addr()}
	return s
}

// serveMiner puts a miner on a socket and tells the metagraph where.
func (s *served) serveMiner(t *testing.T, i int, m *fleettest.Miner) {
	t.Helper()
	server, err := synapse.NewServer(synapse.ServerConfig{
		Key: fleettest.Key(t, "miner"+string(rune('0'+i))), DrainTimeout: time.Nanosecond,
	}, synapse.ServerDeps{Door: wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(ctx context.Context, _ wire.Caller, msg wire.Message) error {
		if fatal := s.fatal.Load(); fatal != nil && *fatal == msg.Name() && s.fatal.CompareAndSwap(fatal, nil) {
			s.kill[i]()
			<-ctx.Done()
			return ctx.Err()
		}
		_, err := s.Call(ctx, wire.Peer{Hotkey: m.Hotkey()}, msg)
		return err
	}
	for _, makeMsg := range []func() wire.Message{
		func() wire.Message { return &wire.Store{} }, func() wire.Message { return &wire.Retrieve{} }, func() wire.Message { return &wire.Delete{} },
	} {
		server.Handle(makeMsg, answer, synapse.BodySize(16<<20))
	}
	s.kill = append(s.kill, run(t, server))
	s.Change(func(g *chain.Metagraph) {
		axon := &g.Neurons[i+1].Axon
		axon.IP, axon.Port = server.Addr().Addr(), server.Addr().Port()
	})
}

// run serves until the test ends or stop is called.
func run(t *testing.T, server *synapse.Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return cancel
}

// user asks the gateway under a key of that name.
func (s *served) user(t *testing.T, name string) (ask func(wire.Message) error, hotkey wallet.Address) {
	t.Helper()
	key := fleettest.Key(t, name)
	c := synapse.NewClient(synapse.ClientConfig{Key: key, Timeout: time.Minute}, synapse.ClientDeps{})
	t.Cleanup(func() { _ = c.Close() })
	return func(msg wire.Message) error {
		_, err := c.Call(t.Context(), s.peer, msg)
		return err
	}, key.Address()
}

// TestOverTheWire: what users see, from axon to axon.
func TestOverTheWire(t *testing.T) {
	s := serve(t, 5, gateway.Access{Whitelist: []wallet.Address{user(t, "alice"), user(t, "bob")}}, gateway.Config{ChunkSize: 1 << 18, MaxFile: 2 << 20})
	alice, _ := s.user(t, "alice")
	bob, _ := s.user(t, "bob")
	eve, _ := s.user(t, "eve")
	for _, size := range []int{0, 1, 136, 1<<20 + 1} {
		data, ttl := noise(size), int64(3600)
		store := &wire.StoreUser{EncryptedData: bytes.Clone(data), EncryptionPayload: userPayload, TTL: &ttl}
		if err := alice(store); err != nil || store.DataHash != cid.Sum(data) {
			t.Fatalf("%d bytes: %q, %v", size, store.DataHash, err)
		}
		get := &wire.RetrieveUser{DataHash: store.DataHash}
		if err := alice(get); err != nil || !bytes.Equal(get.EncryptedData, data) || get.EncryptionPayload != userPayload {
			t.Fatalf("%d of %d bytes, %q, %v", len(get.EncryptedData), size, get.EncryptionPayload, err)
		}
		remove := &wire.DeleteUser{DataHash: store.DataHash}
		for _, ask := range []struct {
			who  func(wire.Message) error
			want int
		}{{eve, wire.StatusForbidden}, {bob, wire.StatusNotFound}} {
			for _, msg := range []wire.Message{remove, &wire.RetrieveUser{DataHash: store.DataHash}} {
				if err := ask.who(msg); wire.StatusOf(err) != ask.want {
					t.Fatalf("%s: %v", msg.Name(), err)
				}
			}
		}
		if err := alice(remove); err != nil || !remove.Deleted {
			t.Fatalf("%v, %v", remove.Deleted, err)
		}
	}
	for _, m := range s.Miners {
		if len(m.Holds()) != 0 {
			t.Fatalf("a miner still has %v", m.Holds())
		}
	}
	if err := alice(&wire.StoreUser{EncryptedData: make([]byte, 2<<20+1), EncryptionPayload: "{}"}); wire.StatusOf(err) != wire.StatusTooLarge {
		t.Fatal(err)
	}
}

func TestOpenAccess(t *testing.T) {
	s := serve(t, 2, gateway.Access{Open: true, Blacklist: []wallet.Address{user(t, "eve")}}, gateway.Config{})
	anybody, _ := s.user(t, "somebody")
	eve, _ := s.user(t, "eve")
	if err := anybody(&wire.StoreUser{EncryptedData: noise(10), EncryptionPayload: "{}"}); err != nil {
		t.Fatal(err)
	}
	if err := eve(&wire.StoreUser{EncryptedData: noise(10), EncryptionPayload: "{}"}); wire.StatusOf(err) != wire.StatusForbidden {
		t.Fatal(err)
	}
}

// TestMinersKilledAtWork lose their sockets in the middle of a put and of a
// get: the put takes other miners, the get other holders.
func TestMinersKilledAtWork(t *testing.T) {
	s := serve(t, 6, gateway.Access{Open: true}, gateway.Config{ChunkSize: 1 << 16})
	ask, _ := s.user(t, "alice")
	data := noise(1 << 18)
	for _, message := range []string{"Store", "Retrieve", "Retrieve"} {
		s.fatal.Store(&message)
		store := &wire.StoreUser{EncryptedData: bytes.Clone(data), EncryptionPayload: "{}"}
		if err := ask(store); err != nil {
			t.Fatal(err)
		}
		get := &wire.RetrieveUser{DataHash: store.DataHash}
		if err := ask(get); err != nil || !bytes.Equal(get.EncryptedData, data) {
			t.Fatalf("%d bytes, %v", len(get.EncryptedData), err)
		}
		if s.fatal.Load() != nil {
			t.Fatalf("no miner was killed at %s", message)
		}
		data[0]++
	}
}

// TestErrorsTravel with their words to the user.
func TestErrorsTravel(t *testing.T) {
	s := serve(t, 3, gateway.Access{Open: true}, gateway.Config{})
	ask, _ := s.user(t, "alice")
	store := &wire.StoreUser{EncryptedData: noise(100), EncryptionPayload: "{}"}
	if err := ask(store); err != nil {
		t.Fatal(err)
	}
	for _, kill := range s.kill {
		kill()
	}
	err := ask(&wire.RetrieveUser{DataHash: store.DataHash})
	if wire.StatusOf(err) != wire.StatusUnavailable || !strings.Contains(err.Error(), "chunk 1 of 1") {
		t.Fatal(err)
	}
	err = ask(&wire.StoreUser{EncryptedData: noise(101), EncryptionPayload: "{}"})
	if wire.StatusOf(err) != wire.StatusUnavailable || !strings.Contains(err.Error(), "none answers") {
		t.Fatal(err)
	}
	err = ask(&wire.StoreUser{EncryptedData: noise(101), EncryptionPayload: "none"})
	if wire.StatusOf(err) != wire.StatusBadRequest || !strings.Contains(err.Error(), "want JSON") {
		t.Fatal(err)
	}
}
