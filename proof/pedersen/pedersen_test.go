package pedersen_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof/pedersen"
)

type commitmentVector struct {
	G, H, Message, M, R, Commitment string
	Opens                           bool
}

func vectors(t testing.TB) []commitmentVector {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/commitment.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Order string
		Cases []commitmentVector
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if file.Order != order().String() {
		t.Fatal("the vectors are of another group")
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	return file.Cases
}

func order() *big.Int { return elliptic.P256().Params().N }

func number(t testing.TB, text string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return n
}

func TestVectors(t *testing.T) {
	for i, c := range vectors(t) {
		bases, err := pedersen.ParseBases("P-256", c.G, c.H)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		message, err := hex.DecodeString(c.Message)
		if err != nil {
			t.Fatal(err)
		}
		m, r := sha3.Sum256(message), number(t, c.R)
		if new(big.Int).SetBytes(m[:]).String() != c.M {
			t.Errorf("case %d: m differs", i)
		}
		point, err := bases.Commit(m, r)
		if err != nil || point.String() != c.Commitment {
			t.Errorf("case %d: %v, %v", i, point, err)
		}
		want, err := pedersen.ParsePoint(c.Commitment)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if err := bases.Open(want, m, r); (err == nil) != c.Opens {
			t.Errorf("case %d: %v", i, err)
		}
		// The same by tables.
		many := 20
		all, err := bases.CommitAll(repeat(m, many), repeat(r, many))
		if err != nil || len(all) != many || all[0] != want || all[many-1] != want {
			t.Errorf("case %d, %d at once: %v", i, many, err)
		}
	}
}

func repeat[T any](v T, n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func newBases(t testing.TB, seed byte) pedersen.Bases {
	t.Helper()
	b, err := pedersen.NewBases(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wire is the wire form of any two numbers.
func wire(x, y *big.Int) string { return hex.EncodeToString(fmt.Appendf(nil, "%d,%d", x, y)) }

// coordinates are those in a point's wire form.
func coordinates(t testing.TB, p pedersen.Point) (x, y *big.Int) {
	t.Helper()
	a, b, _ := strings.Cut(string(p.Leaf()), ",")
	return number(t, a), number(t, b)
}

// opposite is -p.
func opposite(t testing.TB, p pedersen.Point) pedersen.Point {
	t.Helper()
	x, y := coordinates(t, p)
	n, err := pedersen.ParsePoint(wire(x, y.Sub(elliptic.P256().Params().P, y)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// scalarBytes is a scalar below 2^256.
func scalarBytes(n *big.Int) (b [32]byte) {
	n.FillBytes(b[:])
	return b
}

// edges are the scalars most likely to go wrong, all up to 2^256 inclusive.
func edges() []*big.Int {
	two256 := new(big.Int).Lsh(big.NewInt(1), 256)
	var all []*big.Int
	for _, of := range []*big.Int{big.NewInt(0), order(), new(big.Int).Rsh(order(), 1), new(big.Int).Lsh(big.NewInt(1), 255), two256} {
		for d := int64(-2); d <= 2; d++ {
			if n := new(big.Int).Add(of, big.NewInt(d)); n.Sign() >= 0 && n.Cmp(two256) <= 0 {
				all = append(all, n)
			}
		}
	}
	return all
}

// TestCommitAllIsCommit compares the two ways of arithmetic on edge scalars,
// over bases with and without a relation an adversary could choose.
func TestCommitAllIsCommit(t *testing.T) {
	free := newBases(t, 1)
	double, err := free.Commit([32]byte{31: 2}, new(big.Int))
	if err != nil {
		t.Fatal(err)
	}
	for name, bases := range map[string]pedersen.Bases{
		"unrelated": free,
		"equal":     {G: free.G, H: free.G},
		"opposite":  {G: free.G, H: opposite(t, free.G)},
		"double":    {G: free.G, H: double},
	} {
		var ms [][32]byte
		var rs []*big.Int
		var want []pedersen.Point
		for _, m := range edges() {
			for _, r := range edges() {
				if m.BitLen() > 256 {
					continue
				}
				point, err := bases.Commit(scalarBytes(m), r)
				if errors.Is(err, pedersen.ErrInfinite) {
					wantInfinite(t, name, bases, scalarBytes(m), r)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				ms, rs, want = append(ms, scalarBytes(m)), append(rs, r), append(want, point)
			}
		}
		for _, n := range []int{0, 1, 5, 6, 7, 31, 200, len(ms)} {
			got, err := bases.CommitAll(ms[:n], rs[:n])
			if err != nil || len(got) != n {
				t.Fatalf("%s, %d: %v", name, n, err)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%s, %d of %d: %x·G + %x·H differs", name, i, n, ms[i], rs[i])
				}
			}
		}
	}
}

// wantInfinite: by tables the same commitment is the same error, also among
// others.
func wantInfinite(t *testing.T, name string, bases pedersen.Bases, m [32]byte, r *big.Int) {
	t.Helper()
	ms, rs := repeat([32]byte{31: 7}, 10), repeat(big.NewInt(5), 10)
	ms[4], rs[4] = m, r
	if points, err := bases.CommitAll(ms, rs); !errors.Is(err, pedersen.ErrInfinite) || points != nil {
		t.Errorf("%s: %x·G + %x·H: %v", name, m, r, err)
	}
}

func TestCommitterServesSeveralCalls(t *testing.T) {
	bases := newBases(t, 2)
	for _, prepared := range []int{0, 3, 100, 5000} {
		c, err := bases.Committer(prepared)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(0, 150).Draw(t, "n")
			ms, rs := make([][32]byte, n), make([]*big.Int, n)
			random := rand.NewChaCha8([32]byte{rapid.Byte().Draw(t, "seed")})
			for i := range ms {
				var r [32]byte
				random.Read(ms[i][:])
				random.Read(r[:])
				rs[i] = new(big.Int).SetBytes(r[:])
			}
			got, err := c.CommitAll(ms, rs)
			if err != nil || len(got) != n {
				t.Fatal(err)
			}
			for i := 0; i < n; i += 1 + n/4 {
				if err := bases.Open(got[i], ms[i], rs[i]); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestCommitRefusesWhatIsNoScalar(t *testing.T) {
	bases := newBases(t, 3)
	huge := new(big.Int).Lsh(big.NewInt(1), 1<<20)
	beyond := new(big.Int).Lsh(big.NewInt(1), 256)
	beyond.Add(beyond, big.NewInt(1))
	for name, r := range map[string]*big.Int{"nil": nil, "negative": big.NewInt(-1), "beyond 2^256": beyond, "huge": huge} {
		if _, err := bases.Commit([32]byte{}, r); !errors.Is(err, pedersen.ErrScalar) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := bases.CommitAll(make([][32]byte, 10), append(repeat(big.NewInt(1), 9), r)); !errors.Is(err, pedersen.ErrScalar) {
			t.Errorf("%s among others: %v", name, err)
		}
		if err := bases.Open(bases.G, [32]byte{}, r); !errors.Is(err, pedersen.ErrScalar) {
			t.Errorf("%s to open: %v", name, err)
		}
	}
	if _, err := bases.CommitAll(make([][32]byte, 2), repeat(big.NewInt(1), 1)); !errors.Is(err, pedersen.ErrScalar) {
		t.Errorf("one factor for two messages: %v", err)
	}
}

func TestBasesNeverSetAreRefused(t *testing.T) {
	good := newBases(t, 4)
	for _, b := range []pedersen.Bases{{}, {G: good.G}, {H: good.H}} {
		if _, err := b.Commit([32]byte{1}, big.NewInt(1)); !errors.Is(err, pedersen.ErrPoint) {
			t.Errorf("one: %v", err)
		}
		if _, err := b.CommitAll(make([][32]byte, 9), repeat(big.NewInt(1), 9)); !errors.Is(err, pedersen.ErrPoint) {
			t.Errorf("many: %v", err)
		}
	}
}

func TestOpenIsBoundToAllOfIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.NewChaCha8([32]byte{rapid.Byte().Draw(t, "seed")})
		bases, err := pedersen.NewBases(random)
		if err != nil {
			t.Fatal(err)
		}
		m := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "m"))
		r := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "r"))
		c, err := bases.Commit(m, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := bases.Open(c, m, r); err != nil {
			t.Fatal(err)
		}
		other := m
		other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		for name, err := range map[string]error{
			"message":    bases.Open(c, other, r),
			"factor":     bases.Open(c, m, new(big.Int).Xor(r, big.NewInt(1))),
			"commitment": bases.Open(bases.G, m, r),
			"bases":      pedersen.Bases{G: bases.H, H: bases.G}.Open(c, m, r),
		} {
			if !errors.Is(err, pedersen.ErrOpen) {
				t.Fatalf("another %s: %v", name, err)
			}
		}
	})
}

func TestParsePointTakesOneForm(t *testing.T) {
	good := newBases(t, 5).G
	x, y := coordinates(t, good)
	prime := elliptic.P256().Params().P
	ascii := func(text string) string { return hex.EncodeToString([]byte(text)) }
	plain := string(good.Leaf())
	for name, bad := range map[string]string{
		"empty":          "",
		"not hex":        "zz",
		"odd hex":        good.String()[1:],
		"upper case":     strings.ToUpper(wire(x, y)[:20]) + "2C",
		"no comma":       ascii("12"),
		"no y":           ascii("12,"),
		"no x":           ascii(",12"),
		"third":          ascii(plain + ",1"),
		"space":          ascii(strings.Replace(plain, ",", ", ", 1)),
		"leading zero":   ascii("0" + plain),
		"plus":           ascii("+" + plain),
		"negative":       ascii("-" + plain),
		"line break":     ascii(plain + "\n"),
		"off the curve":  wire(x, new(big.Int).Add(y, big.NewInt(1))),
		"swapped":        wire(y, x),
		"zero":           wire(new(big.Int), new(big.Int)),
		"above p":        wire(new(big.Int).Add(x, prime), y),
		"y above p":      wire(x, new(big.Int).Add(y, prime)),
		"beyond 2^256":   wire(new(big.Int).Lsh(x, 256), y),
		"SEC 1 infinity": "00",
		"huge":           strings.Repeat("31", 1<<20),
	} {
		if _, err := pedersen.ParsePoint(bad); !errors.Is(err, pedersen.ErrPoint) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := pedersen.ParseBases("P-256", bad, good.String()); !errors.Is(err, pedersen.ErrPoint) {
			t.Errorf("%s as g: %v", name, err)
		}
		if _, err := pedersen.ParseBases("P-256", good.String(), bad); !errors.Is(err, pedersen.ErrPoint) {
			t.Errorf("%s as h: %v", name, err)
		}
	}
	for _, curve := range []string{"", "p-256", "P256", "secp256k1", "P-256 ", strings.Repeat("P", 1<<20)} {
		if _, err := pedersen.ParseBases(curve, good.String(), good.String()); !errors.Is(err, pedersen.ErrCurve) || len(err.Error()) > 200 {
			t.Errorf("curve %.20q: %.200v", curve, err)
		}
	}
}

func TestNewBasesNeedsRandomness(t *testing.T) {
	if _, err := pedersen.NewBases(iotest.ErrReader(errors.New("dry"))); err == nil {
		t.Error("bases from nothing")
	}
	if _, err := pedersen.NewBases(bytes.NewReader(make([]byte, 33))); err == nil {
		t.Error("two bases from what makes one")
	}
	a, b := newBases(t, 6), newBases(t, 7)
	if a == b || a.G == a.H {
		t.Error("bases repeat")
	}
}

// FuzzParsePoint: what is taken is on the curve by the standard library's
// judgement and has one form.
func FuzzParsePoint(f *testing.F) {
	p := newBases(f, 8).G
	x, y := coordinates(f, p)
	f.Add(p.String())
	f.Add(wire(y, x))
	f.Add(wire(new(big.Int), new(big.Int)))
	f.Add(hex.EncodeToString([]byte("01,2")))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pedersen.ParsePoint(text)
		if err != nil {
			return
		}
		x, y := coordinates(t, p)
		uncompressed := append([]byte{4}, append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)...)
		if _, err := ecdh.P256().NewPublicKey(uncompressed); err != nil || p.String() != text {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// FuzzCommitAll: the two ways of arithmetic agree.
func FuzzCommitAll(f *testing.F) {
	f.Add([]byte{}, []byte{}, false)
	f.Add(order().Bytes(), order().Bytes(), true)
	f.Add(bytes.Repeat([]byte{255}, 32), bytes.Repeat([]byte{255}, 32), false)
	f.Add([]byte{1}, []byte{1}, true)
	f.Fuzz(func(t *testing.T, m, r []byte, related bool) {
		if len(m) > 32 || len(r) > 32 {
			return
		}
		bases := newBases(t, 9)
		if related {
			bases.H = opposite(t, bases.G)
		}
		ms := repeat(scalarBytes(new(big.Int).SetBytes(m)), 6)
		rs := repeat(new(big.Int).SetBytes(r), 6)
		want, wantErr := bases.Commit(ms[0], rs[0])
		got, err := bases.CommitAll(ms, rs)
		if errors.Is(err, pedersen.ErrInfinite) != errors.Is(wantErr, pedersen.ErrInfinite) || (err == nil && got[5] != want) {
			t.Fatalf("%v %v, want %v %v", got, err, want, wantErr)
		}
	})
}
