package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wire"
)

// adopt is for a shard that a miner says to keep under another pledge than the
// index knows. A put that brought the segment again and was cut off before the miner
// answered has left it: the miner has replaced the pledge, and we have not heard of
// it. If the miner shows a pledge of ours about the same shard, made no earlier and
// with both signatures, the index takes that over with its end, and adopt is true.
//
// An earlier one is not taken: its key may have been revealed.
func (f *Fleet) adopt(ctx context.Context, n chain.Neuron, h index.Holding) (bool, error) {
	known, ok := f.pledgeOf(n, h)
	if h.Kind != index.KindShard || !ok {
		return false, nil
	}
	s, err := f.keptShard(ctx, n, h.Replica)
	if err != nil && !errors.Is(err, ErrLabel) { // with both signatures
		return false, unlessGone(err)
	}
	if s.Pledge.Digest() == known.Digest() || s.Pledge.Made.Before(known.Made) || s.Damaged {
		return false, nil
	}
	seen := h
	h.Native = &s.Native
	if _, ok := f.pledgeOf(n, h); !ok {
		return false, nil
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return true, unlessGone(f.deps.Index.RenewShard(within, seen, s.Pledge.Made, s.Holding().TTL, h.Native))
}

// reconcile is adopt for an audit that was answered with a conflict, which it then
// voids: there will be another one, about the pledge that the miner has.
func (f *Fleet) reconcile(ctx context.Context, n chain.Neuron, h index.Holding, o *Outcome) {
	if wire.StatusOf(o.Err) != wire.StatusConflict {
		return
	}
	switch took, err := f.adopt(ctx, n, h); {
	case err != nil:
		f.log.Info("what a miner keeps instead cannot be seen", "miner", n.Hotkey, "hash", h.Hash, "err", err)
	case took:
		f.log.Info("a later pledge of ours that a miner keeps is taken over", "miner", n.Hotkey, "hash", h.Hash)
		o.Void, o.Err = true, fmt.Errorf("%w: the miner keeps it under a later pledge: %w", ErrMoot, o.Err)
	}
}
