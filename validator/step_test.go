package validator_test

import (
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
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wire"
)

// The whole of a step over real sockets, with every kind of miner.
func TestStepsTellTheGoodFromTheBad(t *testing.T) {
	cfg := settings()
	cfg.RetrieveEvery = 3
	b := newBench(t, 6, cfg)
	b.ping = b.work // a machine busy with other tests is no silent miner
	v := b.again(cfg, b.Serve(t))
	kinds := []fleettest.Behaviour{fleettest.Honest, fleettest.Honest, fleettest.Honest, fleettest.Silent, fleettest.Liar, fleettest.Failing}
	for number := uint64(3); number <= 9; number += 3 {
		if number == 6 { // they have stored something before they go bad
			for i, k := range kinds {
				b.Miners[i].Behave(k)
			}
		}
		if err := v.Step(t.Context(), b.advance(t, number)); err != nil {
			t.Fatal(err)
		}
	}
	scores := v.Scores()
	if slices.Min(scores[1:4]) <= slices.Max(scores[4:]) {
		t.Errorf("scores %v", scores)
	}
	for i, k := range kinds {
		s := b.stats(t, i)
		// In the first step a challenge may come before there is anything to
		// challenge.
		asked := s.Challenge.Attempts >= 2 && s.Retrieve.Attempts == 1
		good := s.Challenge.Successes == s.Challenge.Attempts && s.Retrieve.Successes == 1 && s.Store.Successes == 3
		bad := s.Challenge.Successes <= 1 && s.Retrieve.Successes == 0 && s.Store.Successes == 1
		if k == fleettest.Silent {
			// It owes the answer of the second step, and is asked nothing else.
			asked = s.Challenge.Attempts <= 1 && s.Retrieve.Attempts == 0
			if _, err := b.Index.Pending(t.Context(), b.Miners[i].Hotkey()); err != nil {
				t.Errorf("miner %d: %v", i, err)
			}
		}
		if !asked || k == fleettest.Honest && !good || k != fleettest.Honest && !bad {
			t.Errorf("miner %d of kind %d: %+v", i, k, s)
		}
	}
	if stores, challenges, retrievals, pings := b.seen(validator.TaskStore), b.seen(validator.TaskChallenge), b.seen(validator.TaskRetrieve), b.seen(validator.TaskMonitor); len(stores) != 3 || len(challenges) != 3 || len(retrievals) != 1 || len(pings) != 3 {
		t.Errorf("%d, %d, %d, %d events", len(stores), len(challenges), len(retrievals), len(pings))
	}
}

func TestEventsAreParallelToUIDs(t *testing.T) {
	b := newBench(t, 4, settings())
	b.step(t, 3)
	b.Miners[2].Behave(fleettest.Liar)
	b.step(t, 6)
	e := b.seen(validator.TaskChallenge)[1]
	if e.Block != 6 || len(e.UIDs) != 4 || len(e.Successful) != 4 || len(e.CompletionTimes) != 4 || len(e.StatusCodes) != 4 ||
		len(e.StatusMessages) != 4 || len(e.Rewards) != 4 || len(e.Scores) != 5 || e.BestHotkey == "" {
		t.Fatalf("%+v", e)
	}
	for i, uid := range e.UIDs {
		liar := uid == 3
		if e.Successful[i] == liar || (e.StatusCodes[i] == 422) != liar || (e.Rewards[i] == 0) != liar || e.CompletionTimes[i] <= 0 {
			t.Errorf("UID %d: %+v", uid, e)
		}
	}
	due := slices.Sorted(slices.Values(e.UIDs))
	if !slices.Equal(due, []chain.UID{1, 2, 3, 4}) {
		t.Errorf("asked %v", due)
	}
}

func TestWhoHoldsNothingIsLeftOut(t *testing.T) {
	b := newBench(t, 3, settings())
	for _, m := range b.Miners {
		m.Behave(fleettest.Failing, "Store")
	}
	b.step(t, 3)
	b.step(t, 6)
	for i := range b.Miners {
		if s := b.stats(t, i); s.Challenge.Attempts != 0 || s.Store.Attempts != 2 || b.Miners[i].Asked("Challenge") != 0 {
			t.Errorf("miner %d: %+v", i, s)
		}
	}
}

