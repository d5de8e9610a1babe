package scale

import (
	"fmt"
)

// Call is a call of a pallet with its arguments by name.
type Call struct {
	Pallet, Name string
	Args         Fields
}

// Call encodes a call: the pallet's index, the call's, and the arguments in
// the metadata's order. Every argument must be given, and no other. ErrUnknown
// without such a pallet or call, ErrValue.
func (m *Metadata) Call(pallet, name string, args map[string]Value) ([]byte, error) {
	v, err := m.CallValue(pallet, name, args)
	if err != nil {
		return nil, err
	}
	b, err := m.Encode(m.extrinsic.call, v)
	if err != nil {
		return nil, fmt.Errorf("call %s.%s: %w", pallet, name, err)
	}
	return b, nil
}

// CallValue is a call as the argument of another one, such as of Sudo.sudo.
func (m *Metadata) CallValue(pallet, name string, args map[string]Value) (Value, error) {
	p, err := m.pallet(pallet)
	if err != nil {
		return Value{}, err
	}
	var call *TypeVariant
	if p.Calls != NoType {
		call = m.types[p.Calls].variantNamed(name)
	}
	if call == nil {
		return Value{}, fmt.Errorf("%w: call %s.%s", ErrUnknown, pallet, name)
	}
	values := make([]Value, len(call.Fields))
	for i, f := range call.Fields {
		v, ok := args[f.Name]
		if !ok {
			return Value{}, fmt.Errorf("%w: call %s.%s wants an argument %s", ErrValue, pallet, name, f.Name)
		}
		values[i] = v
	}
	if len(args) != len(values) {
		return Value{}, fmt.Errorf("%w: call %s.%s has %d arguments, not %d", ErrValue, pallet, name, len(values), len(args))
	}
	return Enum(pallet, Enum(name, values...)), nil
}

// DecodeCall reads a call; ErrData.
func (m *Metadata) DecodeCall(b []byte) (Call, error) {
	v, err := m.Decode(m.extrinsic.call, b)
	if err != nil {
		return Call{}, err
	}
	return AsCall(v)
}

// AsCall takes a decoded call apart, also one that is an argument of another;
// ErrValue.
func AsCall(v Value) (Call, error) {
	pallet, e, err := palletVariant(v)
	if err != nil {
		return Call{}, err
	}
	return Call{Pallet: pallet, Name: e.Name, Args: e.Fields}, nil
}

// palletVariant is the pallet's name and what it holds, of a call or an event.
func palletVariant(v Value) (pallet string, e Variant, err error) {
	outer, err := v.Variant()
	if err != nil {
		return "", Variant{}, err
	}
	inner, err := outer.Fields.At(0)
	if err != nil {
		return "", Variant{}, err
	}
	e, err = inner.Variant()
	return outer.Name, e, err
}
