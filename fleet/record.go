package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
)

// errUnsure says that an answer is right but for the seed it is over, and that
// more seeds are in flight than the index keeps: nobody can tell.
var errUnsure = errors.New("the seed that the miner had cannot be known any more")

// audited is the datum's encoded audit record, made once; nil for data of
// size 0.
func (d *Datum) audited(secret audit.Secret) ([]byte, error) {
	if d.Size() == 0 {
		return nil, nil
	}
	d.once.Do(func() { d.record, d.recordErr = encoded(secret, d.data, d.state) })
	return d.record, d.recordErr
}

func encoded(secret audit.Secret, data []byte, state *proof.State) ([]byte, error) {
	r, err := secret.Record(data, state)
	if err != nil {
		return nil, err
	}
	return r.MarshalBinary()
}

// record is a holding's audit record; nil when there is none that opens.
func (f *Fleet) record(ctx context.Context, n chain.Neuron, hash string) (*audit.Record, error) {
	b, err := f.deps.Index.Audit(ctx, n.Hotkey, hash)
	if errors.Is(err, index.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	r, err := f.deps.Audit.Open(hash, b)
	if errors.Is(err, audit.ErrRecord) {
		f.log.Warn("an audit record is damaged or of another hotkey", "hash", hash, "err", err)
		return nil, nil
	}
	return r, err
}

// putRecord makes the audit record of data that has just been verified, unless
// there is one. Data that was removed meanwhile needs none.
func (f *Fleet) putRecord(ctx context.Context, n chain.Neuron, hash string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	known, err := f.record(ctx, n, hash)
	if err != nil || known != nil {
		return err
	}
	state := proof.NewState()
	state.Write(data)
	b, err := encoded(f.deps.Audit, data, state)
	if err != nil {
		return err
	}
	return unlessGone(f.deps.Index.PutAudit(ctx, n.Hotkey, hash, b))
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

// spare makes a failure void when the miner need not have the datum any more,
// since it was removed meanwhile.
func (f *Fleet) spare(ctx context.Context, o *Outcome, hash string) {
	if o.OK() || o.Void {
		return
	}
	if errors.Is(o.Err, errUnsure) {
		o.Void = true
	} else if _, err := f.deps.Index.Seeds(ctx, o.Hotkey, hash); err != nil {
		o.Void, o.Err = true, errors.Join(o.Err, err)
	}
}

// unlessGone is err, but nil when the datum is not in the index any more.
func unlessGone(err error) error {
	if errors.Is(err, index.ErrNotFound) {
		return nil
	}
	return err
}
