package synapse

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/filetao/filetao/wire"
)

// The body is JSON, as long as announced, and the same for every size of read.
func TestEncodedBody(t *testing.T) {
	ttl := int64(5)
	msg := &wire.Store{EncryptedData: bytes.Repeat([]byte("filetao"), 5000), Curve: "P-256", G: "<é>", Seed: "s", TTL: &ttl}
	b, err := encodeBody(msg, 12, terminal{}, terminal{}, false)
	check(t, err)
	whole, err := io.ReadAll(b.reader())
	check(t, err)
	if int64(len(whole)) != b.size {
		t.Errorf("%d bytes, announced %d", len(whole), b.size)
	}
	var got map[string]any
	check(t, json.Unmarshal(whole, &got))
	if got["name"] != "Store" || got["encrypted_data"] != base64.StdEncoding.EncodeToString(msg.EncryptedData) ||
		got["g"] != "<é>" || got["ttl"] != 5.0 || got["randomness"] != nil || got["timeout"] != 12.0 {
		t.Errorf("body %.300s", whole)
	}
	if want := `{"name":"Store","timeout":12.0,"total_size":0,"header_size":0,"dendrite":{"status_code":null,`; !strings.HasPrefix(string(whole), want) {
		t.Errorf("the body begins %.120s", whole)
	}
	for name, r := range map[string]io.Reader{
		"one byte": iotest.OneByteReader(b.reader()), "halves": iotest.HalfReader(b.reader()), "buffered": struct{ io.Reader }{b.reader()},
	} {
		again := new(bytes.Buffer)
		if _, err := io.CopyBuffer(struct{ io.Writer }{again}, r, make([]byte, 7)); err != nil || !bytes.Equal(again.Bytes(), whole) {
			t.Errorf("%s: another body (%v)", name, err)
		}
	}
	empty, err := encodeBody(msg, 12, terminal{}, terminal{}, true)
	check(t, err)
	if empty.size > 2000 {
		t.Errorf("an answer repeats the data of the request: %d bytes", empty.size)
	}
	msg.G = "\xff"
	if _, err := encodeBody(msg, 12, terminal{}, terminal{}, false); err == nil {
		t.Error("a text that is not UTF-8 was encoded")
	}
}

