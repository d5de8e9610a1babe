package por

import (
	"encoding/binary"
	"math/bits"
)

// Arithmetic modulo p = 2^130-5, in limbs of 64 bits, the least first. It takes
// the same time whatever the numbers. Products are summed up in full length and
// reduced once.

// half is a number below 2^128: a sector or a coefficient.
type half [2]uint64

func halfOf(b []byte) half {
	return half{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:16])}
}

// element is a number below p.
type element [3]uint64

// top is the mask of an element's bits in its last limb.
const top = 3

// elementOf reads TagSize bytes. It is false for p and above.
func elementOf(b []byte) (element, bool) {
	h := halfOf(b)
	e := element{h[0], h[1], uint64(b[16])}
	return e, e[2] <= top && e.plusFive()[2] <= top
}

// put writes TagSize bytes.
func (e element) put(b []byte) {
	binary.LittleEndian.PutUint64(b, e[0])
	binary.LittleEndian.PutUint64(b[8:], e[1])
	b[16] = byte(e[2])
}

// plusFive is e+5, not reduced: 2^130 or more just when e is p or more.
func (e element) plusFive() (r element) {
	var c uint64
	r[0], c = bits.Add64(e[0], 5, 0)
	r[1], c = bits.Add64(e[1], 0, c)
	r[2] = e[2] + c
	return r
}

// wide is a sum of products. It must stay below 2^318, and 2^50 products of a
// half and an element do.
type wide [5]uint64

// add adds an element.
func (w *wide) add(e element) {
	var c uint64
	w[0], c = bits.Add64(w[0], e[0], 0)
	w[1], c = bits.Add64(w[1], e[1], c)
	w[2], c = bits.Add64(w[2], e[2], c)
	w[3], c = bits.Add64(w[3], 0, c)
	w[4] += c
}

// addProduct adds a*e.
func (w *wide) addProduct(a half, e element) {
	w.addHalves(a, half{e[0], e[1]})
	// What is left is a * e[2] * 2^128, and e[2] is at most 3.
	h, l := bits.Mul64(a[0], e[2])
	h2, l2 := bits.Mul64(a[1], e[2])
	l2, c := bits.Add64(l2, h, 0)
	h2 += c
	w[2], c = bits.Add64(w[2], l, 0)
	w[3], c = bits.Add64(w[3], l2, c)
	w[4] += h2 + c
}

// addHalves adds a*m.
func (w *wide) addHalves(a, m half) {
	h00, p0 := bits.Mul64(a[0], m[0])
	h01, l01 := bits.Mul64(a[0], m[1])
	h10, l10 := bits.Mul64(a[1], m[0])
	h11, l11 := bits.Mul64(a[1], m[1])
	p1, c := bits.Add64(h00, l01, 0)
	p2, c := bits.Add64(h01, l11, c)
	p3 := h11 + c
	p1, c = bits.Add64(p1, l10, 0)
	p2, c = bits.Add64(p2, h10, c)
	p3 += c
	w[0], c = bits.Add64(w[0], p0, 0)
	w[1], c = bits.Add64(w[1], p1, c)
	w[2], c = bits.Add64(w[2], p2, c)
	w[3], c = bits.Add64(w[3], p3, c)
	w[4] += c
}

// reduce is w modulo p: 2^130 is 5, so what is above counts five times below.
func (w *wide) reduce() element {
	lo := element{w[0], w[1], w[2] & top}
	hi := element{w[2]>>2 | w[3]<<62, w[3]>>2 | w[4]<<62, w[4] >> 2} // below 2^188
	t := lo.plus(hi).plus(element{hi[0] << 2, hi[1]<<2 | hi[0]>>62, hi[2]<<2 | hi[1]>>62})
	// t is below 2^191. Twice more, and it is below 2^130.
	for range 2 {
		over := t[2] >> 2
		t = element{t[0], t[1], t[2] & top}.plus(element{5 * over})
	}
	// If it is p or more, then t+5 has bit 130, and t-p is t+5 without it.
	s := t.plusFive()
	mask := -(s[2] >> 2)
	return element{t[0] ^ mask&(t[0]^s[0]), t[1] ^ mask&(t[1]^s[1]), t[2] ^ mask&(t[2]^s[2]&top)}
}

// plus is e+f, not reduced.
func (e element) plus(f element) (r element) {
	var c uint64
	r[0], c = bits.Add64(e[0], f[0], 0)
	r[1], c = bits.Add64(e[1], f[1], c)
	r[2], _ = bits.Add64(e[2], f[2], c)
	return r
}
