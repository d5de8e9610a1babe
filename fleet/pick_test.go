package fleet_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/wire"
)

func uids(miners []chain.Neuron) []int {
	out := make([]int, len(miners))
	for i, n := range miners {
		out[i] = int(n.UID)
	}
	return out
}

func TestAvailableAreServingMinersInOrder(t *testing.T) {
	net := fleettest.New(t, 7)
	net.Change(func(m *chain.Metagraph) {
		m.Neurons[2].Axon = chain.Axon{}
		m.Neurons[3].ValidatorPermit, m.Neurons[3].Stake = true, 501*chain.TAO
		m.Neurons[4].ValidatorPermit, m.Neurons[4].Stake = true, 500*chain.TAO
		m.Neurons[5].Stake = 9000 * chain.TAO // no permit: a miner with much stake
		m.Neurons[6].Axon.Port = 0
	})
	f := newFleet(net, fleet.Config{})
	if got := uids(f.Available()); !slices.Equal(got, []int{1, 4, 5, 7}) {
		t.Errorf("available: %v", got)
	}
	none := fleet.New(fleet.Config{}, fleet.Deps{Key: net.Asker, Metagraph: func() *chain.Metagraph { return nil }})
	if got := none.Due(chain.Hash{1}, 10); len(got) != 0 {
		t.Errorf("without a metagraph: %v", got)
	}
}

// Who is due follows from the block's hash as in CPython.
func TestDueIsTheReferences(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/cpython_random.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Sample []struct {
			BlockHash  chain.Hash `json:"block_hash"`
			Population int
			K          int
			Sample     []int
		}
	}
	if err := json.Unmarshal(data, &v); err != nil || len(v.Sample) == 0 {
		t.Fatal(err, len(v.Sample))
	}
	axon, key := fleettest.New(t, 1).Neuron(0).Axon, fleettest.Key(t, "asker")
	for _, c := range v.Sample {
		m := &chain.Metagraph{Neurons: make([]chain.Neuron, c.Population)}
		for i := range m.Neurons {
			m.Neurons[i] = chain.Neuron{UID: chain.UID(i), Hotkey: "miner", Axon: axon}
		}
		f := fleet.New(fleet.Config{}, fleet.Deps{Key: key, Metagraph: func() *chain.Metagraph { return m }})
		if got := uids(f.Due(c.BlockHash, c.K)); !slices.Equal(got, c.Sample) {
			t.Errorf("%d of %d due at %s: %v, want %v", c.K, c.Population, c.BlockHash, got, c.Sample)
		}
	}
}

func TestAliveKeepsTheirOrder(t *testing.T) {
	net := fleettest.New(t, 5)
	net.Miners[1].Behave(fleettest.Silent)
	net.Miners[2].Behave(fleettest.Failing)
	f := newFleet(net, fleet.Config{PingTimeout: 200 * time.Millisecond})
	if got := uids(f.Alive(t.Context(), net.Neurons())); !slices.Equal(got, []int{1, 4, 5}) {
		t.Errorf("alive: %v", got)
	}
}

// gate counts how many calls are under way; they wait until it has seen enough.
type gate struct {
	wire.Transport
	enough int

	mu        sync.Mutex // guards all below
	now, most int
	open      chan struct{}
	once      sync.Once
}

func (g *gate) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	g.mu.Lock()
	g.now++
	g.most = max(g.most, g.now)
	if g.now == g.enough {
		g.once.Do(func() { close(g.open) })
	}
	g.mu.Unlock()
	<-g.open
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.now--
	}()
	return g.Transport.Call(ctx, to, msg)
}

func TestParallelIsBounded(t *testing.T) {
	net := fleettest.New(t, 12)
	g := &gate{Transport: net, enough: 3, open: make(chan struct{})}
	f := fleet.New(fleet.Config{Parallel: 3}, deps(net, g))
	if got := f.Alive(t.Context(), net.Neurons()); len(got) != 12 {
		t.Errorf("%d alive", len(got))
	}
	if g.most != 3 {
		t.Errorf("%d pings at a time, want 3", g.most)
	}
}
