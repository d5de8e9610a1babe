package substratetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/filetao/filetao/scale"
)

// errNoFunction is a function of the runtime that this package has not.
var errNoFunction = errors.New("no such function")

// api runs a function of the runtime on the state after a block.
func (b *block) api(function string, input []byte) ([]byte, error) {
	s := b.state.as(b.next)
	net, uid := scale.Int(0), uint64(0)
	if len(input) >= 2 {
		net = scale.Uint(binary.LittleEndian.Uint16(input))
	}
	if len(input) >= 4 {
		uid = uint64(binary.LittleEndian.Uint16(input[2:]))
	}
	var answer []byte
	switch function {
	case "NeuronInfoRuntimeApi_get_neurons_lite":
		answer = s.neuronsLite(net)
	case "NeuronInfoRuntimeApi_get_neuron_lite":
		answer = s.optional(uid < s.num("SubnetworkN", net), func() []byte { return s.encode(s.rt.lite, s.neuronLite(net, uid)) })
	case "SubnetInfoRuntimeApi_get_subnet_hyperparams":
		answer = s.optional(s.flag("NetworksAdded", net), func() []byte { return s.encode(s.rt.rules, s.hyperparameters(net)) })
	case "SubnetInfoRuntimeApi_get_metagraph":
		api, err := s.rt.types.RuntimeAPI(function)
		if err != nil {
			return nil, errNoFunction
		}
		value := scale.None()
		if s.flag("NetworksAdded", net) {
			value = scale.Some(s.metagraph(b.number, net, api.Output))
		}
		answer = s.encode(api.Output, value)
	case "AccountNonceApi_account_nonce":
		if len(input) != 32 {
			return nil, errNoFunction
		}
		answer = binary.LittleEndian.AppendUint32(nil, uint32(s.nonce([32]byte(input))))
	default:
		return nil, fmt.Errorf("%w: %s", errNoFunction, function)
	}
	return answer, s.err
}

func (s *state) encode(t scale.TypeID, v scale.Value) []byte {
	b, err := s.rt.types.Encode(t, v)
	s.fail(err)
	return b
}

// wrap puts an answer into Vec<u8> where the runtime does.
func (s *state) wrap(b []byte) []byte {
	if s.rt.spec >= typed {
		return b
	}
	return append(scale.AppendCompact(nil, uint64(len(b))), b...)
}

// optional is an Option or, wrapped, the value or nothing.
func (s *state) optional(some bool, value func() []byte) []byte {
	switch {
	case !some && s.rt.spec >= typed:
		return []byte{0}
	case !some:
		return []byte{0} // an empty Vec<u8>
	case s.rt.spec >= typed:
		return append([]byte{1}, value()...)
	}
	return s.wrap(value())
}

func (s *state) neuronsLite(net scale.Value) []byte {
	n := s.num("SubnetworkN", net)
	out := scale.AppendCompact(nil, n)
	for uid := range n {
		out = append(out, s.encode(s.rt.lite, s.neuronLite(net, uid))...)
	}
	return s.wrap(out)
}

// columnNames are the fields of the answers and the vectors they come from.
func columnNames() map[string]string {
	return map[string]string{
		"rank": "Rank", "emission": "Emission", "incentive": "Incentive", "consensus": "Consensus", "trust": "Trust",
		"validator_trust": "ValidatorTrust", "dividends": "Dividends", "last_update": "LastUpdate", "pruning_score": "PruningScores",
	}
}

func (s *state) neuronLite(net scale.Value, uid uint64) scale.Value {
	n := int(s.num("SubnetworkN", net))
	hotkey, _ := s.account("Keys", net, scale.Uint(uid))
	coldkey, _ := s.account("Owner", account(hotkey))
	parts := map[string]scale.Value{
		"hotkey": account(hotkey), "coldkey": account(coldkey), "uid": scale.Uint(uid), "netuid": net,
		"active":           scale.Bool(s.flags("Active", n, net)[uid]),
		"validator_permit": scale.Bool(s.flags("ValidatorPermit", n, net)[uid]),
		"axon_info":        s.orZero("Axons", net, account(hotkey)),
		"prometheus_info":  s.orZero("Prometheus", net, account(hotkey)),
		"stake":            scale.List(scale.List(account(coldkey), scale.Uint(s.shownStake(hotkey, coldkey, net)))),
	}
	for name, item := range columnNames() {
		parts[name] = scale.Uint(s.nums(item, n, net)[uid])
	}
	return scale.Record(parts)
}

// shownStake is the stake that the neuron APIs tell: 218, a development build,
// still looks where nothing is stored any more.
func (s *state) shownStake(hotkey, coldkey [32]byte, net scale.Value) uint64 {
	if s.rt.has("Stake") {
		return s.num("Stake", account(hotkey), account(coldkey))
	}
	return s.stakeOf(hotkey, net)
}

// orZero is a stored value, or one of zeros.
func (s *state) orZero(item string, keys ...scale.Value) scale.Value {
	v, present := s.get(item, keys...)
	if present {
		return v
	}
	entry, _ := s.entry(pallet, item, keys)
	return s.zero(entry.Value)
}

// zero is a type's value of zeros, empty lists and first alternatives.
func (s *state) zero(id scale.TypeID) scale.Value {
	t, err := s.rt.types.Type(id)
	if err != nil {
		s.fail(err)
		return scale.Value{}
	}
	switch t.Kind {
	case scale.CompositeType:
		return s.zeroFields(t.Fields)
	case scale.VariantType:
		var fields []scale.Value
		for _, f := range t.Variants[0].Fields {
			fields = append(fields, s.zero(f.Type))
		}
		return scale.Enum(t.Variants[0].Name, fields...)
	case scale.CompactType:
		return scale.Int(0)
	case scale.PrimitiveType:
		switch t.Primitive {
		case scale.PrimBool:
			return scale.Bool(false)
		case scale.PrimStr:
			return scale.Text("")
		}
		return scale.Big(new(big.Int))
	case scale.ArrayType, scale.SequenceType:
		if elem, err := s.rt.types.Type(t.Elem); err == nil && elem.Kind == scale.PrimitiveType && elem.Primitive == scale.PrimU8 {
			return scale.Bytes(make([]byte, t.Len))
		}
		items := make([]scale.Value, t.Len)
		for i := range items {
			items[i] = s.zero(t.Elem)
		}
		return scale.List(items...)
	case scale.TupleType:
		items := make([]scale.Value, len(t.Items))
		for i, item := range t.Items {
			items[i] = s.zero(item)
		}
		return scale.List(items...)
	}
	s.fail(fmt.Errorf("no zero of type %d", id))
	return scale.Value{}
}

func (s *state) zeroFields(fields []scale.TypeField) scale.Value {
	if len(fields) == 1 && fields[0].Name == "" {
		return s.zero(fields[0].Type)
	}
	parts, list := map[string]scale.Value{}, []scale.Value{}
	for _, f := range fields {
		v := s.zero(f.Type)
		parts[f.Name] = v
		list = append(list, v)
	}
	if len(fields) > 0 && fields[0].Name == "" {
		return scale.List(list...)
	}
	return scale.Record(parts)
}
