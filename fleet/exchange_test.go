package fleet_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

func deps(net *fleettest.Net, transport wire.Transport) fleet.Deps {
	return fleet.Deps{
		Transport: transport, Index: net.Index, Metagraph: net.Metagraph, Rand: rand.Reader, Key: net.Asker,
	}
}

func newFleet(net *fleettest.Net, cfg fleet.Config) *fleet.Fleet {
	return fleet.New(cfg, deps(net, net))
}

func stats(t *testing.T, net *fleettest.Net, i int) index.Stats {
	t.Helper()
	s, err := net.Index.Stats(t.Context(), net.Miners[i].Hotkey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// store puts a datum on a miner, which must work.
func store(t *testing.T, f *fleet.Fleet, net *fleettest.Net, i int, data []byte) index.Holding {
	t.Helper()
	d := fleet.NewDatum(data)
	if o := f.Store(t.Context(), net.Neuron(i), d, index.Random, time.Hour); !o.OK() {
		t.Fatal(o.Err)
	}
	h, err := net.Index.Holding(t.Context(), net.Miners[i].Hotkey(), d.Hash())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestStoreIsRecordedOnceVerified(t *testing.T) {
	net := fleettest.New(t, 1)
	f := newFleet(net, fleet.Config{})
	h := store(t, f, net, 0, []byte("some data"))
	if h.Kind != index.Random || h.Size != 9 || h.TTL != time.Hour || proof.CheckSeed(h.Seed) != nil {
		t.Errorf("recorded %+v", h)
	}
	if got := net.Miners[0].TTL(h.Held()); got != 3600 {
		t.Errorf("the miner was told a ttl of %d s", got)
	}
	s := stats(t, net, 0)
	if s.Store != (index.Tally{Attempts: 1, Successes: 1}) || s.TotalSuccesses != 1 || s.Tier != "Bronze" || s.StorageLimit != 10<<40 {
		t.Errorf("statistics %+v", s)
	}
}

func TestStoreWithoutTTLIsForThirtyDays(t *testing.T) {
	net := fleettest.New(t, 1)
	d := fleet.NewDatum([]byte("x"))
	if o := newFleet(net, fleet.Config{}).Store(t.Context(), net.Neuron(0), d, index.User, 0); !o.OK() {
		t.Fatal(o.Err)
	}
	h, err := net.Index.Holding(t.Context(), net.Miners[0].Hotkey(), d.Hash())
	if err != nil || h.TTL != 30*24*time.Hour || net.Miners[0].TTL(h.Held()) != 30*24*3600 {
		t.Errorf("ttl %v and %d s: %v", h.TTL, net.Miners[0].TTL(h.Held()), err)
	}
}

func TestBadStoresAreCountedAndNotRecorded(t *testing.T) {
	for _, c := range []struct {
		as     fleettest.Behaviour
		status int
		came   bool
	}{{fleettest.Liar, 422, true}, {fleettest.Failing, 500, false}, {fleettest.Silent, 408, false}} {
		net := fleettest.New(t, 1)
		net.Miners[0].Behave(c.as)
		f := newFleet(net, fleet.Config{StoreTimeout: 200 * time.Millisecond})
		o := f.Store(t.Context(), net.Neuron(0), fleet.NewDatum([]byte("data")), index.Random, time.Hour)
		if o.OK() || o.Void || o.Came != c.came || o.Status() != c.status {
			t.Errorf("behaviour %d: %+v with status %d", c.as, o, o.Status())
		}
		if c.as == fleettest.Liar && !errors.Is(o.Err, proof.ErrProof) {
			t.Errorf("a lie: %v", o.Err)
		}
		if s := stats(t, net, 0); s.Store != (index.Tally{Attempts: 1}) || s.TotalSuccesses != 0 {
			t.Errorf("behaviour %d: statistics %+v", c.as, s)
		}
		if n, err := net.Index.StoredBytes(t.Context(), net.Miners[0].Hotkey()); n != 0 || err != nil {
			t.Errorf("behaviour %d: %d bytes recorded, %v", c.as, n, err)
		}
	}
}

func TestGivingUpIsNotTheMinersFault(t *testing.T) {
	net := fleettest.New(t, 1)
	f := newFleet(net, fleet.Config{})
	h := store(t, f, net, 0, []byte("data"))
	net.Miners[0].Behave(fleettest.Silent)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if o := f.Challenge(ctx, net.Neuron(0), h); o.OK() || !o.Void {
		t.Errorf("given up: %+v", o)
	}
	if s := stats(t, net, 0); s.Challenge.Attempts != 0 {
		t.Errorf("statistics %+v", s)
	}
}

func TestChallenge(t *testing.T) {
	net := fleettest.New(t, 1)
	f := newFleet(net, fleet.Config{})
	h := store(t, f, net, 0, bytes.Repeat([]byte("data"), 5000))
	seed := func() string {
		now, err := net.Index.Holding(t.Context(), h.Holder, h.Hash)
		if err != nil {
			t.Fatal(err)
		}
		return now.Seed
	}
	for range 3 {
		before := seed()
		if o := f.Challenge(t.Context(), net.Neuron(0), h); !o.OK() || o.Bytes != 20000 {
			t.Fatalf("honest: %+v", o)
		}
		if seed() == before {
			t.Fatal("the seed did not move on")
		}
	}
	net.Miners[0].Behave(fleettest.Liar)
	before := seed()
	if o := f.Challenge(t.Context(), net.Neuron(0), h); !errors.Is(o.Err, proof.ErrProof) {
		t.Fatalf("a lie: %+v", o)
	}
	if seed() != before {
		t.Error("a lie moved the seed")
	}
	if s := stats(t, net, 0); s.Challenge != (index.Tally{Attempts: 4, Successes: 3}) || s.TotalSuccesses != 4 {
		t.Errorf("statistics %+v", s)
	}
}

func TestEmptyDataIsNeverChallenged(t *testing.T) {
	net := fleettest.New(t, 1)
	f := newFleet(net, fleet.Config{})
	h := store(t, f, net, 0, nil)
	if o := f.Challenge(t.Context(), net.Neuron(0), h); !errors.Is(o.Err, fleet.ErrEmpty) || !o.Void {
		t.Errorf("%+v", o)
	}
	if n := net.Miners[0].Asked("Challenge"); n != 0 {
		t.Errorf("asked %d times", n)
	}
	if data, o := f.Retrieve(t.Context(), net.Neuron(0), h); !o.OK() || len(data) != 0 {
		t.Errorf("retrieved %q, %+v", data, o)
	}
}

func TestRetrieveVerifiesWhatItReturns(t *testing.T) {
	net := fleettest.New(t, 1)
	f := newFleet(net, fleet.Config{})
	h := store(t, f, net, 0, []byte("some data"))
	if data, o := f.Retrieve(t.Context(), net.Neuron(0), h); !o.OK() || string(data) != "some data" {
		t.Fatalf("honest: %q, %+v", data, o)
	}
	short := h
	short.Size--
	if data, o := f.Retrieve(t.Context(), net.Neuron(0), short); data != nil || !errors.Is(o.Err, proof.ErrProof) {
		t.Fatalf("wrong size: %q, %+v", data, o)
	}
	net.Miners[0].Behave(fleettest.Liar)
	if data, o := f.Retrieve(t.Context(), net.Neuron(0), h); data != nil || !errors.Is(o.Err, proof.ErrProof) || o.Status() != 422 {
		t.Fatalf("a lie: %q, %+v", data, o)
	}
	if s := stats(t, net, 0); s.Retrieve != (index.Tally{Attempts: 3, Successes: 1}) {
		t.Errorf("statistics %+v", s)
	}
}

func TestDeleteForgetsInAnyCase(t *testing.T) {
	net := fleettest.New(t, 2)
	f := newFleet(net, fleet.Config{DeleteTimeout: 100 * time.Millisecond})
	h := store(t, f, net, 0, []byte("data"))
	for range 2 { // the second time the miner says that it has none
		if o := f.Delete(t.Context(), net.Neuron(0), h.Hash); !o.OK() {
			t.Error(o.Err)
		}
	}
	if got := net.Miners[0].Holds(); len(got) != 0 {
		t.Errorf("the miner still has %v", got)
	}
	h = store(t, f, net, 1, []byte("more"))
	net.Miners[1].Behave(fleettest.Silent)
	if o := f.Delete(t.Context(), net.Neuron(1), h.Hash); o.OK() {
		t.Error("a silent miner deleted")
	}
	for _, m := range net.Miners {
		if n, err := net.Index.StoredBytes(t.Context(), wallet.Address(m.Hotkey())); n != 0 || err != nil {
			t.Errorf("%d bytes still recorded, %v", n, err)
		}
	}
}
