package scale_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/filetao/filetao/scale"
)

// TestHostileLengths decodes small inputs that promise much; each must fail
// without room for it being made.
func TestHostileLengths(t *testing.T) {
	m, ids := registry(t, func(b *builder) []scale.TypeID {
		unit := b.add(scale.Type{Kind: scale.TupleType})
		u64 := b.primitive(scale.PrimU64)
		text := b.primitive(scale.PrimStr)
		huge := b.add(scale.Type{Kind: scale.ArrayType, Elem: u64, Len: 1<<32 - 1})
		void := b.add(scale.Type{Kind: scale.VariantType, Path: []string{"Void"}})
		return []scale.TypeID{
			b.list(unit), b.list(u64), b.list(b.primitive(scale.PrimU8)), text, b.list(text), huge, void,
			b.add(scale.Type{Kind: scale.ArrayType, Elem: huge, Len: 1<<32 - 1}),
		}
	})
	for _, id := range ids {
		for _, length := range []uint64{1025, 1 << 20, 1 << 32, 1<<64 - 1} {
			b := append(scale.AppendCompact(nil, length), make([]byte, 100)...)
			allocated := testing.AllocsPerRun(1, func() {
				if v, _, err := m.DecodePrefix(id, b); !errors.Is(err, scale.ErrData) {
					t.Errorf("type %d, length %d: %v, %v", id, length, v.Kind(), err)
				}
			})
			if allocated > 100 {
				t.Errorf("type %d, length %d: %v allocations", id, length, allocated)
			}
		}
	}
	v, err := m.Decode(ids[0], scale.AppendCompact(nil, 1024))
	if items, _ := v.Items(); err != nil || len(items) != 1024 {
		t.Errorf("1024 elements without bytes: %d, %v", len(items), err)
	}
}

