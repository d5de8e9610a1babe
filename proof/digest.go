package proof

import (
	"crypto/sha3"
	"errors"
	"fmt"

	"github.com/filetao/filetao/proof/seedchain"
)

// Digest is a SHA3-256 hash, the protocol's H.
type Digest [32]byte

// Sum is H of the parts one after another.
func Sum(parts ...[]byte) Digest {
	h := sha3.New256()
	for _, p := range parts {
		h.Write(p)
	}
	return finish(h)
}

// ParseDigest reads a digest from its decimal text, as String writes it and in
// no other way. Its errors are seedchain.ErrDecimal.
func ParseDigest(decimal string) (Digest, error) {
	d, err := seedchain.ParseDecimal(decimal)
	return Digest(d), err
}

// String is the digest as on the wire: a big-endian unsigned number in decimal.
func (d Digest) String() string { return seedchain.Decimal(d) }

// State is SHA3-256 over data E that was written to it. It is all one needs to
// compute H(E) and H(E || seed) for any seed, then and later, without E: an
// asker can keep it for its audits, and a miner that keeps it can drop E. The
// zero State is not ready: use NewState. Many may read it while none writes.
type State struct{ h *sha3.SHA3 }

// NewState starts with no data.
func NewState() *State { return &State{sha3.New256()} }

// Write takes more of E. It never fails.
func (s *State) Write(p []byte) (int, error) { return s.h.Write(p) }

// Hash is H(E) of what was written so far. Writing may go on.
func (s *State) Hash() Digest {
	c := *s.h
	return finish(&c)
}

// Chain is H(E || seed). Writing may go on.
func (s *State) Chain(seed string) Digest {
	c := *s.h
	c.Write([]byte(seed))
	return finish(&c)
}

func finish(h *sha3.SHA3) (d Digest) {
	h.Sum(d[:0])
	return d
}

// errState is returned for bytes that MarshalBinary never makes.
var errState = errors.New("proof: not a SHA3-256 state")

// MarshalBinary returns the state in a few hundred bytes of fixed length, in
// the format of crypto/sha3.
func (s *State) MarshalBinary() ([]byte, error) { return s.h.MarshalBinary() }

// UnmarshalBinary sets the state to what MarshalBinary returned. Anything else
// is an error and leaves the state as it was.
func (s *State) UnmarshalBinary(b []byte) error {
	const rate = 136
	h := sha3.New256()
	if err := h.UnmarshalBinary(b); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	// crypto/sha3 ends its format with the fill of the block and a flag for
	// states that were read from. It takes a full block and that flag, and
	// then pads wrongly or panics.
	if fill, read := b[len(b)-2], b[len(b)-1]; fill >= rate || read != 0 {
		return errState
	}
	s.h = h
	return nil
}
