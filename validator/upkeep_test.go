package validator_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
)

func TestWindowTurnsOnceAndAlsoLate(t *testing.T) {
	b := newBench(t, 2, settings())
	b.step(t, 3)
	b.step(t, 6)
	s := b.stats(t, 0)
	if s.Window != 1 || s.Store.Successes != 2 {
		t.Fatalf("before: %+v", s)
	}
	err := b.Index.UpdateStats(t.Context(), b.Miners[0].Hotkey(), func(s *index.Stats) error {
		s.TotalSuccesses, s.Store = 2100, index.Tally{Attempts: 100, Successes: 66}
		s.Challenge, s.Retrieve = index.Tally{}, index.Tally{}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.step(t, 1443) // block 1440 itself was never seen
	s = b.stats(t, 0)
	if s.Tier != "Gold" || s.StorageLimit != 200<<40 || s.Window != 3 || s.Store.Attempts != 1 || s.TotalSuccesses < 2100 {
		t.Errorf("after: %+v", s)
	}
	b.step(t, 1446)
	if s = b.stats(t, 0); s.Tier != "Gold" || s.Store.Attempts != 2 {
		t.Errorf("the step after: %+v", s)
	}
}

func TestRandomDataIsDroppedOnceAPeriodAndNothingElse(t *testing.T) {
	b := newBench(t, 3, settings())
	b.step(t, 3)
	f := fleet.New(fleet.Config{}, fleet.Deps{Transport: b.Net, Index: b.Index, Metagraph: b.Metagraph, Key: b.Asker})
	user := fleet.NewDatum([]byte("a user's chunk"))
	if _, err := f.Spread(t.Context(), user, index.User, time.Hour, 3, b.Neurons()); err != nil {
		t.Fatal(err)
	}
	b.Miners[2].Behave(fleettest.Failing, "Delete")
	b.step(t, 3597)
	if n := b.Miners[0].Asked("Delete"); n != 0 {
		t.Fatalf("%d deletions before the period ended", n)
	}
	b.step(t, 3603)
	b.pass(time.Second)
	b.step(t, 3606)
	for i, m := range b.Miners {
		var kinds []index.Kind
		for h, err := range b.Index.Holdings(t.Context(), m.Hotkey()) {
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, h.Kind)
		}
		if !slices.Equal(kinds, []index.Kind{index.User, index.Random}) { // the last one is of the new period
			t.Errorf("miner %d holds %v", i, kinds)
		}
		if asked, want := m.Asked("Delete"), 3; i == 2 && asked != 1 || i != 2 && (asked != want || len(m.Holds()) != 2) {
			t.Errorf("miner %d was told %d times and has %d", i, asked, len(m.Holds()))
		}
	}
	b.step(t, 3609)
	if n := b.Miners[0].Asked("Delete"); n != 3 {
		t.Errorf("%d deletions after the next step, want 3", n)
	}
}

func TestExpiredEntriesAreDropped(t *testing.T) {
	cfg := settings()
	cfg.ExpireEvery, cfg.TTL = 2, time.Hour
	b := newBench(t, 2, cfg)
	b.step(t, 3)
	owner := b.Asker.Address()
	file := index.File{CID: cid.Sum([]byte("file")), Size: 5, Chunks: []index.Chunk{{Hash: fleet.NewDatum([]byte("chunk")).Hash(), Size: 5}}, Payload: "{}", Stored: b.clock()}
	if err := b.Index.PutFile(t.Context(), file, index.Ownership{Owner: owner, Payload: "{}", Stored: b.clock(), TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	b.pass(30 * time.Minute)
	b.step(t, 6)
	if n, err := b.Index.StoredBytes(t.Context(), b.Miners[0].Hotkey()); n == 0 || err != nil {
		t.Fatalf("%d bytes after half the ttl, %v", n, err)
	}
	if _, err := b.Index.File(t.Context(), file.CID); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("the file: %v", err)
	}
	b.Miners[0].Behave(fleettest.Failing)
	b.Miners[1].Behave(fleettest.Failing)
	b.pass(time.Hour)
	b.step(t, 9)
	b.step(t, 12)
	if n, err := b.Index.StoredBytes(t.Context(), b.Miners[0].Hotkey()); n != 0 || err != nil {
		t.Errorf("%d bytes after the ttl, %v", n, err)
	}
}

func TestSizesAreLogNormalAndClipped(t *testing.T) {
	cfg := settings()
	cfg.UniformSize, cfg.MedianSize, cfg.MaxSize = 0, 1000, 3000
	b := newBench(t, 1, cfg)
	var logs []float64
	for i := range uint64(60) {
		b.step(t, 3*i+3)
	}
	clipped := 0
	for h, err := range b.Index.Holdings(t.Context(), b.Miners[0].Hotkey()) {
		if err != nil {
			t.Fatal(err)
		}
		if h.Size > 3000 || h.Size < 1 || h.TTL != 30*24*time.Hour || h.Kind != index.Random {
			t.Errorf("%+v", h)
		}
		if h.Size == 3000 {
			clipped++
		}
		logs = append(logs, math.Log(float64(h.Size)))
	}
	slices.Sort(logs)
	if median := logs[len(logs)/2]; len(logs) < 55 || math.Abs(median-math.Log(1000)) > 1 || clipped == 0 || clipped > 30 {
		t.Errorf("median %v of %d, %d clipped", math.Exp(logs[len(logs)/2]), len(logs), clipped)
	}
}
