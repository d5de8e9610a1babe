package envelope_test

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/envelope"
)

type maskVectors struct {
	PrivateKey string `json:"private_key_hex_text"`
	Secret     string `json:"secret"`
	Cases      []struct {
		Miner   string `json:"miner"`
		Length  int    `json:"length"` // of SHAKE128("filetao mask vector"), the datum E
		Hash    string `json:"hash"`
		Replica string `json:"replica,omitempty"`
		Sum     string `json:"replica_sha3_256"`
	} `json:"cases"`
}

func datum(n int) []byte { return sha3.SumSHAKE128([]byte("filetao mask vector"), n) }

func TestMaskVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/mask.json")
	if err != nil {
		t.Fatal(err)
	}
	var v maskVectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 4 {
		t.Fatalf("%d cases", len(v.Cases))
	}
	secret := envelope.MaskSecretOf(v.PrivateKey)
	if !bytes.Equal(secret[:], unhex(t, v.Secret)) {
		t.Errorf("secret %x", secret[:])
	}
	for _, c := range v.Cases {
		data := datum(c.Length)
		hash := sha3.Sum256(data)
		if !bytes.Equal(hash[:], unhex(t, c.Hash)) {
			t.Errorf("length %d: H(E) = %x", c.Length, hash)
		}
		secret.Mask([32]byte(unhex(t, c.Miner)), hash, data)
		if sum := sha3.Sum256(data); !bytes.Equal(sum[:], unhex(t, c.Sum)) {
			t.Errorf("length %d: H(E') = %x", c.Length, sum)
		}
		if c.Replica != "" && !bytes.Equal(data, unhex(t, c.Replica)) {
			t.Errorf("length %d: E' = %x", c.Length, data)
		}
	}
}

// The keystream once more, from HMAC and single AES blocks alone.
func TestMaskByHand(t *testing.T) {
	private := strings.Repeat("0f", 64)
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	secret := mac(mac(make([]byte, 32), private), "filetao mask secret v1\x01")
	miner, hash := [32]byte{1}, [32]byte{2}
	block, err := aes.NewCipher(mac(secret, "filetao mask v1"+string(miner[:])+string(hash[:])+"\x01"))
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for i := range uint64(5) {
		var counter, stream [16]byte
		binary.BigEndian.PutUint64(counter[8:], i)
		block.Encrypt(stream[:], counter[:])
		want = append(want, stream[:]...)
	}
	got := make([]byte, 77)
	envelope.MaskSecretOf(private).Mask(miner, hash, got)
	if !bytes.Equal(got, want[:77]) {
		t.Errorf("keystream %x, want %x", got, want[:77])
	}
}

func TestMaskRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := envelope.MaskSecret(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		miner := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "miner"))
		data := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "data")
		hash := sha3.Sum256(data)
		got := bytes.Clone(data)
		secret.Mask(miner, hash, got)
		if len(data) >= 16 && bytes.Equal(got, data) {
			t.Fatal("the replica is the datum")
		}
		again := bytes.Clone(data)
		secret.Mask(miner, hash, again)
		if !bytes.Equal(again, got) {
			t.Fatal("two replicas of one datum at one miner")
		}
		secret.Mask(miner, hash, got)
		if !bytes.Equal(got, data) {
			t.Fatal("unmasking gave something else")
		}
	})
}

func TestMasksDiffer(t *testing.T) {
	masked := func(secret envelope.MaskSecret, miner, hash [32]byte) string {
		zeros := make([]byte, 64)
		secret.Mask(miner, hash, zeros)
		return string(zeros)
	}
	streams := map[string]string{"": masked(envelope.MaskSecret{}, [32]byte{}, [32]byte{})}
	for bit := range 256 {
		var one [32]byte
		one[bit/8] = 1 << (bit % 8)
		streams[fmt.Sprint("secret ", bit)] = masked(one, [32]byte{}, [32]byte{})
		streams[fmt.Sprint("miner ", bit)] = masked(envelope.MaskSecret{}, one, [32]byte{})
		streams[fmt.Sprint("hash ", bit)] = masked(envelope.MaskSecret{}, [32]byte{}, one)
	}
	blocks := map[string]string{}
	for from, stream := range streams {
		for i := 0; i < len(stream); i += 16 {
			if other, ok := blocks[stream[i:i+16]]; ok {
				t.Fatalf("%q and %q share a block of keystream", from, other)
			}
			blocks[stream[i:i+16]] = from
		}
	}
}

func TestMaskSecretHidden(t *testing.T) {
	s := envelope.MaskSecretOf("secret")
	for _, verb := range []string{"%v", "%s", "%#v", "%+v"} {
		if got := fmt.Sprintf(verb, s); got != "envelope.MaskSecret(hidden)" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	data := make([]byte, 64<<20)
	s := envelope.MaskSecretOf("secret")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s.Mask([32]byte{1}, [32]byte{2}, data)
	}
}
