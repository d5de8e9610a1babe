package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// getObject answers wire.GetObject with a part of a file, as it comes from its
// miners.
func (g *Gateway) getObject(ctx context.Context, from wire.Caller, m *wire.GetObject, _ wire.Body) (wire.Body, error) {
	o, man, err := g.object(ctx, from.Hotkey, m.CID)
	if err != nil {
		return wire.Body{}, err
	}
	length := m.Length
	if length == 0 {
		length = man.Size - m.Offset
	}
	if m.Offset < 0 || length < 0 || m.Offset > man.Size || length > man.Size-m.Offset {
		return wire.Body{}, wire.BadRequest("the file has %d bytes: there are no %d from %d on", man.Size, m.Length, m.Offset)
	}
	m.Size = man.Size
	if m.Offset == 0 {
		m.Manifest, m.Signature = o.Manifest, o.Signature
	}
	if len(man.Segments) == 0 {
		return wire.Body{Size: length, Reader: bytes.NewReader(man.Inline[m.Offset : m.Offset+length])}, nil
	}
	r := &objectReader{g: g, man: man, parts: man.Locate(m.Offset, length), ahead: make(chan *segmentReader, prefetch)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	go r.open()
	return wire.Body{Size: length, Reader: r}, nil
}

// prefetch is how many segments beside the one that is read are begun.
const prefetch = 1

// objectReader reads parts of segments one after the other. While one is read
// the next is begun, as far as its buffers go. It is closed by whoever has it.
type objectReader struct {
	g      *Gateway
	man    manifest.Manifest
	parts  []manifest.Range
	ctx    context.Context
	cancel context.CancelFunc
	ahead  chan *segmentReader
	now    *segmentReader
}

// segmentReader is a part of a segment on its way.
type segmentReader struct {
	*io.PipeReader
	done chan struct{}
}

// open begins one part after the other.
func (r *objectReader) open() {
	defer close(r.ahead)
	for _, part := range r.parts {
		in, out := io.Pipe()
		s := &segmentReader{in, make(chan struct{})}
		go func() {
			defer close(s.done)
			out.CloseWithError(r.g.fetchPart(r.ctx, r.man, part, out))
		}()
		select {
		case r.ahead <- s:
		case <-r.ctx.Done():
			in.CloseWithError(r.ctx.Err())
			<-s.done
			return
		}
	}
}

// fetchPart writes a part of a file; nil is its end.
func (g *Gateway) fetchPart(ctx context.Context, man manifest.Manifest, part manifest.Range, w io.Writer) error {
	seg, err := g.deps.Index.Segment(ctx, segmentID(man, part.Segment))
	if err != nil {
		return fmt.Errorf("segment %d of %s: %w", part.Segment, man.CID, err)
	}
	if _, err = g.deps.Fleet.FetchSegment(ctx, seg, part.Offset, part.Length, w); err != nil && ctx.Err() == nil {
		g.log.Warn("a segment cannot be read", "cid", man.CID, "segment", seg.ID, "err", err)
	}
	return err
}

// Read implements io.Reader.
func (r *objectReader) Read(b []byte) (int, error) {
	for {
		if r.now == nil {
			next, more := <-r.ahead
			if !more {
				if err := r.ctx.Err(); err != nil {
					return 0, err
				}
				return 0, io.EOF
			}
			r.now = next
		}
		n, err := r.now.Read(b)
		if err == io.EOF {
			<-r.now.done
			r.now, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close ends what was begun and waits for it.
func (r *objectReader) Close() error {
	r.cancel()
	if r.now != nil {
		r.now.CloseWithError(context.Canceled)
		<-r.now.done
	}
	for s := range r.ahead {
		s.CloseWithError(context.Canceled)
		<-s.done
	}
	return nil
}
