package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Recover writes the file of an export to w like GetTo, from the miners alone: no
// gateway is asked. They are reached where the metagraph says, and else where the
// export does. The hotkey need not be the owner's, as long as the key opens the
// file. Of the options Keys, Plain, Range and Progress count.
//
// Errors: manifest.ErrManifest, manifest.ErrPlacement, ErrLost, and GetTo's but
// those of gateways.
func (c *Client) Recover(ctx context.Context, e manifest.Export, w io.Writer, o GetFileOptions) (Got, error) {
	got, err := c.recover(ctx, e, o, target{w: w})
	if err != nil {
		return Got{}, fmt.Errorf("recover: %w", err)
	}
	return got, nil
}

// RecoverFile is Recover into a file, as GetFile is GetTo.
func (c *Client) RecoverFile(ctx context.Context, e manifest.Export, path string, o GetFileOptions) (Got, error) {
	fail := func(err error) (Got, error) { return Got{}, fmt.Errorf("recover: %w", err) }
	m, err := e.Verify(verifyOwner)
	if err != nil {
		return fail(err)
	}
	p, err := openPart(path, m.CID, o)
	if err != nil {
		return fail(err)
	}
	got, err := c.recover(ctx, e, o, target{w: p, part: p})
	if err == nil {
		err = p.finish()
	}
	if err = errors.Join(err, p.close(err == nil)); err != nil {
		return fail(err)
	}
	return got, nil
}

func (c *Client) recover(ctx context.Context, e manifest.Export, o GetFileOptions, to target) (Got, error) {
	m, err := e.Verify(verifyOwner)
	if err != nil {
		return Got{}, err
	}
	if c.deps.Streams == nil {
		return Got{}, fmt.Errorf("%w: miners are asked over streams, and there are none", ErrLost)
	}
	o.Progress = serialised(o.Progress)
	d := &download{c: c, o: o, m: m, feed: &minerFeed{c, m, e.Placement}}
	got, err := d.run(ctx, to, to.part.left())
	got.CID = m.CID
	return got, err
}

// minerFeed puts a file together from shards.
type minerFeed struct {
	c     *Client
	m     manifest.Manifest
	where manifest.Placement
}

// open implements feed.
func (f *minerFeed) open(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	return &shardReader{feed: f, ctx: ctx, cancel: cancel, parts: f.m.Locate(offset, length)}, nil
}

// failed implements feed. Who gave something wrong has been left out already.
func (f *minerFeed) failed() {}

// shardReader reads parts of segments, one after the other.
type shardReader struct {
	feed   *minerFeed
	ctx    context.Context
	cancel context.CancelFunc
	parts  []manifest.Range
	now    *segmentRows
	rest   []byte
}

// Read implements io.Reader.
func (r *shardReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if len(r.parts) == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, fmt.Errorf("segment %d: %w", r.parts[0].Segment, err)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next makes what is wanted of the next row.
func (r *shardReader) next() (err error) {
	part := &r.parts[0]
	if r.now == nil {
		if r.now, err = r.feed.rows(part.Segment); err != nil {
			return err
		}
		r.now.row = part.Offset / r.now.rowSize()
	}
	begin := r.now.row * r.now.rowSize()
	data, err := r.now.read(r.ctx)
	if err != nil {
		return err
	}
	from := part.Offset - begin
	r.rest = data[from:min(from+part.Length, int64(len(data)))]
	part.Offset += int64(len(r.rest))
	if part.Length -= int64(len(r.rest)); part.Length == 0 {
		r.now.close()
		r.now, r.parts = nil, r.parts[1:]
	}
	return nil
}

// Close implements io.Closer.
func (r *shardReader) Close() error {
	r.cancel()
	if r.now != nil {
		r.now.close()
	}
	return nil
}

// segmentRows puts the rows of a segment together, one at a time, from as many
// shards as give it back.
type segmentRows struct {
	feed   *minerFeed
	index  int
	m      manifest.Segment
	coder  *erasure.Coder
	row    int64
	source []source // that have not been asked
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
	number  int
	mask    *envelope.ShardMask
	checker *erasure.Checker
	answer  io.ReadCloser
	row     int64 // the next
	block   []byte
}

func (f *minerFeed) rows(i int) (*segmentRows, error) {
	s, source := f.m.Segments[i], f.sources(i)
	wide := s.Scheme // there may be shards beyond the scheme's: a gateway makes some to spare
	for _, from := range source {
		wide.Total = max(wide.Total, from.Number+1)
	}
	coder, err := erasure.New(wide)
	if err != nil {
		return nil, err
	}
	return &segmentRows{feed: f, index: i, m: s, coder: coder, source: source, pieces: make([][]byte, wide.Total)}, nil
}

// sources are the places of a segment's shards, data first: where the metagraph
// has the miners, then where the placement has them.
func (f *minerFeed) sources(i int) (list []source) {
	graph := f.c.deps.Metagraph()
	var second []source
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
		s.pieces[sh.number] = sh.block
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
			return fmt.Errorf("%w: %d of %d that are needed: %w", ErrLost, len(s.open)+len(batch), s.m.Scheme.Data, errors.Join(s.misses...))
		}
		begun, errs := make([]*shard, need), make([]error, need)
		var asked sync.WaitGroup
		for i, from := range batch {
			asked.Go(func() { begun[i], errs[i] = s.ask(ctx, from) })
		}
		asked.Wait()
		for i, err := range errs {
			if err != nil {
				s.missed(batch[i].Number, batch[i].Miner, err)
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
		busy[sh.number] = true
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
	answer, err := s.feed.c.exchange(ctx, from.peer, msg, wire.Body{})
	if err != nil {
		return nil, err
	}
	sh := &shard{number: from.Number, answer: answer, row: s.row, block: make([]byte, erasure.Block)}
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
			s.missed(sh.number, "", err)
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

// missed keeps why a shard cannot be had.
func (s *segmentRows) missed(number int, miner string, err error) {
	err = fmt.Errorf("shard %d %s: %w", number, miner, err)
	s.feed.c.log.Info("a shard cannot be had", "segment", s.index, "err", err)
	s.misses = append(s.misses, err)
}

func (s *segmentRows) close() {
	for _, sh := range s.open {
		_ = sh.answer.Close() // what was read has been checked
	}
	s.open = nil
}
