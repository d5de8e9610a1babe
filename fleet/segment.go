package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
)

// SegmentSpec says what a segment is, how it is to be coded, and for how long.
type SegmentSpec struct {
	Owner  wallet.Address
	Upload [16]byte
	Index  int   // its place in the file, from 0
	Size   int64 // bytes, 1 to erasure.MaxSegment
	Scheme erasure.Scheme
	Secret envelope.ShardSecret // the file's, of which the masks are made
	TTL    time.Duration        // rounded up to seconds; 0 and less mean DefaultTTL
}

// specOf is a segment's, without a time.
func specOf(seg index.Segment) (SegmentSpec, error) {
	upload, err := hex.DecodeString(seg.Upload)
	if err != nil || len(upload) != len(SegmentSpec{}.Upload) || len(seg.Secret) != len(envelope.ShardSecret{}) {
		return SegmentSpec{}, fmt.Errorf("segment %s in the index: an upload of %d and a secret of %d bytes", seg.ID, len(upload), len(seg.Secret))
	}
	return SegmentSpec{
		Owner: seg.Owner, Upload: [16]byte(upload), Index: seg.Index, Size: seg.Size, Scheme: seg.Scheme,
		Secret: envelope.ShardSecret(seg.Secret),
	}, nil
}

// mask is what a shard is under at a miner.
func (s SegmentSpec) mask(number int, holder wallet.Address) (*envelope.ShardMask, error) {
	miner, err := holder.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("hotkey: %w", err)
	}
	owner, err := s.Owner.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("owner: %w", err)
	}
	return s.Secret.Mask(manifest.SegmentName(owner, s.Upload, s.Index), number, miner), nil
}

// window is how many bytes of a segment's shards are in memory at most, of a
// segment that is stored or fetched, beside what the transport buffers.
const window = 4 << 20

// StoreSegment codes a segment and has as many of the candidates hold a shard
// each as the scheme has shards; nobody gets two. One shard more is on its way
// than is needed while there are candidates (Config.Spare), and who falls behind
// is dropped, so that a slow miner holds nobody up. When the candidates do not
// suffice it also puts up with Durable(scheme) shards.
//
// in gives the segment, of which it never has more than some rows in memory.
// Once it is read, check is told its root and may refuse it; then miners are
// asked to make durable what they have. The segment is in the index, as part of
// its upload, when StoreSegment returns without an error.
//
// Errors are check's, in's, ctx's, the index's, or wrap ErrShort: then it may be
// tried again, and miners that were slow come last. index.ErrEnded beside it: the
// segment, brought by somebody else too, was deleted meanwhile.
func (f *Fleet) StoreSegment(ctx context.Context, spec SegmentSpec, in io.Reader, check func(erasure.Root) error, candidates []chain.Neuron) (index.Segment, []Outcome, error) {
	p := &put{f: f, spec: spec, target: spec.Scheme.Total, least: Durable(spec.Scheme)}
	for number := range min(spec.Scheme.Total+f.cfg.Spare, erasure.MaxTotal) {
		p.numbers = append(p.numbers, number)
	}
	if _, err := p.store(ctx, in, check, candidates); err != nil {
		return index.Segment{}, p.outcomes, err
	}
	return p.seg, p.outcomes, p.record(ctx)
}

// RebuildSegment makes the shards of a segment anew that have these numbers, out
// of those that can be had, and has candidates hold them, who should hold none
// of the segment. It returns with ErrShort when none came about; otherwise those
// that did are in the index, and Outcomes says how many.
func (f *Fleet) RebuildSegment(ctx context.Context, seg index.Segment, numbers []int, ttl time.Duration, candidates []chain.Neuron) ([]Outcome, error) {
	spec, err := specOf(seg)
	if err != nil {
		return nil, err
	}
	spec.TTL = ttl
	p := &put{f: f, numbers: numbers, target: len(numbers), least: 1, mends: true, spec: spec, seg: seg}
	inner, cancel := context.WithCancel(ctx)
	in, out := io.Pipe()
	var fetched sync.WaitGroup
	fetched.Go(func() {
		_, err := f.FetchSegment(inner, seg, 0, seg.Size, out)
		out.CloseWithError(err)
	})
	check := func(root erasure.Root) error {
		if root.String() != seg.Root {
			return fmt.Errorf("%w: what its shards give is not segment %s", ErrLost, seg.ID)
		}
		return nil
	}
	_, err = p.store(ctx, in, check, candidates)
	cancel()
	in.CloseWithError(context.Canceled)
	fetched.Wait()
	if err == nil {
		err = p.recordShards(ctx, seg.ID)
	}
	return p.outcomes, err
}

// Durable is with how many shards a segment is still acknowledged when nobody
// takes more: half of the redundancy, and never less than gives it back.
func Durable(s erasure.Scheme) int { return s.Data + (s.Total-s.Data)/2 }

