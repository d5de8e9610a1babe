package scale_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/filetao/filetao/scale"
)

type apiRecord struct {
	Method  string
	Args    []any
	Params  []json.RawMessage
	Result  hexBytes
	Inner   hexBytes
	Wrapped bool `json:"wrapped_in_bytes"`
	OK      bool `json:"decoded_ok"`
	None    bool
	With    string `json:"decoded_with"`
	Decoded json.RawMessage
}

func apiCalls(t testing.TB, dir string) []apiRecord {
	t.Helper()
	var file struct{ Calls []apiRecord }
	vectors(t, filepath.Join(dir, "runtime_api.json"), &file)
	var good []apiRecord
	for _, c := range file.Calls {
		if c.OK {
			good = append(good, c)
		}
	}
	if len(good) < 9 {
		t.Fatalf("%d answers", len(good))
	}
	return good
}

// TestRuntimeAPI goes by what metadata 15 says of arguments and answers.
func TestRuntimeAPI(t *testing.T) {
	m := parse(t, "spec300/metadata_v15.json")
	if len(m.RuntimeAPIs()) < 20 {
		t.Errorf("%d runtime calls", len(m.RuntimeAPIs()))
	}
	for _, c := range apiCalls(t, "spec300") {
		if err := checkAPI(m, c); err != nil {
			t.Errorf("%s%v: %v", c.Method, c.Args, err)
		}
	}
	api, err := m.RuntimeAPI("NeuronInfoRuntimeApi_get_neuron_lite")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Encode(scale.Uint(uint16(1))); !errors.Is(err, scale.ErrValue) {
		t.Error(err)
	}
	if _, err := api.Decode(nil); !errors.Is(err, scale.ErrData) {
		t.Error(err)
	}
	for _, bad := range []string{"spec300/metadata.json", "spec300/metadata_v15.json"} {
		if _, err := parse(t, bad).RuntimeAPI("Nothing_at_all"); !errors.Is(err, scale.ErrUnknown) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func checkAPI(m *scale.Metadata, c apiRecord) error {
	api, err := m.RuntimeAPI(c.Method)
	if err != nil {
		return err
	}
	args := make([]scale.Value, len(c.Args))
	for i, in := range c.Args {
		if n, ok := in.(float64); ok {
			in = json.Number(fmt.Sprint(n))
		}
		if args[i], err = fromJSON(m, api.Inputs[i].Type, in); err != nil {
			return err
		}
	}
	params, err := api.Encode(args...)
	if err != nil || fmt.Sprintf(`"0x%x"`, params) != string(c.Params[1]) {
		return fmt.Errorf("params %x, want %s, %w", params, c.Params[1], err)
	}
	v, err := api.Decode(c.Result)
	if err != nil {
		return err
	}
	if back, err := m.Encode(api.Output, v); err != nil || !bytes.Equal(back, c.Result) {
		return fmt.Errorf("%x, want %x, %w", back, c.Result, err)
	}
	return sameJSON(m, api.Output, v, c.Decoded)
}

// builder adds types to a runtime's metadata.
type builder struct {
	m     *scale.Metadata
	types []scale.Type
	first scale.TypeID
}

func (b *builder) add(t scale.Type) scale.TypeID {
	b.types = append(b.types, t)
	return b.first + scale.TypeID(len(b.types)) - 1
}

func (b *builder) compact(p scale.Primitive) scale.TypeID {
	return b.add(scale.Type{Kind: scale.CompactType, Elem: b.primitive(p)})
}

func (b *builder) primitive(p scale.Primitive) scale.TypeID {
	return b.add(scale.Type{Kind: scale.PrimitiveType, Primitive: p})
}

func (b *builder) list(elem scale.TypeID) scale.TypeID {
	return b.add(scale.Type{Kind: scale.SequenceType, Elem: elem})
}

// record is a struct of fields in pairs of name and type.
func (b *builder) record(pairs ...any) scale.TypeID {
	t := scale.Type{Kind: scale.CompositeType}
	for i := 0; i < len(pairs); i += 2 {
		t.Fields = append(t.Fields, scale.TypeField{Name: pairs[i].(string), Type: pairs[i+1].(scale.TypeID)})
	}
	return b.add(t)
}

// wrappedTypes describes what older runtimes hide in bytes. AxonInfo is theirs:
// its fields stood in another order in 185.
func wrappedTypes(t testing.TB, m *scale.Metadata) (*scale.Metadata, map[string]scale.TypeID) {
	t.Helper()
	find := func(name string) scale.TypeID {
		id, err := m.FindType(name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	_, first, err := m.Extend()
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{m: m, first: first}
	account, flag := find("AccountId32"), b.primitive(scale.PrimBool)
	short, long := b.compact(scale.PrimU16), b.compact(scale.PrimU64)
	stake := b.list(b.add(scale.Type{Kind: scale.TupleType, Items: []scale.TypeID{account, long}}))
	neuron := b.record("hotkey", account, "coldkey", account, "uid", short, "netuid", short, "active", flag,
		"axon_info", find("AxonInfo"), "prometheus_info", find("PrometheusInfo"), "stake", stake,
		"rank", short, "emission", long, "incentive", short, "consensus", short, "trust", short,
		"validator_trust", short, "dividends", short, "last_update", long, "validator_permit", flag, "pruning_score", short)
	connect := b.list(b.add(scale.Type{Kind: scale.ArrayType, Elem: b.primitive(scale.PrimU16), Len: 2}))
	subnet := b.record("netuid", short, "rho", short, "kappa", short, "difficulty", long, "immunity_period", short,
		"max_allowed_validators", short, "min_allowed_weights", short, "max_weights_limit", short,
		"scaling_law_power", short, "subnetwork_n", short, "max_allowed_uids", short, "blocks_since_last_step", long,
		"tempo", short, "network_modality", short, "network_connect", connect, "emission_values", long,
		"burn", long, "owner", account)
	hyper := []any{"rho", short, "kappa", short, "immunity_period", short, "min_allowed_weights", short,
		"max_weights_limit", short, "tempo", short, "min_difficulty", long, "max_difficulty", long,
		"weights_version", long, "weights_rate_limit", long, "adjustment_interval", short, "activity_cutoff", short,
		"registration_allowed", flag, "target_regs_per_interval", short, "min_burn", long, "max_burn", long,
		"bonds_moving_avg", long, "max_regs_per_block", short, "serving_rate_limit", long, "max_validators", short,
		"adjustment_alpha", long, "difficulty", long, "commit_reveal_period", long, "commit_reveal_weights_enabled", flag}
	ids := map[string]scale.TypeID{
		"NeuronLite": neuron, "Vec<NeuronLite>": b.list(neuron), "SubnetInfo": subnet, "Hp1": b.record(hyper...),
		"Hp2": b.record(append(hyper, "alpha_high", short, "alpha_low", short, "liquid_alpha_enabled", flag)...),
	}
	more, _, err := m.Extend(b.types...)
	if err != nil {
		t.Fatal(err)
	}
	return more, ids
}

// TestWrappedAnswers reads the answers of runtimes that give bytes in bytes.
func TestWrappedAnswers(t *testing.T) {
	for _, dir := range []string{"spec185", "spec218"} {
		m, ids := wrappedTypes(t, parse(t, dir+"/metadata.json"))
		read := 0
		for _, c := range apiCalls(t, dir) {
			if !c.Wrapped {
				continue
			}
			n, inner, err := scale.DecodeCompact(c.Result)
			if err != nil || n != uint64(len(inner)) || !bytes.Equal(inner, c.Inner) {
				t.Fatalf("%s: %d bytes in %x, %v", c.Method, n, c.Result, err)
			}
			if c.None {
				continue
			}
			id, ok := ids[c.With]
			if !ok {
				t.Fatalf("%s: no type %s", c.Method, c.With)
			}
			v, err := m.Decode(id, inner)
			if err != nil {
				t.Errorf("%s%v: %v", c.Method, c.Args, err)
				continue
			}
			if back, err := m.Encode(id, v); err != nil || !bytes.Equal(back, inner) {
				t.Errorf("%s: %x, want %x, %v", c.Method, back, inner, err)
			}
			if err := sameJSON(m, id, v, c.Decoded); err != nil {
				t.Errorf("%s%v: %v", c.Method, c.Args, err)
			}
			read++
		}
		if read < 5 {
			t.Errorf("%s: %d answers", dir, read)
		}
	}
}

// TestPlainAnswers reads the answers of older runtimes that are not wrapped.
func TestPlainAnswers(t *testing.T) {
	for _, dir := range []string{"spec185", "spec218"} {
		m := parse(t, dir+"/metadata.json")
		_, first, err := m.Extend()
		if err != nil {
			t.Fatal(err)
		}
		b := &builder{m: m, first: first}
		u32, text := b.primitive(scale.PrimU32), b.primitive(scale.PrimStr)
		eight := b.add(scale.Type{Kind: scale.ArrayType, Elem: b.primitive(scale.PrimU8), Len: 8})
		apis := b.list(b.add(scale.Type{Kind: scale.TupleType, Items: []scale.TypeID{eight, u32}}))
		version := b.record("spec_name", text, "impl_name", text, "authoring_version", u32, "spec_version", u32,
			"impl_version", u32, "apis", apis, "transaction_version", u32, "state_version", b.primitive(scale.PrimU8))
		if m, _, err = m.Extend(b.types...); err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, c := range apiCalls(t, dir) {
			id, ok := map[string]scale.TypeID{"AccountNonceApi_account_nonce": u32, "Core_version": version}[c.Method]
			if !ok || c.Wrapped {
				continue
			}
			v, err := m.Decode(id, c.Result)
			if err != nil {
				t.Fatal(err)
			}
			if err := sameJSON(m, id, v, c.Decoded); err != nil {
				t.Errorf("%s: %v", c.Method, err)
			}
			read++
		}
		if read != 2 {
			t.Errorf("%s: %d answers", dir, read)
		}
	}
}
