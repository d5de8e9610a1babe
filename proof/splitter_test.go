package proof

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

func TestSumFourIsSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Lengths around the ends of SHA3-256's blocks are the likely ones.
		length := max(0, rapid.IntRange(0, 4).Draw(t, "blocks")*sha3Rate+rapid.IntRange(-2, 2).Draw(t, "more"))
		suffix := randomBytes(7, rapid.IntRange(0, maxSeed).Draw(t, "suffix"))
		var pieces [sha3Lanes][]byte
		for i := range pieces {
			pieces[i] = randomBytes(uint64(i), length)
		}
		for i, sum := range sumFour(pieces, suffix) {
			if want := Sum(pieces[i], suffix); sum != want {
				t.Fatalf("%d bytes and %d: %v, want %v", length, len(suffix), sum, want)
			}
		}
	})
}

func TestSplitterHashesEveryPiece(t *testing.T) {
	data := randomBytes(1, 20000)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 3000).Draw(t, "piece")
		whole := data[:rapid.IntRange(1, len(data)).Draw(t, "size")]
		s := splitter{size: size, seed: "seed"}
		if n := s.blockLength(); n%(sha3Lanes*size) != 0 || n > max(blockBytes, sha3Lanes*size) {
			t.Fatalf("blocks of %d bytes for pieces of %d", n, size)
		}
		var got [][32]byte
		for left := whole; len(left) > 0; {
			n := rapid.IntRange(1, len(left)).Draw(t, "taken")
			got = append(got, s.take(left[:n])...)
			left = left[n:]
		}
		got = append(got, s.end()...)
		if more := s.end(); len(more) != 0 {
			t.Fatal("it ends twice")
		}
		if want := (len(whole)-1)/size + 1; len(got) != want {
			t.Fatalf("%d pieces, want %d", len(got), want)
		}
		for i, sum := range got {
			if want := Sum(whole[i*size:min(len(whole), (i+1)*size)], []byte("seed")); sum != want {
				t.Fatalf("piece %d of %d is wrong", i, len(got))
			}
		}
	})
}

func TestBlocksStaySmall(t *testing.T) {
	for _, size := range []int{1, 256, blockBytes - 1, blockBytes, blockBytes + 1, MaxPiece} {
		s := splitter{size: size}
		if n := s.blockLength(); n < 1 || n > sha3Lanes*blockBytes {
			t.Errorf("pieces of %d bytes: blocks of %d", size, n)
		}
	}
}

// BenchmarkSum compares hashing pieces of 4 KiB one by one and four at a time.
func BenchmarkSum(b *testing.B) {
	var pieces [sha3Lanes][]byte
	for i := range pieces {
		pieces[i] = randomBytes(uint64(i), 4<<10)
	}
	seed := randomBytes(9, 64)
	b.Run("one", func(b *testing.B) {
		b.SetBytes(sha3Lanes * 4 << 10)
		for b.Loop() {
			for _, p := range pieces {
				Sum(p, seed)
			}
		}
	})
	b.Run("four", func(b *testing.B) {
		b.SetBytes(sha3Lanes * 4 << 10)
		for b.Loop() {
			sumFour(pieces, seed)
		}
	})
}
