package scale

import (
	"fmt"
	"math/big"
	"math/bits"
	"unicode/utf8"
)

// Encode encodes v as a value of that type; ErrValue when it is none, ErrUnknown
// for a type that is not there. A record's fields are found by name, those of a
// variant and a list by position; any integer that fits will do.
func (m *Metadata) Encode(t TypeID, v Value) ([]byte, error) { return m.Append(nil, t, v) }

// Append is Encode behind b. After an error the result is nil.
func (m *Metadata) Append(b []byte, t TypeID, v Value) ([]byte, error) {
	if _, err := m.Type(t); err != nil {
		return nil, err
	}
	return m.encode(b, t, v, maxDepth)
}

func (m *Metadata) encode(b []byte, id TypeID, v Value, depth int) ([]byte, error) {
	t := &m.types[id]
	if t.least == 0 {
		if v.kind != KindUnit {
			return nil, v.isNot(KindUnit)
		}
		return b, nil
	}
	if depth == 0 {
		return nil, fmt.Errorf("%w: more than %d levels", ErrValue, maxDepth)
	}
	switch t.Kind {
	case CompositeType:
		return m.encodeComposite(b, t, v, depth)
	case VariantType:
		return m.encodeVariant(b, t, v, depth)
	case SequenceType, ArrayType:
		return m.encodeItems(b, t, v, depth)
	case TupleType:
		items, err := v.itemsOf(len(t.Items))
		for i := 0; i < len(items) && err == nil; i++ {
			if b, err = m.encode(b, t.Items[i], items[i], depth-1); err != nil {
				err = fmt.Errorf("element %d: %w", i, err)
			}
		}
		return b, err
	case PrimitiveType:
		return encodePrimitive(b, t.Primitive, v)
	case CompactType:
		return encodeCompact(b, t.width, v)
	case BitsType:
		return encodeBits(b, t, v)
	}
	return nil, fmt.Errorf("%w: a type of kind %d", ErrValue, t.Kind)
}

// itemsOf are the elements of a list of n.
func (v Value) itemsOf(n int) ([]Value, error) {
	items, ok := v.ref.([]Value)
	if !ok {
		return nil, v.isNot(KindList)
	}
	if len(items) != n {
		return nil, fmt.Errorf("%w: %d elements where %d are wanted", ErrValue, len(items), n)
	}
	return items, nil
}

func (m *Metadata) encodeComposite(b []byte, t *Type, v Value, depth int) ([]byte, error) {
	if t.newtype() {
		return m.encode(b, t.Fields[0].Type, v, depth-1)
	}
	if t.names == nil {
		items, err := v.itemsOf(len(t.Fields))
		if err != nil {
			return nil, err
		}
		return m.encodeFields(b, t.Fields, items, depth)
	}
	f, ok := v.ref.(Fields)
	if !ok {
		return nil, v.isNot(KindRecord)
	}
	if len(f.Names) != len(t.Fields) || len(f.Values) != len(t.Fields) {
		return nil, fmt.Errorf("%w: %d fields where %s has %d", ErrValue, len(f.Values), t.Name(), len(t.Fields))
	}
	for i := range t.Fields {
		name := t.Fields[i].Name
		part := f.Values[i]
		var err error
		if f.Names[i] != name {
			if part, err = f.Get(name); err != nil {
				return nil, err
			}
		}
		if b, err = m.encode(b, t.Fields[i].Type, part, depth-1); err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
	}
	return b, nil
}

// encodeFields encodes by position; there are as many values as fields.
func (m *Metadata) encodeFields(b []byte, fields []TypeField, values []Value, depth int) ([]byte, error) {
	for i := range fields {
		var err error
		if b, err = m.encode(b, fields[i].Type, values[i], depth-1); err != nil {
			return nil, fmt.Errorf("field %d %s: %w", i, fields[i].Name, err)
		}
	}
	return b, nil
}

func (m *Metadata) encodeVariant(b []byte, t *Type, v Value, depth int) ([]byte, error) {
	e, ok := v.ref.(*Variant)
	if !ok {
		return nil, v.isNot(KindVariant)
	}
	alt := t.variantNamed(e.Name)
	if alt == nil {
		return nil, fmt.Errorf("%w: %s has no variant %q", ErrValue, t.Name(), e.Name)
	}
	if len(e.Fields.Values) != len(alt.Fields) {
		return nil, fmt.Errorf("%w: %d fields where %s has %d", ErrValue, len(e.Fields.Values), alt.Name, len(alt.Fields))
	}
	b, err := m.encodeFields(append(b, alt.Index), alt.Fields, e.Fields.Values, depth)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", alt.Name, err)
	}
	return b, nil
}

