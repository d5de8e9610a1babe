package por

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 130), big.NewInt(5))

// number reads little-endian bytes.
func number(b []byte) *big.Int {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func (e element) number() *big.Int {
	var b [24]byte
	e.put(b[:])
	return number(b[:TagSize])
}

func TestPrime(t *testing.T) {
	if !prime.ProbablyPrime(64) {
		t.Fatal("p is no prime")
	}
}

// checkReduce holds wide.reduce of a 40-byte number below 2^318 against math/big.
func checkReduce(t fatal, b []byte) {
	t.Helper()
	var w wide
	for i := range w {
		h := halfOf(append(b[8*i:8*i+8:8*i+8], make([]byte, 8)...))
		w[i] = h.lo
	}
	w[4] &= 1<<62 - 1
	want := number(b[:32])
	want.Add(want, new(big.Int).Lsh(new(big.Int).SetUint64(w[4]), 256))
	if got := w.reduce().number(); got.Cmp(want.Mod(want, prime)) != 0 {
		t.Fatal("modulo p is", got, "want", want)
	}
}

// checkProduct holds sums of products of 16 and 17 bytes against math/big.
func checkProduct(t fatal, a, e []byte, times int) {
	t.Helper()
	x, ok := elementOf(e)
	if canonical := number(e).Cmp(prime) < 0; ok != canonical {
		t.Fatal(number(e), "is taken for an element:", ok)
	}
	if !ok {
		return
	}
	var back [TagSize]byte
	if x.put(back[:]); !bytes.Equal(back[:], e) {
		t.Fatal(number(e), "came back as", number(back[:]))
	}
	var w wide
	for range times {
		w.addProduct(halfOf(a), x)
		w.add(x)
	}
	want := new(big.Int).Mul(number(a), number(e))
	want.Mul(want.Add(want, number(e)), big.NewInt(int64(times)))
	if got := w.reduce().number(); got.Cmp(want.Mod(want, prime)) != 0 {
		t.Fatal("the sum is", got, "want", want)
	}
}

type fatal interface {
	Helper()
	Fatal(...any)
}

// edges are 40 bytes long and near what arithmetic could get wrong.
func edges() (all [][]byte) {
	add := func(x *big.Int) {
		b := make([]byte, 40)
		slices.Reverse(x.FillBytes(b))
		all = append(all, b)
	}
	for _, base := range []*big.Int{new(big.Int), prime, new(big.Int).Lsh(prime, 1), new(big.Int).Mul(prime, prime)} {
		for d := range int64(14) {
			if x := new(big.Int).Add(base, big.NewInt(d-7)); x.Sign() >= 0 {
				add(x)
			}
		}
	}
	for bit := uint(60); bit < 319; bit++ {
		add(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bit), big.NewInt(1)))
	}
	return all
}

func TestArithmetic(t *testing.T) {
	for _, b := range edges() {
		checkReduce(t, b)
		checkProduct(t, b[:16], b[:17], 460)
		checkProduct(t, bytes.Repeat([]byte{0xff}, 16), b[:17], 460)
	}
	rapid.Check(t, func(t *rapid.T) {
		checkReduce(t, rapid.SliceOfN(rapid.Byte(), 40, 40).Draw(t, "wide"))
		e := rapid.SliceOfN(rapid.Byte(), 17, 17).Draw(t, "e")
		e[16] &= 3
		checkProduct(t, rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "a"), e, rapid.IntRange(1, 1000).Draw(t, "times"))
	})
}

// FuzzArithmetic: reduction and sums of products are those of math/big.
func FuzzArithmetic(f *testing.F) {
	for _, b := range edges() {
		f.Add(b, b[:16], b[:17])
	}
	f.Fuzz(func(t *testing.T, w, a, e []byte) {
		if len(w) == 40 {
			checkReduce(t, w)
		}
		if len(a) == 16 && len(e) == 17 {
			checkProduct(t, a, e, 7)
		}
	})
}

// The sums over a block are what the scheme says, with the largest numbers too.
func TestSumsOverBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b [BlockSize]byte
		key := Key(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		stream(key.block(), 9).XORKeyStream(b[:], b[:])
		if rapid.Bool().Draw(t, "largest") {
			copy(b[:], bytes.Repeat([]byte{0xff}, BlockSize))
		}
		alpha := alphas(key.block())
		want := new(big.Int)
		var sums [Sectors]wide
		addScaled(&sums, alpha[0], &b)
		addScaled(&sums, alpha[1], &b)
		for j, a := range alpha {
			m := number(b[j*SectorSize : (j+1)*SectorSize])
			want.Add(want, new(big.Int).Mul(a.number(), m))
			both := new(big.Int).Add(alpha[0].number(), alpha[1].number())
			if sums[j].reduce().number().Cmp(both.Mod(both.Mul(both, m), prime)) != 0 {
				t.Fatal("sector", j)
			}
		}
		w := dot(alpha, &b)
		if got := w.reduce().number(); got.Cmp(want.Mod(want, prime)) != 0 {
			t.Fatal("the sum is", got, "want", want)
		}
	})
}

func (h half) number() *big.Int { return element{lo: h.lo, mid: h.hi}.number() }
