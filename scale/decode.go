package scale

import (
	"fmt"
	"math/big"
	"unicode/utf8"
)

// Decode reads one value of that type, which must be all of b. The value shares
// memory with b. ErrData; ErrUnknown for a type that is not there.
func (m *Metadata) Decode(t TypeID, b []byte) (Value, error) {
	v, rest, err := m.DecodePrefix(t, b)
	if err != nil {
		return Value{}, err
	}
	if len(rest) > 0 {
		return Value{}, fmt.Errorf("%w: %d bytes are left over", ErrData, len(rest))
	}
	return v, nil
}

// DecodePrefix is Decode for bytes with more behind the value: rest.
func (m *Metadata) DecodePrefix(t TypeID, b []byte) (v Value, rest []byte, err error) {
	if _, err := m.Type(t); err != nil {
		return Value{}, nil, err
	}
	d := decoder{m: m, in: b, left: maxValues}
	if v, err = d.value(t, maxDepth); err != nil {
		return Value{}, nil, err
	}
	return v, d.in, nil
}

// decoder reads values of one input.
type decoder struct {
	m    *Metadata
	in   []byte // what is still to be read
	left int    // how many values it may still make
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.in) {
		return nil, errEnds
	}
	b := d.in[:n:n]
	d.in = d.in[n:]
	return b, nil
}

// spend accounts for n values before room for them is made.
func (d *decoder) spend(n int) error {
	if n > d.left {
		return fmt.Errorf("%w: more than %d values", ErrData, maxValues)
	}
	d.left -= n
	return nil
}

func (d *decoder) value(id TypeID, depth int) (Value, error) {
	t := &d.m.types[id]
	switch {
	case t.least == 0:
		return Value{}, nil
	case t.least > len(d.in):
		return Value{}, errEnds
	case depth == 0:
		return Value{}, fmt.Errorf("%w: more than %d levels", ErrData, maxDepth)
	}
	switch t.Kind {
	case CompositeType:
		return d.composite(t, depth)
	case VariantType:
		return d.variant(t, depth)
	case SequenceType:
		n, err := d.length()
		if err != nil {
			return Value{}, err
		}
		return d.items(t.Elem, n, depth)
	case ArrayType:
		return d.items(t.Elem, uint64(t.Len), depth)
	case TupleType:
		return d.tuple(t.Items, depth)
	case PrimitiveType:
		return d.primitive(t.Primitive)
	case CompactType:
		return d.compact(t)
	case BitsType:
		return d.bits(t)
	}
	return Value{}, fmt.Errorf("%w: a type of kind %d", ErrData, t.Kind)
}

// length is that of a list.
func (d *decoder) length() (uint64, error) {
	n, rest, err := DecodeCompact(d.in)
	if err != nil {
		return 0, err
	}
	d.in = rest
	return n, nil
}

func (d *decoder) composite(t *Type, depth int) (Value, error) {
	if t.newtype() {
		return d.value(t.Fields[0].Type, depth-1)
	}
	values, err := d.fields(t.Fields, depth)
	if err != nil {
		return Value{}, err
	}
	if t.names == nil {
		return Value{kind: KindList, ref: values}, nil
	}
	return Value{kind: KindRecord, ref: Fields{Names: t.names, Values: values}}, nil
}

func (d *decoder) fields(fields []TypeField, depth int) ([]Value, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	if err := d.spend(len(fields)); err != nil {
		return nil, err
	}
	values := make([]Value, len(fields))
	for i := range fields {
		var err error
		if values[i], err = d.value(fields[i].Type, depth-1); err != nil {
			return nil, fmt.Errorf("field %d %s: %w", i, fields[i].Name, err)
		}
	}
	return values, nil
}

func (d *decoder) variant(t *Type, depth int) (Value, error) {
	b, err := d.take(1)
	if err != nil {
		return Value{}, err
	}
	alt := t.variantAt(b[0])
	if alt == nil {
		return Value{}, fmt.Errorf("%w: %s has no variant %d", ErrData, t.Name(), b[0])
	}
	values, err := d.fields(alt.Fields, depth)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", alt.Name, err)
	}
	v := &Variant{Name: alt.Name, Index: alt.Index, Fields: Fields{Names: alt.names, Values: values}}
	return Value{kind: KindVariant, ref: v}, nil
}

// variantAt is the alternative of that index, or nil.
func (t *Type) variantAt(index uint8) *TypeVariant {
	if i := int(index); i < len(t.Variants) && t.Variants[i].Index == index {
		return &t.Variants[i]
	}
	for i := range t.Variants {
		if t.Variants[i].Index == index {
			return &t.Variants[i]
		}
	}
	return nil
}

// variantNamed is the alternative of that name, or nil.
func (t *Type) variantNamed(name string) *TypeVariant {
	for i := range t.Variants {
		if t.Variants[i].Name == name {
			return &t.Variants[i]
		}
	}
	return nil
}

