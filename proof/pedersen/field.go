package pedersen

import (
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/secp256r1/fp"
)

// mul sets z to x·y: Montgomery's product, as fp.Element.Mul computes it and
// interchangeable with it, in two thirds of its time. It uses the shape
// of the prime, p = 2^256 - 2^224 + 2^192 + 2^96 - 1: p = -1 modulo 2^64, so
// that a round's multiplier is the lowest word itself, and all of p but its top
// word are shifts.
func mul(z, x, y *fp.Element) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	var t0, t1, t2, t3, t4 uint64
	for _, w := range y {
		// t += x·w
		h0, l0 := bits.Mul64(x0, w)
		h1, l1 := bits.Mul64(x1, w)
		h2, l2 := bits.Mul64(x2, w)
		h3, l3 := bits.Mul64(x3, w)
		var c, t5 uint64
		t0, c = bits.Add64(t0, l0, 0)
		t1, c = bits.Add64(t1, l1, c)
		t2, c = bits.Add64(t2, l2, c)
		t3, c = bits.Add64(t3, l3, c)
		t4, t5 = bits.Add64(t4, 0, c)
		t1, c = bits.Add64(t1, h0, 0)
		t2, c = bits.Add64(t2, h1, c)
		t3, c = bits.Add64(t3, h2, c)
		t4, c = bits.Add64(t4, h3, c)
		t5 += c
		// t = (t + t0·p) / 2^64
		hi, lo := bits.Mul64(t0, 0xffffffff00000001)
		t1, c = bits.Add64(t1, t0<<32, 0)
		t2, c = bits.Add64(t2, t0>>32, c)
		t3, c = bits.Add64(t3, lo, c)
		t4, c = bits.Add64(t4, hi, c)
		t0, t1, t2, t3, t4 = t1, t2, t3, t4, t5+c
	}
	r0, b := bits.Sub64(t0, 0xffffffffffffffff, 0)
	r1, b := bits.Sub64(t1, 0x00000000ffffffff, b)
	r2, b := bits.Sub64(t2, 0, b)
	r3, b := bits.Sub64(t3, 0xffffffff00000001, b)
	if _, b = bits.Sub64(t4, 0, b); b == 0 {
		t0, t1, t2, t3 = r0, r1, r2, r3
	}
	*z = fp.Element{t0, t1, t2, t3}
}
