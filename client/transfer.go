package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// transfer is a file on its way to a gateway.
type transfer struct {
	c       *Client
	o       PutFileOptions
	keys    fileKeys
	size    int64          // of the file; what has been read of a stream
	content *sealedContent // nil for a stream
	cid     sumOf
	inline  []byte
	// hashed is how many segments the CID has been told of.
	hashed  int
	home    wallet.Address // who acknowledged a segment
	gateway wallet.Address // who committed the file

	mu       sync.Mutex // guards what follows
	segments []segment
	done     int64 // sealed bytes
	resumed  int64
	at       Stage
}

// sumOf is a cid.Hasher that is ready as it is.
type sumOf struct{ h *cid.Hasher }

func (s *sumOf) Write(p []byte) (int, error) {
	if s.h == nil {
		s.h = cid.NewHasher()
	}
	return s.h.Write(p)
}

func (s *sumOf) CID() string {
	_, _ = s.Write(nil) // so that there is one
	return s.h.CID()
}

// segment is what is known of one.
type segment struct {
	manifest.Segment
	rooted bool // Root is known
	ours   bool // it was sent in this call
	there  bool // the gateway has it
}

func (t *transfer) stage(s Stage) {
	t.mu.Lock()
	t.at, t.done = s, 0
	t.mu.Unlock()
	t.moved(0)
}

// moved tells of n bytes more, or fewer.
func (t *transfer) moved(n int64) {
	t.mu.Lock()
	t.done += n
	p := Progress{Stage: t.at, Gateway: t.home, Bytes: t.size, Done: min(t.done, t.size), Resumed: min(t.resumed, t.size)}
	t.mu.Unlock()
	progressFunc(t.o.Progress).tell(p)
}

func (t *transfer) stored() Stored {
	return Stored{
		CID: t.cid.CID(), Size: t.size, Gateways: []wallet.Address{t.gateway}, Segments: len(t.segments), Resumed: min(t.resumed, t.size),
	}
}

