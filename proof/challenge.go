package proof

import (
	"crypto/rand"
	"fmt"
	"io"
	"math/big"

	"github.com/filetao/filetao/proof/merkle"
)

const (
	// MaxAskedPieces bounds the work that NewChallenge gives a miner.
	MaxAskedPieces = 4096
	// MaxPieces bounds the work that AnswerChallenge accepts.
	MaxPieces = 1 << 20
	// MaxPiece bounds the piece that can be asked for, in bytes, and so the
	// memory of an answer.
	MaxPiece = 1 << 30

	minAskedPiece = 256 // bytes, as the reference's
)

// ChallengeRequest asks for one piece of data, by its H(E) in decimal, that is
// split into pieces of PieceSize bytes (the last may be shorter), with fresh
// bases and the next seed of the chain.
type ChallengeRequest struct {
	DataHash         string
	Index, PieceSize int64
	Curve, G, H      string
	Seed             string
}

// ChallengeAnswer is the piece, the opening of its commitment, the path from
// there to the root over all pieces' commitments, and a link of the seed chain.
type ChallengeAnswer struct {
	CommitmentHash, CommitmentProof string
	Commitment                      string
	Piece                           []byte
	Randomness                      *big.Int
	MerkleProof                     string // base64 of JSON
	MerkleRoot                      string // hex
}

// NewChallenge draws a challenge for data of that many bytes: a piece size from
// 256 bytes (more where that would make above MaxAskedPieces pieces) to a
// quarter of the data (at most MaxPiece), and a piece that exists. It returns
// ErrRequest for a size below 1 or above MaxAskedPieces of MaxPiece, and for a
// hash that is none.
func NewChallenge(random io.Reader, dataHash string, size int64) (ChallengeRequest, error) {
	if _, err := ParseDigest(dataHash); err != nil || size <= 0 || size > MaxAskedPieces*MaxPiece {
		return ChallengeRequest{}, fmt.Errorf("%w: a challenge of %d bytes of %.80q", ErrRequest, size, dataHash)
	}
	least := max(minAskedPiece, pieces(size, MaxAskedPieces))
	piece, err := between(random, least, max(least, min(size/4, MaxPiece)))
	if err != nil {
		return ChallengeRequest{}, err
	}
	index, err := between(random, 0, pieces(size, piece)-1)
	if err != nil {
		return ChallengeRequest{}, err
	}
	s, err := NewStoreRequest(random)
	if err != nil {
		return ChallengeRequest{}, err
	}
	return ChallengeRequest{
		DataHash: dataHash, Index: index, PieceSize: piece,
		Curve: s.Curve, G: s.G, H: s.H, Seed: s.Seed,
	}, nil
}

// pieces is the number of pieces of that size: size / piece, rounded up.
func pieces(size, piece int64) int64 { return (size-1)/piece + 1 }

// between draws from low to high inclusive.
func between(random io.Reader, low, high int64) (int64, error) {
	n, err := rand.Int(random, big.NewInt(high-low+1))
	if err != nil {
		return 0, fmt.Errorf("drawing a number: %w", err)
	}
	return low + n.Int64(), nil
}

// check returns the number of pieces and the length of the one asked for.
func (req ChallengeRequest) check(size int64) (count, length int64, err error) {
	if err := checkNamed(req.DataHash, req.Seed); err != nil {
		return 0, 0, err
	}
	if size <= 0 || req.PieceSize <= 0 || req.Index < 0 {
		return 0, 0, fmt.Errorf("%w: piece %d of %d bytes, of %d bytes", ErrRequest, req.Index, req.PieceSize, size)
	}
	count = pieces(size, req.PieceSize)
	if req.Index >= count || count > MaxPieces {
		return 0, 0, fmt.Errorf("%w: piece %d of %d", ErrRequest, req.Index, count)
	}
	length = min(req.PieceSize, size-req.Index*req.PieceSize)
	if length > MaxPiece {
		return 0, 0, fmt.Errorf("%w: a piece of %d bytes", ErrRequest, length)
	}
	return count, length, nil
}

// CheckChallenge returns nil when the answer fits the request and the size of
// the data in bytes, ErrProof when not, ErrRequest when the request is not one.
// See the package's description for what that does not show.
func CheckChallenge(req ChallengeRequest, size int64, ans ChallengeAnswer) error {
	bases, err := parseAsked(req.Curve, req.G, req.H, req.Seed)
	if err != nil {
		return err
	}
	count, length, err := req.check(size)
	if err != nil {
		return err
	}
	if int64(len(ans.Piece)) != length {
		return fmt.Errorf("%w: a piece of %d bytes, want %d", ErrProof, len(ans.Piece), length)
	}
	if err := checkLink(ans.CommitmentHash, ans.CommitmentProof, req.Seed); err != nil {
		return err
	}
	path, err := merkle.ParsePath(ans.MerkleProof)
	if err != nil {
		return fmt.Errorf("%w: path: %w", ErrProof, err)
	}
	root, err := merkle.ParseNode(ans.MerkleRoot)
	if err != nil {
		return fmt.Errorf("%w: root: %w", ErrProof, err)
	}
	c, err := open(bases, ans.Commitment, Sum(ans.Piece, []byte(req.Seed)), ans.Randomness)
	if err != nil {
		return err
	}
	if err := path.Verify(c.Leaf(), req.Index, count, root); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}
