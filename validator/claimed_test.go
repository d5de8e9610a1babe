package validator

import (
	"math"
	"testing"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/receipt"
)

// A claim is never more than what the miner has said in all, never less than a
// byte, since 0 is none, and does not overflow.
func TestWhatAnOfferComesTo(t *testing.T) {
	for _, c := range []struct{ capacity, used, held, most int64 }{
		{100, 40, 10, 70}, {100, 40, 40, 100}, {100, 40, 90, 100}, {100, 100, 0, 1}, {0, 0, 0, 1}, {0, 0, 50, 1},
		{100, 0, math.MaxInt64, 100}, {math.MaxInt64, 0, math.MaxInt64, math.MaxInt64}, {math.MaxInt64, 1, 0, math.MaxInt64 - 1},
	} {
		got := newClaim(fleet.Offered{Offer: receipt.Offer{Capacity: c.capacity, Used: c.used}}, 7, c.held)
		if got.Most != c.most || got.Block != 7 || got.Refused {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func TestAClaimCountsForFourPeriods(t *testing.T) {
	cl := &Claim{Block: 1000, Most: 5}
	for block, want := range map[uint64]int64{0: 0, 700: 0, 701: 5, 1000: 5, 1299: 5, 1300: 0, math.MaxUint64: 0} {
		if got := (Config{}).Claimed(cl, block); got != want {
			t.Errorf("block %d: %d, want %d", block, got, want)
		}
	}
	if got := DefaultConfig().Claimed(nil, 1000); got != 0 {
		t.Errorf("nothing claims %d", got)
	}
}

// Half of what a door lets one caller ask is left for everything else, whatever
// the length of steps.
func TestDeletionsLeaveHalfOfTheRate(t *testing.T) {
	for blocks, want := range map[int]int{1: 1, 2: 1, 3: 2, 5: 5, 13: 12, 25: 25, 26: 25, math.MaxInt: 25} {
		if got := (Config{BlocksPerStep: blocks}).deletions(); got != want {
			t.Errorf("steps of %d blocks: %d deletions, want %d", blocks, got, want)
		}
	}
}
