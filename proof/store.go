package proof

import (
	"fmt"
	"io"
	"math/big"

	"github.com/filetao/filetao/proof/pedersen"
)

// StoreRequest is what a Store asks for beside the data: bases to commit to and
// the first seed of the chain.
type StoreRequest struct{ Curve, G, H, Seed string }

// StoreAnswer shows that the data arrived: a commitment to E || seed, and
// H(E || seed) in decimal.
type StoreAnswer struct {
	Randomness                 *big.Int
	Commitment, CommitmentHash string
}

// NewStoreRequest draws fresh bases and a fresh seed.
func NewStoreRequest(rand io.Reader) (StoreRequest, error) {
	bases, err := pedersen.NewBases(rand)
	if err != nil {
		return StoreRequest{}, err
	}
	seed, err := NewSeed(rand)
	if err != nil {
		return StoreRequest{}, err
	}
	return StoreRequest{Curve: Curve, G: bases.G.String(), H: bases.H.String(), Seed: seed}, nil
}

// AnswerStore answers for the data in the state. It returns ErrRequest.
func AnswerStore(rand io.Reader, req StoreRequest, data *State) (StoreAnswer, error) {
	bases, err := parseAsked(req.Curve, req.G, req.H, req.Seed)
	if err != nil {
		return StoreAnswer{}, err
	}
	r, err := newRandomness(rand)
	if err != nil {
		return StoreAnswer{}, err
	}
	m := data.Chain(req.Seed)
	c, err := bases.Commit(m, r)
	if err != nil {
		return StoreAnswer{}, err
	}
	return StoreAnswer{Randomness: r, Commitment: c.String(), CommitmentHash: m.String()}, nil
}

// CheckStore returns nil when the answer fits the request and the data in the
// state, ErrProof when not, ErrRequest when the request is not one.
func CheckStore(req StoreRequest, data *State, ans StoreAnswer) error {
	bases, err := parseAsked(req.Curve, req.G, req.H, req.Seed)
	if err != nil {
		return err
	}
	m := data.Chain(req.Seed)
	if ans.CommitmentHash != m.String() {
		return fmt.Errorf("%w: the commitment hash is not of this data and seed", ErrProof)
	}
	_, err = open(bases, ans.Commitment, m, ans.Randomness)
	return err
}

// parseAsked reads the part that Store and Challenge requests share.
func parseAsked(curve, g, h, seed string) (pedersen.Bases, error) {
	bases, err := pedersen.ParseBases(curve, g, h)
	if err != nil {
		return bases, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return bases, CheckSeed(seed)
}

// open checks a commitment on the wire and returns it.
func open(bases pedersen.Bases, commitment string, m [32]byte, r *big.Int) (pedersen.Point, error) {
	c, err := pedersen.ParsePoint(commitment)
	if err != nil {
		return c, fmt.Errorf("%w: commitment: %w", ErrProof, err)
	}
	if err := bases.Open(c, m, r); err != nil {
		return c, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return c, nil
}

// newRandomness draws a blinding factor as the reference does, from 1 to 2^256
// inclusive: 32 bytes as a big-endian number, plus one.
func newRandomness(rand io.Reader) (*big.Int, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return nil, fmt.Errorf("drawing a blinding factor: %w", err)
	}
	r := new(big.Int).SetBytes(b[:])
	return r.Add(r, big.NewInt(1)), nil
}
