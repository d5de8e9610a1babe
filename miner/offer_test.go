package miner_test

import (
	"testing"
	"time"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// A miner says what it has and what there is room for, signed, to whoever asks.
func TestAnOfferIsWhatTheStoreHasRoomFor(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: func() time.Time { return noon.Add(time.Millisecond) }}, 1<<20)
	alice, bob := newAsker(t, "//Alice"), newAsker(t, "//Bob")
	for _, used := range []int{0, 1000, 3000} {
		if used > 0 {
			alice.store(n, vectorData("", "offered", used))
		}
		held := n.Stats().Bytes
		for _, a := range []asker{alice, bob} {
			msg := &wire.Offer{}
			if err := a.call(n, msg); err != nil {
				t.Fatal(err)
			}
			o, err := receipt.ParseOffer(msg.Offer)
			if err == nil {
				err = o.Verify(msg.Signature)
			}
			want := receipt.Offer{Miner: n.peer.Hotkey, Asker: a.key.Address(), Capacity: 1 << 20, Used: held, Made: noon}
			if err != nil || o != want {
				t.Errorf("%+v, want %+v, %v", o, want, err)
			}
		}
	}
	requests := n.Stats().Requests
	if got := requests[0]; got != (miner.Count{Task: miner.TaskOffer, Status: wire.StatusOK, N: 6}) {
		t.Errorf("%+v", requests)
	}
}