// What expires while it is being asked about is the miner's to drop.
func TestExpiredAndEmptyDataIsNotAskedAbout(t *testing.T) {
	b := newBench(t, 1, settings())
	b.Miners[0].Behave(fleettest.Failing, "Store")
	for _, h := range []index.Holding{
		{Size: 5, Stored: b.clock(), TTL: time.Second, Hash: fleet.NewDatum([]byte("short")).Hash()},
		{Size: 0, Stored: b.clock(), TTL: time.Hour, Hash: fleet.NewDatum(nil).Hash()},
	} {
		h.Holder, h.Kind, h.Seed = b.Miners[0].Hotkey(), index.User, "seed"
		if err := b.Index.PutHolding(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	b.step(t, 3)
	if n := b.Miners[0].Asked("Challenge"); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestFailedStoresGoToOthers(t *testing.T) {
	cfg := settings()
	cfg.StoreSample = 4
	b := newBench(t, 12, cfg)
	for i := range 6 {
		b.Miners[i].Behave(fleettest.Failing)
	}
	b.step(t, 3)
	good := 0
	for _, e := range b.seen(validator.TaskStore) {
		for _, ok := range e.Successful {
			if ok {
				good++
			}
		}
	}
	if good != 4 {
		t.Errorf("%d miners stored, want 4", good)
	}
}

// begun is a transport that tells of its first call.
type begun struct {
	wire.Transport
	once  sync.Once
	first chan struct{}
}

func (g *begun) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	g.once.Do(func() { close(g.first) })
	return g.Transport.Call(ctx, to, msg)
}

// A step with silent miners takes as long as their timeouts, which run side by
// side, and no other step begins meanwhile.
func TestSilentMinersDoNotStopAStep(t *testing.T) {
	b := newBench(t, 12, settings())
	for _, m := range b.Miners[2:] {
		m.Behave(fleettest.Silent)
	}
	g := &begun{Transport: b.Net, first: make(chan struct{})}
	v := b.again(settings(), g)
	block := b.advance(t, 3)
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- v.Step(t.Context(), block) }()
	<-g.first
	if err := v.Step(t.Context(), block); !errors.Is(err, validator.ErrBusy) {
		t.Errorf("a second step beside it: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the step took %v", took)
	}
	if s := b.stats(t, 0); s.Store.Successes != 1 {
		t.Errorf("an honest one was not asked to store: %+v", s)
	}
}

func TestMonitorFindsWhoIsDown(t *testing.T) {
	b := newBench(t, 2, settings())
	b.Miners[1].Behave(fleettest.Failing, "Synapse")
	for i := range uint64(5) {
		b.step(t, 3*i+3)
	}
	b.Miners[1].Behave(fleettest.Honest, "Synapse")
	b.step(t, 18) // not in a row any more
	before := b.Scores()[2]
	b.Miners[1].Behave(fleettest.Failing)
	for i := range uint64(5) {
		b.step(t, 3*i+21)
	}
	if len(b.lost) != 0 {
		t.Fatalf("down too early: %+v", b.lost)
	}
	b.step(t, 36)
	want := validator.Loss{UID: 2, Hotkey: b.Miners[1].Hotkey()}
	if !slices.Equal(b.lost, []validator.Loss{want}) {
		t.Fatalf("lost %+v, want %+v", b.lost, want)
	}
	pings := b.seen(validator.TaskMonitor)
	if last := pings[len(pings)-1]; slices.Min(last.Rewards) != -0.005 || slices.Max(last.Rewards) != 0 {
		t.Errorf("rewards %v", last.Rewards)
	}
	if after := b.Scores()[2]; after >= before {
		t.Errorf("the score went from %v to %v", before, after)
	}
	for i := range uint64(5) { // the count began anew
		b.step(t, 3*i+39)
	}
	if len(b.lost) != 1 {
		t.Errorf("lost %+v", b.lost)
	}
}
