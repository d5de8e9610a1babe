package substratetest

import (
	"math/big"

	"github.com/filetao/filetao/scale"
)

// stake is add_stake. After dTAO one TAO buys one alpha, as in subnets of the
// stable mechanism, without a fee, and however little it is.
func (o *origin) stake() error {
	hotkey, amount := o.key("hotkey"), o.Uint64("amount_staked")
	owner, owned := o.account("Owner", account(hotkey))
	nominal := o.rt.has("TotalHotkeyStake") // stake of all subnets
	var net scale.Value
	if !nominal {
		var err error
		if net, err = o.existing("SubnetNotExists"); err != nil {
			return err
		}
	}
	free, least := o.balance(o.who), o.deposit()
	switch {
	case free < least || free-least < amount:
		return refuse("NotEnoughBalanceToStake")
	case !owned:
		return refuse("HotKeyAccountNotExists", "NotRegistered")
	case owner != o.who && nominal && !o.stored("Delegates", account(hotkey)):
		return refuse("HotKeyNotDelegateAndSignerNotOwnHotKey", "NonAssociatedColdKey")
	}
	o.pay(amount)
	o.giveStake(hotkey, o.who, net, amount)
	if nominal {
		o.emit(pallet, "StakeAdded", account(hotkey), scale.Uint(amount))
		return nil
	}
	o.add("SubnetTAO", int64(amount), net)
	fields := []scale.Value{account(o.who), account(hotkey), scale.Uint(amount), scale.Uint(amount), net, scale.Uint(uint64(0))}
	o.emit(pallet, "StakeAdded", fields[:max(0, min(len(fields), o.rt.event(pallet, "StakeAdded")))]...)
	return nil
}

// giveStake adds to what a coldkey has staked to a hotkey.
func (x *execution) giveStake(hotkey, coldkey [32]byte, net scale.Value, amount uint64) {
	h, c := account(hotkey), account(coldkey)
	x.add("TotalStake", int64(amount))
	if x.rt.has("TotalHotkeyStake") {
		x.add("Stake", int64(amount), h, c)
		x.add("TotalHotkeyStake", int64(amount), h)
		x.add("TotalColdkeyStake", int64(amount), c)
		return
	}
	total, shares := x.num("TotalHotkeyAlpha", h, net), x.shares("TotalHotkeyShares", h, net)
	bought := x.share(amount)
	if total > 0 && shares.Sign() > 0 {
		bought = new(big.Int).Mul(new(big.Int).SetUint64(amount), shares)
		bought.Quo(bought, new(big.Int).SetUint64(total))
	}
	x.putShares("TotalHotkeyShares", shares.Add(shares, bought), h, net)
	alpha := x.shares("Alpha", h, c, net)
	x.putShares("Alpha", alpha.Add(alpha, bought), h, c, net)
	x.add("TotalHotkeyAlpha", int64(amount), h, net)
	x.add("SubnetAlphaOut", int64(amount), net)
}

// reward adds to a hotkey's stake, for all who have staked to it.
func (x *execution) reward(hotkey [32]byte, net scale.Value, amount uint64) {
	if amount == 0 {
		return
	}
	if !x.rt.has("TotalHotkeyStake") && x.num("TotalHotkeyAlpha", account(hotkey), net) > 0 {
		x.add("TotalHotkeyAlpha", int64(amount), account(hotkey), net)
		x.add("SubnetAlphaOut", int64(amount), net)
		return
	}
	owner, _ := x.account("Owner", account(hotkey))
	x.giveStake(hotkey, owner, net, amount)
}

// share is the number of shares that a first amount gets: the amount, as the
// runtime's fixed-point number where it has one.
func (x *execution) share(amount uint64) *big.Int {
	n := new(big.Int).SetUint64(amount)
	if x.fixed() {
		n.Lsh(n, 64)
	}
	return n
}

// fixed says whether shares are fixed-point numbers; earlier they were integers.
func (x *execution) fixed() bool {
	entry, err := x.rt.types.Storage(pallet, "Alpha")
	if err != nil {
		return false
	}
	t, err := x.rt.types.Type(entry.Value)
	return err == nil && t.Kind == scale.CompositeType
}

func (x *execution) shares(item string, keys ...scale.Value) *big.Int {
	v, _ := x.get(item, keys...)
	r := scale.NewReader(v)
	n := new(big.Int)
	if x.fixed() {
		n = r.Big("bits")
	} else {
		n = r.Big()
	}
	x.fail(r.Err())
	return n
}

func (x *execution) putShares(item string, n *big.Int, keys ...scale.Value) {
	v := scale.Big(n)
	if x.fixed() {
		v = scale.Record(map[string]scale.Value{"bits": v})
	}
	x.put(item, v, keys...)
}

// stakeOf is all that is staked to a hotkey, as it counts in a subnet.
func (s *state) stakeOf(hotkey [32]byte, net scale.Value) uint64 {
	if s.rt.has("TotalHotkeyStake") {
		return s.num("TotalHotkeyStake", account(hotkey))
	}
	return s.num("TotalHotkeyAlpha", account(hotkey), net)
}

// minStake is the least stake that may set weights.
func (s *state) minStake() uint64 {
	return max(s.num("WeightsMinStake"), s.num("StakeThreshold"))
}
