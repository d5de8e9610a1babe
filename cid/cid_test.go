package cid_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	gocid "github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"github.com/filetao/filetao/cid"
)

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../testdata/vectors/cid.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []struct{ Data, CID string } }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		data, err := hex.DecodeString(c.Data)
		if err != nil {
			t.Fatal(err)
		}
		if got := cid.Sum(data); got != c.CID {
			t.Errorf("%d bytes: %s, want %s", len(data), got, c.CID)
		}
		if err := cid.Parse(c.CID); err != nil {
			t.Error(err)
		}
	}
}

func TestHasherTakesDataInParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "parts")
		h := cid.NewHasher()
		var all []byte
		for _, p := range parts {
			h.Write(p)
			all = append(all, p...)
			if got, want := h.CID(), cid.Sum(all); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	})
}

func TestParseTakesOneForm(t *testing.T) {
	good := cid.Sum([]byte("hello"))
	parsed, err := gocid.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	base58, err := parsed.StringOfBase('z')
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty":         "",
		"short":         good[:len(good)-1],
		"long":          good + "a",
		"upper case":    strings.ToUpper(good),
		"spare bits":    good[:len(good)-1] + "r",
		"line break":    good[:20] + "\n" + good[21:],
		"other base":    base58,
		"version 0":     gocid.NewCidV0(parsed.Hash()).String(),
		"other codec":   gocid.NewCidV1(gocid.DagProtobuf, parsed.Hash()).String(),
		"not ASCII":     strings.Repeat("é", 30)[:59],
		"other letters": "b" + strings.Repeat("1", 58),
	} {
		if err := cid.Parse(bad); !errors.Is(err, cid.ErrInvalid) {
			t.Errorf("%s: %q: %v", name, bad, err)
		}
	}
}

// FuzzParse: what Parse takes, the canonical library reads as the same id.
func FuzzParse(f *testing.F) {
	good := cid.Sum(nil)
	f.Add(good)
	f.Add(good[:58] + "v")
	f.Add("bafkrei")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if cid.Parse(s) != nil {
			return
		}
		c, err := gocid.Decode(s)
		if err != nil || c.String() != s || c.Prefix().Codec != gocid.Raw || c.Version() != 1 {
			t.Fatalf("%q: %v %v", s, c, err)
		}
	})
}
