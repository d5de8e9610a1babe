package scale

import (
	"fmt"
	"strings"
)

// Metadata is what a runtime says about itself. It is immutable and safe for
// concurrent use.
type Metadata struct {
	version    int
	types      []Type
	pallets    []Pallet
	extrinsic  extrinsicTypes
	apis       map[string]RuntimeAPI
	extensions []Extension
}

// Pallet is one module of the runtime.
type Pallet struct {
	Name      string
	Index     uint8
	Storage   []Entry
	Calls     TypeID // an enum of its calls, or NoType
	Events    TypeID // an enum of its events, or NoType
	Errors    TypeID // an enum of its errors, or NoType
	Constants []Constant
}

// Constant is a value that is part of the runtime.
type Constant struct {
	Name  string
	Type  TypeID
	Value []byte // encoded
}

// Extension is a signed extension (a transaction extension without a weight):
// Type is the type of what a transaction carries for it, Additional of what is
// signed besides.
type Extension struct {
	Name             string
	Type, Additional TypeID
}

// RuntimeAPI is a function of the runtime that state_call reaches, as
// Metadata.RuntimeAPI gives it.
type RuntimeAPI struct {
	Name   string // as state_call wants it, such as NeuronInfoRuntimeApi_get_neuron_lite
	Inputs []TypeField
	Output TypeID

	m *Metadata
}

type extrinsicTypes struct {
	version                  uint8
	address, call, signature TypeID
}

// Version is that of the metadata's format: 14 or 15.
func (m *Metadata) Version() int { return m.version }

// Pallets are all pallets, in the metadata's order, which must not be changed.
func (m *Metadata) Pallets() []Pallet { return m.pallets }

// Pallet is the pallet of that name.
func (m *Metadata) Pallet(name string) (Pallet, bool) {
	for i := range m.pallets {
		if m.pallets[i].Name == name {
			return m.pallets[i], true
		}
	}
	return Pallet{}, false
}

// palletAt is the pallet of that index.
func (m *Metadata) palletAt(index uint8) (Pallet, bool) {
	for i := range m.pallets {
		if m.pallets[i].Index == index {
			return m.pallets[i], true
		}
	}
	return Pallet{}, false
}

func (m *Metadata) pallet(name string) (Pallet, error) {
	p, ok := m.Pallet(name)
	if !ok {
		return Pallet{}, fmt.Errorf("%w: pallet %q", ErrUnknown, name)
	}
	return p, nil
}

// Constant is the decoded constant of a pallet; ErrUnknown, ErrData.
func (m *Metadata) Constant(pallet, name string) (Value, error) {
	p, err := m.pallet(pallet)
	if err != nil {
		return Value{}, err
	}
	for _, c := range p.Constants {
		if c.Name == name {
			return m.Decode(c.Type, c.Value)
		}
	}
	return Value{}, fmt.Errorf("%w: constant %s.%s", ErrUnknown, pallet, name)
}

// RuntimeAPI is the runtime's function of that name (API, underscore,
// method). Only metadata 15 knows them; ErrUnknown.
func (m *Metadata) RuntimeAPI(name string) (RuntimeAPI, error) {
	c, ok := m.apis[name]
	if !ok {
		return RuntimeAPI{}, fmt.Errorf("%w: runtime call %s (metadata %d)", ErrUnknown, name, m.version)
	}
	return c, nil
}

// RuntimeAPIs are all functions that metadata 15 describes, in no order.
func (m *Metadata) RuntimeAPIs() []RuntimeAPI {
	calls := make([]RuntimeAPI, 0, len(m.apis))
	for _, c := range m.apis {
		calls = append(calls, c)
	}
	return calls
}

// Encode encodes the arguments, in order; ErrValue.
func (c RuntimeAPI) Encode(args ...Value) ([]byte, error) {
	if len(args) != len(c.Inputs) {
		return nil, fmt.Errorf("%w: %s takes %d arguments, not %d", ErrValue, c.Name, len(c.Inputs), len(args))
	}
	var b []byte
	for i, in := range c.Inputs {
		var err error
		if b, err = c.m.Append(b, in.Type, args[i]); err != nil {
			return nil, fmt.Errorf("%s: argument %s: %w", c.Name, in.Name, err)
		}
	}
	return b, nil
}

