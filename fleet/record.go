package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
)

// errUnsure says that an answer is right but for the seed it is over, and that
// more seeds are in flight than the index keeps: nobody can tell.
var errUnsure = errors.New("the seed that the miner had cannot be known any more")

// record is the audit record of the bytes that a question is about; nil when
// there is none that opens.
func (f *Fleet) record(ctx context.Context, n chain.Neuron, q Question) (*audit.Record, error) {
	b, err := f.deps.Index.Audit(ctx, n.Hotkey, q.Hash)
	if errors.Is(err, index.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	r, err := f.audits.Open(q.held(), b)
	if errors.Is(err, audit.ErrRecord) {
		f.log.Warn("an audit record is damaged, of other bytes, or of another hotkey", "hash", q.Hash, "miner", n.Hotkey, "err", err)
		return nil, nil
	}
	return r, err
}

// putRecord makes the audit record of bytes that have just been verified, unless
// there is one. A holding that was removed meanwhile needs none.
func (f *Fleet) putRecord(ctx context.Context, n chain.Neuron, q Question, data []byte, state *proof.State) error {
	if len(data) == 0 {
		return nil
	}
	known, err := f.record(ctx, n, q)
	if err != nil || known != nil {
		return err
	}
	b, err := f.encoded(data, state)
	if err != nil {
		return err
	}
	return unlessGone(f.deps.Index.PutAudit(ctx, n.Hotkey, q.Hash, b))
}

// send records that a question's seed is about to be sent, and returns all that
// the miner may have then. again says that it may have been sent before: then it
// must not be taken back.
func (f *Fleet) send(ctx context.Context, n chain.Neuron, q Question) (seeds index.Seeds, again bool, err error) {
	before, err := f.deps.Index.Seeds(ctx, n.Hotkey, q.Hash)
	if err == nil {
		seeds, err = f.deps.Index.SendSeed(ctx, n.Hotkey, q.Hash, q.Seed, f.deps.Now())
	}
	if errors.Is(err, index.ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrMoot, err)
	}
	return seeds, slices.Contains(before.Known, q.Seed), err
}

// over finds the seed that an answer's link is over: one of those known when
// the question was sent, or known since. errUnsure when it may be one that is
// not known, a proof.ErrProof when not.
func (f *Fleet) over(ctx context.Context, n chain.Neuron, hash string, data *proof.State, link string, seeds index.Seeds) (string, error) {
	over, err := audit.Over(data, link, seeds.Known)
	if err == nil {
		return over, nil
	}
	now, indexErr := f.deps.Index.Seeds(ctx, n.Hotkey, hash)
	if indexErr != nil {
		return "", errors.Join(errUnsure, indexErr)
	}
	if over, err := audit.Over(data, link, now.Known); err == nil {
		return over, nil
	}
	if !seeds.All || !now.All {
		return "", errUnsure
	}
	return "", err
}

// moveSeed records the seed a miner has proved to have, and the one it had. A
// holding that was removed meanwhile needs none.
func (f *Fleet) moveSeed(ctx context.Context, n chain.Neuron, q Question, over string) error {
	return unlessGone(f.deps.Index.ConfirmSeed(ctx, n.Hotkey, q.Hash, q.Seed, over))
}

// sent brings the seeds up to date after an exchange. A question that was put
// for the first time is taken back if it did not reach the miner. One that was
// put again is noted again: the index knows it from when it was sent first, and
// may have dropped it as long past when another question was answered meanwhile.
func (f *Fleet) sent(ctx context.Context, o *Outcome, q Question, again bool) {
	if !again {
		f.unsend(ctx, o, q.Hash, q.Seed)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if _, err := f.deps.Index.SendSeed(ctx, o.Hotkey, q.Hash, q.Seed, f.deps.Now()); unlessGone(err) != nil {
		o.Void, o.Err = true, errors.Join(o.Err, fmt.Errorf("record %s at %s: %w", o.Task, o.Hotkey, err))
	}
}

// unsend takes the seed of a question back that did not reach the miner; every
// other failure leaves open whether it did.
func (f *Fleet) unsend(ctx context.Context, o *Outcome, hash, seed string) {
	var dial *net.OpError
	if !errors.As(o.Err, &dial) || dial.Op != "dial" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := unlessGone(f.deps.Index.UnsendSeed(ctx, o.Hotkey, hash, seed)); err != nil {
		o.Void, o.Err = true, errors.Join(o.Err, fmt.Errorf("record %s at %s: %w", o.Task, o.Hotkey, err))
	}
}
