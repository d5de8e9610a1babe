package scale_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/filetao/filetao/scale"
)

// tinyMetadata is a whole runtime of six types and one pallet, small enough for
// a fuzzer to change every part of it.
func tinyMetadata(version byte) []byte {
	text := func(s string) string { return string(scale.AppendCompact(nil, uint64(len(s)))) + s }
	typ := func(id byte, params, def string) string {
		return string([]byte{id << 2, 4}) + text("T") + params + def + "\x00"
	}
	b := "meta" + string(version) + string(rune(6<<2)) +
		typ(0, "\x00", "\x05\x03") + // u8
		typ(1, "\x00", "\x02\x00") + // Vec<u8>
		typ(2, "\x00", "\x01\x04"+text("A")+"\x04\x01"+text("f")+"\x04\x00\x00\x00\x00") + // enum A{f: Vec<u8>}
		typ(3, "\x00", "\x06\x00") + // Compact<u8>
		typ(4, "\x00", "\x00\x08\x01"+text("a")+"\x00\x00\x00\x01"+text("b")+"\x0c\x00\x00") + // struct{a: u8, b: Compact<u8>}
		typ(5, "\x0c"+text("Address")+"\x01\x04"+text("Call")+"\x01\x08"+text("Signature")+"\x01\x04", "\x04\x08\x00\x04") // (u8, Vec<u8>)
	b += "\x04" + text("P") + "\x01" + text("P") + "\x08" +
		text("One") + "\x01\x00\x10" + text("\x01\x04") + "\x00" +
		text("Map") + "\x00\x01\x08\x06\x05\x14\x04\x00\x00" +
		"\x01\x08\x01\x08" + "\x04" + text("C") + "\x00\x04\x07\x00" + "\x01\x08\x07"
	extensions := "\x04" + text("CheckNonce") + "\x0c\x00"
	if version == 14 {
		return []byte(b + "\x14\x04" + extensions + "\x00")
	}
	return []byte(b + "\x00" + "\x04\x04\x08\x04\x00" + extensions + "\x00" +
		"\x04" + text("Api") + "\x04" + text("call") + "\x04" + text("x") + "\x00\x04\x00\x00" + "\x08\x08\x08\x00")
}

