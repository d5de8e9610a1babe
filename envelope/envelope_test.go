package envelope_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/filetao/filetao/envelope"
	"golang.org/x/crypto/nacl/secretbox"
)

type vectors struct {
	DataPrefix string `json:"data_prefix"`
	PrivateKey string `json:"private_key_hex_text"`
	DerivedKey string `json:"derived_key"`
	Cases      []struct {
		Length     int    `json:"length"`
		Label      string `json:"data_label"`
		Ciphertext string `json:"ciphertext"`
		Payload    string `json:"encryption_payload"`
		Plain      string `json:"payload_plain"`
	} `json:"cases"`
}

func load(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("../testdata/vectors/envelope.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 4 {
		t.Fatalf("%d cases", len(v.Cases))
	}
	return v
}

func (v vectors) key(t testing.TB) envelope.Key { return envelope.Key(unhex(t, v.DerivedKey)) }

func (v vectors) data(label string, n int) []byte {
	return sha3.SumSHAKE128([]byte(v.DataPrefix+label), n)
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDerivedKeyIsTheReferences(t *testing.T) {
	v := load(t)
	if got := envelope.DeriveKey(v.PrivateKey); got != v.key(t) {
		t.Errorf("derived %x", got[:])
	}
}

func TestOpensWhatTheReferenceSealed(t *testing.T) {
	v := load(t)
	for _, c := range v.Cases {
		want := v.data(c.Label, c.Length)
		got, err := envelope.Open(v.key(t), unhex(t, c.Ciphertext), c.Payload)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", c.Label, len(got), err)
		}
	}
}

// The reference's own random values, in the order Seal draws them, must give its
// own bytes: then it can open what Seal makes.
func TestSealsAsTheReferenceDoes(t *testing.T) {
	v := load(t)
	for _, c := range v.Cases {
		var in struct{ AES_key, Nonce string }
		var out struct{ Nonce, Ciphertext string }
		if err := errors.Join(json.Unmarshal([]byte(c.Plain), &in), json.Unmarshal([]byte(c.Payload), &out)); err != nil {
			t.Fatal(err)
		}
		random := append(append(unhex(t, in.AES_key), unhex(t, in.Nonce)...), unhex(t, out.Nonce)...)
		ciphertext, payload, err := envelope.Seal(bytes.NewReader(random), v.key(t), v.data(c.Label, c.Length))
		if err != nil || hex.EncodeToString(ciphertext) != c.Ciphertext {
			t.Errorf("%s: %d bytes, %v", c.Label, len(ciphertext), err)
		}
		if got, want := opened(t, v.key(t), payload), compact(t, c.Plain); got != want {
			t.Errorf("%s: sealed %s, want %s", c.Label, got, want)
		}
	}
}

