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
	rs, err := newRandomnesses(rand, 1)
	if err != nil {
		return StoreAnswer{}, err
	}
	m := data.Chain(req.Seed)
	c, err := bases.Commit(m, rs[0])
	if err != nil {
		return StoreAnswer{}, err
	}
	return StoreAnswer{Randomness: rs[0], Commitment: c.String(), CommitmentHash: m.String()}, nil
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

// newRandomnesses draws n blinding factors as the reference does, each from 1
// to 2^256 inclusive: 32 bytes as a big-endian number, plus one.
func newRandomnesses(random io.Reader, n int) ([]*big.Int, error) {
	const size = 32
	b := make([]byte, size*n)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("drawing blinding factors: %w", err)
	}
	rs, one := make([]*big.Int, n), big.NewInt(1)
	for i := range rs {
		rs[i] = new(big.Int).SetBytes(b[size*i : size*(i+1)])
		rs[i].Add(rs[i], one)
	}
	return rs, nil
}
