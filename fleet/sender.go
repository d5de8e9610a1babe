package fleet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// sender brings one shard of a segment to one miner. It is the body of the
// request: what masks, hashes and tags the shard is the transport's reading.
type sender struct {
	p      *put
	number int
	pieces chan []byte             // of one row each; closed when the segment is whole and wanted
	drop   context.CancelCauseFunc // ends it early
	ctx    context.Context         // drop's
	done   chan struct{}           // closed at its end, after err was set
	err    error                   // nil: the miner has given a receipt

	mu   sync.Mutex // guards move
	move context.CancelCauseFunc

	touched atomic.Bool // a piece was taken

	// Of the miner that is being asked.
	asking  context.Context
	miner   chain.Neuron
	started time.Time
	mask    *envelope.ShardMask
	hash    *erasure.Hasher
	tagger  *por.Tagger
	key     por.Key
	pledge  receipt.Pledge
	asked   []byte
	receipt []byte
	sent    int64  // bytes of the shard
	held    []byte // the piece that was given out last
	rest    []byte // of it, what Read has still to give out
	whole   bool   // the trailer was made
	yielded bool   // the index counts on another shard at the miner, which stays
}

func newSender(ctx context.Context, p *put, number, rows int) *sender {
	s := &sender{p: p, number: number, pieces: make(chan []byte, rows), done: make(chan struct{})}
	s.ctx, s.drop = context.WithCancelCause(ctx)
	return s
}

// offer has the sender take a piece until ctx ends; it is false when it did not.
func (s *sender) offer(ctx context.Context, piece []byte) bool {
	select {
	case s.pieces <- piece: // first, or chance would decide when ctx has ended
		return true
	default:
	}
	select {
	case s.pieces <- piece:
		return true
	case <-s.done:
	case <-ctx.Done():
	}
	return false
}

// stalls is how many times Config.Patience a miner may stand still at most that
// cannot be spared.
const stalls = 25

// ended says that nothing more is taken from pieces, and ok how that came.
func (s *sender) ended() (ok, ended bool) {
	select {
	case <-s.done:
		return s.err == nil, true
	default:
		return false, false
	}
}

// moveOn ends asking a miner that has not taken anything yet: the next one can
// have the shard.
func (s *sender) moveOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.move != nil && !s.touched.Load() {
		s.move(errBehind)
	}
}

// run tries candidates until one takes the shard. After the first piece was
// taken there is no other one to try: the piece is gone.
func (s *sender) run() {
	defer close(s.done)
	defer s.drop(nil)
	s.err = fmt.Errorf("%w: no further candidates", ErrShort)
	for s.ctx.Err() == nil && s.err != nil && !s.touched.Load() {
		n, ok := s.p.next()
		if !ok {
			return
		}
		s.err = s.try(n)
	}
}

// try has one miner take the shard.
func (s *sender) try(n chain.Neuron) error {
	f := s.p.f
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.move = cancel
	s.mu.Unlock()
	s.asking, s.miner, s.started = ctx, n, f.deps.Now()
	if err := s.prepare(); err != nil {
		s.p.outcome(void(TaskStore, n, err))
		return err
	}
	msg := &wire.PutShard{Size: s.p.shardSize(), TTL: int64((s.p.spec.TTL + time.Second - 1) / time.Second)}
	size := msg.Size + por.TagsSize(msg.Size) + receipt.PledgeSize + wallet.SignatureSize + wire.FindableLabel
	answer, err := f.deps.Streams.Open(ctx, peerOf(n), msg, wire.Body{Size: size, Reader: s})
	if err == nil {
		err = answer.Close()
	}
	if err == nil {
		s.receipt = msg.Receipt
		err = s.pledge.VerifyMiner(msg.Receipt)
	}
	s.settle(err)
	return err
}

