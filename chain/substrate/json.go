package substrate

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/filetao/filetao/scale"
)

// eventFields writes an event's fields as chain.Event wants them. The types are
// needed to tell an account from any other 32 bytes.
func (r *runtime) eventFields(e scale.Event) (json.RawMessage, error) {
	p, known := r.Pallet(e.Pallet)
	if !known {
		return nil, fmt.Errorf("no pallet %s", e.Pallet)
	}
	t, err := r.Type(p.Events)
	if err != nil {
		return nil, err
	}
	for _, variant := range t.Variants {
		if variant.Name == e.Name {
			return r.appendFields(nil, variant.Fields, e.Fields)
		}
	}
	return nil, fmt.Errorf("no event %s.%s", e.Pallet, e.Name)
}

// appendFields writes a list, or an object where all fields have names.
func (r *runtime) appendFields(b []byte, types []scale.TypeField, f scale.Fields) ([]byte, error) {
	if len(types) != len(f.Values) {
		return nil, fmt.Errorf("%d fields of %d types", len(f.Values), len(types))
	}
	named := len(f.Values) > 0 && len(f.Names) == len(f.Values)
	open, end := byte('['), byte(']')
	if named {
		open, end = '{', '}'
	}
	b = append(b, open)
	for i, value := range f.Values {
		if i > 0 {
			b = append(b, ',')
		}
		if named {
			b = appendText(b, f.Names[i])
			b = append(b, ':')
		}
		var err error
		if b, err = r.appendJSON(b, types[i].Type, value); err != nil {
			return nil, err
		}
	}
	return append(b, end), nil
}

// appendJSON writes a value: integers as numbers of any size, bytes as 0x and
// hex, accounts as SS58, an Option as what it holds or null, other variants as
// their name or, with fields, as an object with that one key: why a call failed
// as {"Module":"SubtensorModule.NotRegistered"}.
func (r *runtime) appendJSON(b []byte, id scale.TypeID, v scale.Value) ([]byte, error) {
	t, err := r.Type(id)
	if err != nil {
		return nil, err
	}
	switch {
	case t.Name() == "AccountId32":
		a, err := address(v)
		return appendText(b, string(a)), err
	case t.Kind == scale.CompositeType && len(t.Fields) == 1 && t.Fields[0].Name == "":
		return r.appendJSON(b, t.Fields[0].Type, v) // its value is that of the field
	case t.Kind == scale.CompactType:
		return r.appendJSON(b, t.Elem, v)
	}
	switch v.Kind() {
	case scale.KindUnit:
		return append(b, "null"...), nil
	case scale.KindBool, scale.KindInteger:
		return append(b, v.String()...), nil
	case scale.KindText:
		text, err := v.Text()
		return appendText(b, text), err
	case scale.KindBytes:
		raw, err := v.Bytes()
		return append(hex.AppendEncode(append(b, `"0x`...), raw), '"'), err
	case scale.KindBits:
		return append(b, strconv.Quote(v.String())...), nil
	case scale.KindRecord:
		f, err := v.Record()
		if err != nil {
			return nil, err
		}
		return r.appendFields(b, t.Fields, f)
	case scale.KindVariant:
		return r.appendVariant(b, t, v)
	}
	items, err := v.Items()
	if err != nil {
		return nil, err
	}
	return r.appendFields(b, itemTypes(t, len(items)), scale.Fields{Values: items})
}

// itemTypes are the types of a list's n items.
func itemTypes(t *scale.Type, n int) []scale.TypeField {
	if t.Kind == scale.CompositeType {
		return t.Fields
	}
	types := make([]scale.TypeField, n)
	for i := range types {
		types[i].Type = t.Elem
		if i < len(t.Items) {
			types[i].Type = t.Items[i]
		}
	}
	return types
}

func (r *runtime) appendVariant(b []byte, t *scale.Type, v scale.Value) ([]byte, error) {
	e, err := v.Variant()
	if err != nil {
		return nil, err
	}
	for _, variant := range t.Variants {
		switch {
		case variant.Name != e.Name:
			continue
		case t.Name() == "Option" && len(variant.Fields) == 0:
			return append(b, "null"...), nil
		case t.Name() == "Option" && len(e.Fields.Values) == 1:
			return r.appendJSON(b, variant.Fields[0].Type, e.Fields.Values[0])
		case len(variant.Fields) == 0:
			return appendText(b, e.Name), nil
		}
		b = append(appendText(append(b, '{'), e.Name), ':')
		if named, err := r.DispatchError(v); t.Name() == "DispatchError" && err == nil && named.Pallet != "" {
			return append(appendText(b, named.Pallet+"."+named.Name), '}'), nil
		}
		if b, err = r.appendFields(b, variant.Fields, e.Fields); err != nil {
			return nil, err
		}
		return append(b, '}'), nil
	}
	return nil, fmt.Errorf("no variant %s of %v", e.Name, t.Path)
}

func appendText(b []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		return append(b, `""`...) // a string always is JSON
	}
	return append(b, quoted...)
}
