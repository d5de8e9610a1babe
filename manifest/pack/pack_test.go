package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
)

var day = time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)

// sample is a pack with a record of each kind.
func sample() Pack {
	p := Pack{Number: uint64(day.UnixNano()), Others: []uint64{1, 7, 1 << 40}}
	for i := range byte(4) {
		r := Record{Owner: [32]byte{i}, CID: cid.Sum([]byte{i})}
		if i != 0 {
			r.Gone = &Gone{At: day.Add(-time.Hour), Until: day.Add(time.Hour), Manifest: [32]byte{9, i}}
		}
		if i == 3 {
			r.Gone.Until = time.Time{}
		}
		if i != 1 {
			r.Object = &Object{Stored: day, TTL: time.Hour, Signature: [64]byte{i, 8}, Manifest: bytes.Repeat([]byte{i}, 500)}
		}
		p.Records = append(p.Records, r)
	}
	return p
}

func zeros() *bytes.Reader { return bytes.NewReader(make([]byte, 64)) }

func TestAPackComesBackAsItWas(t *testing.T) {
	k := KeyOf("hotkey")
	for _, p := range []Pack{sample(), {Number: 1}} {
		b, err := k.Seal(zeros(), p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := k.Seal(zeros(), p)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("sealed twice it is another text, %v", err)
		}
		got, err := k.Open(bytes.Clone(b), p.Number)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v, %v, want %+v", got, err, p)
		}
	}
}

// TestVector pins the form; docs/formats.md has the same values.
func TestVector(t *testing.T) {
	k := KeyOf("hotkey")
	upload := k.Upload(1795262400000000000)
	secret := k.Secret(upload)
	b, err := k.Seal(zeros(), Pack{Number: 1795262400000000000, Others: []uint64{7}, Records: sample().Records[1:2]})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(b)
	for _, v := range []struct{ got, want string }{
		{hex.EncodeToString(upload[:]), vectorUpload}, {hex.EncodeToString(secret[:]), vectorSecret}, {hex.EncodeToString(digest[:]), vectorSealed},
	} {
		if v.got != v.want {
			t.Errorf("%s, want %s", v.got, v.want)
		}
	}
}

func TestWhatWasTamperedWithIsRefused(t *testing.T) {
	k, p := KeyOf("hotkey"), sample()
	good, err := k.Seal(zeros(), p)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		b := bytes.Clone(good)
		switch i % 3 {
		case 0:
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		case 1:
			b = b[:r.IntN(len(b))]
		default:
			b = append(b, byte(i))
		}
		if _, err := k.Open(b, p.Number); !errors.Is(err, ErrPack) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if _, err := k.Open(bytes.Clone(good), p.Number+1); !errors.Is(err, ErrPack) {
		t.Errorf("another number: %v", err)
	}
	if _, err := KeyOf("other").Open(bytes.Clone(good), p.Number); !errors.Is(err, ErrPack) {
		t.Errorf("another key: %v", err)
	}
	upload := k.Upload(p.Number)
	if n, ok := k.Number(upload); !ok || n != p.Number {
		t.Errorf("number %d, %t", n, ok)
	}
	if _, ok := KeyOf("other").Number(upload); ok {
		t.Error("another's name is taken for one's own")
	}
	upload[15] ^= 1
	if _, ok := k.Number(upload); ok {
		t.Error("any name is taken for a pack's")
	}
}

func TestWhatCannotBeSaidIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Pack){
		"a cid that is none":       func(p *Pack) { p.Records[0].CID = strings.Repeat("a", 59) },
		"nothing":                  func(p *Pack) { p.Records[0].Object = nil },
		"no manifest":              func(p *Pack) { p.Records[0].Object.Manifest = nil },
		"a negative time":          func(p *Pack) { p.Records[0].Object.TTL = -1 },
		"after the year 9999":      func(p *Pack) { p.Records[1].Gone.Until = day.AddDate(9000, 0, 0) },
		"out of order":             func(p *Pack) { slices.Reverse(p.Records) },
		"twice":                    func(p *Pack) { p.Records[1] = p.Records[0] },
		"others that come later":   func(p *Pack) { p.Others[2] = p.Number + 1 },
		"itself among the others":  func(p *Pack) { p.Others[2] = p.Number },
		"others that come twice":   func(p *Pack) { p.Others[1] = p.Others[0] },
		"others that are unsorted": func(p *Pack) { slices.Reverse(p.Others) },
		"too long":                 func(p *Pack) { *p = long() },
	} {
		p := sample()
		spoil(&p)
		if _, err := KeyOf("hotkey").Seal(zeros(), p); !errors.Is(err, ErrPack) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// long is a pack of more bytes than one may have, which share a manifest.
func long() Pack {
	p := Pack{Number: 1}
	m := make([]byte, 4<<20)
	for i := range byte(8) {
		p.Records = append(p.Records, Record{Owner: [32]byte{i}, CID: cid.Sum(nil), Object: &Object{Manifest: m}})
	}
	return p
}

func TestWhenARecordEnds(t *testing.T) {
	gone, object := &Gone{Until: day}, &Object{Stored: day, TTL: time.Hour}
	for _, c := range []struct {
		r    Record
		want time.Time
	}{
		{Record{Gone: gone}, day}, {Record{Object: object}, day.Add(time.Hour)}, {Record{Gone: gone, Object: object}, day.Add(time.Hour)},
		{Record{Gone: &Gone{Until: day.Add(2 * time.Hour)}, Object: object}, day.Add(2 * time.Hour)},
		{Record{Gone: &Gone{}, Object: object}, time.Time{}}, {Record{Gone: gone, Object: &Object{Stored: day}}, time.Time{}},
	} {
		if got := c.r.Ends(); !got.Equal(c.want) {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

// FuzzDecode: what can be read is the encoding of what was read.
func FuzzDecode(f *testing.F) {
	f.Add(sample().encode(0, 0))
	f.Add(Pack{Number: 1}.encode(0, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrPack) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(p.encode(0, 0), b) {
			t.Fatalf("%x is not what it was read from: %x", p.encode(0, 0), b)
		}
	})
}

const (
	vectorUpload = "18ea0da41e9d8000c8e683b414af58de"
	vectorSecret = "0a62d235eb8eb461df6478063a2d83ed1851e03d0567af3ec5b77171bee52272"
	vectorSealed = "a3c65e56c0a09b6905b688b20f4fc6b16e66a232a1df7672005a27d4fdd2db6a"
)
