package audit_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
)

const privateKey = "0123456789abcdef"

var secret = audit.SecretOf(privateKey)

func chance(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func some(seed byte, size int) []byte {
	data := make([]byte, size)
	chance(seed).Read(data)
	return data
}

func stateOf(data []byte) *proof.State {
	s := proof.NewState()
	s.Write(data)
	return s
}

// fatal is a test of any kind.
type fatal interface {
	Helper()
	Fatal(...any)
}

// recordOf is a record of data that has been stored and read again.
func recordOf(t fatal, data []byte) *audit.Record {
	t.Helper()
	r, err := secret.Record(data, stateOf(data))
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := secret.Open(r.Hash(), b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := back.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
		t.Fatal("another record came back", err)
	}
	return back
}

// ask draws a challenge and has data answer it, with its seed, honestly.
func ask(t fatal, r *audit.Record, data []byte, seed string) (proof.ChallengeRequest, proof.ChallengeAnswer) {
	t.Helper()
	req, err := r.NewChallenge(random)
	if err != nil {
		t.Fatal(err)
	}
	return req, answer(t, req, data, seed)
}

// random is what challenges are drawn from; the tests run one after another.
var random = chance(9)

func answer(t fatal, req proof.ChallengeRequest, data []byte, seed string) proof.ChallengeAnswer {
	t.Helper()
	ans, err := proof.AnswerChallenge(random, req, bytes.NewReader(data), int64(len(data)), seed)
	if err != nil {
		t.Fatal(err)
	}
	return ans
}

func TestSecretIsHKDF(t *testing.T) {
	want, err := hkdf.Key(sha256.New, []byte(privateKey), nil, "filetao audit secret v1", 32)
	if err != nil || !bytes.Equal(want, secret[:]) {
		t.Fatalf("%x, want %x: %v", secret, want, err)
	}
}

// The sizes promised in the package's description.
func TestRecordsStaySmall(t *testing.T) {
	for size, want := range map[int64]int64{
		1: 248, 256: 248, 257: 264, 1 << 20: 7528, 3 << 20: 7800, 64 << 20: 7912, 67 << 20: 7912, 256 << 20: 29368,
		audit.MaxData: 65768,
	} {
		tags := (size-1)/audit.Grain(size) + 1
		if got := 232 + 16*tags; got != want || got > audit.MaxRecord {
			t.Errorf("data of %d bytes: a record of %d bytes in pieces of %d, want %d", size, got, audit.Grain(size), want)
		}
	}
	for _, size := range []int{1, 257, 1 << 20} {
		b, err := recordOf(t, some(1, size)).MarshalBinary()
		if tags := (int64(size)-1)/audit.Grain(int64(size)) + 1; err != nil || int64(len(b)) != 232+16*tags {
			t.Errorf("data of %d bytes: %d bytes, %v", size, len(b), err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 256<<20).Draw(t, "size")
		grain := audit.Grain(size)
		if grain < 256 || grain > 144<<10 || grain%256 != 0 {
			t.Fatalf("grain %d", grain)
		}
		if size <= 64<<20 && 232+16*((size-1)/grain+1) > 7920 {
			t.Fatalf("grain %d", grain)
		}
	})
}

func TestHonestAnswersPass(t *testing.T) {
	for _, size := range []int{1, 2, 255, 256, 257, 1000, 1024, 1025, 65536, 300_000} {
		data := some(byte(size), size)
		r := recordOf(t, data)
		if r.Size() != int64(size) || r.Hash() != proof.Sum(data).String() || r.State().Hash().String() != r.Hash() {
			t.Fatalf("a record of %d bytes of %s", r.Size(), r.Hash())
		}
		for round := range 4 {
			t.Run(fmt.Sprint(size, round), func(t *testing.T) {
				req, ans := ask(t, r, data, "b")
				over, err := r.CheckChallenge(req, ans, []string{"a", "b", req.Seed})
				if err != nil || over != "b" {
					t.Fatalf("over %q: %v", over, err)
				}
				if _, err := r.CheckChallenge(req, ans, []string{"a", req.Seed}); !errors.Is(err, audit.ErrSeed) || !errors.Is(err, proof.ErrProof) {
					t.Fatalf("another seed: %v", err)
				}
			})
		}
	}
}

func TestNoRecordOfNothing(t *testing.T) {
	if _, err := secret.Record(nil, proof.NewState()); !errors.Is(err, audit.ErrRecord) {
		t.Fatal(err)
	}
}

func TestOthersRecordsDoNotOpen(t *testing.T) {
	data := some(1, 1000)
	hash := proof.Sum(data).String()
	good, err := recordOf(t, data).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.SecretOf("another hotkey").Open(hash, good); !errors.Is(err, audit.ErrRecord) {
		t.Errorf("under another secret: %v", err)
	}
	for name, hash := range map[string]string{"other data": proof.Sum().String(), "no hash": "x"} {
		if _, err := secret.Open(hash, good); !errors.Is(err, audit.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "short": good[:247], "cut": good[:len(good)-1], "long": append(bytes.Clone(good), 0),
		"far too long": make([]byte, audit.MaxRecord+1),
	} {
		if _, err := secret.Open(hash, b); !errors.Is(err, audit.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(good)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := secret.Open(hash, b); !errors.Is(err, audit.ErrRecord) {
			t.Fatal(err)
		}
	})
}
