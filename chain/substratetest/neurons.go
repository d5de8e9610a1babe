package substratetest

import (
	"github.com/filetao/filetao/scale"
)

// columns are the vectors of a subnet, one place for each neuron.
func columns() []string {
	return []string{"Rank", "Trust", "Consensus", "Incentive", "Dividends", "ValidatorTrust", "PruningScores", "Emission"}
}

// register is burned_register.
func (o *origin) register() error {
	net, err := o.existing()
	if err != nil {
		return err
	}
	hotkey := o.key("hotkey")
	burn := o.num("Burn", net)
	owner, owned := o.account("Owner", account(hotkey))
	full := o.num("SubnetworkN", net) >= o.num("MaxAllowedUids", net)
	uid, prunable := o.prune(net)
	switch {
	case !o.flag("NetworkRegistrationAllowed", net):
		return refuse("SubNetRegistrationDisabled", "RegistrationDisabled")
	case o.num("RegistrationsThisBlock", net) >= o.num("MaxRegistrationsPerBlock", net):
		return refuse("TooManyRegistrationsThisBlock")
	case o.num("RegistrationsThisInterval", net) >= 3*o.num("TargetRegistrationsPerInterval", net):
		return refuse("TooManyRegistrationsThisInterval")
	case o.stored("Uids", net, account(hotkey)):
		return refuse("HotKeyAlreadyRegisteredInSubNet", "AlreadyRegistered")
	case owned && owner != o.who:
		return refuse("NonAssociatedColdKey")
	case full && !prunable:
		return refuse("NoNeuronIdAvailable")
	case !o.pay(burn):
		return refuse("NotEnoughBalanceToStake")
	}
	o.own(hotkey, o.who)
	if full {
		o.replace(net, uid, hotkey)
	} else {
		uid = o.join(net, hotkey)
	}
	for _, item := range []string{"RegistrationsThisBlock", "RegistrationsThisInterval", "BurnRegistrationsThisInterval"} {
		o.add(item, 1, net)
	}
	o.add("RAORecycledForRegistration", int64(burn), net)
	o.emit(pallet, "RAORecycledForRegistrationSet", net, scale.Uint(o.num("RAORecycledForRegistration", net)))
	o.emit(pallet, "NeuronRegistered", net, scale.Uint(uid), account(hotkey))
	return nil
}

// own gives a hotkey its coldkey.
func (x *execution) own(hotkey, coldkey [32]byte) {
	x.put("Owner", account(coldkey), account(hotkey))
	if !x.rt.has("OwnedHotkeys") {
		return
	}
	v, _ := x.get("OwnedHotkeys", account(coldkey))
	items, err := v.Items()
	x.fail(err)
	for _, item := range items {
		if item.Equal(account(hotkey)) {
			return
		}
	}
	x.put("OwnedHotkeys", scale.List(append(items[:len(items):len(items)], account(hotkey))...), account(coldkey))
}

// join gives a hotkey a new slot.
func (x *execution) join(net scale.Value, hotkey [32]byte) uint64 {
	n := int(x.num("SubnetworkN", net))
	uid := uint64(n)
	for _, item := range columns() {
		x.putNums(item, x.nums(item, n+1, net), net)
	}
	updates := x.nums("LastUpdate", n+1, net)
	updates[n] = x.number
	x.putNums("LastUpdate", updates, net)
	active := x.flags("Active", n+1, net)
	active[n] = true
	x.putFlags("Active", active, net)
	x.putFlags("ValidatorPermit", x.flags("ValidatorPermit", n+1, net), net)
	x.put("SubnetworkN", scale.Uint(uid+1), net)
	x.settle(net, uid, hotkey)
	return uid
}

// settle makes a hotkey the holder of a slot.
func (x *execution) settle(net scale.Value, uid uint64, hotkey [32]byte) {
	x.put("Keys", account(hotkey), net, scale.Uint(uid))
	x.put("Uids", scale.Uint(uid), net, account(hotkey))
	x.put("BlockAtRegistration", scale.Uint(x.number), net, scale.Uint(uid))
	x.put("IsNetworkMember", scale.Bool(true), account(hotkey), net)
}

