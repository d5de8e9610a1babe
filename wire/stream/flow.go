package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferSize is what moves at a time.
const bufferSize = 256 << 10

// errSlow says that the other end let a body stand still, or crawl.
var errSlow = errors.New("the peer is too slow")

// errBody says that a body's own reader gave too few bytes.
var errBody = errors.New("the body ended too early")

// buffers are bufferSize each, kept for reuse.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}}
}

func (b *buffers) get() *[]byte  { return b.pool.Get().(*[]byte) }
func (b *buffers) put(p *[]byte) { b.pool.Put(p) }

// pace is the least that is asked of a peer: it may owe us a body for no longer
// than grace beyond what the bytes take at rate. Only the time that we wait for
// the peer counts, and a fast start earns no right to stand still later.
type pace struct {
	grace time.Duration
	rate  int64 // bytes per second
}

// flow is one direction of an exchange under a pace.
type flow struct {
	pace
	ctx    context.Context
	end    time.Time                // no step waits longer
	arm    func(by time.Time) error // sets the connection's deadline
	moved  func(n int64)            // is told of progress; may be nil
	credit time.Duration            // what is left of the grace
}

func newFlow(ctx context.Context, p pace, end time.Time, arm func(time.Time) error) *flow {
	return &flow{pace: p, ctx: ctx, end: end, arm: arm, credit: p.grace}
}

// step does one read or write, of up to size bytes where it is a write.
func (f *flow) step(size int64, move func() (int64, error)) (int64, error) {
	start := time.Now()
	by := start.Add(f.credit + f.worth(size))
	if by.After(f.end) {
		by = f.end
	}
	if err := f.arm(by); err != nil {
		return 0, f.why(err, by)
	}
	if err := context.Cause(f.ctx); err != nil {
		return 0, err
	}
	n, err := move()
	f.credit = min(f.credit+f.worth(n)-time.Since(start), f.grace)
	if n > 0 && f.moved != nil {
		f.moved(n)
	}
	return n, f.why(err, by)
}

// why says what a step's error, for which by was the time, comes from.
func (f *flow) why(err error, by time.Time) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // which ends a server's context as well
		if by.Before(f.end) {
			return fmt.Errorf("%w: %w", errSlow, err)
		}
		return context.DeadlineExceeded
	}
	if cause := context.Cause(f.ctx); cause != nil {
		return cause
	}
	return err
}

func (f *flow) worth(n int64) time.Duration {
	return time.Duration(float64(n) / float64(f.rate) * float64(time.Second))
}

// sink writes a body to a connection at a pace: no more than left bytes, a
// buffer at a time, files without a detour through memory.
type sink struct {
	w       io.Writer
	flush   func() error // for what w keeps back of small writes; may be nil
	flow    *flow
	buffers *buffers
	left    int64
	failed  error // of the connection
}

// kept is the least that no writer keeps back.
const kept = 8 << 10

// fill sends what is left out of r, which has to have as much.
func (s *sink) fill(r io.Reader) (err error) {
	if s.left == 0 {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the body's reader panicked: %v", p)
		}
	}()
	if to, ok := r.(io.WriterTo); ok {
		_, err = to.WriteTo(s)
	} else {
		_, err = s.ReadFrom(r)
	}
	if s.left == 0 || s.failed != nil { // what came after the last byte does not matter
		return s.failed
	}
	if err == nil {
		err = fmt.Errorf("%w, %d bytes are missing", errBody, s.left)
	}
	return err
}

// Write sends p, which must not be more than what is left.
func (s *sink) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		chunk := p[sent:min(len(p), sent+bufferSize)]
		if int64(len(chunk)) > s.left {
			if chunk = chunk[:s.left]; len(chunk) == 0 {
				return sent, io.ErrShortWrite
			}
		}
		n, err := s.move(int64(len(chunk)), func() (int64, error) {
			n, err := s.w.Write(chunk)
			if err == nil && n < kept && s.flush != nil {
				err = s.flush()
			}
			return int64(n), err
		})
		sent += int(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (s *sink) move(n int64, write func() (int64, error)) (int64, error) {
	n, err := s.flow.step(n, write)
	if s.left -= n; err != nil {
		s.failed = err
	}
	return n, err
}

// ReadFrom sends what r gives, and no more than what is left.
func (s *sink) ReadFrom(r io.Reader) (sent int64, err error) {
	limit := s.left
	limited, ok := r.(*io.LimitedReader)
	if ok {
		limit = min(limit, limited.N)
		r = limited.R
		defer func() { limited.N -= sent }()
	}
	if to, direct := s.w.(io.ReaderFrom); direct && isFile(r) {
		return s.splice(to, r, limit)
	}
	buf := s.buffers.get()
	defer s.buffers.put(buf)
	for sent < limit {
		n, err := r.Read((*buf)[:min(bufferSize, limit-sent)])
		if n > 0 {
			m, err := s.Write((*buf)[:n])
			if sent += int64(m); err != nil {
				return sent, err
			}
		}
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// splice has the system send a file.
func (s *sink) splice(to io.ReaderFrom, file io.Reader, limit int64) (sent int64, err error) {
	for sent < limit {
		part := &io.LimitedReader{R: file, N: min(limit-sent, bufferSize)}
		n, err := s.move(part.N, func() (int64, error) { return to.ReadFrom(part) })
		if sent += n; err != nil || n == 0 {
			return sent, err
		}
	}
	return sent, nil
}

// isFile says whether the system can send what r reads by itself.
func isFile(r io.Reader) bool {
	_, ok := r.(interface {
		fs.File
		io.Seeker
		syscall.Conn
	})
	return ok
}

// closeBody closes what a body was read from.
func closeBody(r io.Reader) error {
	if c, ok := r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
