package synapse

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

func TestTransport(t *testing.T) {
	wiretest.Run(t, func(t *testing.T, s wiretest.Setup) (wire.Transport, wire.Peer) {
		server := startServer(t, ServerConfig{Key: s.Server}, ServerDeps{Door: s.Door}, func(server *Server) {
			for _, r := range s.Routes {
				server.Handle(r.New, r.Handle, BodySize(r.MaxData))
			}
		})
		return testClient(t, ClientConfig{Key: s.Client}), wire.Peer{Hotkey: s.Server.Address(), Addr: server.Addr()}
	})
}

// Nothing runs on when the tests have ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// startServer runs a server until the test ends.
func startServer(t testing.TB, cfg ServerConfig, deps ServerDeps, setup func(*Server)) *Server {
	t.Helper()
	server, stop := runServer(t, cfg, deps, setup)
	t.Cleanup(stop)
	return server
}

// runServer runs a server until stop is called.
func runServer(t testing.TB, cfg ServerConfig, deps ServerDeps, setup func(*Server)) (server *Server, stop func()) {
	t.Helper()
	if cfg.Key == nil {
		cfg.Key = wiretest.Key(t, "//Bob")
	}
	if deps.Door == nil {
		deps.Door = openDoor()
	}
	server, err := NewServer(cfg, deps)
	check(t, err)
	if setup != nil {
		setup(server)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	return server, func() {
		cancel()
		check(t, <-ended)
	}
}

func openDoor() *wire.Door {
	return wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})
}

func testClient(t testing.TB, cfg ClientConfig) *Client {
	t.Helper()
	if cfg.Key == nil {
		cfg.Key = wiretest.Key(t, "//Alice")
	}
	c := NewClient(cfg, ClientDeps{})
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}
