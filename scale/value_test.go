package scale_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/filetao/filetao/scale"
)

// registry is real metadata with types of a test's own behind it.
func registry(t testing.TB, make func(b *builder) []scale.TypeID) (*scale.Metadata, []scale.TypeID) {
	t.Helper()
	m := parse(t, "spec185/metadata.json")
	_, first, err := m.Extend()
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{m: m, first: first}
	ids := make(b)
	if m, _, err = m.Extend(b.types...); err != nil {
		t.Fatal(err)
	}
	return m, ids
}

func bigNumber(t testing.TB, text string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(text, 0)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return n
}

// TestCompact has the examples of the SCALE specification.
func TestCompact(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "00", 1: "04", 42: "a8", 63: "fc", 64: "0101", 69: "1501", 16383: "fdff", 16384: "02000100", 65535: "feff0300",
		1<<30 - 1: "feffffff", 1 << 30: "0300000040", 1<<32 - 1: "03ffffffff", 100000000000000: "0b00407a10f35a", 1<<64 - 1: "13ffffffffffffffff",
	} {
		got := scale.AppendCompact(nil, n)
		if hex.EncodeToString(got) != want {
			t.Errorf("%d: %x, want %s", n, got, want)
		}
		back, rest, err := scale.DecodeCompact(append(got, 7))
		if err != nil || back != n || !bytes.Equal(rest, []byte{7}) {
			t.Errorf("%x: %d, %x, %v", got, back, rest, err)
		}
	}
	for _, bad := range []string{"", "01", "0100", "fd00", "02", "02000000", "feff0000", "03", "0300000000", "03ffffff3f", "0700000000", "17ffffffffffffffff01"} {
		b, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if n, _, err := scale.DecodeCompact(b); !errors.Is(err, scale.ErrData) {
			t.Errorf("%s: %d, %v", bad, n, err)
		}
	}
}

// TestIntegers encodes the least and most of every width, and refuses what is
// beyond.
func TestIntegers(t *testing.T) {
	first := scale.PrimU8
	m, ids := registry(t, func(b *builder) []scale.TypeID {
		var ids []scale.TypeID
		for p := first; p <= scale.PrimI256; p++ {
			ids = append(ids, b.primitive(p))
		}
		return ids
	})
	one := big.NewInt(1)
	for i, id := range ids {
		bits := uint(8) << (i % 6)
		low, high := new(big.Int), new(big.Int).Sub(new(big.Int).Lsh(one, bits), one)
		if i >= 6 {
			low.Neg(low.Lsh(one, bits-1))
			high.Sub(new(big.Int).Lsh(one, bits-1), one)
		}
		for _, n := range []*big.Int{low, high, new(big.Int), one, new(big.Int).Rsh(low, 1), new(big.Int).Rsh(high, 1)} {
			b, err := m.Encode(id, scale.Big(n))
			if err != nil || len(b) != int(bits/8) {
				t.Fatalf("%v in %d bits: %x, %v", n, bits, b, err)
			}
			v, err := m.Decode(id, b)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := v.Big(); err != nil || got.Cmp(n) != 0 || !v.Equal(scale.Big(n)) {
				t.Errorf("%v in %d bits: %v, %v", n, bits, got, err)
			}
			if got, err := v.Int64(); (err == nil) != n.IsInt64() || err == nil && got != n.Int64() {
				t.Errorf("%v: %d, %v", n, got, err)
			}
			if got, err := v.Uint64(); (err == nil) != n.IsUint64() || err == nil && got != n.Uint64() {
				t.Errorf("%v: %d, %v", n, got, err)
			}
		}
		for _, n := range []*big.Int{new(big.Int).Sub(low, one), new(big.Int).Add(high, one)} {
			if b, err := m.Encode(id, scale.Big(n)); !errors.Is(err, scale.ErrValue) {
				t.Errorf("%v in %d bits: %x, %v", n, bits, b, err)
			}
		}
	}
}

