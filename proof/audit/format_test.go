package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/filetao/filetao/proof"
)

// The record of 1,000 bytes of 7 under the secret of 128 zeros, by its SHA-256:
// a change of the format, of its keys, or of crypto/sha3's does not go unnoticed.
const golden = "097abe23a0ade055aa9ad2c4d7923b490ee483bc43e9e56348e801628569b16b"

func TestRecordAsStored(t *testing.T) {
	secret := SecretOf(string(bytes.Repeat([]byte("0"), 128)))
	data := bytes.Repeat([]byte{7}, 1000)
	state := proof.NewState()
	state.Write(data)
	r, err := secret.Record(data, state)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != golden {
		t.Errorf("%s, want %s", got, golden)
	}
	if len(b) != 9+207+4*16+16 || !bytes.Equal(b[:9], []byte{1, 0, 0, 0, 0, 0, 0, 3, 232}) {
		t.Errorf("%d bytes beginning with %x", len(b), b[:9])
	}
}
