package fleet_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wire"
)

func ok(outcomes []fleet.Outcome) (n int) {
	for _, o := range outcomes {
		if o.OK() {
			n++
		}
	}
	return n
}

func TestSpreadReplacesFailures(t *testing.T) {
	net := fleettest.New(t, 7)
	net.Miners[0].Behave(fleettest.Failing)
	net.Miners[1].Behave(fleettest.Liar)
	net.Miners[4].Behave(fleettest.Silent)
	f := newFleet(net, fleet.Config{StoreTimeout: 300 * time.Millisecond})
	d := fleet.NewDatum([]byte("some data"))
	outcomes, err := f.Spread(t.Context(), d, index.User, time.Hour, 3, net.Neurons())
	if err != nil {
		t.Fatal(err)
	}
	holders, err := net.Index.Holders(t.Context(), d.Hash())
	if err != nil || len(holders) != 3 || ok(outcomes) != 3 {
		t.Fatalf("%d holders, %d good of %d outcomes, %v", len(holders), ok(outcomes), len(outcomes), err)
	}
}

func TestSpreadPassesOverHoldersAndTheFull(t *testing.T) {
	net := fleettest.New(t, 4)
	f := newFleet(net, fleet.Config{})
	data := []byte("some data")
	d := fleet.NewDatum(data)
	store(t, f, net, 0, data)
	full := net.Miners[1].Hotkey()
	store(t, f, net, 1, []byte("old"))
	if err := net.Index.UpdateStats(t.Context(), full, func(s *index.Stats) error { s.StorageLimit = 11; return nil }); err != nil {
		t.Fatal(err)
	}
	outcomes, err := f.Spread(t.Context(), d, index.Random, time.Hour, 3, net.Neurons())
	if !errors.Is(err, fleet.ErrShort) || !strings.Contains(err.Error(), "2 of 3") || !strings.Contains(err.Error(), "1 may hold no more") {
		t.Errorf("error %v", err)
	}
	if len(outcomes) != 2 || ok(outcomes) != 2 {
		t.Errorf("outcomes %+v", outcomes)
	}
	if got := net.Miners[0].Asked("Store") + net.Miners[1].Asked("Store"); got != 2 {
		t.Errorf("passed over miners were asked %d times", got)
	}
}

// Whoever has shown little is given little, whatever its tier.
func TestNobodyIsGivenMoreThanItsCapacity(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		limit, capacity int64
		fits            int // data of 4 bytes
	}{{0, 0, 3}, {1 << 40, 0, 3}, {10, 0, 2}, {1 << 40, 8, 2}, {1 << 40, 20, 5}} {
		net := fleettest.New(t, 1)
		f := newFleet(net, fleet.Config{Start: 12})
		if err := net.Index.UpdateStats(t.Context(), net.Miners[0].Hotkey(), func(s *index.Stats) error {
			s.Tier, s.StorageLimit, s.Capacity = "Bronze", c.limit, c.capacity
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for i := range c.fits + 1 {
			_, err := f.Spread(t.Context(), fleet.NewDatum([]byte{1, 2, 3, byte(i)}), index.User, day, 1, net.Neurons())
			if (err == nil) != (i < c.fits) {
				t.Errorf("%+v: the %d. datum: %v", c, i+1, err)
			}
		}
	}
}

func TestSpreadNamesTheCauses(t *testing.T) {
	net := fleettest.New(t, 2)
	net.Miners[1].Behave(fleettest.Failing)
	f := newFleet(net, fleet.Config{})
	_, err := f.Spread(t.Context(), fleet.NewDatum([]byte("x")), index.User, time.Hour, 2, net.Neurons())
	if !errors.Is(err, fleet.ErrShort) || wire.StatusOf(err) != wire.StatusInternal || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("error %v", err)
	}
	if _, err := f.Spread(t.Context(), fleet.NewDatum([]byte("x")), index.User, time.Hour, 0, nil); err != nil {
		t.Errorf("none wanted: %v", err)
	}
}

// spreadChunk puts one chunk on all miners.
func spreadChunk(t *testing.T, f *fleet.Fleet, net *fleettest.Net, data []byte) index.Chunk {
	t.Helper()
	d := fleet.NewDatum(data)
	if _, err := f.Spread(t.Context(), d, index.User, time.Hour, len(net.Miners), net.Neurons()); err != nil {
		t.Fatal(err)
	}
	return index.Chunk{Hash: d.Hash(), Size: d.Size()}
}

