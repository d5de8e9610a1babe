package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// receiver gets one shard from one miner, from a row on.
type receiver struct {
	g      *get
	shard  shard
	from   int64         // the first row
	credit chan struct{} // one for every block that may be on its way
	failed bool          // the get's own: it came to an end before the last row
}

func newReceiver(g *get, s shard) *receiver {
	depth := max(1, int(g.window)/(g.seg.Scheme.Data*erasure.Block))
	r := &receiver{g: g, shard: s, from: g.row, credit: make(chan struct{}, depth+1)}
	for range depth {
		r.credit <- struct{}{}
	}
	return r
}

// more lets a further block be on its way.
func (r *receiver) more() {
	select {
	case r.credit <- struct{}{}:
	default: // the block was another miner's, and this one has not taken anything
	}
}

// run gives the get every block, and its end.
func (r *receiver) run(ctx context.Context) {
	f := r.g.f
	o := Outcome{Task: TaskRetrieve, UID: r.shard.miner.UID, Hotkey: r.shard.Holder}
	start := f.deps.Now()
	err := r.receive(ctx)
	o.Elapsed = f.deps.Now().Sub(start)
	o.Bytes = min(r.shard.Size, (r.g.end+1)*erasure.Block) - min(r.shard.Size, r.from*erasure.Block)
	o.Came = err == nil || errors.Is(err, proof.ErrProof)
	if err != nil {
		o.Err = fmt.Errorf("shard %d at %s: %w", r.shard.Number, r.shard.Holder, err)
		o.Void = ctx.Err() != nil || putOff(wire.StatusOf(err))
		if ctx.Err() == nil {
			f.slow.note(r.shard.Holder, f.deps.Now())
		}
	}
	f.settle(ctx, &o, func(context.Context) error { return nil })
	r.tell(ctx, event{from: r, end: &o})
}

func (r *receiver) tell(ctx context.Context, e event) {
	select {
	case r.g.events <- e:
	case <-ctx.Done():
		r.g.f.blocks.give(e.block)
	}
}

func (r *receiver) receive(ctx context.Context) error {
	mask, err := r.g.f.shardMask(r.g.seg, r.shard.Holding)
	if err != nil {
		return err
	}
	offset := r.from * erasure.Block
	length := min((r.g.end+1)*erasure.Block, (r.shard.Size+erasure.Block-1)/erasure.Block*erasure.Block) - offset
	msg := &wire.GetShard{Hash: r.shard.Replica, Offset: offset, Length: length}
	answer, err := r.g.f.deps.Streams.Open(ctx, peerOf(r.shard.miner), msg, wire.Body{})
	if err != nil {
		return err
	}
	defer answer.Close() // what was read is checked by itself
	leaves, err := checkLeaves(msg, r.shard.Holding)
	if err != nil {
		return err
	}
	if want := min(length, r.shard.Size-offset); answer.Size != want {
		return fmt.Errorf("%w: %d bytes of the shard, asked for %d", proof.ErrProof, answer.Size, want)
	}
	for row := r.from; row <= r.g.end; row++ {
		select {
		case <-r.credit:
		case <-ctx.Done():
			return ctx.Err()
		}
		b := r.g.f.blocks.take(r.g.seg.Scheme.RowBlock(r.g.seg.Size, row))
		if _, err := io.ReadFull(answer, b); err != nil {
			return wire.Unavailable("the shard broke off in block %d: %w", row, err)
		}
		if err := leaves.Check(row, b); err != nil {
			return fmt.Errorf("%w: block %d of the shard: %w", proof.ErrProof, row, err)
		}
		mask.XOR(b, row*erasure.Block)
		r.tell(ctx, event{from: r, row: row, block: b})
	}
	return nil
}

// checkLeaves are the leaves of an answer, if they are those of the shard.
func checkLeaves(msg *wire.GetShard, h index.Holding) (erasure.Leaves, error) {
	leaves := erasure.Leaves(msg.Leaves)
	if msg.Size != h.Size {
		return nil, fmt.Errorf("%w: the shard has %d bytes, the miner says %d", proof.ErrProof, h.Size, msg.Size)
	}
	root, err := leaves.Root(h.Size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", proof.ErrProof, err)
	}
	if root.String() != h.Replica {
		return nil, fmt.Errorf("%w: leaves of another shard", proof.ErrProof)
	}
	return leaves, nil
}

// shardMask is what a shard is under at its miner.
func (f *Fleet) shardMask(seg index.Segment, h index.Holding) (*envelope.ShardMask, error) {
	spec, err := specOf(seg)
	if err != nil {
		return nil, err
	}
	return spec.mask(h.Number, h.Holder)
}
