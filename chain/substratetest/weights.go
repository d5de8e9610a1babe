package substratetest

import (
	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// maxCommits is how many commitments of a hotkey may wait.
const maxCommits = 10

// row is what a hotkey wants its weights to be.
type row struct {
	uids, values []uint64
	key          uint64
}

// setWeights is set_weights.
func (o *origin) setWeights() error {
	net := o.Value("netuid")
	if o.flag("CommitRevealWeightsEnabled", net) {
		return refuse("CommitRevealEnabled")
	}
	r := row{o.Uints("dests"), o.Uints("weights"), o.Uint64("version_key")}
	return o.weigh(net, r, false)
}

// weigh makes the checks of set_weights in its order and stores the row.
func (o *origin) weigh(net scale.Value, r row, revealed bool) error {
	if err := o.mayWeigh(net, r, revealed); err != nil {
		return err
	}
	uid, _ := o.uid(net, o.who)
	if err := o.weighable(net, uid, r); err != nil {
		return err
	}
	pairs := make([]scale.Value, len(r.uids))
	for i, value := range scaled(r.values) {
		pairs[i] = scale.List(scale.Uint(r.uids[i]), scale.Uint(value))
	}
	o.put("Weights", scale.List(pairs...), net, scale.Uint(uid))
	if !revealed {
		o.update(net, uid)
	}
	o.emit(pallet, "WeightsSet", net, scale.Uint(uid))
	return nil
}

// update says that a slot has set weights now.
func (x *execution) update(net scale.Value, uid uint64) {
	updates := x.nums("LastUpdate", int(x.num("SubnetworkN", net)), net)
	updates[uid] = x.number
	x.putNums("LastUpdate", updates, net)
}

// mayWeigh are the checks of who sets weights.
func (o *origin) mayWeigh(net scale.Value, r row, revealed bool) error {
	n := o.num("SubnetworkN", net)
	if len(r.uids) != len(r.values) {
		return refuse("WeightVecNotEqualSize")
	}
	if !o.flag("NetworksAdded", net) {
		return refuse("SubNetworkDoesNotExist", "NetworkDoesNotExist")
	}
	if uint64(len(r.uids)) > n {
		return refuse("UidsLengthExceedUidsInSubNet", "TooManyUids")
	}
	uid, registered := o.uid(net, o.who)
	version := o.num("WeightsVersionKey", net)
	switch {
	case !registered:
		return refuse("HotKeyNotRegisteredInSubNet", "NotRegistered")
	case o.stakeOf(o.who, net) < o.minStake():
		return refuse("NotEnoughStakeToSetWeights")
	case version != 0 && r.key < version:
		return refuse("IncorrectWeightVersionKey", "IncorrectNetworkVersionKey")
	case !revealed && o.tooFast(net, uid):
		return refuse("SettingWeightsTooFast")
	case !o.flags("ValidatorPermit", int(n), net)[uid] && !r.onlySelf(uid):
		return refuse("NeuronNoValidatorPermit", "NoValidatorPermit")
	}
	return nil
}

func (r row) onlySelf(uid uint64) bool { return len(r.uids) == 1 && r.uids[0] == uid }

func (x *execution) tooFast(net scale.Value, uid uint64) bool {
	last := x.nums("LastUpdate", int(x.num("SubnetworkN", net)), net)[uid]
	return last != 0 && x.number-last < x.num("WeightsSetRateLimit", net)
}

// weighable are the checks of the weights themselves.
func (o *origin) weighable(net scale.Value, uid uint64, r row) error {
	n := o.num("SubnetworkN", net)
	seen := map[uint64]bool{}
	for _, u := range r.uids {
		if seen[u] {
			return refuse("DuplicateUids")
		}
		seen[u] = true
	}
	for _, u := range r.uids {
		if u >= n {
			return refuse("UidVecContainInvalidOne", "InvalidUid")
		}
	}
	if uint64(len(r.uids)) < min(o.num("MinAllowedWeights", net), n) && !r.onlySelf(uid) {
		return refuse("WeightVecLengthIsLow", "NotSettingEnoughWeights")
	}
	sum, top := uint64(0), uint64(0)
	for _, v := range scaled(r.values) {
		sum, top = sum+v, max(top, v)
	}
	if limit := o.num("MaxWeightsLimit", net); limit < 1<<16-1 && top*(1<<16-1) > limit*sum && !r.onlySelf(uid) {
		return refuse("MaxWeightExceeded")
	}
	return nil
}

// scaled makes the largest value 65535, by integer division.
func scaled(values []uint64) []uint64 {
	top := uint64(0)
	for _, v := range values {
		top = max(top, v)
	}
	out := make([]uint64, len(values))
	for i, v := range values {
		if top > 0 {
			out[i] = v * (1<<16 - 1) / top
		}
	}
	return out
}

// commitment is one waiting set of weights.
type commitment struct {
	hash  scale.Value
	block uint64
	value scale.Value
}

// commitments are a hotkey's, oldest first.
func (x *execution) commitments(net scale.Value, hotkey [32]byte) []commitment {
	v, _ := x.get("WeightCommits", net, account(hotkey))
	inner, some, err := v.Option() // absent or an optional queue
	if err == nil {
		if !some {
			return nil
		}
		v = inner
	}
	items, err := v.Items()
	x.fail(err)
	list := make([]commitment, len(items))
	for i, item := range items {
		parts, err := item.Items()
		if err != nil || len(parts) < 2 {
			x.fail(err)
			continue
		}
		n, err := parts[1].Uint64()
		x.fail(err)
		list[i] = commitment{parts[0], n, item}
	}
	return list
}

func (x *execution) putCommitments(net scale.Value, hotkey [32]byte, list []commitment) {
	if len(list) == 0 {
		x.remove("WeightCommits", net, account(hotkey))
		return
	}
	values := make([]scale.Value, len(list))
	for i, c := range list {
		values[i] = c.value
	}
	x.put("WeightCommits", scale.List(values...), net, account(hotkey))
}

// window are the blocks in which a commitment can be revealed.
func (x *execution) window(net scale.Value, block uint64) (first, last uint64) {
	n, err := net.Uint64()
	x.fail(err)
	return chain.RevealWindow(block, chain.NetUID(n), chain.Hyperparameters{
		Tempo: uint16(x.num("Tempo", net)), RevealPeriod: x.num("RevealPeriodEpochs", net),
	})
}

// salted says whether the runtime has commit-reveal as this package knows it.
func (rt *runtime) salted() bool { return rt.has("RevealPeriodEpochs") }

// commit is commit_weights.
func (o *origin) commit() error {
	net := o.Value("netuid")
	if !o.flag("CommitRevealWeightsEnabled", net) || !o.rt.salted() {
		return refuse("CommitRevealDisabled")
	}
	uid, registered := o.uid(net, o.who)
	if !registered {
		return refuse("HotKeyNotRegisteredInSubNet")
	}
	if o.tooFast(net, uid) {
		return refuse("CommittingWeightsTooFast")
	}
	var waiting []commitment
	for _, c := range o.commitments(net, o.who) {
		if _, last := o.window(net, c.block); o.number <= last {
			waiting = append(waiting, c)
		}
	}
	if len(waiting) >= maxCommits {
		return refuse("TooManyUnrevealedCommits")
	}
	first, last := o.window(net, o.number)
	hash := o.Value("commit_hash")
	value := scale.List(hash, scale.Uint(o.number), scale.Uint(first), scale.Uint(last))
	o.putCommitments(net, o.who, append(waiting, commitment{hash, o.number, value}))
	o.update(net, uid)
	o.emit(pallet, "WeightsCommitted", account(o.who), net, hash)
	return nil
}

// revealing is the row that reveal_weights gives and the hash it was committed
// to under.
func (o *origin) revealing() (row, scale.Value) {
	net, err := o.Value("netuid").Uint64()
	o.fail(err)
	r := row{o.Uints("uids"), o.Uints("values"), o.Uint64("version_key")}
	var weights []chain.Weight
	for i := range min(len(r.uids), len(r.values)) {
		weights = append(weights, chain.Weight{UID: chain.UID(r.uids[i]), Value: uint16(r.values[i])})
	}
	var salt []uint16
	for _, n := range o.Uints("salt") {
		salt = append(salt, uint16(n))
	}
	hash, err := chain.CommitHash(wallet.AddressOf(o.who), chain.NetUID(net), weights, salt, r.key)
	o.fail(err)
	return r, hashValue(hash)
}

// findCommitment are the checks of a reveal, which later runtimes make in the
// pool: the commitments that remain when it is made.
func (o *origin) findCommitment(hash scale.Value) (rest []commitment, err error) {
	net := o.Value("netuid")
	list := o.commitments(net, o.who)
	if len(list) == 0 {
		return nil, refuse("NoWeightsCommitFound")
	}
	expired := false
	for i, c := range list {
		first, last := o.window(net, c.block)
		match := c.hash.Equal(hash)
		switch {
		case o.number > last:
			expired = expired || match
		case match && o.number < first:
			return nil, refuse("RevealTooEarly")
		case match:
			return list[i+1:], nil
		}
	}
	if expired {
		return nil, refuse("ExpiredWeightCommit")
	}
	return nil, refuse("InvalidRevealCommitHashNotMatch")
}

// reveal is reveal_weights.
func (o *origin) reveal() error {
	net := o.Value("netuid")
	if !o.flag("CommitRevealWeightsEnabled", net) || !o.rt.salted() {
		return refuse("CommitRevealDisabled")
	}
	r, hash := o.revealing()
	rest, err := o.findCommitment(hash)
	if err != nil {
		return err
	}
	if err := o.weigh(net, r, true); err != nil {
		return err
	}
	o.putCommitments(net, o.who, rest)
	o.emit(pallet, "WeightsRevealed", account(o.who), net, hash)
	return nil
}
