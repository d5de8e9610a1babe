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

// askChallenge has a miner prove the reference's way that it has its replica:
// the answer's piece is held against the audit record, its link against the
// seeds that the miner may have, and all of it against our own copy of the
// question.
func (f *Fleet) askChallenge(ctx context.Context, n chain.Neuron, q Question) Outcome {
	record, err := f.record(ctx, n, q)
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	if record == nil {
		return void(TaskChallenge, n, fmt.Errorf("%w: there is no audit record any more", ErrMoot))
	}
	seeds, again, err := f.send(ctx, n, q)
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	req := q.challenge()
	msg := &wire.Challenge{
		ChallengeHash: req.DataHash, ChallengeIndex: req.Index, ChunkSize: req.PieceSize,
		G: req.G, H: req.H, Curve: req.Curve, Seed: req.Seed,
	}
	o, came := f.call(wire.WithAnswerLimit(ctx, req.PieceSize), TaskChallenge, n, msg)
	o.Bytes = q.Size
	var over string
	if came {
		over, err = record.CheckChallenge(req, proof.ChallengeAnswer{
			CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof, Commitment: msg.Commitment,
			Piece: msg.DataChunk, Randomness: msg.Randomness, MerkleProof: msg.MerkleProof, MerkleRoot: msg.MerkleRoot,
		}, seeds.Known)
		if errors.Is(err, audit.ErrSeed) {
			over, err = f.over(ctx, n, q.Hash, record.State(), msg.CommitmentProof, seeds)
		}
		o.judge(err)
	}
	f.sent(ctx, &o, q, again)
	f.spare(ctx, &o, q)
	f.finish(ctx, &o, func(ctx context.Context) error { return f.moveSeed(ctx, n, q, over) })
	return o
}

// Retrieve gets from a miner what the index says it holds; h must be as the
// index has it. The datum is returned only when the hash of what came and the
// proof are right. When the miner's seed cannot be known (see Question) its link
// need only hold in itself: the bytes are there. A holding without an audit
// record then gets one, and one without tags is handed some, as after a Store.
// Silence is a failure, but 429 void.
func (f *Fleet) Retrieve(ctx context.Context, n chain.Neuron, h index.Holding) ([]byte, Outcome) {
	return f.retrieve(ctx, n, h, true)
}

// retrieve is Retrieve; tag says whether tags may be handed over.
func (f *Fleet) retrieve(ctx context.Context, n chain.Neuron, h index.Holding, tag bool) ([]byte, Outcome) {
	q, err := f.Question(ctx, n, h, chain.Block{}, TaskRetrieve)
	if err != nil {
		return nil, void(TaskRetrieve, n, err)
	}
	data, o := f.askRetrieval(ctx, n, q, tag)
	return data, f.once(ctx, n, q, o)
}

func (f *Fleet) askRetrieval(ctx context.Context, n chain.Neuron, q Question, tag bool) ([]byte, Outcome) {
	release, err := f.reserve(ctx, q.Size)
	if err != nil {
		return nil, void(TaskRetrieve, n, err)
	}
	defer release()
	seeds, again, err := f.send(ctx, n, q)
	if err != nil {
		return nil, void(TaskRetrieve, n, err)
	}
	msg := &wire.Retrieve{DataHash: q.held(), Seed: q.Seed}
	o, came := f.call(wire.WithAnswerLimit(ctx, q.Size), TaskRetrieve, n, msg)
	o.Bytes = q.Size
	var over string
	state := proof.NewState()
	if came {
		over, err = f.checkRetrieved(ctx, n, q, msg, state, seeds)
		o.judge(err)
	}
	f.sent(ctx, &o, q, again)
	f.spare(ctx, &o, q)
	f.finish(ctx, &o, func(ctx context.Context) error {
		if err := f.putRecord(ctx, n, q, msg.Data, state); err != nil {
			return err
		}
		return f.moveSeed(ctx, n, q, over)
	})
	if !o.OK() {
		return nil, o
	}
	if tag {
		f.tag(ctx, n, q.Hash, q.held(), msg.Data)
	}
	if q.Replica != "" {
		if err := f.mask(n, q.Hash, msg.Data); err != nil {
			return nil, void(TaskRetrieve, n, err)
		}
	}
	return msg.Data, o
}

// checkRetrieved holds the answer against the question, the true size and the
// seeds, and returns the seed that it is over, "" when that cannot be known.
func (f *Fleet) checkRetrieved(ctx context.Context, n chain.Neuron, q Question, msg *wire.Retrieve, state *proof.State, seeds index.Seeds) (string, error) {
	if int64(len(msg.Data)) != q.Size {
		return "", fmt.Errorf("%w: %d bytes, not %d", proof.ErrProof, len(msg.Data), q.Size)
	}
	state.Write(msg.Data)
	if err := proof.CheckRetrieve(proof.RetrieveRequest{DataHash: q.held(), Seed: q.Seed}, state, proof.RetrieveAnswer{
		CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof,
	}); err != nil {
		return "", err
	}
	over, err := f.over(ctx, n, q.Hash, state, msg.CommitmentProof, seeds)
	if errors.Is(err, errUnsure) {
		return "", nil
	}
	return over, err
}

// Delete forgets that a miner holds a datum and tells the miner to drop its
// replica. The index forgets it first and in any case; the outcome only says
// whether the miner did. A miner that has no such datum, or as a reference miner
// no such message, answers 404 and needs no further telling; of any other the
// index keeps that it has still to be told, see Drop.
func (f *Fleet) Delete(ctx context.Context, n chain.Neuron, hash string) Outcome {
	h, err := f.deps.Index.Holding(ctx, n.Hotkey, hash)
	if unlessGone(err) != nil {
		return void(TaskDelete, n, err)
	}
	h.Hash = hash // also when there is none
	if err := unlessGone(f.deps.Index.DropHolding(ctx, n.Hotkey, hash)); err != nil {
		return void(TaskDelete, n, err)
	}
	o, _ := f.call(ctx, TaskDelete, n, &wire.Delete{DataHash: h.Held()})
	if o.Err == nil || wire.StatusOf(o.Err) == wire.StatusNotFound {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		defer cancel()
		o.Err = f.deps.Index.Dropped(within, index.Drop{Holder: n.Hotkey, Replica: h.Held()})
	}
	return o
}
