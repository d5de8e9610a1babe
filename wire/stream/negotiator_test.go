package stream_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
	"github.com/filetao/filetao/wire/wiretest"
)

// TestNegotiator: the suites pass with a peer that streams; with others it is a
// synapse.Client.
func TestNegotiator(t *testing.T) {
	t.Run("Calls", func(t *testing.T) {
		wiretest.Run(t, func(t *testing.T, s wiretest.Setup) (wire.Transport, wire.Peer) {
			n, peer := negotiator(t, s.Client, nil), serve(t, s)
			if len(s.Routes) == 0 || s.Routes[0].New().Name() != (&wire.Ping{}).Name() {
				_, err := n.Call(t.Context(), peer, &wire.Ping{})
				check(t, err)
			}
			return n, peer
		})
	})
	t.Run("Streams", func(t *testing.T) {
		wiretest.RunStreams(t, func(t *testing.T, s wiretest.Setup) (wire.Streamer, wire.Peer) {
			return negotiator(t, s.Client, nil), serve(t, s)
		})
	})
}

// spy counts what is asked over synapse.
type spy struct {
	wire.Transport
	pings, others atomic.Int64
	drop          func() error // closes idle connections
}

func (s *spy) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	if _, ping := msg.(*wire.Ping); ping {
		s.pings.Add(1)
	} else {
		s.others.Add(1)
	}
	return s.Transport.Call(ctx, to, msg)
}

func (s *spy) counts() [2]int64 { return [2]int64{s.pings.Swap(0), s.others.Swap(0)} }

// clock is set by a test.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// negotiator asks over both, under one key; over synapse through a spy, if there is
// one.
func negotiator(t testing.TB, key *wallet.Keypair, over *spy) *stream.Negotiator {
	t.Helper()
	slow := synapse.NewClient(synapse.ClientConfig{Key: key}, synapse.ClientDeps{})
	t.Cleanup(func() { check(t, slow.Close()) })
	if over == nil {
		over = &spy{}
	}
	over.Transport, over.drop = slow, slow.Close
	return stream.NewNegotiator(over, client(t, stream.ClientConfig{Key: key}))
}

