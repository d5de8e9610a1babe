package seedchain_test

import (
	"crypto/sha3"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof/seedchain"
)

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/seedchain.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Prefix string `json:"data_prefix"`
		Cases  []struct {
			Length int
			Label  string `json:"data_label"`
			C0     string
			Steps  []struct {
				PrevSeed string `json:"prev_seed"`
				Seed     string
				Proof    string `json:"commitment_proof"`
				Hash     string `json:"commitment_hash"`
				Verifies bool
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		data := sha3.SumSHAKE128([]byte(file.Prefix+c.Label), c.Length)
		if len(c.Steps) == 0 {
			t.Fatalf("%s: no steps", c.Label)
		}
		for i, s := range c.Steps {
			chained := sha3.Sum256(append(data[:len(data):len(data)], s.PrevSeed...))
			if i == 0 && seedchain.Decimal(chained) != c.C0 {
				t.Errorf("%s: the chain does not start at the Store's commitment hash", c.Label)
			}
			link := seedchain.Prove(chained, s.Seed)
			if link.Proof != s.Proof || link.Hash != s.Hash {
				t.Errorf("%s, step %d: %+v", c.Label, i, link)
			}
			if err := link.Check(s.Seed); (err == nil) != s.Verifies {
				t.Errorf("%s, step %d: %v", c.Label, i, err)
			}
			if err := link.CheckAgainst(chained, s.Seed); err != nil {
				t.Errorf("%s, step %d: %v", c.Label, i, err)
			}
		}
	}
}

func TestLinkIsBoundToSeedHashAndData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chained := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "chained"))
		seed := rapid.StringN(1, 64, 256).Draw(t, "seed")
		link := seedchain.Prove(chained, seed)
		if err := link.CheckAgainst(chained, seed); err != nil {
			t.Fatal(err)
		}
		other := chained
		other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		forged := seedchain.Prove(other, seed)
		if err := forged.Check(seed); err != nil {
			t.Fatalf("a link over other data is consistent in itself: %v", err)
		}
		for name, err := range map[string]error{
			"seed":  link.Check(seed + "x"),
			"hash":  seedchain.Link{Proof: link.Proof, Hash: forged.Hash}.Check(seed),
			"proof": seedchain.Link{Proof: forged.Proof, Hash: link.Hash}.Check(seed),
			"data":  forged.CheckAgainst(chained, seed),
		} {
			if !errors.Is(err, seedchain.ErrLink) {
				t.Fatalf("another %s: %v", name, err)
			}
		}
	})
}

func TestParseDecimalTakesOneForm(t *testing.T) {
	two256 := new(big.Int).Lsh(big.NewInt(1), 256)
	for _, bad := range []string{
		"", "-1", "+1", "01", "00", " 1", "1 ", "1\n", "1_0", "0x1", "1e3", "1.0", "é",
		two256.String(), strings.Repeat("9", 78), strings.Repeat("0", 78), strings.Repeat("1", 1<<20),
	} {
		if _, err := seedchain.ParseDecimal(bad); !errors.Is(err, seedchain.ErrDecimal) {
			t.Errorf("%.90q: %v", bad, err)
		}
		if err := (seedchain.Link{Proof: bad, Hash: "1"}).Check("s"); !errors.Is(err, seedchain.ErrDecimal) {
			t.Errorf("%.90q as proof: %v", bad, err)
		}
		if err := (seedchain.Link{Proof: "1", Hash: bad}).Check("s"); !errors.Is(err, seedchain.ErrDecimal) {
			t.Errorf("%.90q as hash: %v", bad, err)
		}
	}
}

func FuzzParseDecimal(f *testing.F) {
	f.Add("0")
	f.Add("75988164966894747974200307809782762084705920897667750218208675113520516842314")
	f.Add("115792089237316195423570985008687907853269984665640564039457584007913129639935")
	f.Add("115792089237316195423570985008687907853269984665640564039457584007913129639936")
	f.Add("-0")
	f.Add("1_000")
	f.Fuzz(func(t *testing.T, text string) {
		hash, err := seedchain.ParseDecimal(text)
		if err == nil && seedchain.Decimal(hash) != text {
			t.Fatalf("%q came back as %q", text, seedchain.Decimal(hash))
		}
	})
}
