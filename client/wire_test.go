package client_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// serve puts gateway 0 of a network on a socket and returns a transport for
// its users, signed by somebody.
func serve(t testing.TB, n *network) wire.Transport {
	t.Helper()
	key := keypair(t, "//gateway0")
	server, err := synapse.NewServer(synapse.ServerConfig{Key: key}, synapse.ServerDeps{
		Door: wire.NewDoor(wire.DoorConfig{AllowUnregistered: true}, wire.DoorDeps{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, makeMsg := range []func() wire.Message{
		func() wire.Message { return &wire.StoreUser{} }, func() wire.Message { return &wire.RetrieveUser{} }, func() wire.Message { return &wire.DeleteUser{} },
	} {
		server.Handle(makeMsg, n.at(0).answer, synapse.BodySize(16<<20))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	axon := &n.graph.Neurons[0].Axon
	axon.IP, axon.Port = server.Addr().Addr(), server.Addr().Port()
	transport := synapse.NewClient(synapse.ClientConfig{Key: keypair(t, "//somebody")}, synapse.ClientDeps{})
	t.Cleanup(func() { _ = transport.Close() })
	return transport
}

func keypair(t testing.TB, uri string) *wallet.Keypair {
	t.Helper()
	k, err := wallet.KeypairFromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestFilesGoRoundOverSockets, of all sizes, beside a gateway that is away.
func TestFilesGoRoundOverSockets(t *testing.T) {
	n := newNetwork(t, 2) // nobody listens at the second one's address
	c := client.New(client.Config{Share: 1}, client.Deps{Transport: serve(t, n), Metagraph: n.Metagraph})
	for _, size := range []int{0, 1, 135, 136, 137, 1<<20 + 1} {
		data := bytes.Repeat([]byte{byte(size)}, size)
		stored, err := c.Put(t.Context(), bytes.Clone(data), client.PutOptions{Encrypt: key()})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Get(t.Context(), stored.CID, client.GetOptions{Key: key(), Gateways: stored.Gateways})
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d of %d bytes, %v", len(got), size, err)
		}
		if err := c.Delete(t.Context(), stored.CID, client.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), stored.CID, client.GetOptions{Key: key()}); !errors.Is(err, client.ErrNotFound) {
			t.Fatal(err)
		}
	}
}