// put is one call of StoreSegment.
type put struct {
	f       *Fleet
	spec    SegmentSpec
	numbers []int // of the shards that are made
	target  int   // how many of them are wanted
	least   int   // how many do at worst
	mends   bool  // they are further ones of a segment that is there
	began   time.Time
	// seg is what they are shards of; with no ID until the root of one that is new
	// is known, which is before pieces are closed.
	seg  index.Segment
	life index.Life // seg's, from before any miner can have signed

	all     []*sender
	running sync.WaitGroup

	mu         sync.Mutex // guards all below
	candidates []chain.Neuron
	outcomes   []Outcome
}

func (p *put) shardSize() int64 { return p.spec.Scheme.ShardSize(p.spec.Size) }

// store has miners hold the shards, and takes back what there is if they are
// too few.
func (p *put) store(ctx context.Context, in io.Reader, check func(erasure.Root) error, candidates []chain.Neuron) (erasure.Root, error) {
	if err := p.spec.Scheme.Check(); err != nil {
		return erasure.Root{}, err
	}
	if p.spec.TTL <= 0 {
		p.spec.TTL = DefaultTTL
	}
	var err error
	var quick int
	if p.candidates, quick, err = p.f.roomFor(ctx, p.shardSize(), candidates); err != nil {
		return erasure.Root{}, err
	}
	// Nothing is sent ahead of need to who was slow lately.
	p.numbers = p.numbers[:min(len(p.numbers), len(p.candidates), max(p.target, quick))]
	p.began = p.f.deps.Now()
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	root, err := p.run(inner, in, check)
	if err != nil {
		cancel(err)
	}
	p.running.Wait()
	p.doubt(ctx)
	if err == nil && p.kept() < p.least {
		err = p.short()
	}
	if err != nil {
		p.forget(ctx)
		err = errors.Join(ctx.Err(), err)
	}
	return root, err
}

// run starts the senders, feeds them, and waits for enough of them.
func (p *put) run(ctx context.Context, in io.Reader, check func(erasure.Root) error) (erasure.Root, error) {
	if len(p.numbers) < p.least {
		return erasure.Root{}, fmt.Errorf("%w: %d miners have, %v wants %d", ErrRoom, len(p.numbers), p.spec.Scheme, p.target)
	}
	coder, err := erasure.New(erasure.Scheme{Data: p.spec.Scheme.Data, Total: max(p.spec.Scheme.Total, slices.Max(p.numbers)+1)})
	if err != nil {
		return erasure.Root{}, err
	}
	rows := max(2, window/(len(p.numbers)*erasure.Block))
	for _, number := range p.numbers {
		s := newSender(ctx, p, number, rows)
		p.all = append(p.all, s)
		p.running.Go(s.run)
	}
	root, err := p.feed(ctx, coder, in)
	if err == nil {
		err = check(root)
	}
	if err == nil && p.seg.ID == "" {
		p.seg, err = p.spec.segment(root)
	}
	if err == nil {
		p.life, err = p.f.deps.Index.Life(ctx, p.seg.ID)
	}
	if err != nil {
		return root, err
	}
	for _, s := range p.all {
		close(s.pieces)
	}
	return root, p.wait(ctx)
}

// feed reads the segment row by row and hands every sender its piece.
func (p *put) feed(ctx context.Context, coder *erasure.Coder, in io.Reader) (erasure.Root, error) {
	hash := erasure.NewHasher()
	pieces := make([][]byte, coder.Scheme().Total)
	for row := range p.spec.Scheme.Rows(p.spec.Size) {
		for i := range pieces {
			pieces[i] = p.f.blocks.take(p.spec.Scheme.RowBlock(p.spec.Size, row))
		}
		if err := readRow(in, pieces[:p.spec.Scheme.Data], p.spec.Scheme.RowData(p.spec.Size, row), hash); err != nil {
			return erasure.Root{}, err
		}
		if err := coder.Encode(pieces); err != nil {
			return erasure.Root{}, err
		}
		if err := p.hand(ctx, pieces); err != nil {
			return erasure.Root{}, err
		}
	}
	return hash.Root(), nil
}

// readRow fills a row's data pieces with so many bytes, then with zeros.
func readRow(in io.Reader, pieces [][]byte, bytes int, hash *erasure.Hasher) error {
	for _, b := range pieces {
		n := min(len(b), bytes)
		if _, err := io.ReadFull(in, b[:n]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("segment: %w", err)
		}
		hash.Write(b[:n])
		clear(b[n:])
		bytes -= n
	}
	return nil
}