// items reads a list's or an array's elements.
func (d *decoder) items(elem TypeID, n uint64, depth int) (Value, error) {
	t := &d.m.types[elem]
	if t.least == 0 && n > maxEmpty {
		return Value{}, fmt.Errorf("%w: a list of %d elements without bytes", ErrData, n)
	}
	if t.least > 0 && n > uint64(len(d.in)/t.least) {
		return Value{}, fmt.Errorf("%w: a list of %d in %d bytes", ErrData, n, len(d.in))
	}
	if t.Kind == PrimitiveType && t.Primitive == PrimU8 {
		b, err := d.take(int(n))
		if err != nil {
			return Value{}, err
		}
		return Value{kind: KindBytes, ref: b}, nil
	}
	if err := d.spend(int(n)); err != nil {
		return Value{}, err
	}
	values := make([]Value, n)
	for i := range values {
		var err error
		if values[i], err = d.value(elem, depth-1); err != nil {
			return Value{}, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return Value{kind: KindList, ref: values}, nil
}

func (d *decoder) tuple(items []TypeID, depth int) (Value, error) {
	if err := d.spend(len(items)); err != nil {
		return Value{}, err
	}
	values := make([]Value, len(items))
	for i, id := range items {
		var err error
		if values[i], err = d.value(id, depth-1); err != nil {
			return Value{}, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return Value{kind: KindList, ref: values}, nil
}

func (d *decoder) primitive(p Primitive) (Value, error) {
	if p == PrimStr {
		return d.text()
	}
	b, err := d.take(p.size())
	if err != nil {
		return Value{}, err
	}
	switch {
	case p == PrimBool:
		if b[0] > 1 {
			return Value{}, fmt.Errorf("%w: a bool is %d", ErrData, b[0])
		}
		return Bool(b[0] == 1), nil
	case p == PrimChar && !utf8.ValidRune(rune(int32(little(b)))):
		return Value{}, fmt.Errorf("%w: a char is %#x", ErrData, little(b))
	case p >= PrimI8:
		return signed(b), nil
	}
	return unsigned(b), nil
}

func (d *decoder) text() (Value, error) {
	n, err := d.length()
	if err != nil {
		return Value{}, err
	}
	if n > uint64(len(d.in)) {
		return Value{}, errEnds
	}
	if err := d.spend(int(n / valueSize)); err != nil {
		return Value{}, err
	}
	b, err := d.take(int(n))
	if err != nil {
		return Value{}, err
	}
	if !utf8.Valid(b) {
		return Value{}, fmt.Errorf("%w: a text is not UTF-8", ErrData)
	}
	return Value{kind: KindText, ref: string(b)}, nil
}

// unsigned is a little-endian integer.
func unsigned(b []byte) Value {
	if len(b) <= 8 {
		return Uint(little(b))
	}
	low, high := little(b[:8]), uint64(0)
	for _, c := range b[8:] {
		high |= uint64(c)
	}
	if high == 0 {
		return Uint(low)
	}
	return Value{kind: KindInteger, ref: bigFrom(b)}
}

// signed is a little-endian integer in two's complement.
func signed(b []byte) Value {
	if b[len(b)-1]&0x80 == 0 {
		return unsigned(b)
	}
	n := bigFrom(b)
	return bigValue(n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b)))))
}

func (d *decoder) compact(t *Type) (Value, error) {
	if t.width < 0 {
		return Value{}, fmt.Errorf("%w: a compact type of something that is no integer", ErrData)
	}
	n, wide, size, err := compact(d.in)
	if err != nil {
		return Value{}, err
	}
	v := Value{kind: KindInteger, num: n}
	length := bitLen(n)
	if wide != nil {
		v, length = Value{kind: KindInteger, ref: wide}, wide.BitLen()
	}
	if length > 8*t.width {
		return Value{}, fmt.Errorf("%w: a compact integer of %d bits where %d are the most", ErrData, length, 8*t.width)
	}
	d.in = d.in[size:]
	return v, nil
}

// bits reads a bit sequence: the number of bits, then whole stores.
func (d *decoder) bits(t *Type) (Value, error) {
	if t.width == 0 {
		return Value{}, fmt.Errorf("%w: a bit sequence stored in an unknown way", ErrData)
	}
	n, err := d.length()
	if err != nil {
		return Value{}, err
	}
	if n > 8*uint64(len(d.in)) {
		return Value{}, errEnds
	}
	per := 8 * t.width
	stores := (int(n) + per - 1) / per
	if err := d.spend(stores * per / valueSize); err != nil {
		return Value{}, err
	}
	b, err := d.take(stores * t.width)
	if err != nil {
		return Value{}, err
	}
	bits := make([]bool, stores*per)
	for i := range bits {
		at := i % per
		if t.msb {
			at = per - 1 - at
		}
		bits[i] = b[i/per*t.width+at/8]>>(at%8)&1 == 1
	}
	for _, bit := range bits[n:] {
		if bit {
			return Value{}, fmt.Errorf("%w: a bit is set behind a bit sequence", ErrData)
		}
	}
	return Value{kind: KindBits, ref: bits[:n:n]}, nil
}
