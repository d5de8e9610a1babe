package substratetest

import (
	"math/big"

	"github.com/filetao/filetao/scale"
)

// origin is who makes a call, and its arguments.
type origin struct {
	*execution
	who  [32]byte
	root bool
	*scale.Reader
}

// dispatch runs a call. Its errors are *refusal or errOrigin; a call checks
// everything before it changes anything.
func (x *execution) dispatch(who [32]byte, call scale.Call) error {
	return x.run(&origin{execution: x, who: who}, call)
}

func (x *execution) run(o *origin, call scale.Call) error {
	args := make(map[string]scale.Value, len(call.Args.Values))
	for i, name := range call.Args.Names {
		args[name] = call.Args.Values[i]
	}
	o.Reader = scale.NewReader(scale.Record(args))
	run, known := calls()[call.Pallet+"."+call.Name]
	if call.Pallet == "AdminUtils" {
		return o.administer(call)
	}
	if !known {
		return &refusal{"System", []string{"CallFiltered"}}
	}
	err := run(o)
	if broken := o.Err(); broken != nil { // the metadata and this package differ
		x.fail(broken)
	}
	return err
}

func calls() map[string]func(*origin) error {
	return map[string]func(*origin) error{
		"SubtensorModule.burned_register": (*origin).register,
		"SubtensorModule.register_limit":  (*origin).registerLimit,
		"SubtensorModule.add_stake":       (*origin).stake,
		"SubtensorModule.serve_axon":      (*origin).serve,
		"SubtensorModule.set_weights":     (*origin).setWeights,
		"SubtensorModule.commit_weights":  (*origin).commit,
		"SubtensorModule.reveal_weights":  (*origin).reveal,
		"Balances.transfer_keep_alive":    (*origin).transfer,
		"Balances.transfer_allow_death":   (*origin).transfer,
		"System.remark":                   func(*origin) error { return nil },
		"Sudo.sudo":                       (*origin).sudo,
	}
}

// key reads an account among the arguments.
func (o *origin) key(name string) (key [32]byte) {
	copy(key[:], o.Bytes(name))
	return key
}

// existing reads the subnet among the arguments; without it the call fails by
// one of these names or the usual ones.
func (o *origin) existing(names ...string) (scale.Value, error) {
	net := o.Value("netuid")
	if !o.flag("NetworksAdded", net) {
		return net, refuse(append(names, "SubNetworkDoesNotExist", "NetworkDoesNotExist")...)
	}
	return net, nil
}

// deposit is the least balance an account may keep.
func (x *execution) deposit() uint64 {
	v, err := x.rt.types.Constant("Balances", "ExistentialDeposit")
	if err != nil {
		x.fail(err)
		return 0
	}
	n, err := v.Uint64()
	x.fail(err)
	return n
}

// pay takes from the origin's balance; false if it would not last.
func (o *origin) pay(amount uint64) bool {
	free, least := o.balance(o.who), o.deposit()
	if free < least || free-least < amount {
		return false
	}
	o.setBalance(o.who, free-amount)
	o.emit("Balances", "Withdraw", account(o.who), scale.Uint(amount))
	return true
}

func (o *origin) transfer() error {
	dest, err := o.Value("dest").Variant()
	if err != nil || dest.Name != "Id" {
		return &refusal{"System", []string{"CallFiltered"}}
	}
	id, err := dest.Fields.At(0)
	if err != nil {
		o.fail(err)
	}
	raw, err := id.Bytes()
	if err != nil || len(raw) != 32 {
		o.fail(err)
		return errOrigin
	}
	to, amount := [32]byte(raw), o.Uint64("value")
	free, least := o.balance(o.who), o.deposit()
	switch {
	case free < amount || free-amount < least:
		return &refusal{"Balances", []string{"InsufficientBalance"}}
	case o.balance(to)+amount < least:
		return &refusal{"Balances", []string{"ExistentialDeposit"}}
	}
	o.setBalance(o.who, free-amount)
	o.setBalance(to, o.balance(to)+amount)
	o.emit("Balances", "Transfer", account(o.who), account(to), scale.Uint(amount))
	return nil
}

