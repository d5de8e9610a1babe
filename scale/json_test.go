package scale_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/mr-tron/base58"

	"github.com/filetao/filetao/scale"
)

// devKeys are the public keys of the accounts that recordings call by name.
var devKeys = map[string]string{
	"Alice":   "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d",
	"Bob":     "8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48",
	"Charlie": "90b5ab205c6974c9ea841be688864633dc9ca8a357843eeacf2314649965fe22",
	"Dave":    "306721211d5404bd9da88e0204360a1a9ab8b87c66c1bc2fcdd37f3c2222cc20",
	"Eve":     "e659a7a1628cdd93febc04a4e0646ea20e9f5f0ce097d9a05290d4a9e054df4e",
	"Ferdie":  "1cbd2d43530a44705ad088af313e18f80b53ef16b36177cd4b77b846f2a5f07c",
	"One":     "ac859f8a216eeb1b320b4c76d118da3d7407fa523484d0a980126d3b4d0d220a",
	"Two":     "1254f7017f0b8347ce7ab14f96d818802e7e9e0c0d1b7c9acb3c726b080e7a03",
}

// plain is a name without what tells snake_case from camelCase.
func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// parseJSON reads JSON without losing digits.
func parseJSON(text []byte) (any, error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// fromJSON makes the value of a type out of what polkadot-js' toJSON shows of
// it. It shares no code with the decoder.
func fromJSON(m *scale.Metadata, id scale.TypeID, in any) (scale.Value, error) {
	t, err := m.Type(id)
	if err != nil {
		return scale.Value{}, err
	}
	switch t.Kind {
	case scale.PrimitiveType:
		return primitiveJSON(t.Primitive, in)
	case scale.CompactType:
		return fromJSON(m, t.Elem, in)
	case scale.SequenceType, scale.ArrayType:
		return listJSON(m, t.Elem, in)
	case scale.TupleType:
		items, _ := in.([]any)
		if len(t.Items) == 0 {
			return scale.Value{}, nil
		}
		if len(items) != len(t.Items) {
			return scale.Value{}, fmt.Errorf("%v for a tuple of %d", in, len(t.Items))
		}
		return eachJSON(m, func(i int) scale.TypeID { return t.Items[i] }, items)
	case scale.CompositeType:
		return compositeJSON(m, t, in)
	case scale.VariantType:
		return variantJSON(m, t, in)
	}
	return scale.Value{}, fmt.Errorf("a type of kind %d", t.Kind)
}

func primitiveJSON(p scale.Primitive, in any) (scale.Value, error) {
	switch x := in.(type) {
	case bool:
		return scale.Bool(x), nil
	case json.Number:
		n, ok := new(big.Int).SetString(x.String(), 10)
		if !ok {
			return scale.Value{}, fmt.Errorf("number %v", x)
		}
		return scale.Big(n), nil
	case string:
		if p == scale.PrimStr {
			return scale.Text(x), nil
		}
		if digits, ok := strings.CutPrefix(x, "0x"); ok {
			if n, ok := new(big.Int).SetString(digits, 16); ok {
				return scale.Big(n), nil
			}
		}
	}
	return scale.Value{}, fmt.Errorf("%v for primitive %d", in, p)
}

func listJSON(m *scale.Metadata, elem scale.TypeID, in any) (scale.Value, error) {
	t, err := m.Type(elem)
	if err != nil {
		return scale.Value{}, err
	}
	items, isList := in.([]any)
	if t.Kind == scale.PrimitiveType && t.Primitive == scale.PrimU8 && !isList {
		text, _ := in.(string)
		digits, ok := strings.CutPrefix(text, "0x")
		if !ok {
			return scale.Bytes([]byte(text)), nil // ASCII is shown as text
		}
		b, err := hex.DecodeString(digits)
		return scale.Bytes(b), err
	}
	if !isList {
		return scale.Value{}, fmt.Errorf("%v for a list", in)
	}
	return eachJSON(m, func(int) scale.TypeID { return elem }, items)
}

func eachJSON(m *scale.Metadata, typ func(int) scale.TypeID, items []any) (scale.Value, error) {
	values := make([]scale.Value, len(items))
	for i, item := range items {
		var err error
		if values[i], err = fromJSON(m, typ(i), item); err != nil {
			return scale.Value{}, err
		}
	}
	return scale.List(values...), nil
}

func compositeJSON(m *scale.Metadata, t *scale.Type, in any) (scale.Value, error) {
	switch {
	case t.Name() == "AccountId32":
		return accountJSON(in)
	case len(t.Fields) == 0:
		return scale.Value{}, nil
	case len(t.Fields) == 1 && t.Fields[0].Name == "":
		return fromJSON(m, t.Fields[0].Type, in)
	case t.Fields[0].Name == "":
		items, _ := in.([]any)
		return eachJSON(m, func(i int) scale.TypeID { return t.Fields[i].Type }, items)
	}
	values, err := namedJSON(m, t.Fields, in)
	if err != nil {
		return scale.Value{}, fmt.Errorf("%s: %w", t.Name(), err)
	}
	return scale.Record(values), nil
}

func namedJSON(m *scale.Metadata, fields []scale.TypeField, in any) (map[string]scale.Value, error) {
	object, _ := in.(map[string]any)
	if len(object) != len(fields) {
		return nil, fmt.Errorf("%v for %d fields", in, len(fields))
	}
	parts := make(map[string]any)
	for name, part := range object {
		parts[plain(name)] = part
	}
	values := make(map[string]scale.Value)
	for _, f := range fields {
		part, ok := parts[plain(f.Name)]
		if !ok {
			return nil, fmt.Errorf("no field %s in %v", f.Name, in)
		}
		v, err := fromJSON(m, f.Type, part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		values[f.Name] = v
	}
	return values, nil
}

// accountJSON reads an address, or a name of devKeys.
func accountJSON(in any) (scale.Value, error) {
	text, _ := in.(string)
	if key, ok := devKeys[text]; ok {
		b, err := hex.DecodeString(key)
		return scale.Bytes(b), err
	}
	b, err := base58.Decode(text)
	if err != nil || len(b) != 35 || b[0] != 42 {
		return scale.Value{}, fmt.Errorf("%v for an account: %w", in, err)
	}
	return scale.Bytes(b[1:33]), nil
}

func variantJSON(m *scale.Metadata, t *scale.Type, in any) (scale.Value, error) {
	if t.Name() == "Option" {
		if in == nil {
			return scale.None(), nil
		}
		v, err := fromJSON(m, t.Params[0].Type, in)
		return scale.Some(v), err
	}
	object, _ := in.(map[string]any)
	if section, ok := object["section"].(string); ok && t.Name() == "RuntimeCall" {
		return callJSON(m, section, object)
	}
	name, _ := in.(string)
	var body any
	for name, body = range object {
	}
	for _, alt := range t.Variants {
		if plain(alt.Name) != plain(name) {
			continue
		}
		return fieldsJSON(m, alt, body)
	}
	return scale.Value{}, fmt.Errorf("%v for enum %s", in, t.Name())
}

func fieldsJSON(m *scale.Metadata, alt scale.TypeVariant, body any) (scale.Value, error) {
	values := make([]scale.Value, len(alt.Fields))
	if len(values) > 0 && alt.Fields[0].Name != "" {
		named, err := namedJSON(m, alt.Fields, body)
		for i, f := range alt.Fields {
			values[i] = named[f.Name]
		}
		return scale.Enum(alt.Name, values...), err
	}
	items := []any{body}
	if len(values) > 1 {
		items, _ = body.([]any)
	}
	for i, f := range alt.Fields {
		var err error
		if values[i], err = fromJSON(m, f.Type, items[i]); err != nil {
			return scale.Value{}, fmt.Errorf("%s: %w", alt.Name, err)
		}
	}
	return scale.Enum(alt.Name, values...), nil
}

// callJSON makes the value of a call that has its pallet, name and arguments
// in the recordings' spelling.
func callJSON(m *scale.Metadata, section string, object map[string]any) (scale.Value, error) {
	pallet, call, args, err := callParts(m, section, object)
	if err != nil {
		return scale.Value{}, err
	}
	return m.CallValue(pallet, call, args)
}

// callParts are a recorded call's pallet, name and arguments as the metadata
// spells them.
func callParts(m *scale.Metadata, section string, object map[string]any) (pallet, call string, args map[string]scale.Value, err error) {
	method, _ := object["method"].(string)
	for _, p := range m.Pallets() {
		if plain(p.Name) != plain(section) {
			continue
		}
		calls, err := m.Type(p.Calls)
		if err != nil {
			return "", "", nil, err
		}
		for _, alt := range calls.Variants {
			if plain(alt.Name) == plain(method) {
				args, err := namedJSON(m, alt.Fields, object["args"])
				return p.Name, alt.Name, args, err
			}
		}
	}
	return "", "", nil, fmt.Errorf("no call %s.%s", section, method)
}