func TestWideCompact(t *testing.T) {
	m, ids := registry(t, func(b *builder) []scale.TypeID {
		return []scale.TypeID{b.compact(scale.PrimU128), b.compact(scale.PrimU16), b.compact(scale.PrimBool),
			b.add(scale.Type{Kind: scale.CompactType, Elem: b.add(scale.Type{Kind: scale.TupleType})})}
	})
	n := bigNumber(t, "0xfedcba98765432100123456789abcdef")
	b, err := m.Encode(ids[0], scale.Big(n))
	if err != nil || hex.EncodeToString(b) != "33efcdab89674523011032547698badcfe" {
		t.Errorf("%x, %v", b, err)
	}
	if v, err := m.Decode(ids[0], b); err != nil || !v.Equal(scale.Big(n)) {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := m.Decode(ids[1], scale.AppendCompact(nil, 1<<16)); !errors.Is(err, scale.ErrData) {
		t.Error(err)
	}
	if _, err := m.Encode(ids[1], scale.Uint(uint32(1<<16))); !errors.Is(err, scale.ErrValue) {
		t.Error(err)
	}
	if _, err := m.Decode(ids[2], []byte{0}); !errors.Is(err, scale.ErrData) {
		t.Error(err)
	}
	if b, err := m.Encode(ids[3], scale.Value{}); err != nil || len(b) != 0 {
		t.Errorf("%x, %v", b, err)
	}
}

// TestBits has the bits 1, 0, 1, 1, 0, 0, 0, 0, 1, 1 in every order and store.
func TestBits(t *testing.T) {
	bits := []bool{true, false, true, true, false, false, false, false, true, true}
	m, ids := registry(t, func(b *builder) []scale.TypeID {
		var ids []scale.TypeID
		for _, order := range []string{"Lsb0", "Msb0"} {
			o := b.add(scale.Type{Path: []string{"bitvec", order}, Kind: scale.CompositeType})
			for _, p := range []scale.Primitive{scale.PrimU8, scale.PrimU16, scale.PrimU32} {
				ids = append(ids, b.add(scale.Type{Kind: scale.BitsType, Elem: b.primitive(p), Order: o}))
			}
		}
		return append(ids, b.add(scale.Type{Kind: scale.BitsType, Elem: b.primitive(scale.PrimBool)}))
	})
	for i, want := range []string{"280d03", "280d03", "280d030000", "28b0c0", "28c0b0", "280000c0b0"} {
		b, err := m.Encode(ids[i], scale.Bits(bits))
		if err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%d: %x, want %s, %v", i, b, want, err)
		}
		v, err := m.Decode(ids[i], b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Bits(); err != nil || !slices.Equal(got, bits) {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
	for _, bad := range []string{"280d07", "280d", "28", "13ffffffffffffffff", "280d0300"} {
		b, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := m.Decode(ids[0], b); !errors.Is(err, scale.ErrData) {
			t.Errorf("%s: %v, %v", bad, v, err)
		}
	}
	if _, err := m.Decode(ids[6], []byte{0}); !errors.Is(err, scale.ErrData) {
		t.Error(err)
	}
	if _, err := m.Encode(ids[6], scale.Bits(nil)); !errors.Is(err, scale.ErrValue) {
		t.Error(err)
	}
}

// TestKinds asks every accessor about every kind: the fitting ones answer, the
// others say ErrValue.
func TestKinds(t *testing.T) {
	values := map[scale.Kind]scale.Value{
		scale.KindUnit: {}, scale.KindBool: scale.Bool(true), scale.KindInteger: scale.Int(-7), scale.KindBytes: scale.Bytes([]byte{10, 11}),
		scale.KindText: scale.Text("text"), scale.KindBits: scale.Bits([]bool{true, false}), scale.KindList: scale.List(scale.Uint(uint8(1)), scale.Value{}),
		scale.KindRecord: scale.Record(map[string]scale.Value{"a": scale.Uint(uint8(1))}), scale.KindVariant: scale.Some(scale.Text("x")),
	}
	texts := []string{"()", "true", "-7", "0x0a0b", `"text"`, "0b10", "[1, ()]", "{a: 1}", `Some("x")`}
	for kind, v := range values {
		if v.Kind() != kind || v.String() != texts[kind] {
			t.Errorf("%v is %v and reads %v", kind, v.Kind(), v)
		}
		for other, w := range values {
			if v.Equal(w) != (kind == other) {
				t.Errorf("%v equals %v: %v", v, w, v.Equal(w))
			}
		}
		fits := map[scale.Kind]error{}
		_, fits[scale.KindBool] = v.Bool()
		_, fits[scale.KindInteger] = v.Int64()
		_, fits[scale.KindBytes] = v.Bytes()
		_, fits[scale.KindText] = v.Text()
		_, fits[scale.KindBits] = v.Bits()
		_, fits[scale.KindRecord] = v.Record()
		_, fits[scale.KindVariant] = v.Variant()
		for asked, err := range fits {
			if (err == nil) != (asked == kind) || err != nil && !errors.Is(err, scale.ErrValue) {
				t.Errorf("%v asked for %v: %v", kind, asked, err)
			}
		}
		if _, err := v.Items(); (err == nil) != (kind == scale.KindList || kind == scale.KindUnit) {
			t.Errorf("items of %v: %v", kind, err)
		}
		if _, _, err := v.Option(); (err == nil) != (kind == scale.KindVariant) {
			t.Errorf("option of %v: %v", kind, err)
		}
		if _, err := v.Field("b"); !errors.Is(err, scale.ErrValue) {
			t.Errorf("field of %v: %v", kind, err)
		}
	}
}

func TestReader(t *testing.T) {
	v := scale.Record(map[string]scale.Value{
		"data": scale.Record(map[string]scale.Value{"free": scale.Uint(uint64(9)), "name": scale.Text("n")}),
		"list": scale.Uints([]uint16{1, 2}), "on": scale.Bool(true), "key": scale.Bytes([]byte{1}),
	})
	r := scale.NewReader(v)
	if r.Uint64("data", "free") != 9 || r.Text("data", "name") != "n" || !r.Bool("on") || len(r.Bytes("key")) != 1 ||
		len(r.Items("list")) != 2 || !slices.Equal(r.Uints("list"), []uint64{1, 2}) || r.Big("data", "free").Int64() != 9 || r.Err() != nil {
		t.Errorf("%v: %v", v, r.Err())
	}
	if r.Uint64("data", "nothing") != 0 || r.Uint64("data", "free") != 0 || r.Big("data", "free") != nil || !errors.Is(r.Err(), scale.ErrValue) {
		t.Error(r.Err())
	}
}