// axon serves all routes over synapse, and over streams too if it speaks them.
func axon(t testing.TB, s wiretest.Setup, listen string, streams bool) (wire.Peer, func()) {
	t.Helper()
	server, err := synapse.NewServer(synapse.ServerConfig{Key: s.Server, Listen: listen, DrainTimeout: 100 * time.Millisecond}, synapse.ServerDeps{Door: s.Door})
	check(t, err)
	fast, err := stream.NewServer(stream.ServerConfig{Key: s.Server}, stream.ServerDeps{Door: s.Door})
	check(t, err)
	for _, r := range s.Routes {
		server.Handle(r.New, r.Handle, synapse.BodySize(r.MaxData))
		fast.Handle(r.New, r.Handle, synapse.BodySize(r.MaxData))
	}
	for _, r := range s.Streams {
		fast.HandleStream(r.New, r.Handle, r.MaxBody)
	}
	if streams {
		server.Mount(wire.StreamPath, fast)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	stop := sync.OnceFunc(func() { cancel(); check(t, <-ended) })
	t.Cleanup(stop)
	return wire.Peer{Hotkey: s.Server.Address(), Addr: server.Addr()}, stop
}

// both answers Delete, and PutShard with a body.
func both(t testing.TB) wiretest.Setup {
	return wiretest.Setup{
		Server: wiretest.Key(t, "//Bob"), Client: wiretest.Key(t, "//Alice"), Door: openDoor(),
		Routes: []wiretest.Route{{New: func() wire.Message { return &wire.Delete{} }, Handle: func(context.Context, wire.Caller, wire.Message) error { return nil }}},
		Streams: []wiretest.StreamRoute{{New: func() wire.Message { return &wire.PutShard{} }, Handle: func(_ context.Context, _ wire.Caller, _ wire.Message, in wire.Body) (wire.Body, error) {
			_, err := io.Copy(io.Discard, in.Reader)
			return wire.Body{}, err
		}, MaxBody: 1 << 20}},
	}
}

func open(t testing.TB, n *stream.Negotiator, peer wire.Peer) error {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, err := n.Open(ctx, peer, &wire.PutShard{}, wire.Body{Size: 4, Reader: strings.NewReader("data")})
	if err == nil {
		err = a.Close()
	}
	return err
}

// TestWhoSpeaksWhat follows a peer that streams, stops to, and does again.
func TestWhoSpeaksWhat(t *testing.T) {
	setup, over := both(t), &spy{}
	peer, stop := axon(t, setup, "", true)
	n := negotiator(t, setup.Client, over)
	call := func(want error, pings, others int64) {
		t.Helper()
		if _, err := n.Call(t.Context(), peer, &wire.Delete{}); !errors.Is(err, want) {
			t.Errorf("call: %v, want %v", err, want)
		}
		if got := over.counts(); got != [2]int64{pings, others} {
			t.Errorf("call: %v pings and others over synapse, want %d and %d", got, pings, others)
		}
	}
	opens := func(want error, pings int64) {
		t.Helper()
		if err := open(t, n, peer); !errors.Is(err, want) {
			t.Errorf("open: %v, want %v", err, want)
		}
		if got := over.counts(); got != [2]int64{pings, 0} {
			t.Errorf("open: %v pings and others over synapse, want %d", got, pings)
		}
	}
	call(nil, 0, 1) // not known yet
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { check(t, open(t, n, peer)) })
	}
	group.Wait()
	if got := over.counts(); got != [2]int64{1, 0} {
		t.Errorf("20 asked the peer %v times", got)
	}
	call(nil, 0, 0)
	ex, err := n.Call(t.Context(), peer, &wire.Ping{})
	if check(t, err); !ex.Streams || over.counts() != [2]int64{} {
		t.Error("a ping to who streams says nothing of it")
	}
	addr := peer.Addr.String()
	again := func(streams bool) {
		stop()
		check(t, over.drop())
		_, stop = axon(t, setup, addr, streams)
	}
	again(false)
	call(nil, 0, 1) // it fell back
	opens(wire.ErrNoStream, 1)
	opens(wire.ErrNoStream, 0)
	again(true)
	opens(wire.ErrNoStream, 0) // as far as is known
	ex, err = n.Call(t.Context(), peer, &wire.Ping{})
	if check(t, err); !ex.Streams {
		t.Error("the ping does not say that it streams")
	}
	over.counts()
	opens(nil, 0)
	again(false)
	opens(wire.ErrNoStream, 0) // found out by the stream itself
	opens(wire.ErrNoStream, 1)
}

// TestWhatIsKnownGetsOld: after an hour a peer is asked again.
func TestWhatIsKnownGetsOld(t *testing.T) {
	setup, over, c := both(t), &spy{}, &clock{}
	peer, _ := axon(t, setup, "", false)
	slow := synapse.NewClient(synapse.ClientConfig{Key: setup.Client}, synapse.ClientDeps{})
	fast := stream.NewClient(stream.ClientConfig{Key: setup.Client}, stream.ClientDeps{Now: c.now})
	t.Cleanup(func() { check(t, errors.Join(slow.Close(), fast.Close())) })
	over.Transport = slow
	n := stream.NewNegotiator(over, fast)
	for _, want := range []int64{1, 0} {
		if err := open(t, n, peer); !errors.Is(err, wire.ErrNoStream) || wire.StatusOf(err) != wire.StatusNotFound || over.counts()[0] != want {
			t.Errorf("%v", err)
		}
	}
	c.ahead.Store(int64(time.Hour))
	if err := open(t, n, peer); !errors.Is(err, wire.ErrNoStream) || over.counts()[0] != 1 {
		t.Errorf("after an hour: %v", err)
	}
}

// TestNobodyThere: a peer that does not answer is not taken for one that does not
// stream.
func TestNobodyThere(t *testing.T) {
	setup, over := both(t), &spy{}
	peer, stop := axon(t, setup, "", true)
	stop()
	n := negotiator(t, setup.Client, over)
	for range 2 {
		if err := open(t, n, peer); wire.StatusOf(err) != wire.StatusUnavailable || over.counts()[0] != 1 {
			t.Errorf("nobody there: %v", err)
		}
	}
	axon(t, setup, peer.Addr.String(), true)
	check(t, open(t, n, peer))
	if err := open(t, n, wire.Peer{Hotkey: peer.Hotkey, Addr: netip.AddrPort{}}); err == nil {
		t.Error("no address")
	}
}
