package validator_test

import (
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
)

// Holdings from another index have no audit record, and seeds that may be out
// of date: their first challenge is a retrieval, and is settled as one.
func TestImportedDataIsRetrievedOnce(t *testing.T) {
	cfg := settings()
	cfg.RetrieveEvery = 1 << 30
	b := newBench(t, 1, cfg)
	b.step(t, 3)
	hotkey := b.Miners[0].Hotkey()
	for h, err := range b.Index.Holdings(t.Context(), hotkey) {
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Index.RemoveHolding(t.Context(), hotkey, h.Hash); err != nil {
			t.Fatal(err)
		}
		h.Seed, h.Stored = "out of date", h.Stored.Add(-time.Hour)
		if err := b.Index.PutHolding(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	b.Miners[0].Behave(fleettest.Failing, "Store") // so that this one is asked about
	was := b.stats(t, 0).Challenge.Attempts
	for i := range uint64(3) {
		b.step(t, 6+3*i)
	}
	s := b.stats(t, 0)
	if s.Retrieve != (index.Tally{Attempts: 1, Successes: 1}) || s.Challenge != (index.Tally{Attempts: was + 2, Successes: was + 2}) {
		t.Errorf("%d challenges before, then %+v", was, s)
	}
	if events := b.seen(validator.TaskRetrieve); len(events) != 1 || !events[0].Successful[0] {
		t.Errorf("retrievals %+v", events)
	}
}
