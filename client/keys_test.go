package client

import (
	"encoding/hex"
	"testing"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
)

// TestFileKeysStayAsTheyAre: another version that derived others would send files
// anew that are half there.
func TestFileKeysStayAsTheyAre(t *testing.T) {
	hotkey, err := wallet.KeypairFromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	value := [32]byte{1, 2, 3}
	sealed, err := sealedKeys(envelope.UserKeyOf("user"), value)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := plainKeys(hotkey, value)
	if err != nil {
		t.Fatal(err)
	}
	if *sealed.file != envelope.UserKeyOf("user").FileKey(value) || plain.file != nil || plain.payload != envelope.NoPayload {
		t.Error("the keys are not the envelope's")
	}
	seen := map[string]bool{}
	for _, c := range []struct{ name, got, want string }{
		{"upload", hex.EncodeToString(sealed.upload[:]), wantUpload},
		{"secret", hex.EncodeToString(sealed.secret[:]), wantSecret},
		{"plain upload", hex.EncodeToString(plain.upload[:]), wantPlainUpload},
		{"plain secret", hex.EncodeToString(plain.secret[:]), wantPlainSecret},
		{"content", contentHash(), wantContent},
	} {
		if c.got != c.want {
			t.Errorf("%s is %s, want %s", c.name, c.got, c.want)
		}
		if seen[c.got[:32]] {
			t.Errorf("%s says something of another", c.name)
		}
		seen[c.got[:32]] = true
	}
}

func contentHash() string {
	sum := (&content{size: 3, blocks: make([]byte, 32)}).hash()
	return hex.EncodeToString(sum[:])
}

// The first two are Python's hmac over the texts of docs/formats.md; the others
// are of this code.
const (
	wantUpload      = "01fa545d9365428d27b32a58e5280dea"
	wantSecret      = "35afbaffb43fdc33c5c9008b21710c55f9e5f40bd676008a7488678baded7c63"
	wantPlainUpload = "bc0cb0f2614e523d12b70d7262f54f03"
	wantPlainSecret = "642d55953a73c7f3a9e15c66d24d40fae527614828b118779ba36a4ea4e87e96"
	wantContent     = "6c8a7da19a1f39cf657d1908e81d5659ea1799b79da2faa09efeecc8d2b9f8e5"
)
