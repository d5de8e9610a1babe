package stream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// idleTimeout is below the axon's 75 s.
	idleTimeout = 30 * time.Second
	// readBuffer is for heads: larger reads go past it.
	readBuffer = 16 << 10
	// maxHTTPHeader bounds the HTTP header of an answer.
	maxHTTPHeader = 64 << 10
)

// errNoMore says that a peer's HTTP header is over its bound.
var errNoMore = errors.New("the HTTP header is too long")

// conn is a connection to a peer: one exchange at a time.
type conn struct {
	net.Conn
	br    *bufio.Reader
	limit int64 // bytes that may yet be read
	used  bool  // by an exchange before this one
	idle  *time.Timer
	once  sync.Once
}

func newConn(c net.Conn) *conn {
	k := &conn{Conn: c}
	k.br = bufio.NewReaderSize(limitedConn{k}, readBuffer)
	return k
}

// Close closes the connection, once.
func (c *conn) Close() (err error) {
	c.once.Do(func() { err = c.Conn.Close() })
	return err
}

// limitedConn is what a conn's buffer reads from.
type limitedConn struct{ c *conn }

func (l limitedConn) Read(p []byte) (int, error) {
	if l.c.limit <= 0 {
		return 0, errNoMore
	}
	n, err := l.c.Conn.Read(p[:min(int64(len(p)), l.c.limit)])
	l.c.limit -= int64(n)
	return n, err
}

// ReadFrom has the system send files.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// pool keeps connections for reuse, and bounds how many there are to a peer.
type pool struct {
	dialer  net.Dialer
	perPeer int

	mu     sync.Mutex // guards what follows
	closed bool
	peers  map[netip.AddrPort]*slots
}

// slots are one peer's, there as long as somebody uses, awaits or left one.
type slots struct {
	turns chan struct{}
	users int     // guarded by pool.mu, as idle is
	idle  []*conn // the latest last
}

func newPool(perPeer int) *pool {
	return &pool{perPeer: perPeer, peers: map[netip.AddrPort]*slots{}}
}

// get gives a connection, which put takes back. fresh asks for a new one.
func (p *pool) get(ctx context.Context, to netip.AddrPort, fresh bool) (*conn, error) {
	s := p.enter(to)
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		p.leave(to, s)
		return nil, context.Cause(ctx)
	}
	for !fresh {
		c := p.take(s)
		if c == nil {
			break
		}
		if alive(c.Conn) && c.br.Buffered() == 0 {
			return c, nil
		}
		if err := c.Close(); err != nil {
			continue // it was gone anyhow
		}
	}
	raw, err := p.dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		<-s.turns
		p.leave(to, s)
		return nil, err
	}
	return newConn(raw), nil
}

func (p *pool) enter(to netip.AddrPort) *slots {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.peers[to]
	if s == nil {
		s = &slots{turns: make(chan struct{}, p.perPeer)}
		p.peers[to] = s
	}
	s.users++
	return s
}

func (p *pool) leave(to netip.AddrPort, s *slots) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	p.forget(to, s)
}

// forget drops a peer of whom nothing is left. Called with mu held.
func (p *pool) forget(to netip.AddrPort, s *slots) {
	if s.users == 0 && len(s.idle) == 0 {
		delete(p.peers, to)
	}
}

// take gives an idle connection, or nil.
func (p *pool) take(s *slots) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	c := s.idle[n-1]
	s.idle = s.idle[:n-1]
	c.idle.Stop()
	return c
}

// put takes a connection back, to be used again or not.
func (p *pool) put(to netip.AddrPort, c *conn, again bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.peers[to]
	<-s.turns
	s.users--
	defer p.forget(to, s)
	if !again || p.closed {
		return c.Close()
	}
	c.used = true
	s.idle = append(s.idle, c)
	c.idle = time.AfterFunc(idleTimeout, func() { p.drop(to, c) })
	return nil
}

// drop closes a connection that nobody used for long.
func (p *pool) drop(to netip.AddrPort, c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.peers[to]
	if s == nil {
		return
	}
	for i, other := range s.idle {
		if other == c {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			p.forget(to, s)
			if err := c.Close(); err != nil {
				return // it was not wanted anyhow
			}
			return
		}
	}
}

// close closes the idle connections; the others are as they come back.
func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var err error
	for to, s := range p.peers {
		for _, c := range s.idle {
			c.idle.Stop()
			err = errors.Join(err, c.Close())
		}
		s.idle = nil
		p.forget(to, s)
	}
	return err
}
