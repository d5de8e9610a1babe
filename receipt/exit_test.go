package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

// newExit is of the miner that has left the asker, a validator.
func newExit() receipt.Exit {
	return receipt.Exit{Miner: miner.Address(), Validator: asker.Address(), Shards: 1200, Bytes: 1 << 40, Started: made, Done: asked}
}

func TestExitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := receipt.Exit{
			Miner: wallet.AddressOf(word(t, "miner")), Validator: wallet.AddressOf(word(t, "validator")),
			Shards:  rapid.Int64Range(0, math.MaxInt64).Draw(t, "shards"),
			Bytes:   rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes"),
			Started: time.Unix(rapid.Int64Range(1, 253402300799).Draw(t, "started"), 0).UTC(),
		}
		e.Done = time.Unix(rapid.Int64Range(e.Started.Unix(), 253402300799).Draw(t, "done"), 0).UTC()
		if back, err := receipt.ParseExit(e.Encode()); err != nil || back != e || len(e.Encode()) != receipt.ExitSize {
			t.Fatalf("%+v became %+v, %v", e, back, err)
		}
	})
}

func TestExitRange(t *testing.T) {
	for name, change := range map[string]func(*receipt.Exit){
		"no miner":          func(e *receipt.Exit) { e.Miner = "" },
		"zero validator":    func(e *receipt.Exit) { e.Validator = wallet.AddressOf([32]byte{}) },
		"less than nothing": func(e *receipt.Exit) { e.Shards = -1 },
		"negative":          func(e *receipt.Exit) { e.Bytes = -1 },
		"never begun":       func(e *receipt.Exit) { e.Started = time.Time{} },
		"never done":        func(e *receipt.Exit) { e.Done = time.Time{} },
		"done before":       func(e *receipt.Exit) { e.Done = e.Started.Add(-time.Second) },
		"done in 10000":     func(e *receipt.Exit) { e.Done = time.Unix(253402300800, 0) },
	} {
		e := newExit()
		change(&e)
		if _, err := receipt.ParseExit(e.Encode()); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: parsed: %v", name, err)
		}
		if _, err := e.Sign(asker); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: signed: %v", name, err)
		}
		if err := e.Verify(make([]byte, 64)); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: verified: %v", name, err)
		}
	}
	e := newExit()
	if _, err := e.Sign(miner); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("signed by the miner: %v", err)
	}
	whole := e.Encode()
	for n := range len(whole) {
		if _, err := receipt.ParseExit(whole[:n]); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := receipt.ParseExit(append(whole, 0)); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestAnyChangedBitOfAnExit(t *testing.T) {
	e := newExit()
	encoding, sig := e.Encode(), sign(t, e, asker)
	check := func(b, sig []byte) error {
		e, err := receipt.ParseExit(b)
		if err != nil {
			return err
		}
		return e.Verify(sig)
	}
	if err := check(encoding, sig); err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(encoding) {
		b := bytes.Clone(encoding)
		b[i/8] ^= 1 << (i % 8)
		if err := check(b, sig); !errors.Is(err, receipt.ErrStatement) && !errors.Is(err, receipt.ErrSignature) {
			t.Fatalf("bit %d changed: %v", i, err)
		}
	}
	for i := range 8 * len(sig) {
		s := bytes.Clone(sig)
		s[i/8] ^= 1 << (i % 8)
		if err := check(encoding, s); !errors.Is(err, receipt.ErrSignature) {
			t.Fatalf("bit %d of the signature changed: %v", i, err)
		}
	}
}

// An exit is signed as no other statement is; see TestSignedTexts.
func TestSignedTextOfAnExit(t *testing.T) {
	const domain = "filetao exit v1"
	e := newExit()
	sig, digest := sign(t, e, asker), e.Digest()
	if want := sha256.Sum256(append([]byte(domain), e.Encode()...)); digest != want {
		t.Errorf("digest %x, want %x", digest, want)
	}
	if err := wallet.Verify(asker.Address(), append([]byte(domain), digest[:]...), sig); err != nil {
		t.Error(err)
	}
	for _, other := range []string{"", "filetao pledge v1", "filetao question v1", "filetao answer v1", "filetao offer v1"} {
		if wallet.VerifyLenient(asker.Address(), append([]byte(other), digest[:]...), sig) == nil {
			t.Errorf("an exit passes as %q", other)
		}
		if other != "" && (strings.HasPrefix(other, domain) || strings.HasPrefix(domain, other)) {
			t.Errorf("%q and %q begin alike", domain, other)
		}
	}
}

// exitVector is one of testdata/exits.json, made as statements.json was.
type exitVector struct {
	Miner, Validator             wallet.Address
	Shards, Bytes, Started, Done int64
	Encoding, Digest             string
	Signature                    string
}

func loadExits(t testing.TB) (all []exitVector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/exits.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 3 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

func TestExitVectors(t *testing.T) {
	for _, v := range loadExits(t) {
		e := receipt.Exit{
			Miner: v.Miner, Validator: v.Validator, Shards: v.Shards, Bytes: v.Bytes,
			Started: time.Unix(v.Started, 0).UTC(), Done: time.Unix(v.Done, 0).UTC(),
		}
		same(t, e.Encode(), e.Digest(), v.Encoding, v.Digest)
		if back, err := receipt.ParseExit(unhex(t, v.Encoding)); err != nil || back != e {
			t.Errorf("parsed %+v, %v", back, err)
		}
		if err := e.Verify(unhex(t, v.Signature)); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseExit(f *testing.F) {
	for _, v := range loadExits(f) {
		f.Add(unhex(f, v.Encoding))
	}
	f.Add(bytes.Repeat([]byte{1}, receipt.ExitSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := receipt.ParseExit(b)
		if err != nil {
			if !errors.Is(err, receipt.ErrStatement) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(e.Encode(), b) {
			t.Fatalf("%x became %x", b, e.Encode())
		}
	})
}
