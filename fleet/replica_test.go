package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

func holding(t *testing.T, net *fleettest.Net, i int, hash string) index.Holding {
	t.Helper()
	h, err := net.Index.Holding(t.Context(), net.Miners[i].Hotkey(), hash)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// native has all miners know native audits.
func native(net *fleettest.Net) *fleettest.Net {
	for _, m := range net.Miners {
		m.Behave(fleettest.Honest, "Tags", "Audit")
	}
	return net
}

// No two miners hold the same bytes, none of them the datum, and everybody who
// asks gets the datum back.
func TestEveryHolderHasOtherBytes(t *testing.T) {
	net := fleettest.New(t, 3)
	f := newFleet(net, fleet.Config{})
	data := bytes.Repeat([]byte("some data "), 1000)
	chunk := spreadChunk(t, f, net, bytes.Clone(data))
	seen := [][]byte{data}
	for i, m := range net.Miners {
		h := holding(t, net, i, chunk.Hash)
		held := m.Bytes(h.Replica)
		if h.Hash != chunk.Hash || h.Replica == "" || proof.Sum(held).String() != h.Replica || h.Size != chunk.Size {
			t.Errorf("miner %d: %+v with %d bytes", i, h, len(held))
		}
		for _, other := range seen {
			same := 0
			for at := range held {
				if held[at] == other[at] {
					same++
				}
			}
			if same > len(data)/100 {
				t.Errorf("miner %d has %d of %d bytes that another one has, or the datum", i, same, len(data))
			}
		}
		seen = append(seen, held)
		if got, o := f.Retrieve(t.Context(), net.Neuron(i), h); !o.OK() || !bytes.Equal(got, data) {
			t.Errorf("miner %d: %d bytes, %v", i, len(got), o.Err)
		}
	}
	if got, _, err := f.Fetch(t.Context(), chunk); err != nil || !bytes.Equal(got, data) {
		t.Errorf("fetched %d bytes, %v", len(got), err)
	}
	for i, m := range net.Miners {
		if o := f.Delete(t.Context(), net.Neuron(i), chunk.Hash); !o.OK() || len(m.Holds()) != 0 {
			t.Errorf("deleted: %+v, left %v", o, m.Holds())
		}
	}
}

// Storing again gives the miner the same bytes, also after a restart.
func TestAReplicaIsTheSameAgain(t *testing.T) {
	net := fleettest.New(t, 1)
	first := store(t, newFleet(net, fleet.Config{}), net, 0, []byte("some data"))
	again := store(t, newFleet(net, fleet.Config{}), net, 0, []byte("some data"))
	if first.Replica != again.Replica || len(net.Miners[0].Holds()) != 1 {
		t.Errorf("%s, then %s", first.Replica, again.Replica)
	}
}

// twins has the first miner answer in the place of the second, about what it
// was given itself.
type twins struct {
	wire.Transport
	first wire.Peer
	has   string
}

func (w twins) Call(ctx context.Context, _ wire.Peer, msg wire.Message) (wire.Exchange, error) {
	switch msg := msg.(type) {
	case *wire.Challenge:
		msg.ChallengeHash = w.has
	case *wire.Retrieve:
		msg.DataHash = w.has
	}
	return w.Transport.Call(ctx, w.first, msg)
}

// A miner that has what another one was given passes nothing with it.
func TestAnothersReplicaIsNoAnswer(t *testing.T) {
	net := native(fleettest.New(t, 2))
	f := newFleet(net, fleet.Config{})
	chunk := spreadChunk(t, f, net, make([]byte, 20_000))
	first, second := holding(t, net, 0, chunk.Hash), holding(t, net, 1, chunk.Hash)
	ask := func(f *fleet.Fleet, h index.Holding, task fleet.Task) {
		t.Helper()
		q, err := f.Question(t.Context(), net.Neuron(1), h, chain.Block{}, task)
		if err != nil {
			t.Fatal(err)
		}
		if o := f.Ask(t.Context(), net.Neuron(1), q); !errors.Is(o.Err, proof.ErrProof) || o.Void || o.Native != (h.Native != nil && task == fleet.TaskChallenge) {
			t.Errorf("%+v", o)
		}
	}
	was := net.Miners[1].Bytes(second.Held())
	copy(was, net.Miners[0].Bytes(first.Held()))
	ask(f, second, fleet.TaskChallenge)
	second = holding(t, net, 1, chunk.Hash)
	if second.Native != nil {
		t.Error("there is a pledge yet")
	}
	w := twins{net, wire.Peer{Hotkey: first.Holder}, first.Held()}
	ask(fleet.New(fleet.Config{}, deps(net, w)), second, fleet.TaskChallenge)
	ask(fleet.New(fleet.Config{}, deps(net, w)), second, fleet.TaskRetrieve)
}

// raw has a miner hold a datum as it is, as an index from elsewhere may say.
func raw(t *testing.T, net *fleettest.Net, i int, data []byte) index.Holding {
	t.Helper()
	req, err := proof.NewStoreRequest(deps(net, net).Rand)
	if err != nil {
		t.Fatal(err)
	}
	n := net.Neuron(i)
	msg := &wire.Store{EncryptedData: data, Curve: req.Curve, G: req.G, H: req.H, Seed: req.Seed}
	if _, err := net.Call(t.Context(), wire.Peer{Hotkey: n.Hotkey}, msg); err != nil {
		t.Fatal(err)
	}
	h := index.Holding{
		Holder: n.Hotkey, Hash: proof.Sum(data).String(), Kind: index.User, Size: int64(len(data)),
		Seed: req.Seed, Stored: time.Now(), TTL: time.Hour,
	}
	if err := net.Index.PutHolding(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	return h
}

// Data from elsewhere is held unmasked, audited as it is, natively too, and
// replaced by a replica when it is stored again.
func TestUnmaskedHoldings(t *testing.T) {
	net := native(fleettest.New(t, 1))
	f := newFleet(net, fleet.Config{})
	data := bytes.Repeat([]byte("data"), 2000)
	h := raw(t, net, 0, data)
	for _, want := range []fleet.Task{fleet.TaskRetrieve, fleet.TaskChallenge} {
		now := holding(t, net, 0, h.Hash)
		if o := f.Challenge(t.Context(), net.Neuron(0), now); !o.OK() || o.Task != want || o.Native != (want == fleet.TaskChallenge) {
			t.Fatalf("want a %s: %+v", want, o)
		}
	}
	if got, _, err := f.Fetch(t.Context(), index.Chunk{Hash: h.Hash, Size: h.Size}); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("fetched %d bytes, %v", len(got), err)
	}
	old := holding(t, net, 0, h.Hash)
	if o := f.Store(t.Context(), net.Neuron(0), fleet.NewDatum(data), index.User, time.Hour); !o.OK() {
		t.Fatal(o.Err)
	}
	now := holding(t, net, 0, h.Hash)
	if now.Replica == "" || !slices.Equal(net.Miners[0].Holds(), []string{now.Replica}) {
		t.Errorf("%+v at a miner with %v", now, net.Miners[0].Holds())
	}
	// Who still asks for what there was before blames nobody.
	if _, o := f.Retrieve(t.Context(), net.Neuron(0), old); !o.Void || !errors.Is(o.Err, fleet.ErrMoot) {
		t.Errorf("asked for what was replaced: %+v", o)
	}
	if o := f.Challenge(t.Context(), net.Neuron(0), now); !o.OK() || !o.Native {
		t.Errorf("%+v", o)
	}
	if o := f.Delete(t.Context(), net.Neuron(0), h.Hash); !o.OK() || len(net.Miners[0].Holds()) != 0 {
		t.Errorf("deleted: %+v, left %v", o, net.Miners[0].Holds())
	}
}

// Copies for the miners take their turn in the same memory as retrievals, also
// those that are larger than it.
func TestReplicasInMemoryAreBounded(t *testing.T) {
	net := fleettest.New(t, 8)
	m := &meter{Transport: net}
	f := fleet.New(fleet.Config{InFlight: 2500}, deps(net, m))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			d := fleet.NewDatum(bytes.Repeat([]byte{byte(i)}, 1000))
			if _, err := f.Spread(t.Context(), d, index.User, time.Hour, 8, net.Neurons()); err != nil {
				t.Error(err)
			}
			if _, _, err := f.Fetch(t.Context(), index.Chunk{Hash: d.Hash(), Size: d.Size()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m.most > 2500 || m.most == 0 {
		t.Errorf("%d bytes in flight, at most 2500 allowed", m.most)
	}
	large := fleet.NewDatum(make([]byte, 10_000))
	if _, err := f.Spread(t.Context(), large, index.User, time.Hour, 8, net.Neurons()); err != nil {
		t.Error(err)
	}
}