// Decode decodes the answer; ErrData.
func (c RuntimeAPI) Decode(b []byte) (Value, error) {
	v, err := c.m.Decode(c.Output, b)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", c.Name, err)
	}
	return v, nil
}

// SignedExtensions are what every transaction carries and signs besides its
// call, in order.
func (m *Metadata) SignedExtensions() []Extension { return m.extensions }

// ExtrinsicVersion is the version of the runtime's transactions, such as 4.
func (m *Metadata) ExtrinsicVersion() uint8 { return m.extrinsic.version }

// AddressType is the type of a transaction's signer.
func (m *Metadata) AddressType() TypeID { return m.extrinsic.address }

// CallType is the type of all calls, an enum of pallets.
func (m *Metadata) CallType() TypeID { return m.extrinsic.call }

// SignatureType is the type of a transaction's signature.
func (m *Metadata) SignatureType() TypeID { return m.extrinsic.signature }

// ParseMetadata reads metadata of version 14 or 15, beginning with its magic
// word, as state_getMetadata or Metadata_metadata_at_version give it once the
// hex, Option and length around it are off. It does not keep b. ErrMetadata.
func ParseMetadata(b []byte) (*Metadata, error) {
	if len(b) > maxMetadata {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrMetadata, len(b), maxMetadata)
	}
	if len(b) < 5 || string(b[:4]) != "meta" {
		return nil, fmt.Errorf("%w: it does not begin with its magic word", ErrMetadata)
	}
	m := &Metadata{version: int(b[4])}
	if m.version != 14 && m.version != 15 {
		return nil, fmt.Errorf("%w: version %d; 14 and 15 are known", ErrMetadata, m.version)
	}
	p := &parser{m: m, in: string(b[5:])}
	p.metadata()
	if p.err == nil && p.in != "" {
		p.fail("%d bytes are left over", len(p.in))
	}
	if p.err != nil {
		return nil, p.err
	}
	if err := m.finish(0); err != nil {
		return nil, err
	}
	if err := m.link(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetadata, err)
	}
	return m, nil
}

// link checks what refers to types from outside the registry, and that names
// are unique where they are looked up.
func (m *Metadata) link() error {
	pallets := make(map[string]bool, len(m.pallets))
	indexes := [256]bool{}
	for i := range m.pallets {
		p := &m.pallets[i]
		if pallets[p.Name] || indexes[p.Index] {
			return fmt.Errorf("two pallets are %d or %q", p.Index, p.Name)
		}
		pallets[p.Name], indexes[p.Index] = true, true
		for _, id := range []TypeID{p.Calls, p.Events, p.Errors} {
			if id == NoType {
				continue
			}
			if t, err := m.Type(id); err != nil || t.Kind != VariantType {
				return fmt.Errorf("pallet %s: type %d is no enum", p.Name, id)
			}
		}
		for j := range p.Storage {
			if err := m.linkEntry(&p.Storage[j]); err != nil {
				return fmt.Errorf("%s.%s: %w", p.Name, p.Storage[j].Name, err)
			}
		}
	}
	m.linkExtrinsic()
	return m.refsExist()
}

// refsExist checks the types of constants, extensions, transactions and
// runtime calls.
func (m *Metadata) refsExist() error {
	var refs []TypeID
	for _, p := range m.pallets {
		for _, c := range p.Constants {
			refs = append(refs, c.Type)
		}
	}
	for _, e := range m.extensions {
		refs = append(refs, e.Type, e.Additional)
	}
	for _, c := range m.apis {
		refs = append(refs, c.Output)
		for _, in := range c.Inputs {
			refs = append(refs, in.Type)
		}
	}
	refs = append(refs, m.extrinsic.address, m.extrinsic.call, m.extrinsic.signature)
	for _, id := range refs {
		if _, err := m.Type(id); err != nil {
			return err
		}
	}
	return nil
}

// linkExtrinsic finds the parts of a transaction where metadata 14 gives them
// as parameters of the transaction's type only.
func (m *Metadata) linkExtrinsic() {
	if m.version != 14 {
		return
	}
	whole, err := m.Type(m.extrinsic.call)
	m.extrinsic.call = NoType
	if err != nil {
		return
	}
	for _, param := range whole.Params {
		switch strings.ToLower(param.Name) {
		case "address":
			m.extrinsic.address = param.Type
		case "call":
			m.extrinsic.call = param.Type
		case "signature":
			m.extrinsic.signature = param.Type
		}
	}
}
