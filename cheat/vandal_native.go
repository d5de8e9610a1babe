package cheat

import (
	"bytes"
	"math/big"
	"slices"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/wallet"
)

// proofActs spoil a right proof; the vandal signs what comes of it where it can
// be signed at all.
func proofActs() []func([]byte) []byte {
	p := new(big.Int).Lsh(big.NewInt(1), 130) // the field's
	p.Sub(p, big.NewInt(5))
	// number makes the n-th number of a proof another one.
	number := func(proof []byte, n int, change func(*big.Int)) []byte {
		at := proof[n*por.TagSize : (n+1)*por.TagSize]
		little := slices.Clone(at)
		slices.Reverse(little)
		v := new(big.Int).SetBytes(little)
		change(v)
		v.FillBytes(little)
		slices.Reverse(little)
		copy(at, little)
		return proof
	}
	plus := func(v *big.Int) { v.Add(v, p) } // the same to who reduces
	return []func([]byte) []byte{
		func(b []byte) []byte { return number(b, 0, plus) },
		func(b []byte) []byte { return number(b, por.Sectors, plus) },
		func(b []byte) []byte { return number(b, 7, func(v *big.Int) { v.Set(p) }) },
		func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
		func(b []byte) []byte { return make([]byte, len(b)) },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { return b[:1] },
		func(b []byte) []byte { return b[:por.Sectors*por.TagSize] },
		func(b []byte) []byte { slices.Reverse(b); return b },
		func(b []byte) []byte { b[0] ^= 1; return b },
		func(b []byte) []byte { b[len(b)-por.TagSize] ^= 1; return b },
	}
}

// receiptActs spoil a signature.
func receiptActs() []func([]byte) []byte {
	return []func([]byte) []byte{
		func([]byte) []byte { return nil },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { return append(b, 0) },
		func(b []byte) []byte { b[0] ^= 1; return b },
		func([]byte) []byte { return make([]byte, wallet.SignatureSize) },
		func([]byte) []byte { return bytes.Repeat([]byte{0xff}, wallet.SignatureSize) },
		func(b []byte) []byte { return append(b[wallet.SignatureSize/2:], b[:wallet.SignatureSize/2]...) },
		func([]byte) []byte { return make([]byte, 1<<20) },
		func([]byte) []byte { return make([]byte, 8<<20) },
	}
}
