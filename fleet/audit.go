package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// ErrEmpty says that a datum of no bytes has no piece to ask for.
var ErrEmpty = errors.New("data of size 0 cannot be challenged")

// Challenge asks a miner to prove that it has what the index says it holds.
// The question is drawn from the holding's true size, and the answer is held
// against our own copy of it.
func (f *Fleet) Challenge(ctx context.Context, n chain.Neuron, h index.Holding) Outcome {
	if h.Size <= 0 {
		return void(TaskChallenge, n, ErrEmpty)
	}
	req, err := proof.NewChallenge(f.deps.Rand, h.Hash, h.Size)
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	msg := &wire.Challenge{
		ChallengeHash: req.DataHash, ChallengeIndex: req.Index, ChunkSize: req.PieceSize,
		G: req.G, H: req.H, Curve: req.Curve, Seed: req.Seed,
	}
	o, came := f.call(ctx, TaskChallenge, n, msg)
	o.Bytes = h.Size
	if came {
		o.judge(proof.CheckChallenge(req, h.Size, proof.ChallengeAnswer{
			CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof, Commitment: msg.Commitment,
			Piece: msg.DataChunk, Randomness: msg.Randomness, MerkleProof: msg.MerkleProof, MerkleRoot: msg.MerkleRoot,
		}))
	}
	f.settle(ctx, &o, func(ctx context.Context) error { return f.moveSeed(ctx, h, req.Seed) })
	return o
}

// Retrieve gets from a miner what the index says it holds. The bytes are
// returned only when their hash and the proof are right.
func (f *Fleet) Retrieve(ctx context.Context, n chain.Neuron, h index.Holding) ([]byte, Outcome) {
	seed, err := proof.NewSeed(f.deps.Rand)
	if err != nil {
		return nil, void(TaskRetrieve, n, err)
	}
	need := min(max(h.Size, 0), f.cfg.InFlight)
	if err := f.memory.Acquire(ctx, need); err != nil {
		return nil, void(TaskRetrieve, n, err)
	}
	defer f.memory.Release(need)
	req := proof.RetrieveRequest{DataHash: h.Hash, Seed: seed}
	msg := &wire.Retrieve{DataHash: req.DataHash, Seed: req.Seed}
	o, came := f.call(ctx, TaskRetrieve, n, msg)
	o.Bytes = h.Size
	if came {
		o.judge(checkRetrieved(req, h.Size, msg))
	}
	f.settle(ctx, &o, func(ctx context.Context) error { return f.moveSeed(ctx, h, seed) })
	if !o.OK() {
		return nil, o
	}
	return msg.Data, o
}

// checkRetrieved holds the answer against the request and the true size.
func checkRetrieved(req proof.RetrieveRequest, size int64, msg *wire.Retrieve) error {
	if int64(len(msg.Data)) != size {
		return fmt.Errorf("%w: %d bytes, not %d", proof.ErrProof, len(msg.Data), size)
	}
	state := proof.NewState()
	state.Write(msg.Data)
	return proof.CheckRetrieve(req, state, proof.RetrieveAnswer{
		CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof,
	})
}

// moveSeed records the seed a miner has proved to have. A holding that was
// removed meanwhile needs none.
func (f *Fleet) moveSeed(ctx context.Context, h index.Holding, seed string) error {
	err := f.deps.Index.SetSeed(ctx, h.Holder, h.Hash, seed)
	if errors.Is(err, index.ErrNotFound) {
		return nil
	}
	return err
}

// Delete forgets that a miner holds a datum and tells the miner to drop it.
// The index forgets it first and in any case; the outcome only says whether the
// miner did. A miner that has no such datum, or as a reference miner no such
// message, answers 404 and needs no further telling.
func (f *Fleet) Delete(ctx context.Context, n chain.Neuron, hash string) Outcome {
	if err := f.deps.Index.RemoveHolding(ctx, n.Hotkey, hash); err != nil {
		return void(TaskDelete, n, err)
	}
	o, _ := f.call(ctx, TaskDelete, n, &wire.Delete{DataHash: hash})
	if wire.StatusOf(o.Err) == wire.StatusNotFound {
		o.Err = nil
	}
	return o
}
