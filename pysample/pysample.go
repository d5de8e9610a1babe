// Package pysample draws exactly what CPython's random module draws after
// random.seed(int), so that anyone with Python can recompute from a block hash
// which miners were due. It is no source of secrets and knows neither miners
// nor blocks. Enter at Seed.
package pysample

import (
	"math/big"
	"math/bits"

	"gonum.org/v1/gonum/mathext/prng"
)

// Random is a generator in a state that CPython's could be in. It is not safe
// for concurrent use.
type Random struct {
	mt *prng.MT19937
}

// Seed is random.seed(n): MT19937 initialised by the 32-bit words of |n|, the
// lowest first.
func Seed(n *big.Int) *Random {
	octets := new(big.Int).Abs(n).Bytes() // big-endian
	keys := make([]uint32, max(1, (len(octets)+3)/4))
	for i := range octets {
		keys[i/4] |= uint32(octets[len(octets)-1-i]) << (8 * (i % 4))
	}
	mt := prng.NewMT19937()
	mt.SeedFromKeys(keys)
	return &Random{mt}
}

// GetRandBits is random.getrandbits(k) for k from 0 to 64; a k outside counts
// as the nearer of the two.
func (r *Random) GetRandBits(k int) uint64 {
	switch {
	case k <= 0:
		return 0
	case k <= 32:
		return uint64(r.mt.Uint32() >> (32 - k))
	}
	low := uint64(r.mt.Uint32())
	return low | uint64(r.mt.Uint32()>>(64-min(k, 64)))<<32
}

// below is _randbelow_with_getrandbits: a number in [0, n), n > 0.
func (r *Random) below(n int) int {
	k := bits.Len(uint(n))
	for {
		if v := r.GetRandBits(k); v < uint64(n) {
			return int(v)
		}
	}
}

// Sample is random.sample(range(n), k). A k beyond n counts as n.
func (r *Random) Sample(n, k int) []int {
	n = max(n, 0)
	k = min(max(k, 0), n)
	if n <= poolLimit(k) {
		return r.samplePool(n, k)
	}
	drawn := make([]int, 0, k)
	seen := make(map[int]bool, k)
	for len(drawn) < k {
		if j := r.below(n); !seen[j] {
			seen[j] = true
			drawn = append(drawn, j)
		}
	}
	return drawn
}

// samplePool draws from a list that shrinks from its end.
func (r *Random) samplePool(n, k int) []int {
	pool := make([]int, n)
	for i := range pool {
		pool[i] = i
	}
	drawn := make([]int, k)
	for i := range drawn {
		j := r.below(n - i)
		drawn[i] = pool[j]
		pool[j] = pool[n-i-1]
	}
	return drawn
}

// poolLimit is the population up to which sample copies it into a pool:
// 21 + 4**ceil(log(3k, 4)) for k > 5. 3k is no power of four, so that counting
// up is the same as CPython's logarithm.
func poolLimit(k int) int {
	if k <= 5 {
		return 21
	}
	size := 4
	for size/3 < k && size <= 1<<60 {
		size *= 4
	}
	return 21 + size
}

// Shuffle is random.shuffle of n things that swap exchanges.
func (r *Random) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.below(i+1))
	}
}

// Choice is the index that random.choice takes of n things; -1 of none.
func (r *Random) Choice(n int) int {
	if n <= 0 {
		return -1
	}
	return r.below(n)
}
