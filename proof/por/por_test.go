package por_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
)

func some(seed byte, size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

var (
	miner = [32]byte{1}
	salt  = [16]byte{2}
)

func keyOf(data []byte) por.Key {
	return por.SecretOf("0123456789abcdef").Key(miner, proof.Sum(data), int64(len(data)), salt)
}

// fatal is a test of any kind.
type fatal interface {
	Helper()
	Fatal(...any)
}

// prove is an answer about data that is read whole, whatever it is.
func prove(t fatal, c por.Challenge, data, tags []byte) []byte {
	t.Helper()
	answer, err := por.Prove(c, int64(len(data)), bytes.NewReader(data), bytes.NewReader(tags))
	if err != nil {
		t.Fatal(err)
	}
	if len(answer) != por.ProofSize {
		t.Fatal(len(answer), "bytes")
	}
	return answer
}

// fails wants an ErrProof, which is a proof.ErrProof.
func fails(t fatal, err error, what ...any) {
	t.Helper()
	if !errors.Is(err, por.ErrProof) || !errors.Is(err, proof.ErrProof) || errors.Is(err, por.ErrInput) {
		t.Fatal(append(what, err)...)
	}
}

func TestSecretIsHKDF(t *testing.T) {
	want, err := hkdf.Key(sha256.New, []byte("ab"), nil, "filetao por secret v1", 32)
	secret := por.SecretOf("ab")
	if err != nil || !bytes.Equal(want, secret[:]) {
		t.Fatalf("%x, want %x: %v", secret, want, err)
	}
	info := "filetao por key v1" + string(make([]byte, 64)) + "\x00\x00\x00\x00\x00\x00\x01\x02" + string(make([]byte, 16))
	want, err = hkdf.Expand(sha256.New, secret[:], info, 32)
	key := secret.Key([32]byte{}, proof.Digest{}, 0x102, [16]byte{})
	if err != nil || !bytes.Equal(want, key[:]) {
		t.Fatalf("%x, want %x: %v", key, want, err)
	}
}

func TestSizes(t *testing.T) {
	for size, want := range map[int64]int64{-1: 0, 0: 0, 1: 1, 4096: 1, 4097: 2, 64 << 20: 16384, por.MaxData: 262144, por.MaxData + 1: 0, -1 << 63: 0} {
		if b, n := por.Blocks(size), por.TagsSize(size); b != want || n != 17*want {
			t.Errorf("%d bytes: %d blocks, %d bytes of tags", size, b, n)
		}
	}
	if por.ProofSize != 4369 || por.ProofSize > 4608 || por.TagsSize(64<<20)*1000 > 5*64<<20 {
		t.Error("larger than promised")
	}
}

var sizes = []int{1, 15, 16, 17, 4095, 4096, 4097, 459 * 4096, 460*4096 - 1, 460 * 4096, 461*4096 - 4095, 461 * 4096, 64 << 20}

func TestHonestAnswersPass(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			data := some(byte(size), size)
			key := keyOf(data)
			tags := key.Tags(data)
			if int64(len(tags)) != por.TagsSize(int64(size)) || !bytes.Equal(tags, key.Tags(data)) {
				t.Fatal(len(tags), "bytes of tags")
			}
			for n := range byte(3) {
				c := por.Challenge{n}
				answer := prove(t, c, data, tags)
				if err := key.Check(c, int64(size), answer); err != nil {
					t.Fatal(err)
				}
				fails(t, key.Check(por.Challenge{n, 1}, int64(size), answer), "another challenge")
			}
		})
	}
}

// Zeros at the end count: they are no padding.
func TestSizeIsBound(t *testing.T) {
	long := make([]byte, 4096)
	copy(long, some(1, 100))
	c, key := por.Challenge{1}, keyOf(long)
	tags := key.Tags(long)
	if !bytes.Equal(tags, key.Tags(long[:100])) {
		t.Fatal("the test wants equal tags")
	}
	for _, size := range []int64{99, 100, 4095} {
		answer, err := por.Prove(c, size, bytes.NewReader(long), bytes.NewReader(tags))
		if err != nil {
			t.Fatal(err)
		}
		fails(t, key.Check(c, 4096, answer), size)
	}
}

