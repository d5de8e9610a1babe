package scale

import (
	"fmt"
	"math"
)

// TypeID names a type of one Metadata.
type TypeID uint32

// NoType stands for a type that is not there, as of a pallet without calls.
const NoType TypeID = math.MaxUint32

// TypeKind is how a type is built.
type TypeKind uint8

// The kinds of types, in the order of their numbers in the metadata.
const (
	CompositeType TypeKind = iota // a struct: Fields
	VariantType                   // an enum: Variants
	SequenceType                  // Vec: Elem
	ArrayType                     // [T; N]: Elem, Len
	TupleType                     // Items
	PrimitiveType                 // Primitive
	CompactType                   // Compact<T>: Elem
	BitsType                      // BitVec: Elem is how bits are stored, Order how they are ordered
)

// Primitive is a type without parts.
type Primitive uint8

// The primitives, in the order of their numbers in the metadata.
const (
	PrimBool Primitive = iota
	PrimChar
	PrimStr
	PrimU8
	PrimU16
	PrimU32
	PrimU64
	PrimU128
	PrimU256
	PrimI8
	PrimI16
	PrimI32
	PrimI64
	PrimI128
	PrimI256
)

// size is the bytes of an encoded primitive; of str the least.
func (p Primitive) size() int {
	return [...]int{1, 4, 1, 1, 2, 4, 8, 16, 32, 1, 2, 4, 8, 16, 32}[p]
}

// Type is one type of the registry. Only what belongs to its Kind is set.
type Type struct {
	Path      []string // such as pallet_subtensor, pallet, AxonInfo; may be empty
	Params    []TypeParam
	Kind      TypeKind
	Fields    []TypeField
	Variants  []TypeVariant
	Elem      TypeID
	Order     TypeID
	Len       uint32
	Items     []TypeID
	Primitive Primitive

	// What follows is worked out by finish.
	names []string // of Fields; nil without names
	least int      // fewest bytes of an encoding
	width int      // bytes of a Compact's integer (0: none, -1: not an integer) or of a bit store
	msb   bool     // bits are ordered from the highest
}

// TypeParam is a generic parameter, such as Call of an UncheckedExtrinsic.
type TypeParam struct {
	Name string
	Type TypeID // or NoType
}

// TypeField is a field of a struct or variant.
type TypeField struct {
	Name string // "" when it has none
	Type TypeID
}

// TypeVariant is an alternative of an enum.
type TypeVariant struct {
	Name   string
	Index  uint8
	Fields []TypeField
	Docs   []string

	names []string
}

// Name is the last part of the path, or "".
func (t *Type) Name() string {
	if len(t.Path) == 0 {
		return ""
	}
	return t.Path[len(t.Path)-1]
}

// newtype reports whether the type stands for that of its only field.
func (t *Type) newtype() bool {
	return t.Kind == CompositeType && len(t.Fields) == 1 && t.names == nil
}

// Type is a type of the registry, which must not be changed; ErrUnknown.
func (m *Metadata) Type(id TypeID) (*Type, error) {
	if int64(id) >= int64(len(m.types)) {
		return nil, fmt.Errorf("%w: type %d of %d", ErrUnknown, id, len(m.types))
	}
	return &m.types[id], nil
}

// FindType is the first type whose path ends with these parts; ErrUnknown.
func (m *Metadata) FindType(path ...string) (TypeID, error) {
next:
	for id := range m.types {
		have := m.types[id].Path
		if len(path) == 0 || len(have) < len(path) {
			continue
		}
		have = have[len(have)-len(path):]
		for i := range path {
			if have[i] != path[i] {
				continue next
			}
		}
		return TypeID(id), nil
	}
	return 0, fmt.Errorf("%w: type %v", ErrUnknown, path)
}

// Extend returns metadata with further types, for encodings that the runtime
// does not describe (older ones wrap the answers of their APIs in bytes). The
// first of them gets the returned id, the next the one above it; they may refer
// to each other and to all types before. It takes the types over; m stays as it
// was. ErrMetadata.
func (m *Metadata) Extend(types ...Type) (*Metadata, TypeID, error) {
	first := TypeID(len(m.types))
	more := *m
	more.types = append(m.types[:first:first], types...)
	if err := more.finish(first); err != nil {
		return nil, 0, err
	}
	return &more, first, nil
}

