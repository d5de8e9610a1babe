package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// sendSegment sends a segment of a file that can be read many times.
func (t *transfer) sendSegment(ctx context.Context, peer wire.Peer, i int) error {
	from, size := int64(i)*t.c.cfg.SegmentSize, t.segmentSize(i)
	return t.deliver(ctx, peer, i, size, func() io.Reader { return t.content.part(from, from+size) })
}

// deliver sends a segment until the gateway has it, or Config.Tries have failed.
func (t *transfer) deliver(ctx context.Context, peer wire.Peer, i int, size int64, open func() io.Reader) error {
	pause := t.c.cfg.Backoff
	for try := 1; ; try++ {
		body := &segmentBody{t: t, r: open(), left: size, root: erasure.NewHasher()}
		scheme, err := t.deliverOnce(ctx, peer, i, size, body)
		if err == nil {
			t.acknowledged(peer, i, manifest.Segment{Size: size, Root: body.root.Root(), Scheme: scheme})
			return nil
		}
		t.moved(-body.read)
		if body.err != nil {
			return fmt.Errorf("%w: %w", errSource, body.err)
		}
		if err = fmt.Errorf("segment %d: %w", i, err); !worthwhile(err) || try >= t.c.cfg.Tries || ctx.Err() != nil {
			return err
		}
		if t.arrived(ctx, peer, i, size, body) {
			return nil
		}
		t.c.log.Info("a segment did not arrive; sending it again", "gateway", peer.Hotkey, "try", try, "wait", pause, "err", err)
		if waitErr := wait(ctx, &pause); waitErr != nil {
			return errors.Join(waitErr, err)
		}
	}
}

// arrived asks whether a segment is there all the same: then only the answer was
// lost, and its bytes need not go again.
func (t *transfer) arrived(ctx context.Context, peer wire.Peer, i int, size int64, sent *segmentBody) bool {
	if sent.left > 0 {
		return false
	}
	held := map[int64]manifest.Segment{}
	_, err := t.c.uploadPage(ctx, peer, &wire.UploadState{Upload: t.keys.upload[:], From: int64(i), Limit: 1}, t.o.Timeout, held)
	s, there := held[int64(i)]
	if err != nil || !there || s.Size != size || s.Root != sent.root.Root() {
		return false
	}
	t.acknowledged(peer, i, s)
	t.moved(size)
	return true
}

func (t *transfer) deliverOnce(ctx context.Context, peer wire.Peer, i int, size int64, body *segmentBody) (erasure.Scheme, error) {
	msg := &wire.PutSegment{
		Upload: t.keys.upload[:], Index: int64(i), Size: size, Secret: t.keys.secret[:], TTL: int64(t.o.TTL / time.Second),
	}
	answer, err := t.c.exchange(ctx, peer, msg, wire.Body{Size: size + int64(len(erasure.Root{})), Reader: body})
	if err != nil {
		return erasure.Scheme{}, err
	}
	if err := answer.Close(); err != nil {
		return erasure.Scheme{}, err
	}
	scheme := erasure.Scheme{Data: int(msg.Data), Total: int(msg.Total)}
	if body.left > 0 || scheme.Check() != nil {
		return scheme, fmt.Errorf("%w: %v acknowledged with %d bytes not read", ErrWrongData, scheme, body.left)
	}
	return scheme, nil
}

func (t *transfer) acknowledged(peer wire.Peer, i int, s manifest.Segment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.segments[i] = segment{s, true, true, true}
	t.home = peer.Hotkey
}

// segmentBody is a segment and, behind it, its root.
type segmentBody struct {
	t       *transfer
	r       io.Reader
	left    int64
	root    *erasure.Hasher
	trailer []byte
	read    int64
	err     error // the source's
}

// Read implements io.Reader.
func (b *segmentBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		if b.trailer == nil {
			root := b.root.Root()
			b.trailer = root[:]
		}
		if len(b.trailer) == 0 {
			return 0, io.EOF
		}
		n := copy(p, b.trailer)
		b.trailer = b.trailer[n:]
		return n, nil
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	_, _ = b.root.Write(p[:n]) // never fails
	b.left -= int64(n)
	b.read += int64(n)
	b.t.moved(int64(n))
	switch {
	case b.left == 0:
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		b.err = err
	}
	return n, err
}
