package proof_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/seedchain"
)

func TestDigestHasOneText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := proof.Digest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		if got, err := proof.ParseDigest(d.String()); err != nil || got != d {
			t.Fatalf("%v came back as %v, %v", d, got, err)
		}
	})
	for _, bad := range []string{"", "01", "-1", "1 ", "0x1", strings.Repeat("9", 78)} {
		if _, err := proof.ParseDigest(bad); !errors.Is(err, seedchain.ErrDecimal) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestStateStandsForTheData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "data")
		cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
		seed := rapid.String().Draw(t, "seed")
		s := stateOf(data[:cut])
		saved, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var resumed proof.State
		if err := resumed.UnmarshalBinary(saved); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*proof.State{s, &resumed} {
			// Reading in between disturbs nothing.
			if s.Hash() != proof.Sum(data[:cut]) || s.Chain(seed) != proof.Sum(data[:cut], []byte(seed)) {
				t.Fatal("another hash of the first part")
			}
			s.Write(data[cut:])
			if s.Hash() != proof.Sum(data) || s.Chain(seed) != proof.Sum(data, []byte(seed)) {
				t.Fatal("another hash of the whole")
			}
		}
	})
}

func TestStateRefusesOtherBytes(t *testing.T) {
	s := stateOf([]byte("data"))
	saved, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	read, full, other := bytes.Clone(saved), bytes.Clone(saved), bytes.Clone(saved)
	read[len(read)-1] = 1
	full[len(full)-2] = 136
	other[0] ^= 1
	for name, bad := range map[string][]byte{
		"nothing": nil, "short": saved[1:], "long": append(bytes.Clone(saved), 0),
		"read from": read, "full": full, "another hash": other,
	} {
		if err := s.UnmarshalBinary(bad); err == nil {
			t.Errorf("%s is taken", name)
		}
		if s.Hash() != proof.Sum([]byte("data")) {
			t.Fatalf("%s changed the state", name)
		}
	}
}

func TestSeeds(t *testing.T) {
	seed, err := proof.NewSeed(bytes.NewReader(bytes.Repeat([]byte{0xab}, 32)))
	if err != nil || seed != strings.Repeat("ab", 32) {
		t.Errorf("%q, %v", seed, err)
	}
	if _, err := proof.NewSeed(iotest.ErrReader(errors.New("dry"))); err == nil {
		t.Error("a seed from nothing")
	}
	for _, good := range []string{seed, "x", "any text, ÿ", strings.Repeat("x", 256)} {
		if err := proof.CheckSeed(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", 257), strings.Repeat("x", 1<<20)} {
		if err := proof.CheckSeed(bad); !errors.Is(err, proof.ErrRequest) || len(err.Error()) > 200 {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func FuzzState(f *testing.F) {
	for _, data := range []string{"", "data", strings.Repeat("x", 135), strings.Repeat("x", 136)} {
		saved, err := stateOf([]byte(data)).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(saved)
	}
	f.Fuzz(func(t *testing.T, saved []byte) {
		var s proof.State
		if s.UnmarshalBinary(saved) != nil {
			return
		}
		if again, err := s.MarshalBinary(); err != nil || !bytes.Equal(again, saved) {
			t.Fatalf("%x came back as %x", saved, again)
		}
		s.Write(make([]byte, 300))
		s.Hash()
		s.Chain("seed")
	})
}

func FuzzParseDigest(f *testing.F) {
	f.Add("0")
	f.Add("75988164966894747974200307809782762084705920897667750218208675113520516842314")
	f.Add("115792089237316195423570985008687907853269984665640564039457584007913129639936")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := proof.ParseDigest(text); err == nil && d.String() != text {
			t.Fatalf("%q came back as %v", text, d)
		}
	})
}