// opened is the JSON inside a payload, by the reference's steps and not by Open.
func opened(t *testing.T, key envelope.Key, payload string) string {
	t.Helper()
	var out map[string]string
	if err := json.Unmarshal([]byte(payload), &out); err != nil || len(out) != 2 {
		t.Fatalf("payload %s: %v", payload, err)
	}
	text, ok := secretbox.Open(nil, unhex(t, out["ciphertext"]), (*[24]byte)(unhex(t, out["nonce"])), (*[32]byte)(&key))
	if !ok {
		t.Fatal("payload does not open")
	}
	return string(text)
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWorksInPlace(t *testing.T) {
	data := make([]byte, 1000, 1000+envelope.Overhead)
	want := bytes.Clone(data)
	sealed, payload, err := envelope.Seal(rand.Reader, envelope.Key{1}, data)
	if err != nil || len(sealed) != len(data) || &sealed[0] != &data[0] {
		t.Fatalf("%d bytes, in place %v, %v", len(sealed), &sealed[0] == &data[0], err)
	}
	plain, err := envelope.Open(envelope.Key{1}, sealed, payload)
	if err != nil || !bytes.Equal(plain, want) || &plain[0] != &data[0] {
		t.Fatalf("%d bytes, in place %v, %v", len(plain), &plain[0] == &data[0], err)
	}
	if n := testing.AllocsPerRun(10, func() {
		if _, _, err := envelope.Seal(rand.Reader, envelope.Key{1}, data[:1000]); err != nil {
			t.Error(err)
		}
	}); n > 40 {
		t.Errorf("%v allocations", n)
	}
}

func TestNothingElseOpens(t *testing.T) {
	v := load(t)
	c := v.Cases[len(v.Cases)-1]
	data := func() []byte { return unhex(t, c.Ciphertext) }
	flipped := data()
	flipped[0] ^= 1
	other := v.key(t)
	other[31] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"other key":     func() ([]byte, error) { return envelope.Open(other, data(), c.Payload) },
		"flipped bit":   func() ([]byte, error) { return envelope.Open(v.key(t), flipped, c.Payload) },
		"cut":           func() ([]byte, error) { return envelope.Open(v.key(t), data()[:len(flipped)-1], c.Payload) },
		"longer":        func() ([]byte, error) { return envelope.Open(v.key(t), append(data(), 0), c.Payload) },
		"empty":         func() ([]byte, error) { return envelope.Open(v.key(t), nil, c.Payload) },
		"no payload":    func() ([]byte, error) { return envelope.Open(v.key(t), data(), envelope.NoPayload) },
		"not JSON":      func() ([]byte, error) { return envelope.Open(v.key(t), data(), "") },
		"other payload": func() ([]byte, error) { return envelope.Open(v.key(t), data(), v.Cases[0].Payload) },
		"huge payload": func() ([]byte, error) {
			return envelope.Open(v.key(t), data(), c.Payload+strings.Repeat(" ", envelope.MaxPayload))
		},
		"short nonce": func() ([]byte, error) {
			return envelope.Open(v.key(t), data(), strings.Replace(c.Payload, `"nonce": "`, `"nonce":"","x":"`, 1))
		},
	} {
		if plain, err := open(); !errors.Is(err, envelope.ErrOpen) || plain != nil {
			t.Errorf("%s: %d bytes, %v", name, len(plain), err)
		}
	}
	if _, _, err := envelope.Seal(bytes.NewReader(nil), other, nil); err == nil {
		t.Error("sealed without randomness")
	}
}

func TestPrintingAKeyHidesIt(t *testing.T) {
	key := envelope.Key(bytes.Repeat([]byte{0xab}, 32))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, key); strings.Contains(text, "171") || strings.Contains(text, "ab") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	v := load(f)
	key := v.key(f)
	for _, c := range v.Cases {
		f.Add(unhex(f, c.Ciphertext), c.Payload, c.Plain)
	}
	f.Add([]byte("data"), envelope.NoPayload, `{"aes_key":"","nonce":"","tag":""}`)
	f.Fuzz(func(t *testing.T, data []byte, payload, sealed string) {
		if _, err := envelope.Open(key, bytes.Clone(data), payload); err != nil && !errors.Is(err, envelope.ErrOpen) {
			t.Error(err)
		}
		// The inside of a payload is data of its holder: it must be parsed with care too.
		box := secretbox.Seal(nil, []byte(sealed), new([24]byte), (*[32]byte)(&key))
		payload = fmt.Sprintf(`{"nonce":"%048x","ciphertext":"%x"}`, 0, box)
		if _, err := envelope.Open(key, bytes.Clone(data), payload); err != nil && !errors.Is(err, envelope.ErrOpen) {
			t.Error(err)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(nil), []byte("key"))
	f.Add([]byte("some data"), []byte{})
	f.Fuzz(func(t *testing.T, data, secret []byte) {
		var key envelope.Key
		copy(key[:], secret)
		sealed, payload, err := envelope.Seal(rand.Reader, key, bytes.Clone(data))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := envelope.Open(key, sealed, payload)
		if err != nil || !bytes.Equal(plain, data) {
			t.Errorf("%d of %d bytes, %v", len(plain), len(data), err)
		}
	})
}

func BenchmarkSeal64MiB(b *testing.B) {
	data := make([]byte, 64<<20, 64<<20+envelope.Overhead)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, _, err := envelope.Seal(rand.Reader, envelope.Key{1}, data); err != nil {
			b.Fatal(err)
		}
	}
}
