package substratetest

import (
	"github.com/filetao/filetao/scale"
)

// as is the state as another runtime stores it: what an upgrade's migrations
// make of it. Items that both have are encoded anew, stakes move to where the
// other keeps them, the rest is lost.
func (s *state) as(rt *runtime) *state {
	if s.rt == rt {
		return s
	}
	out := newState(rt)
	for _, p := range s.rt.types.Pallets() {
		for _, entry := range p.Storage {
			s.move(out, entry)
		}
	}
	x := &execution{state: out}
	for _, item := range []string{"WeightsMinStake", "StakeThreshold"} {
		if rt.has(item) {
			out.put(item, scale.Uint(s.minStake()))
		}
	}
	paid := map[[32]byte]bool{} // where a stake counts in all subnets
	for _, n := range s.nets() {
		net := scale.Uint(n)
		for uid := range s.num("SubnetworkN", net) {
			hotkey, _ := s.account("Keys", net, scale.Uint(uid))
			owner, _ := s.account("Owner", account(hotkey))
			if amount := s.stakeOf(hotkey, net); amount > 0 && !(rt.has("TotalHotkeyStake") && paid[hotkey]) {
				x.giveStake(hotkey, owner, net, amount)
				paid[hotkey] = true
			}
		}
	}
	if out.err == nil {
		out.err = s.err
	}
	return out
}

// stakes are the items that move by amount and not by encoding.
func stakes() map[string]bool {
	return map[string]bool{
		"Stake": true, "TotalHotkeyStake": true, "TotalColdkeyStake": true, "TotalStake": true,
		"Alpha": true, "TotalHotkeyShares": true, "TotalHotkeyAlpha": true,
	}
}

// move encodes an item's values as another runtime has them.
func (s *state) move(out *state, entry scale.Entry) {
	to, err := out.rt.types.Storage(entry.Pallet, entry.Name)
	if err != nil || entry.Pallet == pallet && stakes()[entry.Name] || len(to.Keys) != len(entry.Keys) || entry.Name == "Events" {
		return
	}
	prefix, err := entry.Key()
	if err != nil {
		s.fail(err)
		return
	}
	for _, key := range s.under(string(prefix), "", len(s.values)) {
		keys, err := entry.DecodeKey([]byte(key))
		if err != nil {
			continue // its hasher hides it
		}
		v, _, err := entry.Decode(s.values[key])
		if err != nil {
			out.fail(err)
			continue
		}
		raw, err := to.Encode(v)
		if err != nil {
			continue // another layout: the migration drops it
		}
		moved, err := to.Key(keys...)
		if err != nil {
			out.fail(err)
			continue
		}
		out.values[string(moved)] = raw
	}
}
