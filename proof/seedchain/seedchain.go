// Package seedchain is the chained seed-hash proof of the FileTAO protocol, the
// part of a Challenge or Retrieve answer that ties it to the seed sent before.
// The prover holds the seed of the last exchange; with E the data and H
// SHA3-256 in decimal text,
//
//	commitment_proof = H(E || previous seed)
//	commitment_hash  = H(commitment_proof || new seed)
//
// and the new seed takes the place of the old. The commitment_hash of a Store,
// H(E || seed), is the first proof of the chain. This package knows nothing of
// curves or messages and keeps no seeds. Enter at Prove and Link.
package seedchain

import (
	"crypto/sha3"
	"errors"
	"fmt"
	"math/big"
)

// ErrLink is returned for a link that does not fit the seed or the data.
var ErrLink = errors.New("seedchain: the link does not hold")

// ErrDecimal is returned for text that is not a hash in decimal.
var ErrDecimal = errors.New("seedchain: not a hash in decimal")

// Link is one answered step of the chain, as texts on the wire.
type Link struct {
	Proof string // commitment_proof: H(E || previous seed) in decimal
	Hash  string // commitment_hash: H(Proof || new seed) in decimal
}

// Prove makes the link from chained = H(E || previous seed) to the new seed.
func Prove(chained [32]byte, seed string) Link {
	proof := Decimal(chained)
	return Link{Proof: proof, Hash: Decimal(next(proof, seed))}
}

// Check is all that a peer without the data or its hash state can check, and
// all that the reference checks: that both texts are hashes and that Hash
// follows from Proof and the seed. It does not show that the prover has the
// data: any Proof has a Hash. It returns ErrDecimal or ErrLink.
func (l Link) Check(seed string) error {
	if _, err := ParseDecimal(l.Proof); err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	hash, err := ParseDecimal(l.Hash)
	if err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	if hash != next(l.Proof, seed) {
		return fmt.Errorf("%w: the hash does not follow from the proof and the seed", ErrLink)
	}
	return nil
}

// CheckAgainst checks like Check and also that Proof is chained, which is
// H(E || previous seed) computed by the verifier itself.
func (l Link) CheckAgainst(chained [32]byte, seed string) error {
	if err := l.Check(seed); err != nil {
		return err
	}
	if l.Proof != Decimal(chained) {
		return fmt.Errorf("%w: the proof is not of this data and seed", ErrLink)
	}
	return nil
}

func next(proof, seed string) [32]byte { return sha3.Sum256([]byte(proof + seed)) }

// maxDecimal is the number of digits of 2^256 - 1.
const maxDecimal = 78

// Decimal writes a hash as on the wire: as a big-endian unsigned number, in
// decimal.
func Decimal(hash [32]byte) string { return new(big.Int).SetBytes(hash[:]).String() }

// ParseDecimal reads what Decimal writes and nothing else: no sign, space or
// leading zero, below 2^256. It returns ErrDecimal.
func ParseDecimal(text string) (hash [32]byte, err error) {
	if len(text) == 0 || len(text) > maxDecimal {
		return hash, fmt.Errorf("%w: %d characters", ErrDecimal, len(text))
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 256 {
		return hash, fmt.Errorf("%w: %q", ErrDecimal, text)
	}
	n.FillBytes(hash[:])
	if Decimal(hash) != text {
		return hash, fmt.Errorf("%w: %q", ErrDecimal, text)
	}
	return hash, nil
}
