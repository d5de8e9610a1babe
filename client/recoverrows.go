package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// segmentRows puts the rows of a segment together, one at a time, from as many
// shards as give it back.
type segmentRows struct {
	feed   *minerFeed
	index  int
	m      manifest.Segment
	coder  *erasure.Coder
	row    int64
	source []source // that have not been asked,
	last   []source // and those of miners that have failed before
	seen   map[source]bool
	found  int      // of the finder's that are among them
	open   []*shard // that are being read, one a number
	pieces [][]byte
	out    []byte
	misses []error
}

// source is where a shard may be had.
type source struct {
	manifest.Place
	peer wire.Peer
}

// shard is one on its way.
type shard struct {
	source
	mask    *envelope.ShardMask
	checker *erasure.Checker
	answer  io.ReadCloser
	row     int64 // the next
	block   []byte
}

func (f *minerFeed) rows(i int) (*segmentRows, error) {
	s := &segmentRows{feed: f, index: i, m: f.m.Segments[i], seen: map[source]bool{}}
	return s, s.add(f.sources(i))
}

// add notes where else shards may be had.
func (s *segmentRows) add(list []source) (err error) {
	wide := s.m.Scheme // there may be shards beyond the scheme's: a gateway makes some to spare
	wide.Total = max(wide.Total, len(s.pieces))
	for _, from := range list {
		wide.Total = max(wide.Total, from.Number+1)
		switch {
		case s.seen[from]:
		case s.feed.failures[from.peer.Hotkey] > 0:
			s.last = append(s.last, from)
		default:
			s.source = append(s.source, from)
		}
		s.seen[from] = true
	}
	if wide.Total > len(s.pieces) {
		s.pieces = make([][]byte, wide.Total)
		s.coder, err = erasure.New(wide)
	}
	return err
}

// search has further places of shards in source if there are any: those that miners
// name, then those at miners that have failed before.
func (s *segmentRows) search(ctx context.Context) (any bool, err error) {
	known := map[int]bool{}
	for _, sh := range s.open {
		known[sh.Number] = true
	}
	for _, from := range s.source {
		known[from.Number] = true
	}
	before := len(s.source)
	list := s.feed.find.more(ctx, s.index, s.found, func(list []source) bool {
		missing := s.m.Scheme.Data - len(known)
		for i, from := range list {
			if !known[from.Number] && !slices.ContainsFunc(list[:i], func(b source) bool { return b.Number == from.Number }) {
				missing--
			}
		}
		return missing <= 0
	})
	s.found += len(list)
	if err := s.add(list); err != nil || len(s.source) > before {
		return true, err
	}
	any = len(s.last) > 0
	s.source, s.last = append(s.source, s.last...), nil
	return any, ctx.Err()
}

// sources are the places of a segment's shards, data first: where the metagraph
// has the miners, then where the placement has them.
func (f *minerFeed) sources(i int) (list []source) {
	graph := f.c.deps.Metagraph()
	var second []source
	if len(f.where.Segments) == 0 {
		return nil
	}
	for _, parity := range []bool{false, true} {
		for _, p := range f.where.Segments[i] {
			if p.Number >= f.m.Segments[i].Scheme.Data != parity {
				continue
			}
			hotkey, err := wallet.ParseAddress(p.Miner)
			if err != nil {
				continue // a name that no miner has
			}
			said, err := netip.ParseAddrPort(p.Addr)
			now := wire.Peer{Hotkey: hotkey, Addr: said}
			if graph != nil {
				if n, ok := graph.ByHotkey(hotkey); ok && n.Axon.Serving() {
					now = peerOf(n)
				}
			}
			if now.Addr.IsValid() {
				list = append(list, source{p, now})
			}
			if err == nil && said != now.Addr {
				second = append(second, source{p, wire.Peer{Hotkey: hotkey, Addr: said}})
			}
		}
	}
	return append(list, second...)
}

func (s *segmentRows) rowSize() int64 { return int64(s.m.Scheme.Data) * erasure.Block }

// read gives the next row's bytes, until it is called again.
func (s *segmentRows) read(ctx context.Context) ([]byte, error) {
	for {
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		if s.blocks() {
			break
		}
	}
	for i := range s.pieces {
		s.pieces[i] = nil
	}
	for _, sh := range s.open {
		s.pieces[sh.Number] = sh.block
	}
	if err := s.coder.Reconstruct(s.pieces); err != nil {
		return nil, err
	}
	s.out = s.out[:0]
	for _, p := range s.pieces[:s.m.Scheme.Data] {
		s.out = append(s.out, p...)
	}
	s.out = s.out[:s.m.Scheme.RowData(s.m.Size, s.row)]
	s.row++
	return s.out, nil
}

