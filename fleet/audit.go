package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/wire"
)

// ErrEmpty says that a datum of no bytes has no piece to ask for.
var ErrEmpty = errors.New("data of size 0 cannot be challenged")

// Challenge asks a miner to prove that it has what the index says it holds: the
// answer's piece is held against the datum's audit record, its link against the
// seeds that the miner may have, and all of it against our own copy of the
// question. The seed is recorded before it is sent, so that a lost answer fails
// nobody.
//
// A holding without an audit record (it came from another index), or a miner of
// which too many answers were lost to know its seed, is asked by Retrieve
// instead: the whole datum proves more. The Outcome then says TaskRetrieve and
// is counted as one; after it there is a record, and a seed to go on from.
func (f *Fleet) Challenge(ctx context.Context, n chain.Neuron, h index.Holding) Outcome {
	if h.Size <= 0 {
		return void(TaskChallenge, n, ErrEmpty)
	}
	seeds, err := f.deps.Index.Seeds(ctx, n.Hotkey, h.Hash)
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	record, err := f.record(ctx, n, h.Hash)
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	if record == nil || !seeds.All {
		_, o := f.Retrieve(ctx, n, h)
		return o
	}
	return f.challenge(ctx, n, record)
}

func (f *Fleet) challenge(ctx context.Context, n chain.Neuron, record *audit.Record) Outcome {
	req, err := record.NewChallenge(f.deps.Rand)
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	seeds, err := f.deps.Index.SendSeed(ctx, n.Hotkey, req.DataHash, req.Seed, f.deps.Now())
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	msg := &wire.Challenge{
		ChallengeHash: req.DataHash, ChallengeIndex: req.Index, ChunkSize: req.PieceSize,
		G: req.G, H: req.H, Curve: req.Curve, Seed: req.Seed,
	}
	o, came := f.call(wire.WithAnswerLimit(ctx, req.PieceSize), TaskChallenge, n, msg)
	o.Bytes = record.Size()
	var over string
	if came {
		over, err = record.CheckChallenge(req, proof.ChallengeAnswer{
			CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof, Commitment: msg.Commitment,
			Piece: msg.DataChunk, Randomness: msg.Randomness, MerkleProof: msg.MerkleProof, MerkleRoot: msg.MerkleRoot,
		}, seeds.Known)
		if errors.Is(err, audit.ErrSeed) {
			over, err = f.over(ctx, n, req.DataHash, record.State(), msg.CommitmentProof, seeds)
		}
		o.judge(err)
	}
	f.unsend(ctx, &o, req.DataHash, req.Seed)
	f.spare(ctx, &o, req.DataHash)
	f.settle(ctx, &o, func(ctx context.Context) error { return f.moveSeed(ctx, n, req.DataHash, req.Seed, over) })
	return o
}

// Retrieve gets from a miner what the index says it holds. The bytes are
// returned only when their hash and the proof are right. When the miner's seed
// cannot be known (see Challenge) its link need only hold in itself: the bytes
// are there. Data without an audit record then gets one.
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
	seeds, err := f.deps.Index.SendSeed(ctx, n.Hotkey, h.Hash, seed, f.deps.Now())
	if err != nil {
		return nil, void(TaskRetrieve, n, err)
	}
	req := proof.RetrieveRequest{DataHash: h.Hash, Seed: seed}
	msg := &wire.Retrieve{DataHash: req.DataHash, Seed: req.Seed}
	o, came := f.call(wire.WithAnswerLimit(ctx, h.Size), TaskRetrieve, n, msg)
	o.Bytes = h.Size
	var over string
	if came {
		over, err = f.checkRetrieved(ctx, n, req, h.Size, msg, seeds)
		o.judge(err)
	}
	f.unsend(ctx, &o, h.Hash, seed)
	f.spare(ctx, &o, h.Hash)
	f.settle(ctx, &o, func(ctx context.Context) error {
		if err := f.putRecord(ctx, n, h.Hash, msg.Data); err != nil {
			return err
		}
		return f.moveSeed(ctx, n, h.Hash, seed, over)
	})
	if !o.OK() {
		return nil, o
	}
	return msg.Data, o
}

// checkRetrieved holds the answer against the request, the true size and the
// seeds, and returns the seed that it is over, "" when that cannot be known.
func (f *Fleet) checkRetrieved(ctx context.Context, n chain.Neuron, req proof.RetrieveRequest, size int64, msg *wire.Retrieve, seeds index.Seeds) (string, error) {
	if int64(len(msg.Data)) != size {
		return "", fmt.Errorf("%w: %d bytes, not %d", proof.ErrProof, len(msg.Data), size)
	}
	state := proof.NewState()
	state.Write(msg.Data)
	if err := proof.CheckRetrieve(req, state, proof.RetrieveAnswer{
		CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof,
	}); err != nil {
		return "", err
	}
	over, err := f.over(ctx, n, req.DataHash, state, msg.CommitmentProof, seeds)
	if errors.Is(err, errUnsure) {
		return "", nil
	}
	return over, err
}

// moveSeed records the seed a miner has proved to have, and the one it had. A
// holding that was removed meanwhile needs none.
func (f *Fleet) moveSeed(ctx context.Context, n chain.Neuron, hash, seed, over string) error {
	return unlessGone(f.deps.Index.ConfirmSeed(ctx, n.Hotkey, hash, seed, over))
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
