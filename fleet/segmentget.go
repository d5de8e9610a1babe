package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
)

// ErrLost says that too few miners gave their shards of a segment back.
var ErrLost = errors.New("too few shards of the segment can be had")

// FetchSegment writes length bytes of a segment from offset on to w, as many
// shards at a time as give it back. What comes is checked block by block before
// it is used. Where a shard does not come, or keeps the others waiting for
// Config.SegmentHedge, a further one is asked for beside it, from there on.
//
// Outcomes are those of the miners that came to an end by themselves. Errors
// wrap ErrLost, or are w's, ctx's or the index's; what was written until then
// is right.
func (f *Fleet) FetchSegment(ctx context.Context, seg index.Segment, offset, length int64, w io.Writer) ([]Outcome, error) {
	if offset < 0 || length < 0 || offset > seg.Size-length {
		return nil, fmt.Errorf("segment %s of %d bytes has no %d from %d on", seg.ID, seg.Size, length, offset)
	}
	if length == 0 {
		return nil, nil
	}
	shards, err := f.shards(ctx, seg)
	if err != nil {
		return nil, err
	}
	row := int64(seg.Scheme.Data) * erasure.Block
	inner, cancel := context.WithCancel(ctx)
	g := &get{
		f: f, seg: seg, shards: shards, row: offset / row, end: (offset + length - 1) / row,
		skip: offset % row, left: length, w: w, events: make(chan event),
	}
	err = g.run(inner)
	cancel()
	g.receivers.Wait()
	if err != nil {
		err = fmt.Errorf("segment %s (%v, %d shards known): %w", seg.ID, seg.Scheme, len(shards), errors.Join(err, ctx.Err()))
	}
	return g.outcomes, err
}

// shard is one that may be asked for.
type shard struct {
	index.Holding
	miner chain.Neuron
}

// shards are those whose miners serve: data before parity, and who was slow
// lately last.
func (f *Fleet) shards(ctx context.Context, seg index.Segment) ([]shard, error) {
	held, err := f.deps.Index.Shards(ctx, seg.ID)
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", seg.ID, err)
	}
	var first, last []shard
	m := f.deps.Metagraph()
	for _, h := range held {
		if m == nil {
			break
		}
		n, ok := m.ByHotkey(h.Holder)
		switch {
		case !ok || !n.Axon.Serving():
		case f.slow.is(n.Hotkey, f.deps.Now()):
			last = append(last, shard{h, n})
		default:
			first = append(first, shard{h, n})
		}
	}
	return slices.Concat(first, last), nil
}

// get is one call of FetchSegment.
type get struct {
	f        *Fleet
	seg      index.Segment
	coder    *erasure.Coder
	row, end int64 // the one that is being put together, and the last
	skip     int64 // bytes of it that are not wanted
	left     int64 // bytes that are wanted still
	w        io.Writer

	shards    []shard // that were not asked for yet
	asked     []*receiver
	receivers sync.WaitGroup
	events    chan event
	pieces    map[int64][][]byte // by row, then by number
	misses    []error
	outcomes  []Outcome
}

// event is a block of a shard, or its end.
type event struct {
	from  *receiver
	row   int64
	block []byte
	end   *Outcome
}

func (g *get) run(ctx context.Context) error {
	total := g.seg.Scheme.Total
	for _, s := range g.shards {
		total = max(total, s.Number+1)
	}
	var err error
	if g.coder, err = erasure.New(erasure.Scheme{Data: g.seg.Scheme.Data, Total: total}); err != nil {
		return err
	}
	g.pieces = map[int64][][]byte{}
	hedge := time.NewTimer(g.f.cfg.SegmentHedge)
	defer hedge.Stop()
	for g.row <= g.end {
		if err := g.ask(ctx); err != nil {
			return err
		}
		select {
		case e := <-g.events:
			if !g.take(e) {
				continue
			}
		case <-hedge.C:
			g.hurry(ctx)
			hedge.Reset(g.f.cfg.SegmentHedge)
			continue
		case <-ctx.Done():
			return ctx.Err()
		}
		before := g.row
		if err := g.flush(); err != nil {
			return err
		}
		if g.row > before {
			hedge.Reset(g.f.cfg.SegmentHedge)
		}
	}
	return nil
}