func TestSelect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.Int64Range(1, por.MaxData), rapid.Int64Range(1, 500*por.BlockSize)).Draw(t, "size")
		c := por.Challenge(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "challenge"))
		blocks := c.Select(size)
		n := por.Blocks(size)
		if int64(len(blocks)) != min(n, por.Sample) || blocks[0] < 0 || blocks[len(blocks)-1] >= n {
			t.Fatal(blocks)
		}
		for i := range blocks[1:] {
			if blocks[i] >= blocks[i+1] {
				t.Fatal(blocks)
			}
		}
		if !slices.Equal(blocks, c.Select(size)) {
			t.Fatal("drawn anew")
		}
	})
	if got := (por.Challenge{}).Select(0); len(got) != 0 {
		t.Error(got)
	}
}

// Of 600 blocks in 5,000 challenges, each is drawn about 3,833 times. The limits
// are six standard deviations, of each count and of the sum of their squares.
func TestSelectIsEven(t *testing.T) {
	const n, rounds = 600, 5000
	var counts [n]float64
	for i := range rounds {
		for _, b := range (por.Challenge{byte(i), byte(i >> 8)}).Select(n * por.BlockSize) {
			counts[b]++
		}
	}
	mean := float64(rounds) * por.Sample / n
	variance := mean * (1 - float64(por.Sample)/n)
	chi := 0.0
	for b, count := range counts {
		d := count - mean
		chi += d * d / variance
		if d*d > 36*variance {
			t.Errorf("block %d was drawn %v times, expected %v", b, count, mean)
		}
	}
	// Nearly chi-square of 599 degrees of freedom: mean 600, standard deviation 35.
	if chi > 600+6*35 || chi < 600-6*35 {
		t.Errorf("chi-square %v", chi)
	}
}

func TestNothingToAudit(t *testing.T) {
	key := por.Key{}
	if key.Tags(nil) != nil {
		t.Error("tags of nothing")
	}
	for _, size := range []int64{0, -1, por.MaxData + 1, -1 << 63} {
		if err := key.Check(por.Challenge{}, size, make([]byte, por.ProofSize)); !errors.Is(err, por.ErrInput) || errors.Is(err, por.ErrProof) {
			t.Errorf("check of %d bytes: %v", size, err)
		}
		if _, err := por.Prove(por.Challenge{}, size, none{}, none{}); !errors.Is(err, por.ErrInput) {
			t.Errorf("proof of %d bytes: %v", size, err)
		}
	}
}

// none must not be read.
type none struct{}

func (none) ReadAt([]byte, int64) (int, error) { panic("read") }

// lazy gives half of what it should, and an error or none.
type lazy struct{ err error }

func (l lazy) ReadAt(b []byte, _ int64) (int, error) { return len(b) / 2, l.err }

func TestUnreadable(t *testing.T) {
	data := some(1, 10_000)
	key := keyOf(data)
	tags := key.Tags(data)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		data, tags io.ReaderAt
		err        error
	}{
		"no data":      {bytes.NewReader(nil), bytes.NewReader(tags), io.ErrUnexpectedEOF},
		"short data":   {bytes.NewReader(data[:9999]), bytes.NewReader(tags), io.ErrUnexpectedEOF},
		"lazy data":    {lazy{}, bytes.NewReader(tags), io.ErrUnexpectedEOF},
		"broken data":  {lazy{broken}, bytes.NewReader(tags), broken},
		"no tags":      {bytes.NewReader(data), bytes.NewReader(nil), io.ErrUnexpectedEOF},
		"short tags":   {bytes.NewReader(data), bytes.NewReader(tags[:50]), io.ErrUnexpectedEOF},
		"broken tags":  {bytes.NewReader(data), lazy{broken}, broken},
		"no such tags": {bytes.NewReader(data), bytes.NewReader(bytes.Repeat([]byte{0xff}, 51)), por.ErrInput},
	} {
		_, err := por.Prove(por.Challenge{}, 10_000, c.data, c.tags)
		if !errors.Is(err, por.ErrInput) || !errors.Is(err, c.err) || errors.Is(err, por.ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
