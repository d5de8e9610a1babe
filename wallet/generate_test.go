package wallet

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestGenerate(t *testing.T) {
	for _, words := range []int{12, 15, 18, 21, 24} {
		a, err := Generate(rand.Reader, words)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(strings.Fields(a.Mnemonic())); n != words {
			t.Errorf("a mnemonic of %d words, want %d", n, words)
		}
		back, err := KeypairFromMnemonic(a.Mnemonic(), "")
		if err != nil || back.Address() != a.Address() {
			t.Errorf("the mnemonic gives %v back, %v", back, err)
		}
		if b, err := Generate(rand.Reader, words); err != nil || b.Address() == a.Address() {
			t.Errorf("the same key twice, or %v", err)
		}
	}
	if _, err := Generate(rand.Reader, 13); err == nil {
		t.Error("13 words are no mnemonic")
	}
	if _, err := Generate(bytes.NewReader(nil), DefaultWords); !errors.Is(err, io.EOF) {
		t.Errorf("without randomness: %v", err)
	}
}