// anywhere stores at the first of the peers that takes the file.
func (t *transfer) anywhere(ctx context.Context, peers []wire.Peer) error {
	list, failed := t.gateways(ctx, peers)
	for _, g := range list {
		if t.home != "" && t.home != g.Hotkey && len(g.held) == 0 {
			failed = append(failed, failure{g.Hotkey, fmt.Errorf("it has nothing of what %s took", t.home)})
			continue
		}
		err := t.store(ctx, g.Peer, g.held)
		if err == nil {
			t.gateway = g.Hotkey
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if errors.Is(err, errSource) {
			return err
		}
		t.c.log.Warn("gateway did not store the file", "gateway", g.Hotkey, "err", err)
		failed = append(failed, failure{g.Hotkey, err})
	}
	if noStreams(failed) {
		return fmt.Errorf("%w: %w", errNoneStreams, failed)
	}
	return failed
}

// gateways are those that are tried. For a file that is inline nobody is asked
// first.
func (t *transfer) gateways(ctx context.Context, peers []wire.Peer) (list []candidate, failed failures) {
	if t.inline != nil || len(t.segments) == 0 {
		for _, p := range peers {
			list = append(list, candidate{p, nil})
		}
	} else {
		list, failed = t.c.candidates(ctx, peers, t.keys.upload, t.o.Timeout)
	}
	if len(t.o.Gateways)+len(t.o.UIDs) == 0 {
		list = list[:min(len(list), t.c.cfg.Ask)]
	}
	return list, failed
}

// recommits is how often a gateway that misses segments at the end gets them again.
const recommits = 3

// store has one gateway take the file, of which it has what held says.
func (t *transfer) store(ctx context.Context, peer wire.Peer, held map[int64]manifest.Segment) error {
	for n := 1; ; n++ {
		t.stage(StageSending)
		if len(t.segments) > 0 {
			if err := t.send(ctx, peer, held); err != nil {
				return err
			}
		}
		err := t.commit(ctx, peer)
		if wire.StatusOf(err) != wire.StatusConflict || n == recommits || len(t.segments) == 0 {
			return err
		}
		t.c.log.Warn("the gateway misses segments; sending them again", "gateway", peer.Hotkey, "err", err)
		if held, err = t.c.uploadState(ctx, peer, t.keys.upload, t.o.Timeout); err != nil {
			return err
		}
	}
}

// send sends the segments that the gateway has not, several at a time. Beside it
// the CID is computed, which wants them all in order: so no more than those on
// their way are read ahead, and the file is read from the system's memory.
func (t *transfer) send(ctx context.Context, peer wire.Peer, held map[int64]manifest.Segment) error {
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	// When one fails, no further ones are begun, but those that are on their way
	// are not wasted.
	work, failed := errgroup.WithContext(ctx)
	work.SetLimit(t.c.cfg.Segments)
	send := func(i int) {
		work.Go(func() error {
			err := t.sendSegment(sending, peer, i)
			if errors.Is(err, errSource) {
				cancel()
			}
			return err
		})
	}
	for i := range t.segments {
		if failed.Err() != nil {
			break
		}
		there := t.known(i, held)
		if !there {
			send(i)
		}
		// The CID is told of all of a segment, also while another fails: after
		// half of it there is no going on.
		matches, err := t.hash(ctx, i, held[int64(i)], there)
		if err != nil {
			cancel()
			_ = work.Wait() // which fails because of that
			return err
		}
		switch {
		case there && !matches:
			send(i)
		case there:
			t.resume(i, held[int64(i)])
		}
	}
	return errors.Join(work.Wait(), ctx.Err())
}

// ended has a group's context end for a reason, and waits.
func ended(work *errgroup.Group, why error) error {
	work.Go(func() error { return why })
	_ = work.Wait() // why, or what came before it and will come again
	return nil
}

// known says whether the gateway has something that may be segment i.
func (t *transfer) known(i int, held map[int64]manifest.Segment) bool {
	s, there := held[int64(i)]
	t.mu.Lock()
	defer t.mu.Unlock()
	return there && s.Size == t.segmentSize(i) && (!t.segments[i].rooted || t.segments[i].Root == s.Root)
}

// resume takes over what the gateway has.
func (t *transfer) resume(i int, s manifest.Segment) {
	t.mu.Lock()
	if !t.segments[i].ours && !t.segments[i].there {
		t.resumed += s.Size
	}
	t.segments[i].Segment, t.segments[i].rooted, t.segments[i].there = s, true, true
	t.mu.Unlock()
	t.moved(s.Size)
}

func (t *transfer) segmentSize(i int) int64 {
	return min(t.c.cfg.SegmentSize, t.content.size-int64(i)*t.c.cfg.SegmentSize)
}

// errSource says that it is not the gateways' fault.
var errSource = errors.New("reading the file")

// hash reads segment i for the CID, if that has not been told of it, and for its
// root, if that is to be compared with what the gateway has.
func (t *transfer) hash(ctx context.Context, i int, held manifest.Segment, compare bool) (matches bool, err error) {
	t.mu.Lock()
	compare = compare && !t.segments[i].rooted
	t.mu.Unlock()
	var to []io.Writer
	root := erasure.NewHasher()
	if i == t.hashed {
		to = append(to, &t.cid)
	}
	if compare {
		to = append(to, root)
	}
	if len(to) == 0 {
		return true, nil
	}
	from := int64(i) * t.c.cfg.SegmentSize
	w := io.MultiWriter(append(to, while{ctx})...)
	if _, err := t.content.part(from, from+t.segmentSize(i)).WriteTo(w); err != nil {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	if i == t.hashed {
		t.hashed++
	}
	return !compare || root.Root() == held.Root, nil
}

// while is a writer that fails when a context ends.
type while struct{ ctx context.Context }

func (w while) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return len(p), nil
}

// commit makes a file of what was sent.
func (t *transfer) commit(ctx context.Context, peer wire.Peer) error {
	m := manifest.Manifest{
		Owner: t.c.deps.Hotkey.PublicKey(), CID: t.cid.CID(), Size: int64(len(t.inline)), Payload: t.keys.payload,
		Upload: t.keys.upload, Secret: t.keys.secret, Created: time.Now().Unix(), Inline: t.inline,
	}
	for _, s := range t.segments {
		m.Segments = append(m.Segments, s.Segment)
		m.Size, m.SegmentSize = m.Size+s.Size, t.c.cfg.SegmentSize
	}
	if err := m.Check(); err != nil {
		return err
	}
	signature, err := t.c.deps.Hotkey.Sign(m.Text())
	if err != nil {
		return err
	}
	encoded, pause := m.Encode(), t.c.cfg.Backoff
	for try := 1; ; try++ {
		msg := &wire.CommitObject{Manifest: encoded, Signature: signature, TTL: int64(t.o.TTL / time.Second)}
		err := t.c.call(ctx, peer, msg, t.o.Timeout)
		if err == nil || !worthwhile(err) || try >= t.c.cfg.Tries || len(t.segments) == 0 {
			return err
		}
		if err := wait(ctx, &pause); err != nil {
			return err
		}
	}
}
