package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// askShard has a miner give all of a shard back, and holds what comes against
// its root. Nothing of it is kept.
func (f *Fleet) askShard(ctx context.Context, n chain.Neuron, q Question) Outcome {
	within, cancel := context.WithTimeout(ctx, f.cfg.RetrieveTimeout)
	defer cancel()
	o := Outcome{Task: TaskRetrieve, UID: n.UID, Hotkey: n.Hotkey, Bytes: q.Size}
	start := f.deps.Now()
	err := f.readShard(within, n, index.Holding{Holder: n.Hotkey, Replica: q.Replica, Size: q.Size})
	o.Elapsed = f.deps.Now().Sub(start)
	if err != nil {
		o.Err = fmt.Errorf("%s at %s: %w", TaskRetrieve, n.Hotkey, err)
		o.Void = ctx.Err() != nil
	}
	o.Came = err == nil || errors.Is(err, proof.ErrProof)
	f.spare(ctx, &o, q)
	f.finish(ctx, &o, func(context.Context) error { return nil })
	return o
}

// readShard reads all of a shard and checks it.
func (f *Fleet) readShard(ctx context.Context, n chain.Neuron, h index.Holding) error {
	msg := &wire.GetShard{Hash: h.Replica}
	answer, err := f.deps.Streams.Open(ctx, peerOf(n), msg, wire.Body{})
	if err != nil {
		return err
	}
	defer answer.Close() // what was read is checked by itself
	if _, err := checkLeaves(msg, h); err != nil {
		return err
	}
	hash := erasure.NewHasher()
	if _, err := io.Copy(hash, io.LimitReader(answer, h.Size+1)); err != nil {
		return wire.Unavailable("the shard broke off: %w", err)
	}
	if root := hash.Root(); root.String() != h.Replica {
		return fmt.Errorf("%w: these bytes are another shard's", proof.ErrProof)
	}
	return nil
}