// settle counts what became of it. A miner that was dropped since it was not
// needed, or whose asker gave up, has done nothing wrong, but comes last for a
// while if it was behind.
func (s *sender) settle(err error) {
	f := s.p.f
	o := Outcome{Task: TaskStore, UID: s.miner.UID, Hotkey: s.miner.Hotkey, Bytes: s.p.shardSize(), Elapsed: f.deps.Now().Sub(s.started), Came: err == nil}
	if err != nil {
		o.Err = fmt.Errorf("%s at %s: %w", TaskStore, s.miner.Hotkey, err)
		o.Void = s.asking.Err() != nil || wire.StatusOf(err) == wire.StatusTooMany || wire.StatusOf(err) == wire.StatusNotFound
		if cause := context.Cause(s.asking); cause == nil || errors.Is(cause, errBehind) {
			f.slow.note(s.miner.Hotkey, f.deps.Now())
		}
	}
	f.settle(s.asking, &o, func(context.Context) error { return nil })
	s.p.outcome(o)
}

// prepare makes what the shard needs on this miner.
func (s *sender) prepare() error {
	f, spec := s.p.f, s.p.spec
	s.pledge = receipt.Pledge{Asker: f.self, Miner: s.miner.Hotkey, Shard: true, Size: s.p.shardSize()}
	_, err := io.ReadFull(f.deps.Rand, s.pledge.Salt[:])
	if err != nil {
		return fmt.Errorf("randomness: %w", err)
	}
	if s.key, err = f.keyOf(s.pledge); err != nil {
		return err
	}
	if s.mask, err = spec.mask(s.number, s.miner.Hotkey); err != nil {
		return err
	}
	s.hash, s.tagger = erasure.NewHasher(), s.key.NewTagger(s.pledge.Size)
	return nil
}

// Read implements io.Reader.
func (s *sender) Read(b []byte) (int, error) {
	for len(s.rest) == 0 {
		piece, err := s.piece()
		if err != nil {
			return 0, err
		}
		s.rest = piece
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: without copying.
func (s *sender) WriteTo(w io.Writer) (n int64, err error) {
	for {
		piece, err := s.piece()
		if errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		m, err := w.Write(piece)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

// piece is what comes next in the body, good until the next call: the shard's
// pieces as the miner is to have them, and last what it is to sign.
func (s *sender) piece() ([]byte, error) {
	s.p.f.blocks.give(s.held)
	s.held = nil
	if s.whole {
		return nil, io.EOF
	}
	select {
	case b, more := <-s.pieces:
		if !more {
			return s.trailer()
		}
		s.touched.Store(true)
		s.mask.XOR(b, s.sent)
		s.sent += int64(len(b))
		s.hash.Write(b)
		s.tagger.Write(b)
		s.held = b
		return b, nil
	case <-s.asking.Done():
		return nil, context.Cause(s.asking)
	}
}

// trailer is the tags, the pledge, our signature, and the label with what it is found by.
func (s *sender) trailer() ([]byte, error) {
	if s.sent != s.pledge.Size {
		return nil, fmt.Errorf("shard %d has %d bytes of %d", s.number, s.sent, s.pledge.Size)
	}
	tags := s.tagger.Tags()
	s.pledge.Hash = proof.Digest(s.hash.Root())
	s.pledge.Tags, s.pledge.Key = sha256.Sum256(tags), s.key.Commitment()
	s.pledge.Made = s.p.f.deps.Now().Truncate(time.Second)
	s.pledge.Until = s.started.Add(s.p.spec.TTL).Truncate(time.Second)
	if !s.pledge.Until.After(s.pledge.Made) {
		s.pledge.Until = s.pledge.Made.Add(time.Second)
	}
	var err error
	if s.asked, err = s.pledge.Sign(s.p.f.deps.Key); err != nil {
		return nil, err
	}
	label, err := s.p.f.labels.seal(s.p.f.deps.Rand, s.p.seg, s.number, s.pledge)
	if err == nil {
		label, err = findable(label, s.p.seg, s.number, s.pledge)
	}
	if err != nil {
		return nil, err
	}
	s.whole = true
	return slices.Concat(tags, s.pledge.Encode(), s.asked, label), nil
}

// holding is what the index is to know of the shard.
func (s *sender) holding(segment string) index.Holding {
	return index.Holding{
		Holder: s.miner.Hotkey, Hash: segment, Replica: s.pledge.Hash.String(), Kind: index.KindShard, Number: s.number,
		Size: s.pledge.Size, Stored: s.started, TTL: s.p.spec.TTL,
		Native: &index.Native{Pledge: s.pledge.Encode(), Asked: s.asked, Receipt: s.receipt},
	}
}
