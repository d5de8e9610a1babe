package pedersen

import (
	"errors"
	"fmt"
	"io"
	"math/big"

	"filippo.io/nistec"
)

var (
	// ErrCurve is returned for a curve other than P-256.
	ErrCurve = errors.New("pedersen: unknown curve")
	// ErrScalar is returned for a blinding factor outside 0 … 2^256.
	ErrScalar = errors.New("pedersen: blinding factor out of range")
	// ErrInfinite is returned when a commitment would be the point at
	// infinity, which has no wire form. It happens by chance once in 2^256.
	ErrInfinite = errors.New("pedersen: the commitment is infinite")
	// ErrOpen is returned when a commitment does not open.
	ErrOpen = errors.New("pedersen: the commitment does not open")
)

// Bases are the two points a commitment is made to: the request's "g" and "h".
type Bases struct{ G, H Point }

// NewBases draws two points of which nobody knows a relation: random x
// coordinates until two are on the curve.
func NewBases(rand io.Reader) (Bases, error) {
	g, err := randomPoint(rand)
	if err != nil {
		return Bases{}, err
	}
	h, err := randomPoint(rand)
	return Bases{G: g, H: h}, err
}

// randomPoint fails by chance once in 2^128: half of all x are on the curve.
func randomPoint(rand io.Reader) (Point, error) {
	var b [33]byte
	for range 128 {
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return Point{}, fmt.Errorf("drawing a point: %w", err)
		}
		b[0] = 2 + b[0]&1 // SEC 1: compressed, the sign of y
		if g, err := nistec.NewP256Point().SetBytes(b[:]); err == nil {
			return fromGroup(g)
		}
	}
	return Point{}, fmt.Errorf("drawing a point: %w", ErrPoint)
}

// ParseBases reads a request's curve, g and h. It returns ErrCurve or ErrPoint.
func ParseBases(curve, g, h string) (Bases, error) {
	if curve != Curve {
		return Bases{}, fmt.Errorf("%w: %.40q", ErrCurve, curve)
	}
	pg, err := ParsePoint(g)
	if err != nil {
		return Bases{}, fmt.Errorf("g: %w", err)
	}
	ph, err := ParsePoint(h)
	if err != nil {
		return Bases{}, fmt.Errorf("h: %w", err)
	}
	return Bases{G: pg, H: ph}, nil
}

// Commit is m·G + r·H, m taken as a big-endian number and both modulo the
// group's order. r may be 0 … 2^256 inclusive, as in the reference. It returns
// ErrScalar, ErrInfinite, or ErrPoint for bases never set.
func (b Bases) Commit(m [32]byte, r *big.Int) (Point, error) {
	s, err := scalar(r)
	if err != nil {
		return Point{}, err
	}
	g, err := b.G.group()
	if err != nil {
		return Point{}, err
	}
	h, err := b.H.group()
	if err != nil {
		return Point{}, err
	}
	return commit(g, h, m, s)
}

// Open returns nil when c is the commitment to m with r, else ErrOpen or one of
// Commit's errors.
func (b Bases) Open(c Point, m [32]byte, r *big.Int) error {
	got, err := b.Commit(m, r)
	if err != nil {
		return err
	}
	if got != c {
		return ErrOpen
	}
	return nil
}

// CommitAll is Commit for ms[i] with rs[i], all i, on all cores.
func (b Bases) CommitAll(ms [][32]byte, rs []*big.Int) ([]Point, error) {
	c, err := b.Committer(len(ms))
	if err != nil {
		return nil, err
	}
	return c.CommitAll(ms, rs)
}

func commit(g, h *nistec.P256Point, m, r [32]byte) (Point, error) {
	mg, err := nistec.NewP256Point().ScalarMult(g, m[:])
	if err != nil {
		return Point{}, fmt.Errorf("%w: %w", ErrScalar, err)
	}
	rh, err := nistec.NewP256Point().ScalarMult(h, r[:])
	if err != nil {
		return Point{}, fmt.Errorf("%w: %w", ErrScalar, err)
	}
	return fromGroup(mg.Add(mg, rh))
}

// scalar brings r below 2^256, where only 2^256 itself is not.
func scalar(r *big.Int) (s [32]byte, err error) {
	switch {
	case r == nil || r.Sign() < 0 || r.BitLen() > 257:
		return s, ErrScalar
	case r.BitLen() == 257 && r.TrailingZeroBits() == 256:
		return twoTo256(), nil
	case r.BitLen() == 257:
		return s, ErrScalar
	}
	r.FillBytes(s[:])
	return s, nil
}

// twoTo256 is 2^256 modulo the group's order (SEC 2, secp256r1).
func twoTo256() [32]byte {
	return [32]byte{
		0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
		0x43, 0x19, 0x05, 0x52, 0x58, 0xe8, 0x61, 0x7b, 0x0c, 0x46, 0x35, 0x3d, 0x03, 0x9c, 0xda, 0xaf,
	}
}