// TestDepth nests calls in calls.
func TestDepth(t *testing.T) {
	m := parse(t, "spec300/metadata.json")
	remark, err := m.Call("System", "remark", map[string]scale.Value{"remark": scale.Bytes(nil)})
	if err != nil {
		t.Fatal(err)
	}
	sudo := func(levels int) []byte { return append(bytes.Repeat([]byte{12, 0}, levels), remark...) }
	if call, err := m.DecodeCall(sudo(50)); err != nil || call.Pallet != "Sudo" {
		t.Errorf("50 levels: %v, %v", call, err)
	}
	if _, err := m.DecodeCall(sudo(100000)); !errors.Is(err, scale.ErrData) || len(err.Error()) > 1<<16 {
		t.Errorf("100000 levels: %.200v", err)
	}
	v, err := m.CallValue("System", "remark", map[string]scale.Value{"remark": scale.Bytes(nil)})
	for range 1000 {
		if err == nil {
			v, err = m.CallValue("Sudo", "sudo", map[string]scale.Value{"call": v})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Encode(m.CallType(), v); !errors.Is(err, scale.ErrValue) {
		t.Errorf("1000 levels: %.200v", err)
	}
}

// TestMemory decodes the most of the greediest: a list of enums of one byte.
func TestMemory(t *testing.T) {
	m, ids := registry(t, func(b *builder) []scale.TypeID {
		one := b.add(scale.Type{Kind: scale.VariantType, Variants: []scale.TypeVariant{{Name: "One"}}})
		return []scale.TypeID{b.list(one), b.list(b.primitive(scale.PrimU128))}
	})
	const n = 1 << 19
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v, err := m.Decode(ids[0], append(scale.AppendCompact(nil, n), make([]byte, n)...))
	wide, errWide := m.Decode(ids[1], append(scale.AppendCompact(nil, n), bytes.Repeat([]byte{0xff}, 16*n)...))
	runtime.ReadMemStats(&after)
	if items, _ := v.Items(); err != nil || len(items) != n {
		t.Fatal(err)
	}
	if items, _ := wide.Items(); errWide != nil || len(items) != n {
		t.Fatal(errWide)
	}
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 2*64+16 { // with the two inputs
		t.Errorf("both: %d MiB allocated", mib)
	}
	if _, err := m.Decode(ids[0], append(scale.AppendCompact(nil, n+1), make([]byte, n+1)...)); !errors.Is(err, scale.ErrData) {
		t.Errorf("one more: %v", err)
	}
}

func TestStrict(t *testing.T) {
	m, ids := registry(t, func(b *builder) []scale.TypeID {
		return []scale.TypeID{b.primitive(scale.PrimBool), b.primitive(scale.PrimStr), b.primitive(scale.PrimChar)}
	})
	for _, c := range []struct {
		id  scale.TypeID
		bad []byte
	}{
		{ids[0], []byte{2}}, {ids[0], nil}, {ids[0], []byte{1, 0}}, {ids[1], []byte{4, 0xff}}, {ids[1], []byte{8, 'a'}},
		{ids[2], []byte{0, 0xd8, 0, 0}}, {ids[2], []byte{0, 0, 0x11, 0}}, {ids[2], []byte{0xff, 0xff, 0xff, 0xff}},
	} {
		if v, err := m.Decode(c.id, c.bad); !errors.Is(err, scale.ErrData) {
			t.Errorf("%x: %v, %v", c.bad, v, err)
		}
	}
	for _, v := range []scale.Value{scale.Text("\xff"), scale.Uint(uint32(0xd800)), scale.Uint(uint64(1) << 40), scale.Int(-1), scale.List()} {
		for _, id := range ids {
			if b, err := m.Encode(id, v); !errors.Is(err, scale.ErrValue) {
				t.Errorf("%v: %x, %v", v, b, err)
			}
		}
	}
	if _, err := m.Decode(1<<30, nil); !errors.Is(err, scale.ErrUnknown) {
		t.Error(err)
	}
	if _, err := m.Encode(scale.NoType, scale.Value{}); !errors.Is(err, scale.ErrUnknown) {
		t.Error(err)
	}
}

// TestBadTypes extends metadata by types that cannot be.
func TestBadTypes(t *testing.T) {
	m := parse(t, "spec185/metadata.json")
	_, first, err := m.Extend()
	if err != nil {
		t.Fatal(err)
	}
	chain := make([]scale.Type, 300)
	for i := range chain {
		chain[i] = scale.Type{Kind: scale.TupleType, Items: []scale.TypeID{first + scale.TypeID(i) + 1}}
	}
	chain[len(chain)-1] = scale.Type{Kind: scale.PrimitiveType}
	twin := []scale.TypeVariant{{Name: "A"}, {Name: "B"}}
	for name, types := range map[string][]scale.Type{
		"no such type":    {{Kind: scale.SequenceType, Elem: first + 1}},
		"contains itself": {{Kind: scale.TupleType, Items: []scale.TypeID{first}}},
		"one another":     {{Kind: scale.TupleType, Items: []scale.TypeID{first + 1}}, {Kind: scale.ArrayType, Elem: first, Len: 1}},
		"too deep":        chain,
		"two of an index": {{Kind: scale.VariantType, Variants: twin}},
		"two of a name":   {{Kind: scale.VariantType, Variants: []scale.TypeVariant{{Name: "A"}, {Name: "A", Index: 1}}}},
		"kind":            {{Kind: 9}},
		"primitive":       {{Kind: scale.PrimitiveType, Primitive: 15}},
	} {
		if _, _, err := m.Extend(types...); !errors.Is(err, scale.ErrMetadata) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDoubling has types whose values are doubled forty times over, all of them
// without bytes.
func TestDoubling(t *testing.T) {
	m, ids := registry(t, func(b *builder) []scale.TypeID {
		id := b.add(scale.Type{Kind: scale.TupleType})
		for range 40 {
			id = b.add(scale.Type{Kind: scale.TupleType, Items: []scale.TypeID{id, id}})
		}
		some := b.add(scale.Type{Kind: scale.VariantType, Variants: []scale.TypeVariant{{Name: "One", Fields: []scale.TypeField{{Type: id}, {Type: id}}}}})
		return []scale.TypeID{id, some}
	})
	for _, id := range ids {
		if v, err := m.Decode(id, bytes.Repeat([]byte{0}, int(id-ids[0]))); err != nil {
			t.Errorf("%v, %v", v, err)
		}
	}
}

func TestMetadataRefusals(t *testing.T) {
	raw := rawMetadata(t, "spec185/metadata.json")
	for n := range 100 {
		if _, err := scale.ParseMetadata(raw[:n*len(raw)/100]); !errors.Is(err, scale.ErrMetadata) {
			t.Fatalf("cut: %v", err)
		}
	}
	changed := func(at int, b byte) []byte {
		c := bytes.Clone(raw)
		c[at] = b
		return c
	}
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"magic":   {changed(0, 'n'), "magic"},
		"version": {changed(4, 13), "version 13"},
		"other":   {changed(4, 15), ""},
		"longer":  {append(bytes.Clone(raw), 0), "left over"},
		"size":    {make([]byte, 2<<20+1), "more than"},
	} {
		if _, err := scale.ParseMetadata(c.b); !errors.Is(err, scale.ErrMetadata) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
