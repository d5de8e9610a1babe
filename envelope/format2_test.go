package envelope_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/envelope"
)

type format2 struct {
	PrivateKey string `json:"private_key"`
	UserKey    string `json:"user_key"`
	Files      []struct {
		Size        int
		ContentHash string `json:"content_hash"`
		Salt        string
		FileKey     string `json:"file_key"`
		Payload     string
		SealedSize  int64  `json:"sealed_size"`
		SealedSum   string `json:"sealed_sha256"`
		Sealed      string // where it is short
	}
	Masks []struct {
		Secret, Segment, Miner, Mask string
		Number                       int
		Offset                       int64
	}
}

// The vectors are made by testdata/format2.py, which shares no code with us.
func loadFormat2(t *testing.T) (v format2) {
	t.Helper()
	raw, err := os.ReadFile("testdata/format2.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Files) < 5 || len(v.Masks) < 4 {
		t.Fatal(len(v.Files), len(v.Masks), "vectors")
	}
	return v
}

func TestFormat2Vectors(t *testing.T) {
	v := loadFormat2(t)
	user := envelope.UserKeyOf(v.PrivateKey)
	if hex.EncodeToString(user[:]) != v.UserKey {
		t.Errorf("user key %x", user[:])
	}
	for _, c := range v.Files {
		plain := sha3.SumSHAKE256(fmt.Appendf(nil, "filetao envelope vector %d", c.Size), c.Size)
		salt := user.Salt([32]byte(unhex(t, c.ContentHash)))
		key := user.FileKey(salt)
		if hex.EncodeToString(salt[:]) != c.Salt || hex.EncodeToString(key[:]) != c.FileKey || envelope.Payload2(salt) != c.Payload {
			t.Errorf("%d bytes: salt %x, key %x, payload %s", c.Size, salt, key[:], envelope.Payload2(salt))
		}
		var sealed bytes.Buffer
		if _, err := sealed.ReadFrom(envelope.NewSealer(key, bytes.NewReader(plain), -1)); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(sealed.Bytes())
		if int64(sealed.Len()) != c.SealedSize || hex.EncodeToString(sum[:]) != c.SealedSum || c.Sealed != "" && hex.EncodeToString(sealed.Bytes()) != c.Sealed {
			t.Errorf("%d bytes: sealed %.100x", c.Size, sealed.Bytes())
		}
	}
}

func TestShardMaskVectors(t *testing.T) {
	for _, c := range loadFormat2(t).Masks {
		got := make([]byte, len(c.Mask)/2)
		secret := envelope.ShardSecret(unhex(t, c.Secret))
		secret.Mask([32]byte(unhex(t, c.Segment)), c.Number, [32]byte(unhex(t, c.Miner))).XOR(got, c.Offset)
		if hex.EncodeToString(got) != c.Mask {
			t.Errorf("shard %d from %d: %x, want %s", c.Number, c.Offset, got, c.Mask)
		}
	}
}

// In whatever parts and order it is applied, the mask is one stream; and twice is
// not at all.
func TestShardMaskIsOneStream(t *testing.T) {
	m := envelope.ShardSecret{1}.Mask([32]byte{2}, 3, [32]byte{4})
	stream := make([]byte, 300_000)
	m.XOR(stream, 0)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(stream)).Draw(t, "from")
		p := make([]byte, rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, len(stream))).Draw(t, "length"))
		p = p[:min(len(p), len(stream)-from)]
		m.XOR(p, int64(from))
		if !bytes.Equal(p, stream[from:from+len(p)]) {
			t.Fatalf("%d bytes from %d", len(p), from)
		}
		m.XOR(p, int64(from))
		if !bytes.Equal(p, make([]byte, len(p))) {
			t.Fatal("unmasking gave something else")
		}
	})
}

// Every input counts: no two shards share a block of keystream.
func TestShardMasksDiffer(t *testing.T) {
	masked := func(secret envelope.ShardSecret, segment [32]byte, number int, miner [32]byte) string {
		p := make([]byte, 64)
		secret.Mask(segment, number, miner).XOR(p, 0)
		return string(p)
	}
	streams := map[string]string{"": masked(envelope.ShardSecret{}, [32]byte{}, 0, [32]byte{})}
	for bit := range 256 {
		var one [32]byte
		one[bit/8] = 1 << (bit % 8)
		streams[fmt.Sprint("secret ", bit)] = masked(one, [32]byte{}, 0, [32]byte{})
		streams[fmt.Sprint("segment ", bit)] = masked(envelope.ShardSecret{}, one, 0, [32]byte{})
		streams[fmt.Sprint("miner ", bit)] = masked(envelope.ShardSecret{}, [32]byte{}, 0, one)
	}
	for number := 1; number < 128; number++ {
		streams[fmt.Sprint("number ", number)] = masked(envelope.ShardSecret{}, [32]byte{}, number, [32]byte{})
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

func TestPayload2TakesOneForm(t *testing.T) {
	salt := [32]byte{0xab, 1}
	good := envelope.Payload2(salt)
	if got, ok, err := envelope.ParsePayload2(good); got != salt || !ok || err != nil || len(good) != 108 {
		t.Errorf("%s: %x, %v, %v", good, got, ok, err)
	}
	for _, old := range []string{"", envelope.NoPayload, `{"nonce":"00","ciphertext":"00"}`, " " + good, "null", strings.Repeat("x", 1<<20)} {
		if _, ok, err := envelope.ParsePayload2(old); ok || err != nil {
			t.Errorf("%.80q: %v, %v", old, ok, err)
		}
	}
	for _, bad := range []string{
		good[:len(good)-1], good + " ", strings.Replace(good, "ab", "AB", 1), strings.Replace(good, "ab", "zz", 1),
		strings.Replace(good, "2", "3", 1), strings.Replace(good, "64K", "1M", 1), `{"v":2}`, `{"v":`, strings.Replace(good, "ab", "", 1),
		good + strings.Repeat("x", 1<<20),
	} {
		if _, ok, err := envelope.ParsePayload2(bad); ok || !errors.Is(err, envelope.ErrPayload) {
			t.Errorf("%.150q: %v, %v", bad, ok, err)
		}
	}
}

func TestKeysAreHidden(t *testing.T) {
	for _, verb := range []string{"%v", "%s", "%#v", "%+v"} {
		for want, key := range map[string]any{
			"envelope.UserKey(hidden)": envelope.UserKey{1}, "envelope.FileKey(hidden)": envelope.FileKey{1},
			"envelope.ShardSecret(hidden)": envelope.ShardSecret{1},
		} {
			if got := fmt.Sprintf(verb, key); got != want {
				t.Errorf("%s: %s", verb, got)
			}
		}
	}
}
