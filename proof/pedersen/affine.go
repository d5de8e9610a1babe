package pedersen

import "github.com/consensys/gnark-crypto/ecc/secp256r1/fp"

// affine is a point for the many-at-once arithmetic. Infinity is (0, 0), which
// is not on the curve.
type affine struct{ x, y fp.Element }

func (a *affine) infinite() bool { return a.x.IsZero() && a.y.IsZero() }

// affine is p for the many-at-once arithmetic.
func (p Point) affine() (a affine) {
	a.x.SetBytes(p.x[:])
	a.y.SetBytes(p.y[:])
	return a
}

// point is the way back; ErrInfinite for infinity.
func (a *affine) point() (Point, error) {
	if a.infinite() {
		return Point{}, ErrInfinite
	}
	return Point{a.x.Bytes(), a.y.Bytes()}, nil
}

// adder adds many pairs of points by their affine coordinates with one
// inversion for all (Montgomery's trick): six multiplications a pair.
type adder struct {
	// den are the slopes' denominators, below[i] the product of those before i.
	den, below []fp.Element
}

// addAll adds src[i] to dst[i], whatever the points: equal, opposite, infinite.
// It uses src for notes of its own.
func (a *adder) addAll(dst, src []affine) {
	if len(a.den) < len(dst) {
		a.den, a.below = make([]fp.Element, len(dst)), make([]fp.Element, len(dst))
	}
	all := fp.One()
	for i := range dst {
		d := &a.den[i]
		d.Sub(&src[i].x, &dst[i].x)
		if d.IsZero() || dst[i].infinite() || src[i].infinite() {
			unusual(d, &dst[i], &src[i])
		}
		a.below[i] = all
		mul(&all, &all, d)
	}
	all.Inverse(&all)
	for i := len(dst) - 1; i >= 0; i-- {
		var inverse fp.Element
		mul(&inverse, &all, &a.below[i])
		mul(&all, &all, &a.den[i])
		if !src[i].infinite() {
			add(&dst[i], &src[i], &inverse)
		}
	}
}

// unusual prepares a pair for which the chord's formula does not do. Where
// nothing is left to add, src becomes infinity and d is 1.
func unusual(d *fp.Element, dst, src *affine) {
	switch {
	case dst.infinite():
		*dst = *src
	case src.infinite():
	case src.y.Equal(&dst.y):
		d.Double(&dst.y) // the tangent's; no point of odd order has y = 0
		return
	default: // opposite
		*dst = affine{}
	}
	*src = affine{}
	d.SetOne()
}

// add is dst += src by the chord through both, or by the tangent when they are
// equal, given the inverse of the slope's denominator.
func add(dst, src *affine, inverse *fp.Element) {
	var slope, x, y fp.Element
	if src.x.Equal(&dst.x) {
		// 3x² - 3: the curve's a is -3.
		one := fp.One()
		mul(&slope, &dst.x, &dst.x)
		slope.Sub(&slope, &one)
		y.Double(&slope)
		slope.Add(&slope, &y)
	} else {
		slope.Sub(&src.y, &dst.y)
	}
	mul(&slope, &slope, inverse)
	mul(&x, &slope, &slope)
	x.Sub(&x, &dst.x)
	x.Sub(&x, &src.x)
	y.Sub(&dst.x, &x)
	mul(&y, &y, &slope)
	dst.y.Sub(&y, &dst.y)
	dst.x = x
}
