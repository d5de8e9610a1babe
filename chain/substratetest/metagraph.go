package substratetest

import (
	"github.com/filetao/filetao/scale"
)

// ruleNames are the fields of the answers and the items they come from.
func ruleNames() map[string]string {
	return map[string]string{
		"rho": "Rho", "kappa": "Kappa", "immunity_period": "ImmunityPeriod", "min_allowed_weights": "MinAllowedWeights",
		"max_weights_limit": "MaxWeightsLimit", "tempo": "Tempo", "min_difficulty": "MinDifficulty", "max_difficulty": "MaxDifficulty",
		"weights_version": "WeightsVersionKey", "weights_rate_limit": "WeightsSetRateLimit", "adjustment_interval": "AdjustmentInterval",
		"activity_cutoff": "ActivityCutoff", "target_regs_per_interval": "TargetRegistrationsPerInterval", "min_burn": "MinBurn",
		"max_burn": "MaxBurn", "bonds_moving_avg": "BondsMovingAverage", "max_regs_per_block": "MaxRegistrationsPerBlock",
		"serving_rate_limit": "ServingRateLimit", "max_validators": "MaxAllowedValidators", "adjustment_alpha": "AdjustmentAlpha",
		"difficulty": "Difficulty", "burn": "Burn", "max_uids": "MaxAllowedUids", "num_uids": "SubnetworkN",
		"last_step": "LastMechansimStepBlock", "blocks_since_last_step": "BlocksSinceLastStep", "network_registered_at": "NetworkRegisteredAt",
		"alpha_in": "SubnetAlphaIn", "alpha_out": "SubnetAlphaOut", "tao_in": "SubnetTAO",
	}
}

// rules are the values of ruleNames and those of another shape.
func (s *state) rules(net scale.Value) map[string]scale.Value {
	parts := map[string]scale.Value{
		"netuid":                        net,
		"registration_allowed":          scale.Bool(s.flag("NetworkRegistrationAllowed", net)),
		"pow_registration_allowed":      scale.Bool(s.flag("NetworkPowRegistrationAllowed", net)),
		"commit_reveal_weights_enabled": scale.Bool(s.flag("CommitRevealWeightsEnabled", net)),
		"liquid_alpha_enabled":          scale.Bool(s.flag("LiquidAlphaOn", net)),
		"commit_reveal_period":          scale.Uint(s.num("RevealPeriodEpochs", net) + s.num("WeightCommitRevealInterval", net)),
	}
	for name, item := range ruleNames() {
		parts[name] = scale.Uint(s.num(item, net))
	}
	if s.rt.has("AlphaValues") {
		v, _ := s.get("AlphaValues", net)
		if low, err := v.Uints(); err == nil && len(low) == 2 {
			parts["alpha_low"], parts["alpha_high"] = scale.Uint(low[0]), scale.Uint(low[1])
		}
	}
	return parts
}

// only fills a struct with the parts that it has, and zeros.
func (s *state) only(id scale.TypeID, parts map[string]scale.Value) scale.Value {
	t, err := s.rt.types.Type(id)
	s.fail(err)
	fields := map[string]scale.Value{}
	if err == nil {
		for _, f := range t.Fields {
			v, have := parts[f.Name]
			if !have {
				v = s.zero(f.Type)
			}
			fields[f.Name] = v
		}
	}
	return scale.Record(fields)
}

func (s *state) hyperparameters(net scale.Value) scale.Value {
	return s.only(s.rt.rules, s.rules(net))
}

// metagraph is what get_metagraph answers; what this package does not keep is
// zero.
func (s *state) metagraph(number uint64, net scale.Value, output scale.TypeID) scale.Value {
	parts := s.rules(net)
	parts["block"] = scale.Uint(number)
	for name, item := range map[string]string{"owner_coldkey": "SubnetOwner", "owner_hotkey": "SubnetOwnerHotkey"} {
		key, _ := s.account(item, net)
		parts[name] = account(key)
	}
	n := int(s.num("SubnetworkN", net))
	var hotkeys, coldkeys, axons, stakes []scale.Value
	for uid := range n {
		hotkey, _ := s.account("Keys", net, scale.Uint(uint64(uid)))
		coldkey, _ := s.account("Owner", account(hotkey))
		hotkeys, coldkeys = append(hotkeys, account(hotkey)), append(coldkeys, account(coldkey))
		axons = append(axons, s.orZero("Axons", net, account(hotkey)))
		stakes = append(stakes, scale.Uint(s.stakeOf(hotkey, net)))
	}
	parts["hotkeys"], parts["coldkeys"], parts["axons"] = scale.List(hotkeys...), scale.List(coldkeys...), scale.List(axons...)
	parts["alpha_stake"], parts["total_stake"] = scale.List(stakes...), scale.List(stakes...)
	registered := make([]uint64, n)
	nothing := make([]uint64, n)
	identities := make([]scale.Value, n)
	for uid := range n {
		registered[uid] = s.num("BlockAtRegistration", net, scale.Uint(uint64(uid)))
		identities[uid] = scale.None()
	}
	parts["block_at_registration"], parts["tao_stake"] = scale.Uints(registered), scale.Uints(nothing)
	parts["identities"] = scale.List(identities...)
	for name, item := range columnNames() {
		parts[name] = scale.Uints(s.nums(item, n, net))
	}
	parts["incentives"] = parts["incentive"]
	for name, item := range map[string]string{"active": "Active", "validator_permit": "ValidatorPermit"} {
		values := make([]scale.Value, n)
		for i, b := range s.flags(item, n, net) {
			values[i] = scale.Bool(b)
		}
		parts[name] = scale.List(values...)
	}
	t, err := s.rt.types.Type(output)
	if err != nil || len(t.Variants) != 2 || len(t.Variants[1].Fields) != 1 {
		s.fail(err)
		return scale.Value{}
	}
	return s.only(t.Variants[1].Fields[0].Type, parts)
}