// ask has as many shards come as are needed, from the present row on. It fails
// when the row cannot be put together any more.
func (g *get) ask(ctx context.Context) error {
	coming := 0
	for _, r := range g.asked {
		if !r.failed {
			coming++ // or has come
		}
	}
	need := g.seg.Scheme.Data
	more := min(max(0, need-coming), len(g.shards))
	g.start(ctx, more)
	if coming+more+g.there() < need {
		return errors.Join(append([]error{ErrLost}, g.misses...)...)
	}
	return nil
}

func (g *get) start(ctx context.Context, more int) {
	for _, s := range g.shards[:more] {
		r := newReceiver(g, s)
		g.asked = append(g.asked, r)
		g.receivers.Go(func() { r.run(ctx) })
	}
	g.shards = g.shards[more:]
}

// there is how many pieces of the present row came from shards that failed later.
func (g *get) there() int {
	n := 0
	for _, r := range g.asked {
		if r.failed && g.pieces[g.row] != nil && g.pieces[g.row][r.shard.Number] != nil {
			n++
		}
	}
	return n
}

// hurry asks for a further shard beside those that keep the row waiting.
func (g *get) hurry(ctx context.Context) {
	late := 0
	for _, r := range g.asked {
		if !r.failed && (g.pieces[g.row] == nil || g.pieces[g.row][r.shard.Number] == nil) {
			late++
			g.f.slow.note(r.shard.Holder, g.f.deps.Now())
		}
	}
	g.start(ctx, min(late, len(g.shards)))
}

// take puts a block beside the others of its row. It is false when there is
// nothing new to put together.
func (g *get) take(e event) bool {
	if e.end != nil {
		e.from.failed = !e.end.OK()
		if !e.end.Void {
			g.outcomes = append(g.outcomes, *e.end)
		}
		if e.end.Err != nil {
			g.misses = append(g.misses, e.end.Err)
		}
		return false
	}
	if e.row < g.row || e.row > g.end { // too late
		g.f.blocks.give(e.block)
		e.from.credit <- struct{}{}
		return false
	}
	if g.pieces[e.row] == nil {
		g.pieces[e.row] = make([][]byte, g.coder.Scheme().Total)
	}
	g.pieces[e.row][e.from.shard.Number] = e.block
	return e.row == g.row
}

// flush writes all rows out that are whole.
func (g *get) flush() error {
	for ; g.row <= g.end; g.row++ {
		pieces := g.pieces[g.row]
		have := 0
		for _, p := range pieces {
			if p != nil {
				have++
			}
		}
		if have < g.seg.Scheme.Data {
			return nil
		}
		for _, r := range g.asked { // before what is missing is put together
			if pieces[r.shard.Number] != nil {
				r.credit <- struct{}{}
			}
		}
		if err := g.write(pieces); err != nil {
			return err
		}
		delete(g.pieces, g.row)
		for _, p := range pieces {
			g.f.blocks.give(p)
		}
	}
	return nil
}

// write puts a row together and writes what is wanted of it.
func (g *get) write(pieces [][]byte) error {
	if g.coder.Scheme().Data == 1 {
		at := slices.IndexFunc(pieces, func(p []byte) bool { return p != nil })
		pieces[0], pieces[at] = pieces[at], pieces[0]
		defer func() { pieces[0], pieces[at] = pieces[at], pieces[0] }()
	} else {
		for i := range pieces[:g.seg.Scheme.Data] {
			if pieces[i] == nil { // room for what is put together
				pieces[i] = g.f.blocks.take(g.seg.Scheme.RowBlock(g.seg.Size, g.row))[:0]
			}
		}
		if err := g.coder.Reconstruct(pieces); err != nil {
			return err
		}
	}
	data := int64(g.seg.Scheme.RowData(g.seg.Size, g.row))
	for _, p := range pieces[:g.seg.Scheme.Data] {
		p = p[:min(int64(len(p)), data)]
		data -= int64(len(p))
		cut := min(g.skip, int64(len(p)))
		g.skip -= cut
		p = p[cut:]
		p = p[:min(int64(len(p)), g.left)]
		g.left -= int64(len(p))
		if _, err := g.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}
