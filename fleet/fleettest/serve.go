package fleettest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// maxData is the largest datum a served miner takes, in bytes.
const maxData = 64 << 20

// Serve gives every miner a server of its own on a loopback socket, and the
// metagraph their addresses. It returns the asker's client. Without it Call
// reaches the miners directly.
func (n *Net) Serve(t testing.TB) *synapse.Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	for i, m := range n.Miners {
		s, err := m.server()
		if err != nil {
			t.Fatal(err)
		}
		n.Change(func(g *chain.Metagraph) { g.Neurons[i+1].Axon.Port = s.Addr().Port() })
		wg.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	client := synapse.NewClient(synapse.ClientConfig{Key: n.Asker}, synapse.ClientDeps{})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		wg.Wait()
	})
	return client
}

func (m *Miner) server() (*synapse.Server, error) {
	door := wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})
	s, err := synapse.NewServer(synapse.ServerConfig{Key: m.key, DrainTimeout: 100 * time.Millisecond}, synapse.ServerDeps{Door: door})
	if err != nil {
		return nil, err
	}
	for _, make := range []func() wire.Message{
		func() wire.Message { return &wire.Ping{} },
		func() wire.Message { return &wire.Store{} },
		func() wire.Message { return &wire.Challenge{} },
		func() wire.Message { return &wire.Retrieve{} },
		func() wire.Message { return &wire.Delete{} },
		func() wire.Message { return &wire.Tags{} },
		func() wire.Message { return &wire.Audit{} },
	} {
		s.Handle(make, m.answer, synapse.BodySize(maxData))
	}
	return s, nil
}
