package miner_test

import (
	"testing"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// TestAuditsHaveADoorOfTheirOwn: a gateway that has used up its hotkey's rate
// leaves the validator of the same hotkey its own; that one ends too, and who is
// not let in by the one door is not by the other.
func TestAuditsHaveADoorOfTheirOwn(t *testing.T) {
	mallory := newAsker(t, "//Mallory")
	n := startBehind(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0, wire.DoorConfig{
		AllowUnregistered: true, RequestsPerWindow: 50, Blacklist: []wallet.Address{mallory.key.Address()},
	})
	a := newAsker(t, "//Alice")
	data := vectorData("", "doors", 10_000)
	seed := a.store(n, data)
	for i := range 60 { // the store was the first request
		want := wire.StatusOK
		if i >= 49 {
			want = wire.StatusTooMany
		}
		msg := &wire.Retrieve{DataHash: hashOf(data), Seed: seed}
		if err := a.call(n, msg); wire.StatusOf(err) != want {
			t.Fatalf("retrieval %d: %v", i+1, err)
		}
	}
	d := a.give(n, data)
	if err := a.call(n, challengeMsg(t, data)); err != nil {
		t.Fatal(err)
	}
	for range 48 {
		a.audit(n, d)
	}
	for _, msg := range []wire.Message{d.auditMsg(t, d.question()), challengeMsg(t, data), d.tagsMsg(t)} {
		if err := a.call(n, msg); wire.StatusOf(err) != wire.StatusTooMany {
			t.Errorf("%s as the 51st: %v", msg.Name(), err)
		}
		if err := mallory.call(n, msg); wire.StatusOf(err) != wire.StatusForbidden {
			t.Errorf("%s of one on the blacklist: %v", msg.Name(), err)
		}
	}
}
