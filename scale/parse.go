package scale

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// parser reads metadata and keeps its first error; after it everything is zero
// and every list empty. Names and docs share one string.
type parser struct {
	m   *Metadata
	in  string
	err error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: "+format, append([]any{ErrMetadata}, args...)...)
	}
	p.in = ""
}

// take is the next n bytes.
func (p *parser) take(n uint64) string {
	if n > uint64(len(p.in)) {
		p.fail("it ends too early")
		return ""
	}
	s := p.in[:n]
	p.in = p.in[n:]
	return s
}

func (p *parser) byte() byte {
	if s := p.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (p *parser) u32() uint32 {
	s := p.take(4)
	if s == "" {
		return 0
	}
	return uint32(little([]byte(s)))
}

// compact is a compact u32.
func (p *parser) compact() uint32 {
	if p.err != nil {
		return 0
	}
	n, rest, err := DecodeCompact([]byte(p.in[:min(len(p.in), 9)]))
	if err != nil || n > 1<<32-1 {
		p.fail("a compact u32 is wrong")
		return 0
	}
	p.in = p.in[min(len(p.in), 9)-len(rest):]
	return uint32(n)
}

func (p *parser) id() TypeID { return TypeID(p.compact()) }

func (p *parser) text() string {
	s := p.take(uint64(p.compact()))
	if !utf8.ValidString(s) {
		p.fail("a text is not UTF-8")
	}
	return s
}

// name is a text that becomes part of error texts, thus short.
func (p *parser) name() string {
	s := p.text()
	if len(s) > maxName {
		p.fail("a name has %d bytes", len(s))
		return ""
	}
	return s
}

func (p *parser) bytes() []byte { return []byte(p.take(uint64(p.compact()))) }

// option reports whether an optional part follows.
func (p *parser) option() bool {
	b := p.byte()
	if b > 1 {
		p.fail("an option is %d", b)
	}
	return b == 1
}

func (p *parser) optionID() TypeID {
	if p.option() {
		return p.id()
	}
	return NoType
}

// list reads elements of at least least bytes each, so that a length never
// makes room for more than can follow.
func list[T any](p *parser, least int, read func() T) []T {
	n := uint64(p.compact())
	if n > uint64(len(p.in)/least) {
		p.fail("a list of %d does not fit into %d bytes", n, len(p.in))
		return nil
	}
	if n == 0 {
		return nil
	}
	items := make([]T, 0, n)
	for range n {
		items = append(items, read())
	}
	return items
}

func (p *parser) names() []string { return list(p, 1, p.name) }
func (p *parser) docs() []string  { return list(p, 1, p.text) }

func (p *parser) metadata() {
	next := TypeID(0)
	p.m.types = list(p, 6, func() Type {
		if id := p.id(); id != next {
			p.fail("type %d where %d is next", id, next)
		}
		next++
		return p.typ()
	})
	p.m.pallets = list(p, 6, p.pallet)
	x := &p.m.extrinsic
	x.address, x.signature = NoType, NoType
	if p.m.version == 14 {
		x.call = p.id() // the whole transaction; linkExtrinsic takes it apart
		x.version = p.byte()
	} else {
		x.version = p.byte()
		x.address, x.call, x.signature = p.id(), p.id(), p.id()
		p.id() // all extensions as one type
	}
	p.m.extensions = list(p, 3, func() Extension {
		return Extension{Name: p.name(), Type: p.id(), Additional: p.id()}
	})
	p.id() // the runtime's own type
	if p.m.version == 15 {
		p.runtimeAPIs()
		for range 3 { // enums of all calls, events and errors
			p.id()
		}
		list(p, 3, func() bool { // custom values
			p.text()
			p.id()
			p.bytes()
			return true
		})
	}
}

func (p *parser) typ() Type {
	t := Type{Path: p.names()}
	t.Params = list(p, 2, func() TypeParam { return TypeParam{Name: p.name(), Type: p.optionID()} })
	t.Kind = TypeKind(p.byte())
	switch t.Kind {
	case CompositeType:
		t.Fields = list(p, 4, p.field)
	case VariantType:
		t.Variants = list(p, 4, func() TypeVariant {
			return TypeVariant{Name: p.name(), Fields: list(p, 4, p.field), Index: p.byte(), Docs: p.docs()}
		})
	case SequenceType, CompactType:
		t.Elem = p.id()
	case ArrayType:
		t.Len, t.Elem = p.u32(), p.id()
	case TupleType:
		t.Items = list(p, 1, p.id)
	case PrimitiveType:
		t.Primitive = Primitive(p.byte())
	case BitsType:
		t.Elem, t.Order = p.id(), p.id()
	default:
		p.fail("a type of kind %d", t.Kind)
	}
	p.docs()
	return t
}

func (p *parser) field() TypeField {
	var f TypeField
	if p.option() {
		f.Name = p.name()
	}
	f.Type = p.id()
	if p.option() {
		p.text() // the type's name in the source
	}
	p.docs()
	return f
}

func (p *parser) pallet() Pallet {
	pal := Pallet{Name: p.name()}
	if p.option() {
		prefix := p.name()
		pal.Storage = list(p, 6, func() Entry { return p.entry(pal.Name, prefix) })
	}
	pal.Calls, pal.Events = p.optionID(), p.optionID()
	pal.Constants = list(p, 4, func() Constant {
		c := Constant{Name: p.name(), Type: p.id(), Value: p.bytes()}
		p.docs()
		return c
	})
	pal.Errors = p.optionID()
	pal.Index = p.byte()
	if p.m.version == 15 {
		p.docs()
	}
	return pal
}

func (p *parser) entry(pallet, prefix string) Entry {
	e := Entry{Pallet: pallet, Prefix: prefix, Name: p.name(), Modifier: Modifier(p.byte()), m: p.m}
	if e.Modifier > Default {
		p.fail("a storage modifier is %d", e.Modifier)
	}
	switch kind := p.byte(); kind {
	case 0:
		e.Value = p.id()
	case 1:
		e.Hashers = list(p, 1, func() Hasher { return Hasher(p.byte()) })
		e.Keys = []TypeID{p.id()} // linkEntry takes a tuple apart
		e.Value = p.id()
	default:
		p.fail("a storage entry of kind %d", kind)
	}
	e.Default = p.bytes()
	p.docs()
	return e
}

func (p *parser) runtimeAPIs() {
	p.m.apis = make(map[string]RuntimeAPI)
	list(p, 3, func() bool {
		api := p.name()
		list(p, 4, func() bool {
			c := RuntimeAPI{Name: strings.Join([]string{api, p.name()}, "_"), m: p.m}
			c.Inputs = list(p, 2, func() TypeField { return TypeField{Name: p.name(), Type: p.id()} })
			c.Output = p.id()
			p.docs()
			p.m.apis[c.Name] = c
			return true
		})
		p.docs()
		return true
	})
}
