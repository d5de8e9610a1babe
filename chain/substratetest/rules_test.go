package substratetest

import (
	"math/big"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

type arguments = map[string]scale.Value

// subnet is a node with two neurons of Alice's: uid 0 validates, uid 1 serves.
func subnet(t *testing.T, spec uint32, change func(*Genesis)) (*Node, *caller) {
	t.Helper()
	g := DefaultGenesis()
	g.Rules.MinStake, g.Rules.ServingRateLimit = 10*chain.TAO, 5
	for name, stake := range map[string]chain.Rao{"Bob": 100 * chain.TAO, "Charlie": 0} {
		n := Neuron{Hotkey: Key(t, name).Address(), Coldkey: Alice, Stake: stake, Permit: stake > 0}
		if g.Neurons = append(g.Neurons, n); stake > 0 && len(g.Neurons) == 2 {
			g.Neurons[0], g.Neurons[1] = g.Neurons[1], g.Neurons[0]
		}
	}
	if change != nil {
		change(&g)
	}
	n := Start(t, Config{Runtime: spec, Genesis: &g})
	return n, dial(t, n)
}

func either(spec uint32, old, later string) string {
	if spec == 185 {
		return old
	}
	return later
}

func (a *caller) registering(hotkey *wallet.Keypair) arguments {
	key := hotkey.PublicKey()
	return arguments{"netuid": scale.Int(1), "hotkey": account(key)}
}

func TestRegister(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n, c := subnet(t, spec, func(g *Genesis) { g.Rules.MaxUIDs, g.Rules.ImmunityPeriod = 3, 2 })
		alice, bob, dave := Key(t, "Alice"), Key(t, "Bob"), Key(t, "Dave")
		before := n.Balance(Alice)
		c.must(alice, pallet, "burned_register", c.registering(dave))
		if paid := before - n.Balance(Alice); paid != chain.TAO {
			t.Errorf("paid %s", paid)
		}
		c.fails(either(spec, "AlreadyRegistered", "HotKeyAlreadyRegisteredInSubNet"), alice, pallet, "burned_register", c.registering(dave))
		c.fails("NotEnoughBalanceToStake", Key(t, "poor"), pallet, "burned_register", c.registering(Key(t, "Eve")))
		n.Steps(20) // an epoch without weights: all score 0
		c.must(alice, pallet, "burned_register", c.registering(Key(t, "Eve")))
		if _, found := n.UID(1, bob.Address()); found {
			t.Error("the slot held longest was not given away")
		}
		if uid, _ := n.UID(1, Key(t, "Eve").Address()); uid != 0 {
			t.Errorf("Eve has slot %d", uid)
		}
		c.must(alice, "Balances", "transfer_keep_alive", arguments{"dest": scale.Enum("Id", account(bob.PublicKey())), "value": scale.Uint(5 * chain.TAO)})
		c.fails("NonAssociatedColdKey", bob, pallet, "burned_register", c.registering(bob)) // it still is Alice's
		args := c.registering(bob)
		args["netuid"] = scale.Int(9)
		c.fails(either(spec, "NetworkDoesNotExist", "SubNetworkDoesNotExist"), alice, pallet, "burned_register", args)
		n.Put(pallet, "RegistrationsThisInterval", scale.Int(3000), scale.Int(1))
		full := map[uint32]string{185: "Transaction would exhaust the block limits", 218: "Custom error: 5", 300: "Custom error: 6"}
		c.fails(full[spec], alice, pallet, "burned_register", c.registering(bob))
	})
}

func axonArguments(ip string, kind, port int64) arguments {
	n, _ := new(big.Int).SetString(ip, 0)
	return arguments{
		"netuid": scale.Int(1), "version": scale.Int(302), "ip": scale.Big(n), "port": scale.Int(port), "ip_type": scale.Int(kind),
		"protocol": scale.Int(4), "placeholder1": scale.Int(0), "placeholder2": scale.Int(0),
	}
}

func TestServe(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n, c := subnet(t, spec, nil)
		charlie := Key(t, "Charlie")
		refused := func(code, name string) string {
			if spec == 300 {
				return "Custom error: " + code
			}
			return name
		}
		fails := func(want string, key *wallet.Keypair, args arguments) {
			t.Helper()
			c.fails(want, key, pallet, "serve_axon", args)
		}
		fails(refused("10", either(spec, "NotRegistered", "HotKeyNotRegisteredInNetwork")), Key(t, "nobody"), axonArguments("0x7f000002", 4, 1))
		fails(refused("255", "InvalidIpType"), charlie, axonArguments("0x7f000002", 5, 1))
		for _, bad := range []string{"0", "0x7f000001", "0xffffffff", "0x1ffffffff"} {
			fails(refused("11", "InvalidIpAddress"), charlie, axonArguments(bad, 4, 1))
		}
		fails(refused("11", "InvalidIpAddress"), charlie, axonArguments("1", 6, 1))
		fails(refused("13", "InvalidPort"), charlie, axonArguments("0x7f000002", 4, 0))
		c.must(charlie, pallet, "serve_axon", axonArguments("0x7f000002", 4, 8091))
		at := n.Head().Number
		fails(refused("12", "ServingRateLimitExceeded"), charlie, axonArguments("0x7f000002", 4, 8092))
		for n.Head().Number < at+4 {
			n.Step()
		}
		c.must(charlie, pallet, "serve_axon", axonArguments("0x20010db8000000000000000000000007", 6, 8092))
		charlieKey := charlie.PublicKey()
		v, _ := n.Storage(pallet, "Axons", scale.Int(1), account(charlieKey))
		r := scale.NewReader(v)
		if r.Uint64("port") != 8092 || r.Uint64("block") != n.Head().Number || r.Uint64("ip_type") != 6 {
			t.Errorf("the axon is %v", v)
		}
	})
}

func TestStakeIsOneToOne(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n, c := subnet(t, spec, nil)
		args := func(key *wallet.Keypair) arguments {
			a := arguments{"hotkey": account(key.PublicKey()), "amount_staked": scale.Int(7), "netuid": scale.Int(1)}
			if spec == 185 {
				delete(a, "netuid")
			}
			return a
		}
		bob := Key(t, "Bob")
		c.must(Key(t, "Alice"), pallet, "add_stake", args(bob))
		if got := n.Stake(1, bob.Address()); got != 100*chain.TAO+7 {
			t.Errorf("the stake is %d", got)
		}
		c.fails("NotEnoughBalanceToStake", Key(t, "poor"), pallet, "add_stake", args(bob))
		c.fails(either(spec, "NotRegistered", "HotKeyAccountNotExists"), Key(t, "Alice"), pallet, "add_stake", args(Key(t, "nobody")))
	})
}