func TestTinyMetadata(t *testing.T) {
	for _, version := range []byte{14, 15} {
		m, err := scale.ParseMetadata(tinyMetadata(version))
		if err != nil {
			t.Fatalf("%d: %v", version, err)
		}
		b, err := m.Call("P", "A", map[string]scale.Value{"f": scale.Bytes([]byte("x"))})
		if version == 15 && (err == nil || !errors.Is(err, scale.ErrValue)) {
			t.Errorf("%x, %v", b, err) // its calls are not in an enum of pallets
		}
		v, err := m.Constant("P", "C")
		if n, _ := v.Uint64(); err != nil || n != 7 {
			t.Errorf("%v, %v", v, err)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add(tinyMetadata(14))
	f.Add(tinyMetadata(15))
	f.Add(rawMetadata(f, "spec185/metadata.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := scale.ParseMetadata(b)
		if err != nil {
			if !errors.Is(err, scale.ErrMetadata) {
				t.Fatal(err)
			}
			return
		}
		for _, p := range m.Pallets() {
			for _, c := range p.Constants {
				roundTrip(t, m, c.Type, c.Value)
			}
			for _, e := range p.Storage {
				roundTrip(t, m, e.Value, e.Default)
				key, err := e.Key()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := e.DecodeKey(append(key, b...)); err == nil && len(e.Keys) == 0 {
					t.Fatal("something behind the key of one value")
				}
			}
		}
		for _, c := range m.RuntimeAPIs() {
			roundTrip(t, m, c.Output, b)
		}
		if _, err := m.Payload(nil, scale.TxParams{}); err != nil && !errors.Is(err, scale.ErrExtension) {
			t.Fatal(err)
		}
		if _, err := m.DecodeExtrinsic(b); err == nil {
			t.Log("metadata that is an extrinsic")
		}
	})
}

// roundTrip decodes what may not be an encoding; if it is, the value must
// encode to the same bytes.
func roundTrip(t *testing.T, m *scale.Metadata, id scale.TypeID, b []byte) {
	v, rest, err := m.DecodePrefix(id, b)
	if err != nil {
		if !errors.Is(err, scale.ErrData) {
			t.Fatal(err)
		}
		return
	}
	back, err := m.Encode(id, v)
	if err != nil || !bytes.Equal(back, b[:len(b)-len(rest)]) {
		t.Fatalf("type %d: %x became %x, %v", id, b, back, err)
	}
}

func FuzzDecode(f *testing.F) {
	m := parse(f, "spec300/metadata_v15.json")
	for _, c := range apiCalls(f, "spec300") {
		api, err := m.RuntimeAPI(c.Method)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(api.Output), []byte(c.Result))
	}
	for _, p := range m.Pallets() {
		for _, e := range p.Storage {
			if len(e.Default) > 1 {
				f.Add(uint16(e.Value), e.Default)
			}
		}
	}
	f.Fuzz(func(t *testing.T, id uint16, b []byte) {
		if _, err := m.Type(scale.TypeID(id)); err == nil {
			roundTrip(t, m, scale.TypeID(id), b)
		}
	})
}

func FuzzDecodeExtrinsic(f *testing.F) {
	m := parse(f, "spec300/metadata_v15.json")
	for _, x := range extrinsics(f, "spec300") {
		f.Add([]byte(x.Extrinsic))
	}
	f.Add([]byte(blocks(f, "spec300")[0].Extrinsics[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := m.DecodeExtrinsic(b)
		if err != nil {
			return
		}
		roundTrip(t, m, m.CallType(), x.CallBytes)
		account, errA := x.Account()
		signature, errS := x.Sr25519()
		p, errP := x.Params()
		if errA != nil || errS != nil || errP != nil {
			return // signed by something else, a tip above 64 bits
		}
		back, err := m.SignedExtrinsic(x.CallBytes, account, signature, p)
		if err != nil || mode(x) == 0 && !bytes.Equal(back, b) {
			t.Fatalf("%x became %x, %v", b, back, err)
		}
	})
}

// mode is the first byte of what x carries for CheckMetadataHash, which a
// transaction of ours leaves at 0.
func mode(x scale.Extrinsic) byte {
	for _, e := range x.Extra {
		if e.Name == "CheckMetadataHash" && len(e.Raw) > 0 {
			return e.Raw[0]
		}
	}
	return 0
}

func FuzzDecodeEvents(f *testing.F) {
	m := parse(f, "spec300/metadata.json")
	for _, block := range blocks(f, "spec300") {
		f.Add([]byte(block.EventsRaw))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := m.DecodeEvents(b)
		if err != nil || len(b) == 0 {
			return
		}
		if back, err := m.EncodeEvents(events); err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%x became %x, %v", b, back, err)
		}
		for _, e := range events {
			if v, ok := failure(e); ok {
				if _, err := m.DispatchError(v); err != nil && !errors.Is(err, scale.ErrUnknown) {
					t.Fatal(err)
				}
			}
		}
	})
}

func FuzzDecodeCompact(f *testing.F) {
	for _, n := range []uint64{0, 63, 64, 1 << 14, 1 << 30, 1<<64 - 1} {
		f.Add(scale.AppendCompact(nil, n))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, rest, err := scale.DecodeCompact(b)
		if err != nil {
			return
		}
		if back := scale.AppendCompact(nil, n); !bytes.Equal(back, b[:len(b)-len(rest)]) {
			t.Fatalf("%x became %x", b, back)
		}
	})
}

func FuzzDecodeEra(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{0x05, 0x01})
	f.Add(scale.MortalEra(1<<16, 54321).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, err := scale.DecodeEra(b)
		if err != nil {
			return
		}
		if back := e.Append(nil); !bytes.Equal(back, b[:len(b)-len(rest)]) {
			t.Fatalf("%x became %x", b, back)
		}
		if at := e.Birth(1000); !e.Immortal() && (at > max(1000, e.Phase) || e.Death(1000) <= at) {
			t.Fatalf("%+v is born at %d", e, at)
		}
	})
}
