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
	return f.FetchSegmentWithin(ctx, seg, offset, length, window, w)
}

// FetchSegmentWithin is FetchSegment with about so many bytes of shards on their way,
// beside the row that is being written, but one row in any case.
func (f *Fleet) FetchSegmentWithin(ctx context.Context, seg index.Segment, offset, length, window int64, w io.Writer) ([]Outcome, error) {
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
		f: f, seg: seg, shards: shards, window: window, row: offset / row, end: (offset + length - 1) / row,
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
	window   int64 // bytes of shards that may be on their way
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
	need, coming := g.seg.Scheme.Data, g.coming()
	for coming.count() < need {
		i := slices.IndexFunc(g.shards, func(s shard) bool { return !coming.has(s.Number) })
		if i < 0 {
			break
		}
		coming.add(g.shards[i].Number)
		g.start(ctx, i)
	}
	for _, r := range g.asked {
		if r.failed && g.has(r.shard.Number) { // it came before that
			coming.add(r.shard.Number)
		}
	}
	if coming.count() < need {
		return errors.Join(append([]error{ErrLost}, g.misses...)...)
	}
	return nil
}

// coming are the numbers of the shards that come or have come. Two miners may have
// the same one, while it moves.
func (g *get) coming() (n numbers) {
	for _, r := range g.asked {
		if !r.failed {
			n.add(r.shard.Number)
		}
	}
	return n
}

// start asks for g.shards[i].
func (g *get) start(ctx context.Context, i int) {
	r := newReceiver(g, g.shards[i])
	g.asked, g.shards = append(g.asked, r), slices.Delete(g.shards, i, i+1)
	g.receivers.Go(func() { r.run(ctx) })
}

// has says whether a piece of the present row is there.
func (g *get) has(number int) bool {
	return g.pieces[g.row] != nil && g.pieces[g.row][number] != nil
}

// hurry asks for a further shard beside those that keep the row waiting: best for
// another one, else for the same at another miner.
func (g *get) hurry(ctx context.Context) {
	late := 0
	for _, r := range g.asked {
		if !r.failed && !g.has(r.shard.Number) {
			late++
			g.f.slow.note(r.shard.Holder, g.f.deps.Now())
		}
	}
	for ; late > 0 && len(g.shards) > 0; late-- {
		coming := g.coming()
		i := slices.IndexFunc(g.shards, func(s shard) bool { return !coming.has(s.Number) })
		g.start(ctx, max(0, i))
	}
}

// numbers is a set of numbers of shards.
type numbers [erasure.MaxTotal]bool

func (n *numbers) add(number int)      { n[number] = true }
func (n *numbers) has(number int) bool { return n[number] }

func (n *numbers) count() (sum int) {
	for _, in := range n {
		if in {
			sum++
		}
	}
	return sum
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
	if g.pieces[e.row] == nil && e.row >= g.row {
		g.pieces[e.row] = make([][]byte, g.coder.Scheme().Total)
	}
	if e.row < g.row || g.pieces[e.row][e.from.shard.Number] != nil { // too late
		g.f.blocks.give(e.block)
		e.from.more()
		return false
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
				r.more()
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
