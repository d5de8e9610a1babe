package client_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wire"
)

type vectors struct {
	DataPrefix string `json:"data_prefix"`
	DerivedKey string `json:"derived_key"`
	Cases      []vector
}

type vector struct {
	Length     int
	DataLabel  string `json:"data_label"`
	Ciphertext string
	Payload    string `json:"encryption_payload"`
	Plain      string `json:"payload_plain"`
}

// TestReferencesFilesBothWays gets files that the reference's users have put,
// and puts files with the reference's random choices: the bytes are theirs.
func TestReferencesFilesBothWays(t *testing.T) {
	raw, err := os.ReadFile("../testdata/vectors/envelope.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil || len(v.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(v.Cases), err)
	}
	key := envelope.Key(unhex(t, v.DerivedKey))
	for _, c := range v.Cases {
		sealed, plain := unhex(t, c.Ciphertext), sha3.SumSHAKE128([]byte(v.DataPrefix+c.DataLabel), c.Length)
		n := newNetwork(t, 1)
		id := cid.Sum(sealed)
		n.at(0).files[id] = wire.StoreUser{EncryptedData: sealed, EncryptionPayload: c.Payload}
		got, err := n.client(client.Config{}).Get(t.Context(), id, client.GetOptions{Key: &key})
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: got %d, %v", c.Length, len(got), err)
		}
		var inner struct {
			AESKey string `json:"aes_key"`
			Nonce  string
		}
		if err := json.Unmarshal([]byte(c.Plain), &inner); err != nil {
			t.Fatal(err)
		}
		random := io.MultiReader(bytes.NewReader(append(unhex(t, inner.AESKey), unhex(t, inner.Nonce)...)), zeros{})
		ours := client.New(client.Config{}, client.Deps{Transport: n, Metagraph: n.Metagraph, Rand: random})
		stored, err := ours.Put(t.Context(), bytes.Clone(plain), client.PutOptions{Encrypt: &key})
		if err != nil || stored.CID != id || !bytes.Equal(n.at(0).files[id].EncryptedData, sealed) {
			t.Fatalf("%d bytes: stored as %s, %v; the reference has %s", c.Length, stored.CID, err, id)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
