package audit

import (
	"crypto/rand"
	"fmt"
	"io"
	"math/big"

	"github.com/filetao/filetao/proof"
)

// NewChallenge draws a challenge that CheckChallenge can judge: a piece size
// that is a multiple of Grain, of at most a quarter of the data and 144 KiB
// unless Grain itself is more, and the piece around a byte drawn evenly.
// Drawing a byte and not a piece keeps the bound where the last piece is short.
func (r *Record) NewChallenge(random io.Reader) (proof.ChallengeRequest, error) {
	piece, index, err := r.draw(random)
	if err != nil {
		return proof.ChallengeRequest{}, err
	}
	s, err := proof.NewStoreRequest(random)
	if err != nil {
		return proof.ChallengeRequest{}, err
	}
	return proof.ChallengeRequest{
		DataHash: r.hash, Index: index, PieceSize: piece,
		Curve: s.Curve, G: s.G, H: s.H, Seed: s.Seed,
	}, nil
}

func (r *Record) draw(random io.Reader) (piece, index int64, err error) {
	multiple, err := below(random, max(1, min(r.size/4, maxPiece)/r.grain))
	if err != nil {
		return 0, 0, err
	}
	at, err := below(random, r.size)
	if err != nil {
		return 0, 0, err
	}
	piece = (multiple + 1) * r.grain
	return piece, at / piece, nil
}

// below draws from 0 to n-1.
func below(random io.Reader, n int64) (int64, error) {
	drawn, err := rand.Int(random, big.NewInt(n))
	if err != nil {
		return 0, fmt.Errorf("drawing a number: %w", err)
	}
	return drawn.Int64(), nil
}

// CheckChallenge returns nil, and over which of the seeds the answer's link is,
// when the piece is that of the data, the link is over the data and one of the
// seeds, and all else is as proof.CheckChallenge wants it. ErrPiece, ErrSeed or
// another proof.ErrProof when not: ErrSeed only when all but the link's seed is
// right. proof.ErrRequest when the request is none for this data.
func (r *Record) CheckChallenge(req proof.ChallengeRequest, ans proof.ChallengeAnswer, seeds []string) (over string, err error) {
	if req.DataHash != r.hash || req.PieceSize <= 0 || req.PieceSize%r.grain != 0 ||
		req.Index < 0 || req.Index >= count(r.size, req.PieceSize) {
		return "", fmt.Errorf("%w: piece %d of %d bytes of %.80q", proof.ErrRequest, req.Index, req.PieceSize, req.DataHash)
	}
	from := req.Index * req.PieceSize
	if err := r.checkPiece(from, min(req.PieceSize, r.size-from), ans.Piece); err != nil {
		return "", err
	}
	if err := proof.CheckChallenge(req, r.size, ans); err != nil {
		return "", err
	}
	return Over(r.state, ans.CommitmentProof, seeds)
}

// checkPiece holds a piece that begins at a multiple of the grain against its
// tags.
func (r *Record) checkPiece(from, length int64, piece []byte) error {
	if int64(len(piece)) != length {
		return fmt.Errorf("%w: %d bytes, want %d", ErrPiece, len(piece), length)
	}
	for first := from / r.grain; len(piece) > 0; first++ {
		part := piece[:min(r.grain, int64(len(piece)))]
		tag := r.tags[first*tagSize : (first+1)*tagSize]
		if _, err := r.aead.Open(nil, nonce(uint64(first)), tag, part); err != nil {
			return ErrPiece
		}
		piece = piece[len(part):]
	}
	return nil
}

// Over returns the seed over which a link's commitment_proof is H(E || seed),
// or ErrSeed when it is none of those given. That the link holds is for
// proof.CheckChallenge and proof.CheckRetrieve to say.
func Over(data *proof.State, commitmentProof string, seeds []string) (string, error) {
	for _, seed := range seeds {
		if data.Chain(seed).String() == commitmentProof {
			return seed, nil
		}
	}
	return "", ErrSeed
}
