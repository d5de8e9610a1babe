package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

var (
	// ErrEmpty says that a datum of no bytes has no piece to ask for.
	ErrEmpty = errors.New("data of size 0 cannot be challenged")
	// ErrMoot says that a question has lost its object: the miner need not have
	// what it is about any more, or nobody can judge the answer. It will never
	// have another outcome.
	ErrMoot = errors.New("the question is moot")
)

// Question is what a miner is to be asked about one holding, word for word, so
// that it can be put again as it was, by another process too: encode it as JSON.
// There is no secret in it.
type Question struct {
	// Task is what the outcome counts as. A holding that cannot be challenged
	// is retrieved instead, see Fleet.Question.
	Task    Task   `json:"task"`
	Hash    string `json:"hash"`              // H(E), decimal
	Replica string `json:"replica,omitempty"` // as in the holding
	Size    int64  `json:"size"`              // bytes
	Shard   bool   `json:"shard,omitempty"`   // Hash is a segment's, Replica the shard's root
	// Made is when the question was made, and Block the number of the block it
	// was made at.
	Made  time.Time `json:"made"`
	Block uint64    `json:"block"`

	// Of a native audit: a receipt.Question, encoded, and our signature.
	Audit     []byte `json:"audit,omitempty"`
	Signature []byte `json:"signature,omitempty"`
	// Of the reference's two: the seed; and of a challenge the piece's number
	// and length in bytes, and the bases.
	Seed  string `json:"seed,omitempty"`
	Index int64  `json:"index,omitempty"`
	Piece int64  `json:"piece,omitempty"`
	Curve string `json:"curve,omitempty"`
	G     string `json:"g,omitempty"`
	H     string `json:"h,omitempty"`
}

// Native says whether the question is a native audit.
func (q Question) Native() bool { return len(q.Audit) > 0 }

// held is the hash of the bytes asked for.
func (q Question) held() string {
	if q.Replica != "" {
		return q.Replica
	}
	return q.Hash
}

func (q Question) challenge() proof.ChallengeRequest {
	return proof.ChallengeRequest{
		DataHash: q.held(), Index: q.Index, PieceSize: q.Piece, Curve: q.Curve, G: q.G, H: q.H, Seed: q.Seed,
	}
}

// Question makes the question by which a holding is audited best: TaskRetrieve
// always a retrieval; TaskChallenge a native audit where the miner has signed for
// the tags, else a challenge of the reference's.
//
// A holding without an audit record (it came from another index), or a miner of
// which too many answers were lost to know its seed, is asked by a retrieval
// instead of a challenge: the whole datum proves more. The Question's and the
// Outcome's Task then say so; after it there is a record, and a seed to go on
// from. ErrEmpty for a challenge of no bytes, index.ErrNotFound when the holding
// has gone.
func (f *Fleet) Question(ctx context.Context, n chain.Neuron, h index.Holding, block chain.Block, task Task) (Question, error) {
	q := Question{
		Task: task, Hash: h.Hash, Replica: h.Replica, Size: h.Size, Shard: h.Kind == index.KindShard,
		Made: f.deps.Now().UTC(), Block: block.Number,
	}
	if task != TaskChallenge {
		return f.retrieval(q)
	}
	if h.Size <= 0 {
		return q, ErrEmpty
	}
	if pledge, ok := f.pledgeOf(n, h); ok {
		return f.native(q, pledge, block)
	}
	if q.Shard {
		return f.retrieval(q)
	}
	seeds, err := f.deps.Index.Seeds(ctx, n.Hotkey, h.Hash)
	if err != nil {
		return q, err
	}
	record, err := f.record(ctx, n, q)
	if err != nil {
		return q, err
	}
	if record == nil || !seeds.All {
		return f.retrieval(q)
	}
	req, err := record.NewChallenge(f.deps.Rand)
	q.Seed, q.Index, q.Piece, q.Curve, q.G, q.H = req.Seed, req.Index, req.PieceSize, req.Curve, req.G, req.H
	return q, err
}

func (f *Fleet) retrieval(q Question) (Question, error) {
	var err error
	q.Task = TaskRetrieve
	if q.Shard {
		return q, nil // it needs no seed: its root says what it is
	}
	q.Seed, err = proof.NewSeed(f.deps.Rand)
	return q, err
}

