package por_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
)

type vector struct {
	Data       string
	Size       int64
	SHA3       string `json:"data_sha3_256"`
	PrivateKey string `json:"private_key"`
	Secret     string
	Miner      string
	Salt       string
	Key        string
	Commitment string
	FirstTag   string `json:"first_tag"`
	TagsSHA256 string `json:"tags_sha256"`
	Challenge  string
	Selection  []int64
	Answer     string
}

// data is the bytes described.
func (v vector) data(t *testing.T) []byte {
	t.Helper()
	data := make([]byte, v.Size)
	var fill byte
	if n, _ := fmt.Sscanf(v.Data, "%x repeated", &fill); n == 1 {
		return bytes.Repeat([]byte{fill}, int(v.Size))
	}
	seed := fmt.Sprintf("filetao por vector %d", v.Size)
	if v.Data != "SHAKE256("+seed+")" {
		t.Fatalf("data: %q", v.Data)
	}
	copy(data, sha3.SumSHAKE256([]byte(seed), int(v.Size)))
	return data
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors are made by testdata/vectors.py, which shares no code with us.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 5 {
		t.Fatal(len(vectors), "vectors")
	}
	for _, v := range vectors {
		t.Run(fmt.Sprint(v.Size), func(t *testing.T) { v.check(t) })
	}
}

func (v vector) check(t *testing.T) {
	same := func(what string, got []byte, want string) {
		t.Helper()
		if hex.EncodeToString(got) != want {
			t.Errorf("%s is %.80x, want %.80s", what, got, want)
		}
	}
	data := v.data(t)
	digest := proof.Sum(data)
	same("hash", digest[:], v.SHA3)
	secret := por.SecretOf(v.PrivateKey)
	same("secret", secret[:], v.Secret)
	key := secret.Key([32]byte(unhex(t, v.Miner)), digest, v.Size, [16]byte(unhex(t, v.Salt)))
	same("key", key[:], v.Key)
	commitment := key.Commitment()
	same("commitment", commitment[:], v.Commitment)
	tags := key.Tags(data)
	same("first tag", tags[:por.TagSize], v.FirstTag)
	sum := sha256.Sum256(tags)
	same("tags", sum[:], v.TagsSHA256)
	c := por.Challenge(unhex(t, v.Challenge))
	if got := c.Select(v.Size); !slices.Equal(got, v.Selection) {
		t.Errorf("selection %v, want %v", got, v.Selection)
	}
	same("answer", prove(t, c, data, tags), v.Answer)
	if err := key.Check(c, v.Size, unhex(t, v.Answer)); err != nil {
		t.Error(err)
	}
}
