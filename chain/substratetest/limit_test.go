package substratetest

import (
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// register_limit registers up to its limit, under all runtimes and beside their
// own calls and errors.
func TestRegisterLimit(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n := Start(t, Config{Runtime: spec, RegisterLimit: true})
		c := dial(t, n)
		alice, dave := Key(t, "Alice"), Key(t, "Dave")
		args := c.registering(dave)
		args["limit_price"] = scale.Uint(chain.TAO - 1)
		c.fails(priceExceeded, alice, pallet, "register_limit", args)
		args["limit_price"] = scale.Uint(chain.TAO)
		c.must(alice, pallet, "register_limit", args)
		c.fails(either(spec, "AlreadyRegistered", "HotKeyAlreadyRegisteredInSubNet"), alice, pallet, "burned_register", c.registering(dave))
		if _, err := Start(t, Config{Runtime: spec}).Metadata().CallValue(pallet, "register_limit", args); err == nil {
			t.Error("the recorded runtime has register_limit")
		}
	})
}
