package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// MoveShard has one of the candidates hold the shard that from holds, under a mask
// of its own, and costs the shard's length twice where RebuildSegment would fetch
// as many shards as the segment needs. What from gives is checked block by block
// as it comes. The new holding is in the index when it returns without an error;
// the old one is the caller's to end. Candidates hold none of the segment.
func (f *Fleet) MoveShard(ctx context.Context, seg index.Segment, from index.Holding, ttl time.Duration, candidates []chain.Neuron) ([]Outcome, error) {
	spec, err := specOf(seg)
	if err != nil {
		return nil, err
	}
	m := f.deps.Metagraph()
	if m == nil {
		return nil, fmt.Errorf("move shard %d of %s: no metagraph yet", from.Number, seg.ID)
	}
	n, ok := m.ByHotkey(from.Holder)
	if !ok || !n.Axon.Serving() {
		return nil, fmt.Errorf("%w: %s, who has shard %d of %s, is not on the network at present", ErrLost, from.Holder, from.Number, seg.ID)
	}
	// The shard alone is a segment whose shards all are what it is.
	spec.Scheme, spec.Size, spec.TTL = erasure.Scheme{Data: 1, Total: 1}, from.Size, ttl
	p := &put{f: f, numbers: []int{from.Number}, target: 1, least: 1, mends: true, spec: spec, seg: seg}
	inner, cancel := context.WithCancel(ctx)
	in, out := io.Pipe()
	var reading sync.WaitGroup
	reading.Go(func() { out.CloseWithError(f.copyShard(inner, seg, n, from, out)) })
	_, err = p.store(ctx, in, func(erasure.Root) error { return nil }, candidates)
	cancel()
	in.CloseWithError(context.Canceled)
	reading.Wait()
	if err == nil {
		err = p.recordShards(ctx, seg.ID)
	}
	return p.outcomes, err
}

// copyShard writes a shard as it was before it was masked for its holder.
func (f *Fleet) copyShard(ctx context.Context, seg index.Segment, n chain.Neuron, h index.Holding, w io.Writer) error {
	mask, err := f.shardMask(seg, h)
	if err != nil {
		return err
	}
	msg := &wire.GetShard{Hash: h.Replica}
	answer, err := f.deps.Streams.Open(ctx, peerOf(n), msg, wire.Body{})
	if err != nil {
		return fmt.Errorf("%w: shard %d at %s: %w", ErrLost, h.Number, h.Holder, err)
	}
	defer answer.Close() // what was read is checked by itself
	leaves, err := checkLeaves(msg, h)
	if err != nil {
		return errors.Join(ErrLost, err)
	}
	block := f.blocks.take(erasure.Block)
	defer f.blocks.give(block)
	for at := int64(0); at < h.Size; at += erasure.Block {
		b := block[:min(erasure.Block, h.Size-at)]
		if _, err := io.ReadFull(answer, b); err != nil {
			return fmt.Errorf("%w: shard %d at %s broke off: %w", ErrLost, h.Number, h.Holder, err)
		}
		if err := leaves.Check(at/erasure.Block, b); err != nil {
			return fmt.Errorf("%w: %w: shard %d at %s: %w", ErrLost, proof.ErrProof, h.Number, h.Holder, err)
		}
		mask.XOR(b, at)
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
