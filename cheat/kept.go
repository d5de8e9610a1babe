package cheat

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/proof/seedchain"
	"github.com/filetao/filetao/wire"
)

// kept is what a cheater keeps of a datum it was given.
type kept struct {
	state *proof.State // some 200 bytes: answers every chained proof
	size  int64
	data  []byte // what it holds instead of the data; of that size, or nil
	lost  span   // of data, what is not as it was
	tags  []byte // of the data as it was; nil: never given any

	seed   string          // the chain's current one
	answer *wire.Challenge // an earlier answer; may be nil
	proof  *wire.Audit     // an earlier answer to an audit; may be nil
}

// span is a part of a datum, in bytes.
type span struct{ from, to int64 }

// lacks is the share of a datum's bytes that are in pieces of that length which
// are not wholly there: the chance that the piece around a byte drawn evenly is
// such a one.
func (k *kept) lacks(piece int64) float64 {
	if piece <= 0 || k.size <= 0 || k.lost.to <= k.lost.from {
		return 0
	}
	from, to := k.lost.from/piece*piece, ((k.lost.to-1)/piece+1)*piece
	return float64(min(to, k.size)-from) / float64(k.size)
}

// lacksBlocks is the chance that a native audit asks for a block that is not
// wholly there.
func (k *kept) lacksBlocks() float64 {
	if k.size <= 0 || k.lost.to <= k.lost.from {
		return 0
	}
	n := por.Blocks(k.size)
	asked := min(n, por.Sample)
	none := 1.0 // that of the blocks drawn, none is among those lost
	for i := range (k.lost.to-1)/por.BlockSize - k.lost.from/por.BlockSize + 1 {
		none *= max(0, float64(n-asked-i)) / float64(n-i)
	}
	return 1 - none
}

// shelf has what a cheater keeps, by data hash: one validator is all that asks.
type shelf struct {
	mu sync.Mutex // guards at
	at map[string]*kept
}

func newShelf() *shelf { return &shelf{at: map[string]*kept{}} }

// with calls do with what is kept of a datum, one call at a time; 404 without.
func (s *shelf) with(hash string, do func(*kept) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.at[hash]
	if k == nil {
		return wire.NotFound("You have no such data here.")
	}
	return do(k)
}

// forget forgets a datum.
func (s *shelf) forget(hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.at, hash)
}

// storing answers Store as the miner does, and keeps of the datum what keep
// makes of it: the fresh kept has all of it.
func (s *shelf) storing(keep func(*kept)) func(context.Context, wire.Caller, *wire.Store) error {
	return func(_ context.Context, _ wire.Caller, msg *wire.Store) error {
		k := &kept{state: proof.NewState(), size: int64(len(msg.EncryptedData)), data: msg.EncryptedData, seed: msg.Seed}
		_, _ = k.state.Write(k.data)
		msg.EncryptedData = nil
		ans, err := proof.AnswerStore(rand.Reader, proof.StoreRequest{Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed}, k.state)
		if err != nil {
			return wire.BadRequest("%w", err)
		}
		keep(k)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.at[k.state.Hash().String()] = k
		msg.Randomness, msg.Commitment, msg.CommitmentHash = ans.Randomness, ans.Commitment, ans.CommitmentHash
		return nil
	}
}

// link is the right answer of the chain, which needs no data, and moves the
// seed on.
func (k *kept) link(seed string) seedchain.Link {
	l := seedchain.Prove(k.state.Chain(k.seed), seed)
	k.seed = seed
	return l
}

// answerFrom answers a challenge as the miner does over other data of the same
// size, with a link of one's own: in itself all of it is consistent.
func answerFrom(msg *wire.Challenge, data []byte, link seedchain.Link) error {
	ans, err := proof.AnswerChallenge(rand.Reader, proof.ChallengeRequest{
		DataHash: proof.Sum(data).String(), Index: msg.ChallengeIndex, PieceSize: msg.ChunkSize,
		Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed,
	}, bytes.NewReader(data), int64(len(data)), "any")
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	msg.CommitmentHash, msg.CommitmentProof = link.Hash, link.Proof
	msg.Commitment, msg.DataChunk, msg.Randomness = ans.Commitment, ans.Piece, ans.Randomness
	msg.MerkleProof, msg.MerkleRoot = ans.MerkleProof, ans.MerkleRoot
	return nil
}

// giving answers Retrieve with what data is there and the right link.
func (s *shelf) giving(data func(*kept) []byte) func(context.Context, wire.Caller, *wire.Retrieve) error {
	return func(_ context.Context, _ wire.Caller, msg *wire.Retrieve) error {
		return s.with(msg.DataHash, func(k *kept) error {
			l := k.link(msg.Seed)
			msg.Data, msg.CommitmentHash, msg.CommitmentProof = bytes.Clone(data(k)), l.Hash, l.Proof
			return nil
		})
	}
}

// copyAnswer makes an earlier answer that of msg.
func copyAnswer(msg, from *wire.Challenge) {
	msg.CommitmentHash, msg.CommitmentProof, msg.Commitment = from.CommitmentHash, from.CommitmentProof, from.Commitment
	msg.DataChunk, msg.Randomness = bytes.Clone(from.DataChunk), from.Randomness
	msg.MerkleProof, msg.MerkleRoot = from.MerkleProof, from.MerkleRoot
}

// remembered is a copy of an answered message that stays as it is.
func remembered(msg *wire.Challenge) *wire.Challenge {
	m := *msg
	m.DataChunk = bytes.Clone(msg.DataChunk)
	return &m
}