// begin has as many shards come as are needed.
func (s *segmentRows) begin(ctx context.Context) error {
	for need := s.m.Scheme.Data - len(s.open); need > 0; need = s.m.Scheme.Data - len(s.open) {
		batch := s.take(need)
		if len(batch) < need {
			s.source = append(batch, s.source...)
			if any, err := s.search(ctx); err != nil {
				return err
			} else if any {
				continue
			}
			return fmt.Errorf("%w: %d of %d that are needed, and %d miners that were asked have no others: %w",
				ErrLost, len(s.open)+len(batch), s.m.Scheme.Data, s.feed.find.heard, errors.Join(append([]error{s.feed.find.mute}, s.misses...)...))
		}
		begun, errs := make([]*shard, need), make([]error, need)
		var asked sync.WaitGroup
		for i, from := range batch {
			asked.Go(func() { begun[i], errs[i] = s.ask(ctx, from) })
		}
		asked.Wait()
		for i, err := range errs {
			if err != nil {
				s.missed(batch[i], err)
				continue
			}
			s.open = append(s.open, begun[i])
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// take takes n sources of different shards, none of which is being read.
func (s *segmentRows) take(n int) (batch []source) {
	busy := map[int]bool{}
	for _, sh := range s.open {
		busy[sh.Number] = true
	}
	var rest []source
	for _, from := range s.source {
		if len(batch) == n || busy[from.Number] {
			rest = append(rest, from)
			continue
		}
		busy[from.Number] = true
		batch = append(batch, from)
	}
	s.source = rest
	return batch
}

// ask has a miner begin to give its shard, from the present row on.
func (s *segmentRows) ask(ctx context.Context, from source) (_ *shard, err error) {
	m, size := s.feed.m, s.m.Scheme.ShardSize(s.m.Size)
	miner, err := from.peer.Hotkey.PublicKey()
	if err != nil {
		return nil, err
	}
	root, err := erasure.ParseRoot(from.Root)
	if err != nil {
		return nil, err
	}
	offset := s.row * erasure.Block
	msg := &wire.GetShard{Hash: from.Root, Offset: offset}
	ctx, cancel := context.WithCancel(ctx)
	patience := time.AfterFunc(s.feed.c.cfg.Hedge, cancel) // for its beginning
	answer, err := s.feed.c.exchange(ctx, from.peer, msg, wire.Body{})
	if err != nil {
		cancel()
		return nil, err
	}
	patience.Stop()
	answer.ReadCloser = &ending{answer.ReadCloser, cancel}
	sh := &shard{source: from, answer: answer, row: s.row, block: make([]byte, erasure.Block)}
	sh.mask = m.Secret.Mask(manifest.SegmentName(m.Owner, m.Upload, s.index), from.Number, miner)
	if msg.Size != size || answer.Size != size-offset {
		err = fmt.Errorf("%w: %d bytes of a shard of %d, want %d of %d", ErrWrongData, answer.Size, msg.Size, size-offset, size)
	} else if sh.checker, err = erasure.NewChecker(root, size, msg.Leaves); err == nil {
		return sh, nil
	}
	return nil, errors.Join(err, answer.Close())
}

// blocks reads every shard's block of the row; those that do not give it are left
// out, and it is false.
func (s *segmentRows) blocks() bool {
	size := s.m.Scheme.RowBlock(s.m.Size, s.row)
	var good []*shard
	for _, sh := range s.open {
		if err := sh.read(s.row, size); err != nil {
			_ = sh.answer.Close() // it has failed
			s.missed(sh.source, err)
			continue
		}
		good = append(good, sh)
	}
	whole := len(good) == len(s.open)
	s.open = good
	return whole
}

// read reads the block of a row, unless it was read already, when another shard
// failed.
func (sh *shard) read(row int64, size int) error {
	if sh.row > row {
		return nil
	}
	sh.block = sh.block[:size]
	if _, err := io.ReadFull(sh.answer, sh.block); err != nil {
		return brokeOff(err)
	}
	if err := sh.checker.Check(row, sh.block); err != nil {
		return err
	}
	sh.mask.XOR(sh.block, row*erasure.Block)
	sh.row = row + 1
	return nil
}

// missed keeps why a shard cannot be had. A miner that does not have it may have
// others.
func (s *segmentRows) missed(from source, err error) {
	if wire.StatusOf(err) != wire.StatusNotFound {
		s.feed.failures[from.peer.Hotkey]++
	}
	err = fmt.Errorf("shard %d at %s: %w", from.Number, from.Miner, err)
	s.feed.c.log.Info("a shard cannot be had", "segment", s.index, "err", err)
	s.misses = append(s.misses, err)
}

func (s *segmentRows) close() {
	for _, sh := range s.open {
		_ = sh.answer.Close() // what was read has been checked
	}
	s.open = nil
}