func TestMalformedBodies(t *testing.T) {
	good := `{"data_hash":"1","seed":"2"}`
	var msg wire.Retrieve
	if _, err := decodeBody(strings.NewReader(" \r\n\t"+good+" \n"), -1, msg.Fields(), asRequest); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"empty": "", "space": "  ", "null": "null", "array": "[]", "no object": `"x"`, "open": `{`, "cut": good[:len(good)-1],
		"cut in a text": `{"data_hash":"1`, "garbage after": good + "x", "two": good + good, "no colon": `{"data_hash" "1"}`,
		"no comma": `{"data_hash":"1" "seed":"2"}`, "comma at the end": `{"data_hash":"1","seed":"2",}`, "key not a text": `{1:"1"}`,
		"twice": `{"data_hash":"1","seed":"2","seed":"2"}`, "missing": `{"data_hash":"1"}`, "null for required": `{"data_hash":null,"seed":"2"}`,
		"bool for text": `{"data_hash":true,"seed":"2"}`, "float for text": `{"data_hash":1.5,"seed":"2"}`, "object for text": `{"data_hash":{},"seed":"2"}`,
		"bad escape": `{"data_hash":"\x","seed":"2"}`, "newline in a text": "{\"data_hash\":\"\n\",\"seed\":\"2\"}", "not UTF-8": "{\"data_hash\":\"\xff\",\"seed\":\"2\"}",
		"bad unknown value": `{"data_hash":"1","seed":"2","x":nul}`, "deep": `{"data_hash":"1","seed":"2","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		"long key": `{"` + strings.Repeat("k", 300) + `":1,` + good[1:], "long text": `{"data_hash":"` + strings.Repeat("x", maxText) + `","seed":"2"}`,
		"long unknown": `{"x":[` + strings.Repeat("1,", maxText/2) + `1],` + good[1:], "long number": `{"data_hash":` + strings.Repeat("1", 300) + `,"seed":"2"}`,
		"object for data": `{"data_hash":"1","seed":"2","data":{}}`, "wrong brackets": `{"x":[}],` + good[1:],
	} {
		if _, err := decodeBody(strings.NewReader(body), int64(len(body)), msg.Fields(), asRequest); !errors.Is(err, errBody) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBase64InBodies(t *testing.T) {
	for in, want := range map[string]string{
		`""`: "", `"QQ=="`: "A", `"QUI="`: "AB", `"QUJD"`: "ABC", `"\/\/\/\/"`: "\xff\xff\xff", `"QUJDQUJDQQ=="`: "ABCABCA",
	} {
		for _, slow := range []bool{false, true} {
			var msg wire.StoreUser
			var r io.Reader = strings.NewReader(`{"encryption_payload":"{}","encrypted_data": ` + in + `}`)
			if slow {
				r = iotest.OneByteReader(r)
			}
			if _, err := decodeBody(r, -1, msg.Fields(), asRequest); err != nil || string(msg.EncryptedData) != want || msg.EncryptedData == nil {
				t.Errorf("%s is %q (%v), want %q", in, msg.EncryptedData, err, want)
			}
		}
	}
	for _, in := range []string{`"Q"`, `"QQ="`, `"QQ=="QQ=="`, `"QQ==QUJD"`, `"QQ==QQ=="`, `"Q Q="`, `"QU\nI="`, "\"QU\nI=\"", `"QUI\u003d"`, `"_-_-"`, "null", "[1]", `"QUJD`} {
		for _, slow := range []bool{false, true} {
			var msg wire.StoreUser
			var r io.Reader = strings.NewReader(`{"encryption_payload":"{}","encrypted_data": ` + in + `}`)
			if slow {
				r = iotest.OneByteReader(r)
			}
			if _, err := decodeBody(r, -1, msg.Fields(), asRequest); !errors.Is(err, errBody) {
				t.Errorf("%s: %v, data %q", in, err, msg.EncryptedData)
			}
		}
	}
}

// An announced length is not believed before a quarter of it has come.
func TestPromisesCostNothing(t *testing.T) {
	var msg wire.StoreUser
	data := base64.StdEncoding.EncodeToString(make([]byte, 3<<20))
	cut := strings.NewReader(`{"encrypted_data":"` + data)
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := cut.Seek(0, io.SeekStart); err != nil {
				b.Fatal(err)
			}
			if _, err := decodeBody(cut, 1<<40, msg.Fields(), asRequest); !errors.Is(err, errBody) {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 16<<20 {
		t.Errorf("3 MiB of a promised TiB took %d bytes", allocated)
	}
}

// A kept promise costs a quarter more than the data.
func TestDataAreHeldOnce(t *testing.T) {
	const size = 32 << 20
	b, err := encodeBody(&wire.StoreUser{EncryptedData: make([]byte, size), EncryptionPayload: "{}"}, 12, terminal{}, terminal{}, false)
	check(t, err)
	allocated := testing.Benchmark(func(tb *testing.B) {
		tb.ReportAllocs()
		for range tb.N {
			var msg wire.StoreUser
			if _, err := decodeBody(b.reader(), b.size, msg.Fields(), asRequest); err != nil || len(msg.EncryptedData) != size {
				tb.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > size*8/5 {
		t.Errorf("reading %d bytes took %d", size, allocated)
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte("data"), "P-256", "seed", int64(5), []byte{1})
	f.Add([]byte{}, "", "é\n\"\\", int64(-1), []byte{})
	f.Fuzz(func(t *testing.T, data []byte, text, seed string, n int64, big256 []byte) {
		asked := &wire.Store{EncryptedData: append([]byte{}, data...), Curve: text, G: text, H: seed, Seed: seed, TTL: &n}
		b, err := encodeBody(asked, 1.5, terminal{UUID: &text}, terminal{}, false)
		if err != nil {
			return
		}
		got := &wire.Store{}
		hash, err := decodeBody(b.reader(), b.size, got.Fields(), asRequest)
		if err != nil || !reflect.DeepEqual(got, asked) || hash != hashFields(asked.Fields()) {
			t.Fatalf("%+v became %+v, hash %s (%v)", asked, got, hash, err)
		}
		if len(big256) > 40 {
			return
		}
		asked.Randomness, asked.Commitment = new(big.Int).SetBytes(big256), text
		if b, err = encodeBody(asked, 1.5, terminal{}, terminal{}, true); err != nil {
			t.Fatal(err)
		}
		answered := &wire.Store{}
		if _, err := decodeBody(b.reader(), b.size, answered.Fields(), asAnswer); err != nil {
			t.Fatal(err)
		}
		if answered.Randomness.Cmp(asked.Randomness) != 0 || answered.Commitment != text || answered.Seed != "" {
			t.Fatalf("%+v became %+v", asked, answered)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"data_hash":"1","seed":2}`, `{"encrypted_data":"QQ==","curve":"","g":"","h":"","seed":"","randomness":1e5}`, `{"a":[{"b":"c\"]"}],"deleted":true}`,
		`{"encrypted_data":"\/\/\/\/`, `{"randomness":-0,"ttl":"5","x":1.5e-7}`,
	} {
		f.Add([]byte(seed), int64(len(seed)))
	}
	f.Fuzz(func(t *testing.T, body []byte, size int64) {
		for _, msg := range []wire.Message{&wire.Ping{}, &wire.Store{}, &wire.Challenge{}, &wire.Retrieve{}, &wire.StoreUser{}, &wire.DeleteUser{}} {
			hash, err := decodeBody(bytes.NewReader(body), min(size, 1<<30), msg.Fields(), asRequest)
			if err != nil && !errors.Is(err, errBody) {
				t.Fatalf("%s: %v", msg.Name(), err)
			}
			if err == nil && !json.Valid(body) {
				t.Fatalf("%s: taken, but not JSON: %q", msg.Name(), body)
			}
			if err == nil && len(hash) != 64 {
				t.Fatalf("%s: hash %q", msg.Name(), hash)
			}
			if _, err := decodeBody(bytes.NewReader(body), -1, msg.Fields(), asAnswer); err != nil && !errors.Is(err, errBody) {
				t.Fatalf("%s: %v", msg.Name(), err)
			}
		}
	})
}
