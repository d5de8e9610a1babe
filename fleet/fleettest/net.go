// Package fleettest is a small network for the tests of those who ask miners:
// an index on disk, a metagraph, and miners that keep what they are given and
// prove it, until a test has them misbehave. It is not the miner of the
// product. Enter at New.
package fleettest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Net is a subnet: the asker has UID 0, the miners those from 1 on.
type Net struct {
	// Asker is the key that asks, a validator with permit and stake.
	Asker  *wallet.Keypair
	Index  *index.Index
	Miners []*Miner

	graph atomic.Pointer[chain.Metagraph]
}

// New makes a network of that many honest miners, which ends with the test.
func New(t testing.TB, miners int) *Net {
	t.Helper()
	x, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	n := &Net{Asker: Key(t, "asker"), Index: x}
	neurons := []chain.Neuron{{
		Hotkey: n.Asker.Address(), Stake: 5000 * chain.TAO, ValidatorPermit: true, Axon: axon(0),
	}}
	for i := range miners {
		m := newMiner(Key(t, fmt.Sprintf("miner%d", i)))
		n.Miners = append(n.Miners, m)
		neurons = append(neurons, chain.Neuron{UID: chain.UID(i + 1), Hotkey: m.Hotkey(), Axon: axon(i + 1)})
	}
	n.graph.Store(&chain.Metagraph{NetUID: 21, Neurons: neurons})
	return n
}

// Key is a key of that name, the same in every run.
func Key(t testing.TB, name string) *wallet.Keypair {
	t.Helper()
	k, err := wallet.KeypairFromURI("//" + name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func axon(i int) chain.Axon {
	return chain.Axon{Block: 1, IP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port: uint16(9000 + i), Version: 7002000, Protocol: 4}
}

// Metagraph is the subnet now.
func (n *Net) Metagraph() *chain.Metagraph { return n.graph.Load() }

// Change replaces the metagraph by a copy that edit has changed.
func (n *Net) Change(edit func(*chain.Metagraph)) {
	m := *n.graph.Load()
	m.Neurons = slices.Clone(m.Neurons)
	edit(&m)
	n.graph.Store(&m)
}

// Neuron is the i-th miner as the chain knows it.
func (n *Net) Neuron(i int) chain.Neuron {
	neuron, _ := n.Metagraph().ByHotkey(n.Miners[i].Hotkey())
	return neuron
}

// Neurons are all miners as the chain knows them.
func (n *Net) Neurons() []chain.Neuron { return n.Metagraph().Neurons[1:] }

// Call implements wire.Transport without sockets.
func (n *Net) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	start := time.Now()
	for _, m := range n.Miners {
		if m.Hotkey() == to.Hotkey {
			err := m.answer(ctx, wire.Caller{Hotkey: n.Asker.Address()}, msg)
			x := wire.Exchange{Elapsed: time.Since(start)}
			switch {
			case err == nil:
				return x, nil
			case errors.Is(err, context.DeadlineExceeded):
				return x, wire.Timeout("no answer in time")
			}
			return x, &wire.Error{Status: wire.StatusOf(err), Text: "failed", Err: err}
		}
	}
	return wire.Exchange{}, wire.Unavailable("nobody there")
}