// encodeItems encodes a list or an array.
func (m *Metadata) encodeItems(b []byte, t *Type, v Value, depth int) ([]byte, error) {
	elem := &m.types[t.Elem]
	raw, isBytes := v.ref.([]byte)
	items, isList := v.ref.([]Value)
	want := KindList
	if elem.Kind == PrimitiveType && elem.Primitive == PrimU8 {
		want = KindBytes
	}
	if want == KindBytes && !isBytes || want == KindList && !isList {
		return nil, v.isNot(want)
	}
	n := len(raw) + len(items)
	if t.Kind == SequenceType {
		b = AppendCompact(b, uint64(n))
	} else if int64(n) != int64(t.Len) {
		return nil, fmt.Errorf("%w: %d elements where %d are wanted", ErrValue, n, t.Len)
	}
	b = append(b, raw...)
	for i, item := range items {
		var err error
		if b, err = m.encode(b, t.Elem, item, depth-1); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return b, nil
}

func encodePrimitive(b []byte, p Primitive, v Value) ([]byte, error) {
	switch p {
	case PrimBool:
		if v.kind != KindBool {
			return nil, v.isNot(KindBool)
		}
		return append(b, byte(v.num)), nil
	case PrimStr:
		s, ok := v.ref.(string)
		if !ok {
			return nil, v.isNot(KindText)
		}
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("%w: a text is not UTF-8", ErrValue)
		}
		return append(AppendCompact(b, uint64(len(s))), s...), nil
	}
	size := p.size()
	n, ok := v.small()
	if ok && p < PrimI8 && bitLen(n) <= 8*size {
		if p == PrimChar && (n > utf8.MaxRune || !utf8.ValidRune(rune(n))) {
			return nil, fmt.Errorf("%w: a char is %#x", ErrValue, n)
		}
		for i := range size {
			b = append(b, byte(n>>(8*i))) // a shift beyond the word gives 0
		}
		return b, nil
	}
	whole, err := v.integer()
	if err != nil {
		return nil, err
	}
	return encodeWide(b, p, whole)
}

// encodeWide encodes an integer of any size or sign.
func encodeWide(b []byte, p Primitive, n *big.Int) ([]byte, error) {
	width := uint(8 * p.size())
	if p < PrimI8 {
		if n.Sign() < 0 || n.BitLen() > int(width) {
			return nil, fmt.Errorf("%w: %v in %d bits", ErrValue, n, width)
		}
		return appendBig(b, n, p.size()), nil
	}
	half := new(big.Int).Lsh(big.NewInt(1), width-1)
	if n.Cmp(half) >= 0 || n.Cmp(new(big.Int).Neg(half)) < 0 {
		return nil, fmt.Errorf("%w: %v in %d bits with sign", ErrValue, n, width)
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, half.Lsh(half, 1))
	}
	return appendBig(b, n, p.size()), nil
}

func encodeCompact(b []byte, width int, v Value) ([]byte, error) {
	if width < 0 {
		return nil, fmt.Errorf("%w: a compact type of something that is no integer", ErrValue)
	}
	n, err := v.integer()
	if err != nil {
		return nil, err
	}
	if n.Sign() < 0 || n.BitLen() > 8*width {
		return nil, fmt.Errorf("%w: %v in %d bits", ErrValue, n, 8*width)
	}
	return appendCompactBig(b, n), nil
}

func encodeBits(b []byte, t *Type, v Value) ([]byte, error) {
	if t.width == 0 {
		return nil, fmt.Errorf("%w: a bit sequence stored in an unknown way", ErrValue)
	}
	list, ok := v.ref.([]bool)
	if !ok {
		return nil, v.isNot(KindBits)
	}
	b = AppendCompact(b, uint64(len(list)))
	per := 8 * t.width
	start := len(b)
	b = append(b, make([]byte, (len(list)+per-1)/per*t.width)...)
	for i, bit := range list {
		at := i % per
		if t.msb {
			at = per - 1 - at
		}
		if bit {
			b[start+i/per*t.width+at/8] |= 1 << (at % 8)
		}
	}
	return b, nil
}

func bitLen(n uint64) int { return bits.Len64(n) }
