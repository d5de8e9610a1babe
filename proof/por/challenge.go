package por

import (
	"crypto/sha3"
	"encoding/binary"
	"slices"
)

// Challenge is what an audit's blocks and coefficients are drawn from. It must
// be a digest that the prover could not foresee, of all that the answer is to
// be bound to.
type Challenge [32]byte

// Select returns the blocks that are asked for of data of that many bytes,
// ascending: Sample of them, all different and every choice equally likely, or
// all where there are not as many. None where the data can have no tags.
//
// Of n blocks, these are R. Floyd's sample: for j from n-Sample to n-1 a number
// from 0 to j is drawn, and where it is taken already, j is instead. Numbers
// are those of Selection, 8 bytes little-endian each, modulo j+1; those that
// would make the first remainders likelier, fewer than one in 2^45, are passed over.
func (c Challenge) Select(size int64) []int64 {
	n := Blocks(size)
	taken := make([]int64, 0, min(n, Sample))
	if n <= Sample {
		for i := range n {
			taken = append(taken, i)
		}
		return taken
	}
	x := c.xof("filetao por blocks v1", size)
	for j := n - Sample; j < n; j++ {
		t := below(x, uint64(j)+1)
		at, found := slices.BinarySearch(taken, t)
		if found {
			t, at = j, len(taken) // j is above all that was drawn yet
		}
		taken = slices.Insert(taken, at, t)
	}
	return taken
}

// below draws from 0 to n-1.
func below(x *sha3.SHAKE, n uint64) int64 {
	least := -n % n // 2^64 modulo n
	for {
		var b [8]byte
		x.Read(b[:])
		if u := binary.LittleEndian.Uint64(b[:]); u >= least {
			return int64(u % n)
		}
	}
}

// coefficients draws the nu of that many blocks, in the order of Select: 16
// bytes little-endian each.
func (c Challenge) coefficients(size int64, count int) []half {
	b := make([]byte, count*SectorSize)
	c.xof("filetao por coefficients v1", size).Read(b)
	nu := make([]half, count)
	for i := range nu {
		nu[i] = halfOf(b[i*SectorSize:])
	}
	return nu
}

// xof is SHAKE256 (FIPS 202) over what it is for, the challenge, and the size
// in 8 bytes big-endian.
func (c Challenge) xof(what string, size int64) *sha3.SHAKE {
	x := sha3.NewSHAKE256()
	x.Write([]byte(what))
	x.Write(c[:])
	x.Write(binary.BigEndian.AppendUint64(nil, uint64(size)))
	return x
}
