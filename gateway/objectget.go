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
	o, man, done, large, err := g.heldObject(ctx, from.Hotkey, m.CID)
	if err != nil {
		return wire.Body{}, err
	}
	var r *objectReader
	defer func() {
		if r == nil {
			done()
		}
	}()
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
	if r, err = g.newObjectReader(ctx, man, man.Locate(m.Offset, length), done, large); err != nil {
		return wire.Body{}, err
	}
	return wire.Body{Size: length, Reader: r}, nil
}

// objectReader reads parts of segments one after the other. While one is read
// the next is begun if there is memory to spare. It is closed by whoever has it.
type objectReader struct {
	g      *Gateway
	man    manifest.Manifest
	parts  []manifest.Range
	done   func() // with man and parts
	ctx    context.Context
	cancel context.CancelCauseFunc
	window *window
	ahead  chan *segmentReader
	now    *segmentReader
}

// segmentReader is a part of a segment on its way.
type segmentReader struct {
	*io.PipeReader
	done chan struct{}
}

// errGiveWay ends a get whose user takes little while others wait.
var errGiveWay = wire.Unavailable("others wait for the gateway, and this get takes too little; go on later")

// newObjectReader waits for memory and begins. It says when it is done with the
// manifest, of which it is told whether it is large.
func (g *Gateway) newObjectReader(ctx context.Context, man manifest.Manifest, parts []manifest.Range, done func(), large bool) (*objectReader, error) {
	r := &objectReader{g: g, man: man, parts: parts, done: done, ahead: make(chan *segmentReader)}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	least, wish := need(man, parts)
	wait, stop := context.WithTimeout(ctx, g.cfg.RetrieveTimeout)
	defer stop()
	var err error
	if r.window, err = g.windows.take(wait, least, wish, large, r.giveWay); err != nil {
		r.cancel(err)
		return nil, err
	}
	go r.open()
	return r, nil
}

// giveWay breaks the get off for others.
func (r *objectReader) giveWay() {
	r.g.metrics.gaveWay.WithLabelValues("get").Inc()
	r.cancel(errGiveWay)
}

// open begins one part after the other.
func (r *objectReader) open() {
	defer close(r.ahead)
	defer r.window.close()
	defer func() { r.man, r.parts = manifest.Manifest{}, nil; r.done() }()
	var last *segmentReader
	for _, part := range r.parts {
		size := r.window.ahead()
		if size == 0 {
			last.wait()
			size = r.window.begin()
		}
		s := r.begin(part, size)
		select {
		case r.ahead <- s:
		case <-r.ctx.Done():
			s.wait()
		}
		if r.ctx.Err() != nil {
			last.wait()
			s.wait()
			return
		}
		last = s
	}
	last.wait()
}

// begin has a part of the file come through as many bytes of memory.
func (r *objectReader) begin(part manifest.Range, size int64) *segmentReader {
	in, out := io.Pipe()
	s := &segmentReader{in, make(chan struct{})}
	// What waits for its reader does not see the context end.
	stop := context.AfterFunc(r.ctx, func() { in.CloseWithError(context.Cause(r.ctx)) })
	go func() {
		defer close(s.done)
		defer r.window.done()
		defer stop()
		out.CloseWithError(r.g.fetchPart(r.ctx, r.man, part, size, out))
	}()
	return s
}

// wait returns when the part has been fetched; nil is none.
func (s *segmentReader) wait() {
	if s != nil {
		<-s.done
	}
}

// fetchPart writes a part of a file; nil is its end.
func (g *Gateway) fetchPart(ctx context.Context, man manifest.Manifest, part manifest.Range, size int64, w io.Writer) error {
	seg, err := g.deps.Index.Segment(ctx, segmentID(man, part.Segment))
	if err != nil {
		return fmt.Errorf("segment %d of %s: %w", part.Segment, man.CID, err)
	}
	window := rowsIn(size, man.Segments[part.Segment])
	if _, err = g.deps.Fleet.FetchSegmentWithin(ctx, seg, part.Offset, part.Length, window, w); err != nil && ctx.Err() == nil {
		g.log.Warn("a segment cannot be read", "cid", man.CID, "segment", seg.ID, "err", err)
	}
	return err
}

// Read implements io.Reader.
func (r *objectReader) Read(b []byte) (n int, err error) {
	r.window.reading()
	defer func() { r.window.gave(n) }()
	for {
		if r.now == nil {
			next, more := <-r.ahead
			if !more {
				if r.ctx.Err() != nil {
					return 0, context.Cause(r.ctx)
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
		if err != nil && r.ctx.Err() != nil {
			err = context.Cause(r.ctx)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close ends what was begun and waits for it.
func (r *objectReader) Close() error {
	r.cancel(context.Canceled)
	for s := range r.ahead {
		s.wait()
	}
	return nil
}