// finish checks the types from first on and works out what decoding needs.
func (m *Metadata) finish(first TypeID) error {
	todo := m.types[first:]
	for i := range todo {
		if err := m.check(&todo[i]); err != nil {
			return fmt.Errorf("%w: type %d: %w", ErrMetadata, int(first)+i, err)
		}
		todo[i].least = unmeasured
	}
	for i := range todo {
		if err := m.measure(first+TypeID(i), maxDepth); err != nil {
			return fmt.Errorf("%w: type %d: %w", ErrMetadata, int(first)+i, err)
		}
	}
	for i := range todo {
		switch t := &todo[i]; t.Kind {
		case CompactType:
			t.width = m.compactWidth(t.Elem)
		case BitsType:
			t.width, t.msb = m.bitStore(t)
		}
	}
	return nil
}

// check sees that a type refers to types that exist and has no two
// alternatives of one index or name.
func (m *Metadata) check(t *Type) error {
	if t.Kind > BitsType || t.Primitive > PrimI256 {
		return fmt.Errorf("kind %d, primitive %d", t.Kind, t.Primitive)
	}
	refs := append([]TypeID{t.Elem, t.Order}, t.Items...)
	for _, f := range t.Fields {
		refs = append(refs, f.Type)
	}
	t.names = namesOf(t.Fields)
	seen, names := [256]bool{}, make(map[string]bool, len(t.Variants))
	for i := range t.Variants {
		v := &t.Variants[i]
		if seen[v.Index] || names[v.Name] {
			return fmt.Errorf("two variants are %d or %q", v.Index, v.Name)
		}
		seen[v.Index], names[v.Name] = true, true
		v.names = namesOf(v.Fields)
		for _, f := range v.Fields {
			refs = append(refs, f.Type)
		}
	}
	for _, id := range refs {
		if int64(id) >= int64(len(m.types)) {
			return fmt.Errorf("refers to type %d of %d", id, len(m.types))
		}
	}
	return nil
}

// namesOf are the fields' names, nil unless all have one.
func namesOf(fields []TypeField) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		if names[i] = f.Name; f.Name == "" {
			return nil
		}
	}
	if len(names) == 0 {
		return nil
	}
	return names
}

const (
	unmeasured = -1
	measuring  = -2
	mostBytes  = math.MaxInt32 // where sums of least stop
)

// measure sets the fewest bytes a type can take. A type that contains itself
// without a list or an enum between has no values and is refused, as is one
// nested deeper than a value may be.
func (m *Metadata) measure(id TypeID, depth int) error {
	t := &m.types[id]
	if t.least >= 0 {
		return nil
	}
	if t.least == measuring || depth == 0 {
		return fmt.Errorf("type %d contains itself, or too many levels", id)
	}
	t.least = measuring
	parts, times := []TypeID(nil), 1
	switch t.Kind {
	case CompositeType:
		for _, f := range t.Fields {
			parts = append(parts, f.Type)
		}
	case TupleType:
		parts = t.Items
	case ArrayType:
		parts, times = []TypeID{t.Elem}, int(min(t.Len, mostBytes))
	case CompactType:
		parts = []TypeID{t.Elem}
	}
	sum := 0
	for _, part := range parts {
		if err := m.measure(part, depth-1); err != nil {
			return err
		}
		sum = min(sum+m.types[part].least, mostBytes)
	}
	switch t.Kind {
	case PrimitiveType:
		sum = t.Primitive.size()
	case VariantType, SequenceType, BitsType:
		sum = 1
	case CompactType:
		sum = min(sum, 1)
	}
	t.least = int(min(int64(sum)*int64(times), mostBytes))
	return nil
}

// compactWidth is the bytes of the integer that Compact<id> holds: 0 when id
// has no bytes, -1 when it is no unsigned integer.
func (m *Metadata) compactWidth(id TypeID) int {
	for range maxDepth {
		t := &m.types[id]
		switch {
		case t.least == 0:
			return 0
		case t.Kind == PrimitiveType && t.Primitive >= PrimU8 && t.Primitive <= PrimU256:
			return t.Primitive.size()
		case t.Kind == CompositeType && len(t.Fields) == 1:
			id = t.Fields[0].Type
		default:
			return -1
		}
	}
	return -1
}

// bitStore is the bytes of the integers that a bit sequence is stored in, 0 when
// they are none, and whether it begins at the highest bit.
func (m *Metadata) bitStore(t *Type) (width int, msb bool) {
	store := &m.types[t.Elem]
	if store.Kind != PrimitiveType || store.Primitive < PrimU8 || store.Primitive > PrimU64 {
		return 0, false
	}
	switch m.types[t.Order].Name() {
	case "Lsb0":
		return store.Primitive.size(), false
	case "Msb0":
		return store.Primitive.size(), true
	}
	return 0, false
}
