package proof

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"

	"github.com/filetao/filetao/proof/merkle"
	"github.com/filetao/filetao/proof/pedersen"
)

const (
	// blockBytes is about what is read and worked on at a time.
	blockBytes = 1 << 20
	// blocks is how many are in memory: hashing the whole may lag behind the
	// pieces.
	blocks = 3
)

// AnswerChallenge reads data of that many bytes once and answers for it,
// prevSeed being the seed that the asker sent last. It works on all cores, in
// some MiB beside the piece that is asked for. It returns ErrRequest; ErrData
// when data is shorter or not what was asked for, or prevSeed is none; and what
// reading returns.
func AnswerChallenge(random io.Reader, req ChallengeRequest, data io.Reader, size int64, prevSeed string) (ChallengeAnswer, error) {
	bases, err := parseAsked(req.Curve, req.G, req.H, req.Seed)
	if err != nil {
		return ChallengeAnswer{}, err
	}
	count, length, err := req.check(size)
	if err != nil {
		return ChallengeAnswer{}, err
	}
	if err := checkKept(prevSeed); err != nil {
		return ChallengeAnswer{}, err
	}
	committer, err := bases.Committer(int(count))
	if err != nil {
		return ChallengeAnswer{}, err
	}
	a := answering{
		req: req, random: random, committer: committer,
		split: splitter{size: int(min(req.PieceSize, size)), seed: req.Seed},
		tree:  merkle.NewBuilder(req.Index),
		piece: make([]byte, 0, length),
	}
	state := NewState()
	if err := inBlocks(data, size, a.split.blockLength(), state, a.take); err != nil {
		return ChallengeAnswer{}, err
	}
	if err := a.commit(a.split.end()); err != nil {
		return ChallengeAnswer{}, err
	}
	link, err := prove(req.DataHash, req.Seed, state, prevSeed)
	if err != nil {
		return ChallengeAnswer{}, err
	}
	root, path, err := a.tree.Finish()
	if err != nil {
		return ChallengeAnswer{}, err
	}
	return ChallengeAnswer{
		CommitmentHash: link.Hash, CommitmentProof: link.Proof,
		Commitment: a.commitment.String(), Piece: a.piece, Randomness: a.randomness,
		MerkleProof: path.Wire(), MerkleRoot: hex.EncodeToString(root),
	}, nil
}

// answering is the part of an answer that grows as the data streams by.
type answering struct {
	req       ChallengeRequest
	random    io.Reader
	committer *pedersen.Committer
	split     splitter
	tree      *merkle.Builder
	committed int64 // pieces

	// Of the piece asked for:
	piece      []byte
	commitment pedersen.Point
	randomness *big.Int
}

// take works on the block of data that starts at an offset.
func (a *answering) take(data []byte, offset int64) error {
	// The part of it that belongs to the piece asked for.
	from := a.req.Index*a.req.PieceSize + int64(len(a.piece)) - offset
	if to := min(int64(len(data)), from+int64(cap(a.piece)-len(a.piece))); from < to {
		a.piece = append(a.piece, data[from:to]...)
	}
	return a.commit(a.split.take(data))
}

// commit adds the next pieces' commitments to the tree.
func (a *answering) commit(sums [][32]byte) error {
	rs, err := newRandomnesses(a.random, len(sums))
	if err != nil {
		return err
	}
	cs, err := a.committer.CommitAll(sums, rs)
	if err != nil {
		return err
	}
	for i, c := range cs {
		if a.committed == a.req.Index {
			a.commitment, a.randomness = c, rs[i]
		}
		if err := a.tree.Add(c.Leaf()); err != nil {
			return err
		}
		a.committed++
	}
	return nil
}

// inBlocks reads that many bytes in blocks, writes them to the state and calls
// take with each and its offset, both at the same time. It returns when both
// are done; ErrData when there are fewer bytes.
func inBlocks(data io.Reader, size int64, length int, state *State, take func(data []byte, offset int64) error) error {
	free, filled := make(chan []byte, blocks), make(chan []byte, blocks)
	for range blocks {
		free <- nil
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(filled)
	wg.Go(func() {
		for b := range filled {
			state.Write(b)
			free <- b
		}
	})
	for offset := int64(0); offset < size; offset += int64(length) {
		b := <-free
		if b == nil {
			b = make([]byte, min(size, int64(length)))
		}
		b = b[:min(size-offset, int64(length))]
		if _, err := io.ReadFull(data, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: it is shorter than %d bytes", ErrData, size)
		} else if err != nil {
			return fmt.Errorf("reading the data: %w", err)
		}
		filled <- b
		if err := take(b, offset); err != nil {
			return err
		}
	}
	return nil
}
