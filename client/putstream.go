package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// putStream stores what can be read once. Each segment waits for its
// acknowledgement in a temporary file, so that it can be sent again.
func (c *Client) putStream(ctx context.Context, src Source, o PutFileOptions) (Stored, error) {
	t := &transfer{c: c, o: o}
	var err error
	if t.keys, err = c.keysOf(o, nil); err != nil {
		return Stored{}, err
	}
	t.stage(StageFinding)
	var list []candidate
	err = c.rounds(ctx, func(ctx context.Context) error {
		peers, err := c.peers(ctx, route{o.Gateways, o.UIDs})
		if err != nil {
			return err
		}
		var failed failures
		if list, failed = c.candidates(ctx, peers, t.keys.upload, o.Timeout); len(list) > 0 {
			return nil
		} else if noStreams(failed) {
			return fmt.Errorf("%w: %w", errNoneStreams, failed)
		}
		return failed
	})
	if err != nil {
		return Stored{}, err
	}
	source := &sourceReader{t: t, r: src.stream}
	sealed := io.Reader(source)
	if t.keys.file != nil {
		sealed = envelope.NewSealer(*t.keys.file, source, -1)
	}
	t.stage(StageSending)
	head := make([]byte, manifest.MaxInline+1)
	n, err := io.ReadFull(sealed, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		t.inline = head[:n]
		_, _ = t.cid.Write(t.inline) // never fails
		err := t.firstOf(list, func(g wire.Peer) error { return t.commit(ctx, g) })
		return t.stored(), err
	} else if err != nil {
		return Stored{}, err
	}
	err = t.pump(ctx, list, io.MultiReader(bytes.NewReader(head), sealed))
	return t.stored(), err
}

// firstOf has the gateways do it in turn until one has.
func (t *transfer) firstOf(list []candidate, do func(wire.Peer) error) error {
	var failed failures
	for _, g := range list {
		err := do(g.Peer)
		if err == nil {
			t.gateway = g.Hotkey
			return nil
		}
		failed = append(failed, failure{g.Hotkey, err})
	}
	return failed
}

// pump sends a stream, segment by segment. All go to the gateway that took the
// first.
func (t *transfer) pump(ctx context.Context, list []candidate, sealed io.Reader) (err error) {
	work, sending := errgroup.WithContext(ctx)
	work.SetLimit(t.c.cfg.Segments)
	var home wire.Peer
	for i, more := 0, true; more && err == nil && sending.Err() == nil; i++ {
		var s *spool
		if s, err = t.spool(sealed); err != nil {
			break
		}
		if more = s.size == t.c.cfg.SegmentSize; s.size == 0 {
			err = s.Close()
			break
		}
		t.mu.Lock()
		t.segments = append(t.segments, segment{})
		t.mu.Unlock()
		send := func(g wire.Peer) error { return t.deliver(sending, g, i, s.size, s.reader) }
		switch {
		case i == manifest.MaxSegments:
			err = errors.Join(ErrTooLarge, s.Close())
		case i == 0:
			err = errors.Join(t.firstOf(list, func(g wire.Peer) error { home = g; return send(g) }), s.Close())
		default:
			work.Go(func() error { return errors.Join(send(home), s.Close()) })
		}
	}
	if err != nil {
		return errors.Join(err, ended(work, err))
	}
	if err := errors.Join(work.Wait(), ctx.Err()); err != nil {
		return failures{{home.Hotkey, err}}
	}
	if err := t.commit(ctx, home); err != nil {
		return failures{{home.Hotkey, err}}
	}
	return nil
}

// sourceReader tells a source's own errors from others, and counts.
type sourceReader struct {
	t *transfer
	r io.Reader
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.t.mu.Lock()
	s.t.size += int64(n)
	s.t.mu.Unlock()
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errSource, err)
	}
	return n, err
}

// spool is a segment of a stream, in a file without a name.
type spool struct {
	*os.File
	size int64
}

// spool reads the next segment; one of no bytes is the end.
func (t *transfer) spool(sealed io.Reader) (*spool, error) {
	s, err := newSpool("")
	if err != nil {
		return nil, err
	}
	if s.size, err = io.Copy(io.MultiWriter(s.File, &t.cid), io.LimitReader(sealed, t.c.cfg.SegmentSize)); err != nil {
		return nil, errors.Join(room(err), s.Close())
	}
	return s, nil
}

// room says of a spool's error where it is, if that is full.
func room(err error) error {
	if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, errSource) {
		return err
	}
	return fmt.Errorf("%w: segments on their way are kept in %s; TMPDIR names another folder", err, os.TempDir())
}

// newSpool makes a file that is gone when it is closed, or the process ends.
func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, ".filetao-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("room for a segment: %w", room(err))
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &spool{File: f}, nil
}

func (s *spool) reader() io.Reader { return io.NewSectionReader(s.File, 0, s.size) }
