package scale

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a Value holds; the package comment says which types become
// which.
type Kind uint8

// The kinds. The zero Value is KindUnit.
const (
	KindUnit Kind = iota
	KindBool
	KindInteger
	KindBytes
	KindText
	KindBits
	KindList
	KindRecord
	KindVariant
)

func (k Kind) String() string {
	names := [...]string{"unit", "bool", "integer", "bytes", "text", "bits", "list", "record", "variant"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Value is one decoded value, or one to be encoded. It is immutable; bytes
// share memory with what they were decoded or made from, which must not be
// changed while the Value is in use.
type Value struct {
	kind Kind
	num  uint64 // of a bool, or an integer without ref
	ref  any    // *big.Int (negative or above 64 bits), []byte, string, []bool, []Value, Fields, *Variant
}

// Fields are the parts of a struct or of an enum's variant, in order.
type Fields struct {
	Names  []string // nil when they have no names; else as many as Values
	Values []Value
}

// Variant is one alternative of an enum.
type Variant struct {
	Name   string
	Index  uint8 // its byte; set by decoding, ignored by encoding
	Fields Fields
}

// Bool makes a KindBool.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Uint makes a KindInteger.
func Uint[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](n T) Value {
	return Value{kind: KindInteger, num: uint64(n)}
}

// Int makes a KindInteger.
func Int(n int64) Value {
	if n >= 0 {
		return Uint(uint64(n))
	}
	return Value{kind: KindInteger, ref: big.NewInt(n)}
}

// Big makes a KindInteger of a copy of n; nil is 0.
func Big(n *big.Int) Value {
	if n == nil {
		return Uint(uint64(0))
	}
	return bigValue(new(big.Int).Set(n))
}

// bigValue takes n over.
func bigValue(n *big.Int) Value {
	if n.IsUint64() {
		return Uint(n.Uint64())
	}
	return Value{kind: KindInteger, ref: n}
}

// Bytes makes a KindBytes, for Vec<u8>, [u8; N], accounts and hashes. It does
// not copy b.
func Bytes(b []byte) Value { return Value{kind: KindBytes, ref: b} }

// Text makes a KindText, for str.
func Text(s string) Value { return Value{kind: KindText, ref: s} }

// Bits makes a KindBits, the first bit first.
func Bits(bits []bool) Value { return Value{kind: KindBits, ref: slices.Clone(bits)} }

// List makes a KindList, for lists, arrays, tuples and structs of unnamed
// fields.
func List(items ...Value) Value { return Value{kind: KindList, ref: items} }

// Uints makes a KindList of integers, such as a Vec<u16>.
func Uints[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](ns []T) Value {
	items := make([]Value, len(ns))
	for i, n := range ns {
		items[i] = Uint(n)
	}
	return List(items...)
}

// Record makes a KindRecord; its fields are in the order of their names. When
// encoded they are found by name.
func Record(fields map[string]Value) Value {
	f := Fields{Names: make([]string, 0, len(fields)), Values: make([]Value, 0, len(fields))}
	for name := range fields {
		f.Names = append(f.Names, name)
	}
	slices.Sort(f.Names)
	for _, name := range f.Names {
		f.Values = append(f.Values, fields[name])
	}
	return Value{kind: KindRecord, ref: f}
}

// Enum makes a KindVariant with the fields in the type's order, named or not.
func Enum(name string, fields ...Value) Value {
	return Value{kind: KindVariant, ref: &Variant{Name: name, Fields: Fields{Values: fields}}}
}

// Some is an Option that holds v.
func Some(v Value) Value { return Enum("Some", v) }

// None is an Option that holds nothing.
func None() Value { return Enum("None") }

// Equal reports whether two values encode alike: the same kinds, numbers,
// bytes and names, in the same order. Names of a variant's fields and its index
// do not count.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind || v.num != w.num {
		return false
	}
	switch a := v.ref.(type) {
	case *big.Int:
		b, ok := w.ref.(*big.Int)
		return ok && a.Cmp(b) == 0
	case []byte:
		b, _ := w.ref.([]byte)
		return string(a) == string(b)
	case string:
		return a == w.ref
	case []bool:
		b, _ := w.ref.([]bool)
		return slices.Equal(a, b)
	case []Value:
		b, _ := w.ref.([]Value)
		return slices.EqualFunc(a, b, Value.Equal)
	case Fields:
		b, _ := w.ref.(Fields)
		return slices.Equal(a.Names, b.Names) && slices.EqualFunc(a.Values, b.Values, Value.Equal)
	case *Variant:
		b, ok := w.ref.(*Variant)
		return ok && a.Name == b.Name && slices.EqualFunc(a.Fields.Values, b.Fields.Values, Value.Equal)
	}
	return w.ref == nil
}

// String is the value as text for people: 7, 0x0a0b, "text", [1, 2],
// {name: 1}, Some(1).
func (v Value) String() string {
	var s strings.Builder
	v.write(&s)
	return s.String()
}

func (v Value) write(s *strings.Builder) {
	switch ref := v.ref.(type) {
	case *big.Int:
		s.WriteString(ref.String())
	case []byte:
		fmt.Fprintf(s, "0x%x", ref)
	case string:
		s.WriteString(strconv.Quote(ref))
	case []bool:
		s.WriteString("0b")
		for _, bit := range ref {
			s.WriteByte('0' + byte(Bool(bit).num))
		}
	case []Value:
		Fields{Values: ref}.write(s, "[", "]")
	case Fields:
		ref.write(s, "{", "}")
	case *Variant:
		s.WriteString(ref.Name)
		if len(ref.Fields.Values) > 0 {
			ref.Fields.write(s, "(", ")")
		}
	default:
		switch v.kind {
		case KindBool:
			s.WriteString(strconv.FormatBool(v.num != 0))
		case KindInteger:
			s.WriteString(strconv.FormatUint(v.num, 10))
		default:
			s.WriteString("()")
		}
	}
}

func (f Fields) write(s *strings.Builder, open, end string) {
	s.WriteString(open)
	for i, v := range f.Values {
		if i > 0 {
			s.WriteString(", ")
		}
		if i < len(f.Names) {
			s.WriteString(f.Names[i])
			s.WriteString(": ")
		}
		v.write(s)
	}
	s.WriteString(end)
}

// integer is v's number as big.Int, which must not be changed.
func (v Value) integer() (*big.Int, error) {
	if v.kind != KindInteger {
		return nil, v.isNot(KindInteger)
	}
	if n, ok := v.ref.(*big.Int); ok {
		return n, nil
	}
	return new(big.Int).SetUint64(v.num), nil
}

func (v Value) isNot(want Kind) error {
	return fmt.Errorf("%w: %v where %v is wanted", ErrValue, v.kind, want)
}

// small is v's number if it is one of at most 64 bits.
func (v Value) small() (n uint64, ok bool) {
	return v.num, v.kind == KindInteger && v.ref == nil
}

const maxInt64 = uint64(math.MaxInt64)
