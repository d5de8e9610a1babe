package substratetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// pallet is the one all of subtensor is in.
const pallet = "SubtensorModule"

// typed is the first runtime whose API answers are not wrapped in Vec<u8>.
const typed = 233

// runtime is a recorded runtime's description of itself.
type runtime struct {
	rec   *recording
	spec  uint32
	tx    uint32
	types *scale.Metadata
	// lite and rules are the types of NeuronInfoLite and SubnetHyperparams,
	// which metadata 14 does not describe.
	lite, rules scale.TypeID
}

func loadRuntime(t testing.TB, spec uint32, limit bool) *runtime {
	t.Helper()
	rec := loadRecording(t, spec)
	for _, raw := range []*hexBytes{&rec.metadata, &rec.metadata15} {
		if !limit || *raw == nil {
			continue
		}
		longer, err := addRegisterLimit(*raw)
		if err != nil {
			t.Fatalf("runtime %d: %v", spec, err)
		}
		*raw = longer
	}
	raw := rec.metadata
	if rec.metadata15 != nil {
		raw = rec.metadata15
	}
	var version struct {
		Spec        uint32 `json:"specVersion"`
		Transaction uint32 `json:"transactionVersion"`
	}
	if err := json.Unmarshal(rec.version, &version); err != nil {
		t.Fatal(err)
	}
	types, err := scale.ParseMetadata(raw)
	if err != nil {
		t.Fatal(err)
	}
	rt := &runtime{rec: rec, spec: version.Spec, tx: version.Transaction, types: types}
	if rt.lite, err = types.FindType("NeuronInfoLite"); err == nil {
		rt.rules, err = types.FindType("SubnetHyperparams")
	} else {
		err = rt.describe()
	}
	if err != nil {
		t.Fatalf("runtime %d: %v", spec, err)
	}
	return rt
}

// describe adds the types that runtimes without metadata 15 answer with.
func (rt *runtime) describe() error {
	axon, err := rt.types.FindType("AxonInfo")
	if err != nil {
		return err
	}
	prometheus, err := rt.types.FindType("PrometheusInfo")
	if err != nil {
		return err
	}
	account, err := rt.types.FindType("AccountId32")
	if err != nil {
		return err
	}
	first := scale.TypeID(0) // of those added: where the type list ends
	for _, err = rt.types.Type(first); err == nil; _, err = rt.types.Type(first) {
		first++
	}
	added := []scale.Type{
		{Kind: scale.PrimitiveType, Primitive: scale.PrimBool}, {Kind: scale.PrimitiveType, Primitive: scale.PrimU16},
		{Kind: scale.PrimitiveType, Primitive: scale.PrimU64},
		{Kind: scale.CompactType, Elem: first + 1}, {Kind: scale.CompactType, Elem: first + 2},
		{Kind: scale.TupleType, Items: []scale.TypeID{account, first + 4}}, {Kind: scale.SequenceType, Elem: first + 5},
	}
	boolean, short, long, stakes := first, first+3, first+4, first+6
	lite := []scale.TypeField{
		{Name: "hotkey", Type: account}, {Name: "coldkey", Type: account}, {Name: "uid", Type: short}, {Name: "netuid", Type: short},
		{Name: "active", Type: boolean}, {Name: "axon_info", Type: axon}, {Name: "prometheus_info", Type: prometheus},
		{Name: "stake", Type: stakes}, {Name: "rank", Type: short}, {Name: "emission", Type: long}, {Name: "incentive", Type: short},
		{Name: "consensus", Type: short}, {Name: "trust", Type: short}, {Name: "validator_trust", Type: short},
		{Name: "dividends", Type: short}, {Name: "last_update", Type: long}, {Name: "validator_permit", Type: boolean},
		{Name: "pruning_score", Type: short},
	}
	added = append(added, scale.Type{Path: []string{"NeuronInfoLite"}, Fields: lite},
		scale.Type{Path: []string{"SubnetHyperparams"}, Fields: rt.ruleFields(boolean, short, long)})
	types, at, err := rt.types.Extend(added...)
	if err != nil || at != first {
		return fmt.Errorf("types from %d on, not %d: %w", at, first, err)
	}
	rt.types, rt.lite, rt.rules = types, first+7, first+8
	return nil
}

func (rt *runtime) ruleFields(boolean, short, long scale.TypeID) []scale.TypeField {
	fields := []scale.TypeField{
		{Name: "rho", Type: short}, {Name: "kappa", Type: short}, {Name: "immunity_period", Type: short},
		{Name: "min_allowed_weights", Type: short}, {Name: "max_weights_limit", Type: short}, {Name: "tempo", Type: short},
		{Name: "min_difficulty", Type: long}, {Name: "max_difficulty", Type: long}, {Name: "weights_version", Type: long},
		{Name: "weights_rate_limit", Type: long}, {Name: "adjustment_interval", Type: short}, {Name: "activity_cutoff", Type: short},
		{Name: "registration_allowed", Type: boolean}, {Name: "target_regs_per_interval", Type: short}, {Name: "min_burn", Type: long},
		{Name: "max_burn", Type: long}, {Name: "bonds_moving_avg", Type: long}, {Name: "max_regs_per_block", Type: short},
		{Name: "serving_rate_limit", Type: long}, {Name: "max_validators", Type: short}, {Name: "adjustment_alpha", Type: long},
		{Name: "difficulty", Type: long}, {Name: "commit_reveal_period", Type: long}, {Name: "commit_reveal_weights_enabled", Type: boolean},
	}
	if rt.has("AlphaValues") {
		fields = append(fields, scale.TypeField{Name: "alpha_high", Type: short}, scale.TypeField{Name: "alpha_low", Type: short},
			scale.TypeField{Name: "liquid_alpha_enabled", Type: boolean})
	}
	return fields
}

// has says whether the runtime has a storage item of SubtensorModule.
func (rt *runtime) has(item string) bool {
	_, err := rt.types.Storage(pallet, item)
	return err == nil
}

// event is the number of fields of an event; -1 for one that it has not.
func (rt *runtime) event(pallet, name string) int {
	if p, ok := rt.types.Pallet(pallet); ok {
		if v, ok := rt.variant(p.Events, name); ok {
			return len(v.Fields)
		}
	}
	return -1
}

func (rt *runtime) variant(id scale.TypeID, name string) (scale.TypeVariant, bool) {
	t, err := rt.types.Type(id)
	if err != nil {
		return scale.TypeVariant{}, false
	}
	for _, v := range t.Variants {
		if v.Name == name {
			return v, true
		}
	}
	return scale.TypeVariant{}, false
}

// moduleError is the DispatchError of a pallet by its name.
func (rt *runtime) moduleError(pallet, name string) (scale.Value, bool) {
	p, ok := rt.types.Pallet(pallet)
	if !ok {
		return scale.Value{}, false
	}
	v, ok := rt.variant(p.Errors, name)
	if !ok {
		return scale.Value{}, false
	}
	return scale.Enum("Module", scale.Record(map[string]scale.Value{
		"index": scale.Uint(p.Index), "error": scale.Bytes([]byte{v.Index, 0, 0, 0}),
	})), true
}

// account makes a value of a key.
func account(key [32]byte) scale.Value { return scale.Bytes(key[:]) }

func hashValue(h chain.Hash) scale.Value { return scale.Bytes(h[:]) }
