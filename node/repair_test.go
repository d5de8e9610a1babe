package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/repair"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wire"
)

// TestMinersLeave runs a validator with an axon: a registered miner that leaves and
// has nothing gets its receipt, and the status page says so.
func TestMinersLeave(t *testing.T) {
	dev, key := newChain(t)
	alice, miner, stranger := keypair(t, "//Alice"), keypair(t, "//Second"), keypair(t, "//Stranger")
	if err := dev.Register(t.Context(), alice, 21, miner.Address(), 0); err != nil {
		t.Fatal(err)
	}
	ix, _, _ := audited(t)
	v, err := NewValidator(ValidatorConfig{
		Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Dir: t.TempDir(), Listen: "127.0.0.1:0", Status: "127.0.0.1:0"},
		Index:  ix, Validator: validator.Config{BlocksPerStep: 1 << 30, DisableWeights: true}, Axon: true,
		Repair: repair.Config{Settle: time.Nanosecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	<-v.Ready()
	m, err := dev.Metagraph(t.Context(), 21)
	if err != nil {
		t.Fatal(err)
	}
	self, _ := m.ByHotkey(key.Address())
	for hotkey, err := range ix.AllHolders(t.Context()) { // what it holds is of no file
		if err == nil {
			err = ix.ResetHotkey(t.Context(), hotkey)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	d, err := AskDrain(t.Context(), miner, self, true, nil)
	if err != nil || d.Shards != 0 || len(d.Exit) == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if exit, err := receipt.ParseExit(d.Exit); err != nil || exit.Miner != miner.Address() || exit.Validator != key.Address() {
		t.Errorf("%+v, %v", exit, err)
	}
	if s := repairStatus(t, v); len(s.Drains) != 1 || s.Drains[0].Hotkey != miner.Address() || len(s.Drains[0].Exit) == 0 {
		t.Errorf("%+v", s)
	}
	if leaving, err := repair.Leaving(t.Context(), ix); err != nil || !leaving[miner.Address()] {
		t.Errorf("%v, %v", leaving, err)
	}
	if d, err := AskDrain(t.Context(), miner, self, false, nil); err != nil || len(d.Exit) > 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if s := repairStatus(t, v); len(s.Drains) != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := AskDrain(t.Context(), stranger, self, true, nil); wire.StatusOf(err) != wire.StatusForbidden {
		t.Errorf("a hotkey that is not registered: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the validator ended with: %v", err)
	}
}

// repairStatus is what a validator's status page says of repair.
func repairStatus(t *testing.T, v *Validator) (s repair.Status) {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://%s/repair", v.StatusAddr()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}