// Ask puts a question, for the first time or again. Where the miner is silent
// (Outcome.Silent) nothing is counted: ask again, or end it with Failed. A miner
// that had answered, and whose answer was lost, passes when it is asked again.
// Everything else is final: the attempt is in the statistics, or the outcome is
// void, and if it is void for ErrMoot there is no use in asking again.
//
// A seed is recorded before it is sent, so that a lost answer fails nobody later
// either. After a wrong native answer the miner's tags are not used any more, and
// their key is in the Dossier.
func (f *Fleet) Ask(ctx context.Context, n chain.Neuron, q Question) Outcome {
	switch {
	case q.Native():
		return f.askNative(ctx, n, q)
	case q.Task == TaskChallenge:
		return f.askChallenge(ctx, n, q)
	case q.Task == TaskRetrieve && q.Shard:
		return f.askShard(ctx, n, q)
	case q.Task == TaskRetrieve:
		_, o := f.askRetrieval(ctx, n, q, true)
		return o
	}
	return void(q.Task, n, fmt.Errorf("%w: it asks for nothing", ErrMoot))
}

// Failed ends a question that a miner was silent at: o, which Ask returned, is
// counted as a failure, unless the question is moot by now. Every other outcome
// stays what it is.
func (f *Fleet) Failed(ctx context.Context, n chain.Neuron, q Question, o Outcome) Outcome {
	if !o.Silent() {
		return o
	}
	o.open = false
	h := f.spare(ctx, &o, q)
	if q.Native() && !o.Void {
		o.Dossier = f.dossier(q, h, o.Err)
	}
	f.settle(ctx, &o, nil)
	return o
}

// Challenge asks by the best Question there is and takes silence for a failure,
// but 429 for nothing: the outcome is void.
func (f *Fleet) Challenge(ctx context.Context, n chain.Neuron, h index.Holding) Outcome {
	q, err := f.Question(ctx, n, h, chain.Block{}, TaskChallenge)
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	return f.once(ctx, n, q, f.Ask(ctx, n, q))
}

// once is Failed for a question that is not put again. That the miner has had too
// many requests of ours (429) is then void: it says nothing about the miner.
func (f *Fleet) once(ctx context.Context, n chain.Neuron, q Question, o Outcome) Outcome {
	if o.Silent() && o.Status() == wire.StatusTooMany {
		o.open, o.Void = false, true
	}
	return f.Failed(ctx, n, q, o)
}

// finish makes an outcome final, unless the miner was silent. commit is what a
// verified answer changes in the index.
func (f *Fleet) finish(ctx context.Context, o *Outcome, commit func(context.Context) error) {
	o.open = !o.Void && !o.Came && putOff(o.Status())
	if !o.open {
		f.settle(ctx, o, commit)
	}
}

// putOff says of a status that it tells nothing about the data: there was no
// answer; or one to ask later; or the question was not taken for one of ours,
// for which a wrong clock is enough, on either side; or the miner was ending.
func putOff(status int) bool {
	switch status {
	case wire.StatusTimeout, wire.StatusTooMany, wire.StatusUnavailable,
		wire.StatusUnauthorized, wire.StatusForbidden, wire.StatusCancelled:
		return true
	}
	return false
}

// spare makes a failure void when the miner need not have what it was asked for
// any more: the holding was removed meanwhile, is of other bytes, or the miner
// has been handed other tags. It returns the holding.
func (f *Fleet) spare(ctx context.Context, o *Outcome, q Question) index.Holding {
	if o.OK() || o.Void {
		return index.Holding{}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	h, err := f.deps.Index.Holding(ctx, o.Hotkey, q.Hash)
	if errors.Is(err, index.ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrMoot, err)
	}
	if err == nil {
		err = f.owed(q, h)
	}
	if err != nil {
		o.Void, o.Err = true, errors.Join(o.Err, err)
	} else if errors.Is(o.Err, errUnsure) || errors.Is(o.Err, proof.ErrRequest) || errors.Is(o.Err, audit.ErrRecord) {
		o.Void, o.Err = true, fmt.Errorf("%w: %w", ErrMoot, o.Err)
	}
	return h
}

// owed says whether a holding is still what a question is about.
func (f *Fleet) owed(q Question, h index.Holding) error {
	if h.Held() != q.held() {
		return fmt.Errorf("%w: the miner holds another replica", ErrMoot)
	}
	if !q.Native() {
		return nil
	}
	asked, err := receipt.ParseQuestion(q.Audit)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMoot, err)
	}
	if h.Native == nil {
		return fmt.Errorf("%w: there is no pledge any more", ErrMoot)
	}
	pledge, err := receipt.ParsePledge(h.Native.Pledge)
	if err == nil {
		err = asked.About(pledge)
	}
	if err != nil {
		return fmt.Errorf("%w: it is about another pledge: %w", ErrMoot, err)
	}
	return nil
}
