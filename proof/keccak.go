package proof

import (
	"encoding/binary"

	"github.com/cloudflare/circl/simd/keccakf1600"
)

const (
	sha3Rate  = 136 // bytes of a SHA3-256 block
	sha3Lanes = 4
)

// sumFour is H(pieces[i] || suffix) of four pieces of equal length, by four
// SHA3-256 side by side (FIPS 202): with AVX2 more than twice as fast as one after
// another.
func sumFour(pieces [sha3Lanes][]byte, suffix []byte) (sums [sha3Lanes]Digest) {
	var k keccakf1600.StateX4
	state := k.Initialize(false) // word w of lane i is state[4w+i]
	full := len(pieces[0]) / sha3Rate * sha3Rate
	for at := 0; at < full; at += sha3Rate {
		for i, p := range pieces {
			absorb(state, i, p[at:at+sha3Rate])
		}
		k.Permute()
	}
	// What is left of the pieces, the suffix, and the padding 0110* 1.
	var tails [sha3Lanes][]byte
	for i, p := range pieces {
		tail := append(append(make([]byte, 0, 4*sha3Rate), p[full:]...), suffix...)
		tails[i] = append(tail, make([]byte, sha3Rate-len(tail)%sha3Rate)...)
		tails[i][len(tail)] = 0x06
		tails[i][len(tails[i])-1] |= 0x80
	}
	for at := 0; at < len(tails[0]); at += sha3Rate {
		for i, tail := range tails {
			absorb(state, i, tail[at:at+sha3Rate])
		}
		k.Permute()
	}
	for i := range sums {
		for w := range len(sums[i]) / 8 {
			binary.LittleEndian.PutUint64(sums[i][8*w:], state[sha3Lanes*w+i])
		}
	}
	return sums
}

// absorb adds one block to a lane of the state.
func absorb(state []uint64, lane int, block []byte) {
	for w := range sha3Rate / 8 {
		state[sha3Lanes*w+lane] ^= binary.LittleEndian.Uint64(block[8*w:])
	}
}
