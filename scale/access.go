package scale

import (
	"fmt"
	"math/big"
)

// Kind is what the value holds.
func (v Value) Kind() Kind { return v.kind }

// Bool is the value of a KindBool; else ErrValue.
func (v Value) Bool() (bool, error) {
	if v.kind != KindBool {
		return false, v.isNot(KindBool)
	}
	return v.num != 0, nil
}

// Uint64 is an integer of 0 to 64 bits, whatever the width of its type; else
// ErrValue.
func (v Value) Uint64() (uint64, error) {
	if n, ok := v.small(); ok {
		return n, nil
	}
	if v.kind != KindInteger {
		return 0, v.isNot(KindInteger)
	}
	return 0, fmt.Errorf("%w: %v where 0 to 2^64-1 is wanted", ErrValue, v)
}

// Int64 is an integer that fits; else ErrValue.
func (v Value) Int64() (int64, error) {
	if n, ok := v.small(); ok && n <= maxInt64 {
		return int64(n), nil
	}
	if n, ok := v.ref.(*big.Int); ok && n.IsInt64() {
		return n.Int64(), nil
	}
	if v.kind != KindInteger {
		return 0, v.isNot(KindInteger)
	}
	return 0, fmt.Errorf("%w: %v where 64 bits with sign are wanted", ErrValue, v)
}

// Big is a copy of any integer; else ErrValue.
func (v Value) Big() (*big.Int, error) {
	n, err := v.integer()
	if err != nil {
		return nil, err
	}
	return new(big.Int).Set(n), nil
}

// Bytes is the value of a KindBytes, not a copy; else ErrValue.
func (v Value) Bytes() ([]byte, error) {
	b, ok := v.ref.([]byte)
	if !ok {
		return nil, v.isNot(KindBytes)
	}
	return b, nil
}

// Text is the value of a KindText; else ErrValue.
func (v Value) Text() (string, error) {
	s, ok := v.ref.(string)
	if !ok {
		return "", v.isNot(KindText)
	}
	return s, nil
}

// Bits is the value of a KindBits, not a copy; else ErrValue.
func (v Value) Bits() ([]bool, error) {
	b, ok := v.ref.([]bool)
	if !ok {
		return nil, v.isNot(KindBits)
	}
	return b, nil
}

// Items are the elements of a KindList, not a copy; none of a KindUnit; else
// ErrValue.
func (v Value) Items() ([]Value, error) {
	items, ok := v.ref.([]Value)
	if !ok && v.kind != KindUnit {
		return nil, v.isNot(KindList)
	}
	return items, nil
}

// Uints are the elements of a list of integers; else ErrValue.
func (v Value) Uints() ([]uint64, error) {
	items, err := v.Items()
	if err != nil {
		return nil, err
	}
	ns := make([]uint64, len(items))
	for i, item := range items {
		if ns[i], err = item.Uint64(); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return ns, nil
}

// Record is the parts of a KindRecord; else ErrValue.
func (v Value) Record() (Fields, error) {
	f, ok := v.ref.(Fields)
	if !ok {
		return Fields{}, v.isNot(KindRecord)
	}
	return f, nil
}

// Variant is the alternative that a KindVariant holds; else ErrValue.
func (v Value) Variant() (Variant, error) {
	e, ok := v.ref.(*Variant)
	if !ok {
		return Variant{}, v.isNot(KindVariant)
	}
	return *e, nil
}

// Option is what an Option holds, and whether it holds something; ErrValue for
// anything but an Option.
func (v Value) Option() (inner Value, some bool, err error) {
	e, ok := v.ref.(*Variant)
	switch {
	case ok && e.Name == "None" && len(e.Fields.Values) == 0:
		return Value{}, false, nil
	case ok && e.Name == "Some" && len(e.Fields.Values) == 1:
		return e.Fields.Values[0], true, nil
	}
	return Value{}, false, fmt.Errorf("%w: %v where an Option is wanted", ErrValue, v.kind)
}

// Field is the part of that name of a record or of a variant with named fields,
// or, given several names, the part of the part. No names give v itself.
// ErrValue when there is none.
func (v Value) Field(path ...string) (Value, error) {
	for _, name := range path {
		var f Fields
		switch ref := v.ref.(type) {
		case Fields:
			f = ref
		case *Variant:
			f = ref.Fields
		}
		next, err := f.Get(name)
		if err != nil {
			return Value{}, err
		}
		v = next
	}
	return v, nil
}

// Get is the field of that name; ErrValue when there is none.
func (f Fields) Get(name string) (Value, error) {
	for i, n := range f.Names {
		if n == name && i < len(f.Values) {
			return f.Values[i], nil
		}
	}
	return Value{}, fmt.Errorf("%w: there is no field %q", ErrValue, name)
}

// At is the field at that position, from 0; ErrValue when there is none.
func (f Fields) At(i int) (Value, error) {
	if i < 0 || i >= len(f.Values) {
		return Value{}, fmt.Errorf("%w: there is no field %d of %d", ErrValue, i, len(f.Values))
	}
	return f.Values[i], nil
}

// Reader takes parts out of a value and keeps the first error, so that many
// can be taken with one check at the end. Paths are those of Value.Field; after
// an error every method returns its zero.
type Reader struct {
	v   Value
	err error
}

// NewReader makes a reader of v.
func NewReader(v Value) *Reader { return &Reader{v: v} }

// Err is the first error, or nil.
func (r *Reader) Err() error { return r.err }

func pick[T any](r *Reader, path []string, get func(Value) (T, error)) T {
	var zero T
	if r.err != nil {
		return zero
	}
	v, err := r.v.Field(path...)
	if err != nil {
		r.err = err
		return zero
	}
	x, err := get(v)
	if err != nil {
		r.err = fmt.Errorf("%v: %w", path, err)
		return zero
	}
	return x
}

// Value is the part at that path.
func (r *Reader) Value(path ...string) Value {
	return pick(r, path, func(v Value) (Value, error) { return v, nil })
}

// Bool is Value.Bool of the part at that path.
func (r *Reader) Bool(path ...string) bool { return pick(r, path, Value.Bool) }

// Uint64 is Value.Uint64 of the part at that path.
func (r *Reader) Uint64(path ...string) uint64 { return pick(r, path, Value.Uint64) }

// Big is Value.Big of the part at that path; nil after an error.
func (r *Reader) Big(path ...string) *big.Int { return pick(r, path, Value.Big) }

// Bytes is Value.Bytes of the part at that path.
func (r *Reader) Bytes(path ...string) []byte { return pick(r, path, Value.Bytes) }

// Text is Value.Text of the part at that path.
func (r *Reader) Text(path ...string) string { return pick(r, path, Value.Text) }

// Items is Value.Items of the part at that path.
func (r *Reader) Items(path ...string) []Value { return pick(r, path, Value.Items) }

// Uints is Value.Uints of the part at that path.
func (r *Reader) Uints(path ...string) []uint64 { return pick(r, path, Value.Uints) }