// hand gives every sender its piece. Those that are behind by all that is
// buffered for them are waited for, all together for Config.Patience, and then
// dropped as far as they can be spared; the others, together again, have as long as
// stall says.
func (p *put) hand(ctx context.Context, pieces [][]byte) error {
	var behind []*sender
	for _, s := range p.all {
		piece := pieces[s.number]
		pieces[s.number] = nil
		select {
		case s.pieces <- piece:
		case <-s.done:
			p.f.blocks.give(piece)
		default:
			behind, pieces[s.number] = append(behind, s), piece
		}
	}
	defer func() {
		for _, b := range pieces { // of numbers that nobody is to have
			p.f.blocks.give(b)
		}
	}()
	if len(behind) == 0 {
		return p.enough()
	}
	// Unless enough of the others are ahead it is not they who are slow.
	slower := p.spare() >= len(behind)
	patience, cancel := context.WithTimeout(ctx, p.f.cfg.Patience)
	defer cancel()
	stall, cancelStall := context.WithTimeout(ctx, p.stall(len(behind)))
	defer cancelStall()
	for _, s := range behind {
		taken := s.offer(patience, pieces[s.number])
		if !taken && slower && p.spare() > 0 {
			s.drop(errBehind)
		} else if !taken {
			if p.more() {
				s.moveOn()
			}
			if taken = s.offer(stall, pieces[s.number]); !taken {
				s.drop(errBehind)
			}
		}
		if taken {
			pieces[s.number] = nil
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.enough()
}

var (
	// errBehind says of a miner that the others were much faster.
	errBehind = errors.New("it fell behind the other miners")
	// errSpare says of one that the others suffice.
	errSpare = errors.New("the other miners suffice")
)

// stall is how long so many are waited for that cannot be spared, before fewer
// shards do: as long again as the segment has taken up to now, within limits, since
// repair can make what is missing later. Without enough others it is the upper one.
func (p *put) stall(behind int) time.Duration {
	most := stalls * p.f.cfg.Patience
	if p.able()-behind < p.least {
		return most
	}
	return min(max(2*p.f.cfg.Patience, p.f.deps.Now().Sub(p.began)), most)
}

// able is how many shards may still become durable.
func (p *put) able() (n int) {
	for _, s := range p.all {
		if ok, ended := s.ended(); ok || !ended {
			n++
		}
	}
	return n
}

// spare is how many of them are not needed.
func (p *put) spare() int { return p.able() - p.target }

// enough says whether the segment can still become durable.
func (p *put) enough() error {
	if p.able() < p.least {
		return p.short()
	}
	return nil
}

// wait returns once all senders have come to an end. When enough miners have given
// a receipt for the segment to be durable, the others have as long as stall says;
// when there are as many as the scheme has shards, a quarter of what it took until
// then: that spares most of them being told to drop what they have. When there never
// are enough they have hopeless times Config.Patience.
func (p *put) wait(ctx context.Context) error {
	ended := make(chan *sender, len(p.all))
	for _, s := range p.all {
		p.running.Go(func() {
			<-s.done
			ended <- s
		})
	}
	enough := time.After(hopeless * p.f.cfg.Patience)
	var took time.Duration // until it was durable
	got, reason := 0, errBehind
	for range p.all {
		select {
		case s := <-ended:
			if s.err != nil {
				continue
			}
			now := p.f.deps.Now()
			switch got++; got {
			case p.target:
				enough, reason = time.After(min(p.f.cfg.Patience, now.Sub(p.began)/4)), errSpare
			case p.least:
				took = now.Sub(p.began)
				enough = time.After(p.stall(p.able() - got))
			}
			if got > p.least && now.Sub(p.began) > slowTimes*took+p.f.cfg.Patience/2 {
				p.f.slow.note(s.miner.Hotkey, now)
			}
		case <-enough:
			for _, s := range p.all {
				s.drop(reason)
			}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// hopeless is two minutes, in times of Config.Patience as it is by default: longer
// than what is buffered of a segment is under way to a miner that one puts up with.
const hopeless = 600

// slowTimes is how many times longer than the others a miner takes that comes last
// for a while, though it took its shard.
const slowTimes = 4

func (p *put) kept() int {
	n := 0
	for _, s := range p.all {
		if ok, _ := s.ended(); ok {
			n++
		}
	}
	return n
}

func (p *put) short() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := []error{fmt.Errorf("%w: %d of %d shards", ErrShort, p.kept(), p.target)}
	for _, o := range p.outcomes {
		errs = append(errs, o.Err)
	}
	return errors.Join(errs...)
}

// next is the candidate to try now, for who has none yet or has a dead one.
func (p *put) next() (chain.Neuron, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.candidates) == 0 {
		return chain.Neuron{}, false
	}
	n := p.candidates[0]
	p.candidates = p.candidates[1:]
	return n, true
}

// more says whether there are candidates that nobody was sent to.
func (p *put) more() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.candidates) > 0
}

func (p *put) outcome(o Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcomes = append(p.outcomes, o)
}
