package pedersen

import (
	"encoding/binary"
	"math/big"
	"testing"

	"filippo.io/nistec"
	"github.com/consensys/gnark-crypto/ecc/secp256r1/fp"
	"pgregory.net/rapid"
)

// word draws limbs that make carries and borrows likely.
func word() *rapid.Generator[uint64] {
	return rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1 << 63, 1<<32 - 1, 1<<64 - 1, 0xffffffff00000001, 0xffffffff00000000}))
}

func bytes32(t *rapid.T, label string) (b [32]byte) {
	for i := range 4 {
		binary.BigEndian.PutUint64(b[8*i:], word().Draw(t, label))
	}
	return b
}

func element(t *rapid.T, label string) (e fp.Element) {
	b := bytes32(t, label)
	e.SetBytes(b[:])
	return e
}

func TestMulIsTheFieldsProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := element(t, "x"), element(t, "y")
		// Any limbs below the prime are some element: also try limbs as drawn.
		if rapid.Bool().Draw(t, "raw") {
			x, y = fp.Element(x.Bits()), fp.Element(y.Bits())
		}
		var want, got fp.Element
		want.Mul(&x, &y)
		if mul(&got, &x, &y); got != want {
			t.Fatalf("%v · %v: %v, want %v", x, y, got, want)
		}
		if mul(&x, &x, &y); x != want {
			t.Fatal("in place the product differs")
		}
	})
}

func TestDigitsAddUpToTheScalar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scalar := bytes32(t, "scalar")
		width := rapid.IntRange(minWidth, maxWidth).Draw(t, "width")
		d := digits{width: width}
		d.set(&scalar)
		sum := new(big.Int)
		for j := range windows(width) {
			n := d.next()
			if n > 1<<(width-1) || -n >= 1<<(width-1) {
				t.Fatalf("digit %d of %d bits", n, width)
			}
			sum.Add(sum, new(big.Int).Lsh(big.NewInt(int64(n)), uint(j*width)))
		}
		if want := new(big.Int).SetBytes(scalar[:]); sum.Cmp(want) != 0 || d.carry != 0 {
			t.Fatalf("%v, carry %d, want %v", sum, d.carry, want)
		}
	})
}

// multiple is k·G of the curve's generator, by nistec. For 0 it is infinity.
func multiple(t testing.TB, k int) affine {
	t.Helper()
	g := nistec.NewP256Point().SetGenerator()
	s := binary.BigEndian.AppendUint64(make([]byte, 24), uint64(max(k, -k)))
	p, err := g.ScalarMult(g, s)
	if err != nil {
		t.Fatal(err)
	}
	if k == 0 {
		return affine{}
	}
	point, err := fromGroup(p)
	if err != nil {
		t.Fatal(err)
	}
	a := point.affine()
	if k < 0 {
		a.y.Neg(&a.y)
	}
	return a
}

// TestAddAll adds all pairs of small multiples at once: among them equal and
// opposite ones, and infinity on either side.
func TestAddAll(t *testing.T) {
	const most = 4
	var dst, src, want []affine
	for i := -most; i <= most; i++ {
		for j := -most; j <= most; j++ {
			dst, src = append(dst, multiple(t, i)), append(src, multiple(t, j))
			want = append(want, multiple(t, i+j))
		}
	}
	var a adder
	for range 2 { // the second time with memory used before
		got, notes := append([]affine(nil), dst...), append([]affine(nil), src...)
		a.addAll(got, notes)
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("pair %d is wrong", i)
			}
		}
	}
	a.addAll(nil, nil)
}

func TestTableHoldsMultiples(t *testing.T) {
	for width := minWidth; width <= 6; width++ {
		tab := newTable(multiple(t, 1), width, new(adder))
		w := windows(width)
		for d := range 1<<(width-1) + 1 {
			for j := range min(w, 40/width) {
				if got, want := tab.entries[d*w+j], multiple(t, d<<(width*j)); got != want {
					t.Errorf("width %d: digit %d of window %d is wrong", width, d, j)
				}
			}
		}
	}
}

func TestWidthGrowsWithTheNumberOfCommitments(t *testing.T) {
	last := 0
	for _, n := range []int{0, 1, few, 64, 1024, 4096, 16384, 1 << 20, 1 << 40} {
		w := width(n)
		if w < last || w < minWidth || w > maxWidth {
			t.Errorf("%d commitments: width %d after %d", n, w, last)
		}
		last = w
	}
	if last != maxWidth {
		t.Errorf("most get %d", last)
	}
}

// BenchmarkMul compares the field's two products.
func BenchmarkMul(b *testing.B) {
	var x, y fp.Element
	x.SetUint64(3)
	y.SetBytes([]byte("any number that fills the limbs."))
	b.Run("own", func(b *testing.B) {
		for b.Loop() {
			mul(&x, &x, &y)
		}
	})
	b.Run("gnark", func(b *testing.B) {
		for b.Loop() {
			x.Mul(&x, &y)
		}
	})
}
