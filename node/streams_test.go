package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// TestANodeStreams: what a node answers over synapse it answers over streams at the
// same address, and a ping tells so.
func TestANodeStreams(t *testing.T) {
	dev, key := newChain(t)
	m, err := NewMiner(MinerConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Listen: "127.0.0.1:0", Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	<-m.Ready()
	plain := synapse.NewClient(synapse.ClientConfig{Key: key}, synapse.ClientDeps{})
	fast := stream.NewClient(stream.ClientConfig{Key: key}, stream.ClientDeps{})
	call, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	peer := wire.Peer{Hotkey: key.Address(), Addr: m.Addr()}
	for _, transport := range []wire.Transport{plain, fast} {
		if ex, err := transport.Call(call, peer, &wire.Ping{}); err != nil || !ex.Streams {
			t.Errorf("%T: streams %v, %v", transport, ex.Streams, err)
		}
		_, err := transport.Call(call, peer, &wire.Retrieve{DataHash: "1"})
		var said *wire.Error
		if !errors.As(err, &said) || said.Text != "proof: bad request: a seed of 0 bytes" {
			t.Errorf("%T: %v", transport, err)
		}
	}
	cancel()
	if err := errors.Join(<-done, plain.Close(), fast.Close()); err != nil {
		t.Error(err)
	}
}