// replace gives a slot to another hotkey. What the runtime leaves behind stays:
// the axon of the one who leaves, and the block of the slot's last update.
func (x *execution) replace(net scale.Value, uid uint64, hotkey [32]byte) {
	old, _ := x.account("Keys", net, scale.Uint(uid))
	x.remove("Uids", net, account(old))
	x.remove("IsNetworkMember", account(old), net)
	n := int(x.num("SubnetworkN", net))
	for _, item := range columns() {
		list := x.nums(item, n, net)
		list[uid] = 0
		x.putNums(item, list, net)
	}
	permits := x.flags("ValidatorPermit", n, net)
	permits[uid] = false
	x.putFlags("ValidatorPermit", permits, net)
	x.settle(net, uid, hotkey)
}

// prune finds the slot to give away: the lowest pruning score past its
// immunity or, with none past it, of all (as recorded); among equals the one
// held longest. The hotkey of the subnet's owner stays.
func (x *execution) prune(net scale.Value) (uid uint64, found bool) {
	n := int(x.num("SubnetworkN", net))
	scores := x.nums("PruningScores", n, net)
	immunity := x.num("ImmunityPeriod", net)
	owner, owned := x.account("SubnetOwnerHotkey", net)
	type candidate struct{ immune, score, since uint64 }
	var best candidate
	for i := range n {
		if key, _ := x.account("Keys", net, scale.Uint(uint64(i))); owned && key == owner {
			continue
		}
		c := candidate{score: scores[i], since: x.num("BlockAtRegistration", net, scale.Uint(uint64(i)))}
		if x.number < c.since+immunity {
			c.immune = 1
		}
		lower := c.immune < best.immune || c.immune == best.immune && (c.score < best.score || c.score == best.score && c.since < best.since)
		if !found || lower {
			best, uid, found = c, uint64(i), true
		}
	}
	return uid, found
}

// uid is a hotkey's slot.
func (x *execution) uid(net scale.Value, hotkey [32]byte) (uint64, bool) {
	if !x.stored("Uids", net, account(hotkey)) {
		return 0, false
	}
	return x.num("Uids", net, account(hotkey)), true
}

// serve is serve_axon.
func (o *origin) serve() error {
	if err := o.servable(); err != nil {
		return err
	}
	net := o.Value("netuid")
	parts := map[string]scale.Value{"block": scale.Uint(o.number)}
	for _, name := range []string{"version", "ip", "port", "ip_type", "protocol", "placeholder1", "placeholder2"} {
		parts[name] = o.Value(name)
	}
	o.put("Axons", scale.Record(parts), net, account(o.who))
	o.emit(pallet, "AxonServed", net, account(o.who))
	return nil
}

// servable are the checks of serve_axon, which later runtimes make in the pool.
func (o *origin) servable() error {
	net := o.Value("netuid")
	member := false // of any subnet is enough
	for _, any := range o.nets() {
		member = member || o.stored("Uids", scale.Uint(any), account(o.who))
	}
	old := o.record(pallet, "Axons", net, account(o.who))
	limit := o.num("ServingRateLimit", net)
	served := uint64(0)
	if old != nil {
		n, err := old["block"].Uint64()
		o.fail(err)
		served = n
	}
	kind := o.Uint64("ip_type")
	switch {
	case !member:
		return refuse("HotKeyNotRegisteredInNetwork", "NotRegistered")
	case kind != 4 && kind != 6:
		return refuse("InvalidIpType")
	case !axonIP(o.Big("ip"), kind):
		return refuse("InvalidIpAddress")
	case limit != 0 && served != 0 && o.number-served < limit:
		return refuse("ServingRateLimitExceeded")
	case o.Uint64("port") == 0:
		return refuse("InvalidPort")
	}
	return nil
}
