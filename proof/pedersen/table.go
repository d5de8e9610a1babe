package pedersen

import (
	"encoding/binary"
	"math"

	"github.com/consensys/gnark-crypto/ecc/secp256r1/fp"
)

const (
	scalarBits = 256
	minWidth   = 3
	maxWidth   = 12
)

// windows is the number of signed digits of width bits that a scalar has. The
// recoding may carry out of the top bit.
func windows(width int) int { return scalarBits/width + 1 }

// width is the one with which n commitments cost the fewest additions, those
// for the table included: 2^(width-1) for each window there, and one for each
// window and commitment.
func width(n int) int {
	best, least := 0, math.MaxInt
	for w := minWidth; w <= maxWidth; w++ {
		if cost := windows(w) * (1<<(w-1) + n); cost < least {
			best, least = w, cost
		}
	}
	return best
}

// table holds the multiples of one base that digits select: entry d·windows + j
// is d·2^(width·j) times the base, for digits d from 0 to 2^(width-1). Negative
// digits use the opposite point.
type table struct {
	width   int
	entries []affine
}

func newTable(base affine, width int, a *adder) table {
	w, top := windows(width), 1<<(width-1)
	t := table{width: width, entries: make([]affine, (top+1)*w)}
	copy(t.entries[w:], shifted(base, width))
	src := make([]affine, top/2*w)
	// The rows up to m known, the next m are those plus row m.
	for m := 1; m < top; m *= 2 {
		known, row := t.entries[w:(m+1)*w], t.entries[m*w:(m+1)*w]
		next := t.entries[(m+1)*w : (2*m+1)*w]
		copy(next, known)
		for i := 0; i < m*w; i += w {
			copy(src[i:], row)
		}
		a.addAll(next, src[:m*w])
	}
	return t
}

// shifted is 2^(width·j) times the base for every window j.
func shifted(base affine, width int) []affine {
	w := windows(width)
	rows := make([]affine, w)
	zs := make([]fp.Element, w)
	x, y, z := base.x, base.y, fp.One()
	for j := range rows {
		rows[j], zs[j] = affine{x, y}, z
		for range width {
			double(&x, &y, &z)
		}
	}
	for j, inverse := range fp.BatchInvert(zs) {
		var square fp.Element
		mul(&square, &inverse, &inverse)
		mul(&rows[j].x, &rows[j].x, &square)
		mul(&square, &square, &inverse)
		mul(&rows[j].y, &rows[j].y, &square)
	}
	return rows
}

// double doubles a point in Jacobian coordinates: dbl-2001-b of the
// Explicit-Formulas Database, for a = -3.
func double(x, y, z *fp.Element) {
	var alpha, beta, gamma, delta, t fp.Element
	mul(&delta, z, z)
	mul(&gamma, y, y)
	mul(&beta, x, &gamma)
	t.Sub(x, &delta)
	alpha.Add(x, &delta)
	mul(&alpha, &alpha, &t)
	t.Double(&alpha)
	alpha.Add(&alpha, &t) // 3(x-δ)(x+δ)
	z.Add(y, z)
	mul(z, z, z)
	z.Sub(z, &gamma)
	z.Sub(z, &delta) // (y+z)² - γ - δ
	beta.Double(&beta)
	beta.Double(&beta) // 4β
	mul(x, &alpha, &alpha)
	x.Sub(x, &beta)
	x.Sub(x, &beta) // α² - 8β
	t.Sub(&beta, x)
	mul(&t, &t, &alpha)
	mul(&gamma, &gamma, &gamma)
	gamma.Double(&gamma)
	gamma.Double(&gamma)
	gamma.Double(&gamma)
	y.Sub(&t, &gamma) // α(4β-x) - 8γ²
}

// selectAll writes the terms of the scalars' products to dst: window j of
// scalar i to dst[j·len(scalars) + i]. Their sums over j are the products.
func (t table) selectAll(dst []affine, scalars [][32]byte) {
	w := windows(t.width)
	for i := range scalars {
		d := digits{width: t.width}
		d.set(&scalars[i])
		for j := range w {
			to := &dst[j*len(scalars)+i]
			if n := d.next(); n < 0 {
				*to = t.entries[-n*w+j]
				to.y.Neg(&to.y)
			} else {
				*to = t.entries[n*w+j]
			}
		}
	}
}

// digits cuts a scalar into signed digits from -2^(width-1)+1 to 2^(width-1),
// the lowest first.
type digits struct {
	width, bit int
	carry      int
	words      [scalarBits/64 + 1]uint64
}

func (d *digits) set(scalar *[32]byte) {
	for i := range scalarBits / 64 {
		d.words[i] = binary.BigEndian.Uint64(scalar[24-8*i:])
	}
}

func (d *digits) next() int {
	word, shift := d.bit/64, d.bit%64
	bits := d.words[word] >> shift
	if shift+d.width > 64 && word+1 < len(d.words) {
		bits |= d.words[word+1] << (64 - shift)
	}
	d.bit += d.width
	n := int(bits&(1<<d.width-1)) + d.carry
	d.carry = 0
	if n > 1<<(d.width-1) {
		n -= 1 << d.width
		d.carry = 1
	}
	return n
}
