package pedersen

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"filippo.io/nistec"
)

// Curve is the only curve's name on the wire.
const Curve = "P-256"

// ErrPoint is returned for what is not a point of the curve in its one wire
// form.
var ErrPoint = errors.New("pedersen: not a point on P-256")

const (
	maxDigits = 78 // of a coordinate in decimal
	maxWire   = 2 * (2*maxDigits + 1)
)

// Point is a point of P-256 other than infinity, by its affine coordinates,
// each a big-endian number below the field's prime. Points compare with ==.
// The zero Point is none: it is refused wherever a Point is taken.
type Point struct{ x, y [32]byte }

// ParsePoint reads a point as on the wire: the lower-case hex of the ASCII
// text "x,y", both coordinates in plain decimal. There is one text for each
// point; all else is ErrPoint.
func ParsePoint(wire string) (Point, error) {
	if len(wire) > maxWire {
		return Point{}, fmt.Errorf("%w: %d characters", ErrPoint, len(wire))
	}
	text, err := hex.DecodeString(wire)
	if err != nil {
		return Point{}, fmt.Errorf("%w: not hex", ErrPoint)
	}
	xText, yText, found := strings.Cut(string(text), ",")
	x, okX := parseCoordinate(xText)
	y, okY := parseCoordinate(yText)
	if !found || !okX || !okY {
		return Point{}, fmt.Errorf("%w: not two decimal coordinates", ErrPoint)
	}
	p := Point{x, y}
	if _, err := p.group(); err != nil {
		return Point{}, err
	}
	if p.String() != wire {
		return Point{}, fmt.Errorf("%w: not in its one form", ErrPoint)
	}
	return p, nil
}

func parseCoordinate(text string) (c [32]byte, ok bool) {
	if len(text) == 0 || len(text) > maxDigits {
		return c, false
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 256 {
		return c, false
	}
	n.FillBytes(c[:])
	return c, true
}

// String is the point's wire form.
func (p Point) String() string { return hex.EncodeToString(p.Leaf()) }

// Leaf is the ASCII text "x,y" of the decimal coordinates: the point as a leaf
// of a challenge's Merkle tree.
func (p Point) Leaf() []byte {
	b := make([]byte, 0, 2*maxDigits+1)
	b = new(big.Int).SetBytes(p.x[:]).Append(b, 10)
	b = append(b, ',')
	return new(big.Int).SetBytes(p.y[:]).Append(b, 10)
}

// group is p for arithmetic; ErrPoint unless it is on the curve.
func (p Point) group() (*nistec.P256Point, error) {
	var b [65]byte
	b[0] = 4 // SEC 1: uncompressed
	copy(b[1:], p.x[:])
	copy(b[33:], p.y[:])
	g, err := nistec.NewP256Point().SetBytes(b[:])
	if err != nil {
		return nil, fmt.Errorf("%w: not on the curve", ErrPoint)
	}
	return g, nil
}

// fromGroup is the way back; ErrInfinite for infinity.
func fromGroup(g *nistec.P256Point) (p Point, err error) {
	b := g.Bytes()
	if len(b) != 65 {
		return p, ErrInfinite
	}
	copy(p.x[:], b[1:33])
	copy(p.y[:], b[33:])
	return p, nil
}