func TestFetchTakesOnlyTheTruth(t *testing.T) {
	net := fleettest.New(t, 3)
	f := newFleet(net, fleet.Config{})
	chunk := spreadChunk(t, f, net, []byte("some data"))
	net.Miners[0].Behave(fleettest.Liar, "Retrieve")
	net.Miners[1].Behave(fleettest.Failing, "Retrieve")
	for range 12 {
		data, outcomes, err := f.Fetch(t.Context(), chunk)
		if err != nil || string(data) != "some data" || ok(outcomes) != 1 {
			t.Fatalf("%q, %+v, %v", data, outcomes, err)
		}
	}
	for i, wantGood := range []bool{false, false, true} {
		r := stats(t, net, i).Retrieve
		if r.Attempts == 0 || (r.Successes == r.Attempts) != wantGood || !wantGood && r.Successes != 0 {
			t.Errorf("miner %d: %+v", i, r)
		}
	}
}

func TestFetchDoesNotWaitForTheSlow(t *testing.T) {
	net := fleettest.New(t, 2)
	f := newFleet(net, fleet.Config{Hedge: 20 * time.Millisecond})
	chunk := spreadChunk(t, f, net, []byte("some data"))
	net.Miners[0].Behave(fleettest.Silent, "Retrieve")
	for net.Miners[0].Asked("Retrieve") == 0 {
		if data, _, err := f.Fetch(t.Context(), chunk); err != nil || string(data) != "some data" {
			t.Fatalf("%q, %v", data, err)
		}
	}
	if r := stats(t, net, 0).Retrieve; r.Attempts != 0 {
		t.Errorf("the slow one was blamed for our impatience: %+v", r)
	}
}

func TestFetchAsksTheSilentLast(t *testing.T) {
	net := fleettest.New(t, 2)
	f := newFleet(net, fleet.Config{PingTimeout: 50 * time.Millisecond})
	chunk := spreadChunk(t, f, net, []byte("some data"))
	for _, m := range net.Miners {
		m.Behave(fleettest.Silent, "Synapse")
	}
	net.Miners[0].Behave(fleettest.Failing, "Retrieve")
	if data, _, err := f.Fetch(t.Context(), chunk); err != nil || string(data) != "some data" {
		t.Fatalf("%q, %v", data, err)
	}
}

func TestFetchNamesWhatIsMissing(t *testing.T) {
	net := fleettest.New(t, 2)
	f := newFleet(net, fleet.Config{})
	chunk := spreadChunk(t, f, net, []byte("some data"))
	for _, m := range net.Miners {
		m.Behave(fleettest.Liar)
	}
	_, outcomes, err := f.Fetch(t.Context(), chunk)
	if !errors.Is(err, fleet.ErrMissing) || !strings.Contains(err.Error(), chunk.Hash) || len(outcomes) != 2 {
		t.Errorf("%+v, %v", outcomes, err)
	}
	gone := index.Chunk{Hash: fleet.NewDatum([]byte("never stored")).Hash(), Size: 12}
	if _, outcomes, err = f.Fetch(t.Context(), gone); !errors.Is(err, fleet.ErrMissing) || len(outcomes) != 0 {
		t.Errorf("%+v, %v", outcomes, err)
	}
}

// meter measures how many bytes are being stored or retrieved at a time.
type meter struct {
	wire.Transport
	sizes map[string]int64

	mu        sync.Mutex // guards all below
	now, most int64
}

func (m *meter) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	var size int64
	switch msg := msg.(type) {
	case *wire.Retrieve:
		size = m.sizes[msg.DataHash]
	case *wire.Store:
		size = int64(len(msg.EncryptedData))
	}
	m.add(size)
	defer m.add(-size)
	return m.Transport.Call(ctx, to, msg)
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now += n
	m.most = max(m.most, m.now)
}

func TestBytesInFlightAreBounded(t *testing.T) {
	net := fleettest.New(t, 8)
	m := &meter{Transport: net, sizes: map[string]int64{}}
	f := fleet.New(fleet.Config{InFlight: 2500}, deps(net, m))
	chunk := spreadChunk(t, f, net, make([]byte, 1000))
	for i := range net.Miners {
		for _, hash := range net.Miners[i].Holds() {
			m.sizes[hash] = chunk.Size
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, _, err := f.Fetch(t.Context(), chunk); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m.most > 2500 || m.most == 0 {
		t.Errorf("%d bytes in flight, at most 2500 allowed", m.most)
	}
}