// sudo lets the key of the chain's administrator call as root.
func (o *origin) sudo() error {
	key, present := o.in("Sudo", "Key")
	b, err := key.Bytes()
	if !present || err != nil || [32]byte(b) != o.who {
		return &refusal{"Sudo", []string{"RequireSudo"}}
	}
	inner, err := scale.AsCall(o.Value("call"))
	if err != nil {
		o.fail(err)
		return errOrigin
	}
	result := scale.Enum("Ok", scale.Value{})
	if err := o.run(&origin{execution: o.execution, who: o.who, root: true}, inner); err != nil {
		result = scale.Enum("Err", o.dispatchError(err))
	}
	o.emit("Sudo", "Sudid", result)
	return nil
}

// settings are the calls of AdminUtils and what they store.
func settings() map[string][]string {
	return map[string][]string{
		"sudo_set_tempo": {"Tempo"}, "sudo_set_weights_version_key": {"WeightsVersionKey"},
		"sudo_set_weights_set_rate_limit": {"WeightsSetRateLimit"}, "sudo_set_serving_rate_limit": {"ServingRateLimit"},
		"sudo_set_immunity_period": {"ImmunityPeriod"}, "sudo_set_min_allowed_weights": {"MinAllowedWeights"},
		"sudo_set_max_weight_limit": {"MaxWeightsLimit"}, "sudo_set_max_allowed_validators": {"MaxAllowedValidators"},
		"sudo_set_max_allowed_uids": {"MaxAllowedUids"}, "sudo_set_network_registration_allowed": {"NetworkRegistrationAllowed"},
		"sudo_set_target_registrations_per_interval": {"TargetRegistrationsPerInterval"},
		"sudo_set_max_registrations_per_block":       {"MaxRegistrationsPerBlock"},
		"sudo_set_activity_cutoff":                   {"ActivityCutoff"}, "sudo_set_min_burn": {"MinBurn"}, "sudo_set_max_burn": {"MaxBurn"},
		"sudo_set_commit_reveal_weights_enabled":  {"CommitRevealWeightsEnabled"},
		"sudo_set_commit_reveal_weights_interval": {"RevealPeriodEpochs", "WeightCommitRevealInterval"},
		"sudo_set_weights_min_stake":              {"WeightsMinStake"}, "sudo_set_stake_threshold": {"StakeThreshold"},
	}
}

// administer stores a parameter: the last argument, under the subnet if there
// are two.
func (o *origin) administer(call scale.Call) error {
	items, known := settings()[call.Name]
	switch {
	case !known:
		return &refusal{"System", []string{"CallFiltered"}}
	case !o.root:
		return errOrigin
	}
	args := call.Args.Values
	var keys []scale.Value
	if len(args) == 2 {
		keys = args[:1]
		if !o.flag("NetworksAdded", keys[0]) {
			return &refusal{"AdminUtils", []string{"SubnetDoesNotExist", "NetworkDoesNotExist"}}
		}
	}
	value := args[len(args)-1]
	if n, err := value.Uint64(); call.Name == "sudo_set_max_allowed_uids" && err == nil && n <= o.num("SubnetworkN", keys...) {
		return &refusal{"AdminUtils", []string{"MaxAllowedUIdsLessThanCurrentUIds", "MaxAllowedUIdsNotAllowed"}}
	}
	for _, item := range items {
		if o.rt.has(item) {
			o.put(item, value, keys...)
			return nil
		}
	}
	o.fail(&refusal{"AdminUtils", items})
	return nil
}

// axonIP reads an address as a number, and says whether an axon may be there.
func axonIP(ip *big.Int, kind uint64) bool {
	if ip == nil || ip.Sign() == 0 {
		return false
	}
	all := new(big.Int).Lsh(big.NewInt(1), 128)
	loopback := big.NewInt(1)
	if kind == 4 {
		all, loopback = big.NewInt(1<<32), big.NewInt(0x7f000001)
	}
	return ip.Cmp(all.Sub(all, big.NewInt(1))) < 0 && ip.Cmp(loopback) != 0
}
