package stream_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
	"github.com/filetao/filetao/wire/wiretest"
)

// Nothing runs on when the tests have ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTransport(t *testing.T) {
	wiretest.Run(t, func(t *testing.T, s wiretest.Setup) (wire.Transport, wire.Peer) {
		server, peer := serve(t, s)
		for _, r := range s.Routes {
			server.Handle(r.New, r.Handle, synapse.BodySize(r.MaxData))
		}
		return client(t, stream.ClientConfig{Key: s.Client}), peer
	})
}

func TestStreams(t *testing.T) {
	wiretest.RunStreams(t, func(t *testing.T, s wiretest.Setup) (wire.Streamer, wire.Peer) {
		server, peer := serve(t, s)
		for _, r := range s.Streams {
			server.HandleStream(r.New, r.Handle, r.MaxBody)
		}
		return client(t, stream.ClientConfig{Key: s.Client}), peer
	})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve has an axon serve streams until the test ends.
func serve(t testing.TB, s wiretest.Setup) (*stream.Server, wire.Peer) {
	t.Helper()
	return serveWith(t, s, stream.ServerConfig{})
}

func serveWith(t testing.TB, s wiretest.Setup, cfg stream.ServerConfig) (*stream.Server, wire.Peer) {
	t.Helper()
	cfg.Key = s.Server
	server, err := stream.NewServer(cfg, stream.ServerDeps{Door: s.Door})
	check(t, err)
	axon, err := synapse.NewServer(synapse.ServerConfig{Key: s.Server}, synapse.ServerDeps{Door: s.Door})
	check(t, err)
	axon.Mount(wire.StreamPath, server)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- axon.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		check(t, <-ended)
	})
	return server, wire.Peer{Hotkey: s.Server.Address(), Addr: axon.Addr()}
}

func client(t testing.TB, cfg stream.ClientConfig) *stream.Client {
	t.Helper()
	c := stream.NewClient(cfg, stream.ClientDeps{})
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}
