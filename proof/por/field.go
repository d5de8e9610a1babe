package por

import (
	"encoding/binary"
	"math/bits"
)

// Arithmetic modulo p = 2^130-5, in limbs of 64 bits. It takes the same time
// whatever the numbers. Products are summed up in full length and reduced once.

// half is a number below 2^128: a sector or a coefficient.
type half struct{ lo, hi uint64 }

func halfOf(b []byte) half {
	return half{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}

// element is a number below p; what plus and plusFive return may be more.
type element struct{ lo, mid, hi uint64 }

// top is the mask of an element's bits in hi.
const top = 3

// elementOf reads TagSize bytes. It is false for p and above.
func elementOf(b []byte) (element, bool) {
	h := halfOf(b)
	e := element{h.lo, h.hi, uint64(b[16])}
	return e, e.hi <= top && e.plusFive().hi <= top
}

// put writes TagSize bytes.
func (e element) put(b []byte) {
	binary.LittleEndian.PutUint64(b, e.lo)
	binary.LittleEndian.PutUint64(b[8:], e.mid)
	b[16] = byte(e.hi)
}

// plusFive is 2^130 or more just when e is p or more.
func (e element) plusFive() element { return e.plus(element{lo: 5}) }

func (e element) plus(f element) element {
	lo, c := bits.Add64(e.lo, f.lo, 0)
	mid, c := bits.Add64(e.mid, f.mid, c)
	return element{lo, mid, e.hi + f.hi + c}
}

// wide is a sum of products, its least limb first. reduce takes it below 2^318,
// which 2^50 products of a half and an element are.
type wide [5]uint64

// add adds an element.
func (w *wide) add(e element) {
	var c uint64
	w[0], c = bits.Add64(w[0], e.lo, 0)
	w[1], c = bits.Add64(w[1], e.mid, c)
	w[2], c = bits.Add64(w[2], e.hi, c)
	w[3], c = bits.Add64(w[3], 0, c)
	w[4] += c
}

// addProduct adds a*e.
func (w *wide) addProduct(a half, e element) {
	w.addHalves(a, half{e.lo, e.mid})
	// What is left is a * e.hi * 2^128, and e.hi is at most 3.
	h, l := bits.Mul64(a.lo, e.hi)
	h2, l2 := bits.Mul64(a.hi, e.hi)
	l2, c := bits.Add64(l2, h, 0)
	h2 += c
	w[2], c = bits.Add64(w[2], l, 0)
	w[3], c = bits.Add64(w[3], l2, c)
	w[4] += h2 + c
}

// addHalves adds a*m.
func (w *wide) addHalves(a, m half) {
	h00, p0 := bits.Mul64(a.lo, m.lo)
	h01, l01 := bits.Mul64(a.lo, m.hi)
	h10, l10 := bits.Mul64(a.hi, m.lo)
	h11, l11 := bits.Mul64(a.hi, m.hi)
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
	x := element{w[2]>>2 | w[3]<<62, w[3]>>2 | w[4]<<62, w[4] >> 2} // above: below 2^188
	t := element{w[0], w[1], w[2] & top}.plus(x)
	t = t.plus(element{x.lo << 2, x.mid<<2 | x.lo>>62, x.hi<<2 | x.mid>>62})
	// Below 2^191 now. Twice more, and it is below 2^130.
	for range 2 {
		t = element{t.lo, t.mid, t.hi & top}.plus(element{lo: 5 * (t.hi >> 2)})
	}
	// If it is p or more, then t+5 has bit 130, and t-p is t+5 without it.
	s := t.plusFive()
	mask := -(s.hi >> 2)
	return element{t.lo ^ mask&(t.lo^s.lo), t.mid ^ mask&(t.mid^s.mid), t.hi ^ mask&(t.hi^s.hi&top)}
}
