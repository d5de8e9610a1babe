package substrate

import (
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/scale"
)

// await looks until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

// A price that rises after the transaction was signed: a runtime with
// register_limit does not take it.
func TestRegisterLimit(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		n := living(t, substratetest.Config{Runtime: spec, RegisterLimit: true})
		c := client(t, n, nil)
		alice, eve := devKey(t, "Alice"), devKey(t, "Eve")
		register := func(rise chain.Rao) error {
			before := len(n.Submitted())
			done := make(chan error, 1)
			go func() { done <- c.Register(t.Context(), alice, 1, eve.Address(), chain.TAO) }()
			await(t, "a transaction", func() bool { return len(n.Submitted()) > before })
			n.Put(pallet, "Burn", scale.Uint(chain.TAO+rise), scale.Uint(uint16(1)))
			n.Step()
			return within(t, done, "a registration")
		}
		before := n.Balance(alice.Address())
		if err := register(1); !errors.Is(err, chain.ErrBurn) || n.Balance(alice.Address()) != before {
			t.Errorf("%d: %v, paid %s", spec, err, before-n.Balance(alice.Address()))
		}
		n.Put(pallet, "Burn", scale.Uint(chain.TAO), scale.Uint(uint16(1)))
		if err := register(0); err != nil || before-n.Balance(alice.Address()) != chain.TAO {
			t.Errorf("%d: %v, paid %s", spec, err, before-n.Balance(alice.Address()))
		}
		for _, x := range n.Submitted() {
			if x.Name != "register_limit" {
				t.Errorf("%d: sent %s", spec, x.Name)
			}
		}
	}
}

// Runtimes without it: the price is looked at right before each signature.
func TestRegisterWithoutLimit(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		n := living(t, substratetest.Config{Runtime: spec, Instant: true})
		c := client(t, n, nil)
		alice, eve := devKey(t, "Alice"), devKey(t, "Eve")
		n.Put(pallet, "Burn", scale.Uint(chain.TAO+1), scale.Uint(uint16(1)))
		if err := c.Register(t.Context(), alice, 1, eve.Address(), chain.TAO); !errors.Is(err, chain.ErrBurn) || len(n.Submitted()) > 0 {
			t.Errorf("%d: %v, sent %v", spec, err, n.Submitted())
		}
		if err := c.Register(t.Context(), alice, 1, eve.Address(), chain.TAO+1); err != nil {
			t.Errorf("%d: %v", spec, err)
		}
	}
}
