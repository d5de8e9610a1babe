package substratetest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// view is the state after the newest block, as the runtime in it stores it. It
// fails the test for an address that is none.
func (n *Node) view(addresses ...wallet.Address) (*execution, [][32]byte) {
	n.t.Helper()
	keys := make([][32]byte, len(addresses))
	for i, a := range addresses {
		key, err := a.PublicKey()
		if err != nil {
			n.t.Fatal(err)
		}
		keys[i] = key
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.blocks[n.head]
	return &execution{state: b.state.as(b.next), number: b.number}, keys
}

// Balance is an account's free balance.
func (n *Node) Balance(a wallet.Address) chain.Rao {
	n.t.Helper()
	x, keys := n.view(a)
	return chain.Rao(x.balance(keys[0]))
}

// Stake is all that is staked to a hotkey, as it counts in a subnet.
func (n *Node) Stake(net chain.NetUID, hotkey wallet.Address) chain.Rao {
	n.t.Helper()
	x, keys := n.view(hotkey)
	return chain.Rao(x.stakeOf(keys[0], scale.Uint(net)))
}

// UID is a hotkey's slot.
func (n *Node) UID(net chain.NetUID, hotkey wallet.Address) (chain.UID, bool) {
	n.t.Helper()
	x, keys := n.view(hotkey)
	uid, found := x.uid(scale.Uint(net), keys[0])
	return chain.UID(uid), found
}

// Weights are the rows as they are stored, by UID.
func (n *Node) Weights(net chain.NetUID) map[chain.UID][]chain.Weight {
	n.t.Helper()
	x, _ := n.view()
	rows := map[chain.UID][]chain.Weight{}
	for uid := range x.num("SubnetworkN", scale.Uint(net)) {
		v, _ := x.get("Weights", scale.Uint(net), scale.Uint(uid))
		items, err := v.Items()
		if err != nil {
			n.t.Error(err)
		}
		for _, item := range items {
			pair, err := item.Uints()
			if err != nil || len(pair) != 2 {
				n.t.Errorf("a weight %v: %v", item, err)
				continue
			}
			rows[chain.UID(uid)] = append(rows[chain.UID(uid)], chain.Weight{UID: chain.UID(pair[0]), Value: uint16(pair[1])})
		}
	}
	return rows
}

// Storage reads a stored value of any pallet; present is false where nothing is
// stored and the item has no default.
func (n *Node) Storage(pallet, item string, keys ...scale.Value) (v scale.Value, present bool) {
	n.t.Helper()
	x, _ := n.view()
	v, present = x.in(pallet, item, keys...)
	if x.err != nil {
		n.t.Fatal(x.err)
	}
	return v, present
}

// Put stores a value, as if the chain had always had it: what an extrinsic
// would take long for. It holds from the newest block on.
func (n *Node) Put(pallet, item string, v scale.Value, keys ...scale.Value) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.blocks[n.head]
	changed := b.state.clone()
	changed.set(pallet, item, v, keys...)
	if changed.err != nil {
		n.t.Fatal(changed.err)
	}
	b.state = changed
	b.recorded = false
}

// Events are what happened in a block of the best chain, as scale has them.
func (n *Node) Events(number uint64) []scale.Event {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	hash, known := n.at(number)
	if !known || n.blocks[hash].state == nil {
		n.t.Fatalf("no block %d", number)
	}
	s := n.blocks[hash].state
	_, key := s.entry("System", "Events", nil)
	events, err := s.rt.types.DecodeEvents(s.values[key])
	if err != nil {
		n.t.Fatal(err)
	}
	return events
}

// Faults are the names of the switches of Fault, for tests that try them all.
func Faults() []FaultKind { return slices.Sorted(maps.Keys(faultNames())) }

func faultNames() map[FaultKind]string {
	return map[FaultKind]string{
		Drop: "drop", Truncate: "truncate", WrongID: "wrong id", LongLength: "long length", Oversize: "oversize", Stall: "stall", Refuse: "refuse",
	}
}

// String is the fault's name.
func (k FaultKind) String() string {
	if name, known := faultNames()[k]; known {
		return name
	}
	return fmt.Sprintf("fault %d", int(k))
}
