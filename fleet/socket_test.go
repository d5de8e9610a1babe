package fleet_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
)

// Everything once over real sockets, with signatures and all.
func TestOverSockets(t *testing.T) {
	net := fleettest.New(t, 6)
	f := fleet.New(fleet.Config{
		PingTimeout: 2 * time.Second, StoreTimeout: 2 * time.Second, ChallengeTimeout: 2 * time.Second, RetrieveTimeout: 2 * time.Second,
	}, deps(net, net.Serve(t)))
	net.Miners[0].Behave(fleettest.Silent)
	net.Miners[1].Behave(fleettest.Liar)
	net.Miners[2].Behave(fleettest.Failing)
	net.Change(func(m *chain.Metagraph) { m.Neurons[4].Axon.Port = 1 }) // nobody listens there

	if got := uids(f.Alive(t.Context(), net.Neurons())); len(got) != 3 || got[0] != 2 || got[1] != 5 || got[2] != 6 {
		t.Errorf("alive: %v", got) // the liar's pings are true
	}
	data := bytes.Repeat([]byte("some data "), 30_000)
	d := fleet.NewDatum(data)
	statuses := []int{408, 422, 500, 503, 200, 200}
	for i, n := range net.Neurons() {
		if o := f.Store(t.Context(), n, d, index.User, time.Hour); o.Status() != statuses[i] || o.Void {
			t.Errorf("store at miner %d: status %d, want %d: %+v", i, o.Status(), statuses[i], o)
		}
	}
	h, err := net.Index.Holding(t.Context(), net.Miners[5].Hotkey(), d.Hash())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if o := f.Challenge(t.Context(), net.Neuron(5), h); !o.OK() || o.Elapsed <= 0 {
			t.Errorf("challenge: %+v", o)
		}
	}
	got, outcomes, err := f.Fetch(t.Context(), index.Chunk{Hash: d.Hash(), Size: d.Size()})
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("fetched %d bytes, %+v, %v", len(got), outcomes, err)
	}
	if o := f.Delete(t.Context(), net.Neuron(5), d.Hash()); !o.OK() {
		t.Error(o.Err)
	}
	if o := f.Challenge(t.Context(), net.Neuron(5), h); !errors.Is(o.Err, index.ErrNotFound) || !o.Void {
		t.Errorf("challenge about what was deleted: %+v", o)
	}
}
