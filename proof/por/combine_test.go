package por

import (
	"math/big"
	"slices"
	"testing"
)

// combine is the sum of answers, each with its factor.
func combine(answers [][]byte, factors []*big.Int) []byte {
	out := make([]byte, ProofSize)
	for j := range Sectors + 1 {
		sum := new(big.Int)
		for i, a := range answers {
			sum.Add(sum, new(big.Int).Mul(factors[i], number(a[j*TagSize:(j+1)*TagSize])))
		}
		le := sum.Mod(sum, prime).FillBytes(make([]byte, TagSize))
		slices.Reverse(le)
		copy(out[j*TagSize:], le)
	}
	return out
}

// solve finds the factors with which the rows, each cut to their number, sum up
// to want, by Gauss's elimination modulo p.
func solve(rows [][]*big.Int, want []*big.Int) []*big.Int {
	n := len(rows)
	m := make([][]*big.Int, n) // of the equations, one a column of rows
	for i := range m {
		for k := range n {
			m[i] = append(m[i], new(big.Int).Set(rows[k][i]))
		}
		m[i] = append(m[i], new(big.Int).Set(want[i]))
	}
	for i := range n {
		inverse := new(big.Int).ModInverse(m[i][i], prime)
		for k := range m[i] {
			m[i][k].Mod(m[i][k].Mul(m[i][k], inverse), prime)
		}
		for o := range m {
			factor := new(big.Int).Set(m[o][i])
			for k := range m[o] {
				if o != i {
					m[o][k].Mod(m[o][k].Sub(m[o][k], new(big.Int).Mul(factor, m[i][k])), prime)
				}
			}
		}
	}
	factors := make([]*big.Int, n)
	for i := range factors {
		factors[i] = m[i][n]
	}
	return factors
}

// A miner that dropped the data and keeps its answers combines them for a new
// challenge: as they are, scaled, added, and as well as they can be fitted to
// the new coefficients. With fewer answers than blocks that fails. With as many
// it passes, for they are as long as the data, and the data follows from them.
func TestOldAnswersFail(t *testing.T) {
	const blocks = 6
	s := store(1, blocks*BlockSize-100)
	var answers [][]byte
	var nus [][]*big.Int
	coefficients := func(c Challenge) (row []*big.Int) {
		for _, nu := range c.coefficients(s.size, blocks) {
			row = append(row, nu.number())
		}
		return row
	}
	for n := range byte(blocks) {
		c := Challenge{1, n}
		answers, nus = append(answers, s.prove(t, c)), append(nus, coefficients(c))
		if !s.passes(t, c, answers[n]) {
			t.Fatal("an honest answer fails")
		}
	}
	asked := Challenge{2}
	want := coefficients(asked)
	one := big.NewInt(1)
	for i, a := range answers {
		scale := new(big.Int).Mul(want[0], new(big.Int).ModInverse(nus[i][0], prime))
		for _, factor := range []*big.Int{new(big.Int), one, big.NewInt(2), scale} {
			if s.passes(t, asked, combine([][]byte{a}, []*big.Int{factor})) {
				t.Error("answer", i, "passes, times", factor)
			}
		}
		if i > 0 && s.passes(t, asked, combine(answers[:i+1], slices.Repeat([]*big.Int{one}, i+1))) {
			t.Error("a sum of", i+1, "answers passes")
		}
	}
	for n := 1; n <= blocks; n++ {
		fitted := combine(answers[:n], solve(nus[:n], want))
		if s.passes(t, asked, fitted) != (n == blocks) {
			t.Errorf("%d answers about %d blocks, fitted: passes %v", n, blocks, n != blocks)
		}
	}
}
