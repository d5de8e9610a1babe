package por

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof"
)

// stored is a replica and what belongs to it.
type stored struct {
	key        Key
	size       int64
	data, tags []byte
}

func store(seed byte, size int) stored {
	s := stored{size: int64(size), data: make([]byte, size)}
	rand.NewChaCha8([32]byte{seed}).Read(s.data)
	s.key = SecretOf("ab").Key([32]byte{1}, proof.Sum(s.data), s.size, [16]byte{2})
	s.tags = s.key.Tags(s.data)
	return s
}

func (s stored) clone() stored {
	s.data, s.tags = bytes.Clone(s.data), bytes.Clone(s.tags)
	return s
}

func (s stored) prove(t fatal, c Challenge) []byte {
	t.Helper()
	answer, err := Prove(c, s.size, bytes.NewReader(s.data), bytes.NewReader(s.tags))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// passes says whether an answer does; it must fail for no other reason than
// being wrong.
func (s stored) passes(t fatal, c Challenge, answer []byte) bool {
	t.Helper()
	err := s.key.Check(c, s.size, answer)
	if err != nil && !errors.Is(err, proof.ErrProof) {
		t.Fatal(err)
	}
	return err == nil
}

func TestAnyChangeFails(t *testing.T) {
	all := []stored{store(1, 1), store(2, 4096*5+17), store(3, 461*4096)}
	flip := func(t *rapid.T, b []byte) int {
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "xor"))
		return at
	}
	rapid.Check(t, func(t *rapid.T) {
		good := rapid.SampledFrom(all).Draw(t, "stored")
		var c Challenge
		copy(c[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "challenge"))
		s, asked, expect := good.clone(), c, false
		has := func(block int) bool { return slices.Contains(c.Select(good.size), int64(block)) }
		switch rapid.IntRange(0, 5).Draw(t, "change") {
		case 0: // of a data byte
			expect = !has(flip(t, s.data) / BlockSize)
		case 1: // of a tag
			at := flip(t, s.tags)
			if _, ok := elementOf(s.tags[at/TagSize*TagSize:]); !ok {
				return // Prove refuses it
			}
			expect = !has(at / TagSize)
		case 2: // of the challenge
			flip(t, c[:])
		case 3: // of the size
			good.size += rapid.SampledFrom([]int64{-1, 1, 15, 4096}).Draw(t, "more")
			if good.size == 0 {
				return
			}
		case 4: // of the key
			flip(t, good.key[:])
		case 5: // of the answer
			answer := s.prove(t, asked)
			flip(t, answer)
			if good.passes(t, c, answer) {
				t.Fatal("a changed answer passes")
			}
			return
		}
		if good.passes(t, c, s.prove(t, asked)) != expect {
			t.Fatal("passes:", !expect)
		}
	})
}

func TestOthersKeysFail(t *testing.T) {
	s := store(1, 50_000)
	hash := proof.Sum(s.data)
	answer := s.prove(t, Challenge{})
	if !s.passes(t, Challenge{}, answer) {
		t.Fatal("an honest answer fails")
	}
	secret := SecretOf("ab")
	for name, key := range map[string]Key{
		"secret": SecretOf("ac").Key([32]byte{1}, hash, s.size, [16]byte{2}),
		"miner":  secret.Key([32]byte{2}, hash, s.size, [16]byte{2}),
		"hash":   secret.Key([32]byte{1}, proof.Sum(hash[:]), s.size, [16]byte{2}),
		"size":   secret.Key([32]byte{1}, hash, s.size+1, [16]byte{2}),
		"salt":   secret.Key([32]byte{1}, hash, s.size, [16]byte{3}),
	} {
		other := s
		other.key = key
		if other.passes(t, Challenge{}, answer) || key.Commitment() == s.key.Commitment() {
			t.Errorf("passes with another %s", name)
		}
	}
}

func TestMalformedAnswersFail(t *testing.T) {
	s := store(1, 50_000)
	good := s.prove(t, Challenge{})
	for _, length := range []int{0, 1, ProofSize - 1, ProofSize + 1, 1 << 20} {
		if s.passes(t, Challenge{}, append(bytes.Clone(good), make([]byte, 1<<20)...)[:length]) {
			t.Error(length, "bytes pass")
		}
	}
	// Each number has one form: with p added, where 17 bytes can hold it, it is none.
	for j := range Sectors + 1 {
		b := bytes.Clone(good)
		at := b[j*TagSize : (j+1)*TagSize]
		more := new(big.Int).Add(number(at), prime).FillBytes(make([]byte, TagSize))
		slices.Reverse(more)
		copy(at, more)
		if s.passes(t, Challenge{}, b) {
			t.Error("number", j, "passes in another form")
		}
	}
	for _, fill := range []byte{0, 1, 0xff} {
		if s.passes(t, Challenge{}, bytes.Repeat([]byte{fill}, ProofSize)) {
			t.Error("passes:", fill)
		}
	}
}

// atLeast is the probability of so many or more of n, each with p.
func atLeast(passed, n int, p float64) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	sum := 0.0
	for k := passed; k <= n; k++ {
		sum += math.Exp(lg(n) - lg(k) - lg(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	return min(1, sum)
}

// Who lacks a fraction f of the blocks, or of the tags, passes with at most
// (1-f)^460. A sound check fails a case here, which is a sample of so many
// challenges, with less than 10^-6; the seeds are fixed, so it is always the
// same sample. And it passes just when no missing block is asked for.
func TestBound(t *testing.T) {
	const blocks = 4000
	full := store(1, blocks*BlockSize)
	for _, lost := range []struct {
		blocks     int
		tags       bool
		challenges int
	}{{1, false, 100}, {blocks / 100, false, 500}, {blocks / 100, true, 100}, {blocks / 10, false, 100}} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			s := full.clone()
			lacks := rand.New(rand.NewChaCha8([32]byte{5})).Perm(blocks)[:lost.blocks]
			for _, i := range lacks {
				if lost.tags {
					clear(s.tags[i*TagSize : (i+1)*TagSize])
				} else {
					clear(s.data[i*BlockSize : (i+1)*BlockSize])
				}
			}
			source, passed := rand.NewChaCha8([32]byte{6}), 0
			for range lost.challenges {
				var c Challenge
				source.Read(c[:])
				selected := c.Select(s.size)
				asked := slices.ContainsFunc(lacks, func(i int) bool {
					_, found := slices.BinarySearch(selected, int64(i))
					return found
				})
				ok := s.passes(t, c, s.prove(t, c))
				if ok == asked {
					t.Fatal("a missing block was asked for:", asked, "passes:", ok)
				}
				if ok {
					passed++
				}
			}
			bound := math.Pow(1-float64(lost.blocks)/blocks, Sample)
			if p := atLeast(passed, lost.challenges, bound); p < 1e-6 {
				t.Errorf("passes %d of %d, bound %.4f: a chance of %.2g", passed, lost.challenges, bound, p)
			}
			t.Logf("passes %d of %d, bound %.4f", passed, lost.challenges, bound)
		})
	}
}

// Up to 460 blocks, one that is missing is always found.
func TestSmallDataIsAskedForWhole(t *testing.T) {
	for _, blocks := range []int{1, 2, 459, 460} {
		s := store(byte(blocks), blocks*BlockSize)
		for n := range 50 {
			bad := s.clone()
			clear(bad.data[n%blocks*BlockSize:][:BlockSize])
			c := Challenge{byte(n)}
			if s.passes(t, c, bad.prove(t, c)) {
				t.Fatal("passes without a block of", blocks)
			}
		}
	}
}
