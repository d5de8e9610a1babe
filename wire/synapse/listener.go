package synapse

import (
	"io"
	"net"
	"net/netip"
	"sync"
)

// boundedListener closes connections over its bounds as they come.
type boundedListener struct {
	net.Listener
	max, perIP int

	mu    sync.Mutex // guards what follows
	total int
	byIP  map[netip.Addr]int
}

func newBoundedListener(l net.Listener, max, perIP int) *boundedListener {
	return &boundedListener{Listener: l, max: max, perIP: perIP, byIP: map[netip.Addr]int{}}
}

// Accept returns the next connection within the bounds.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := addrPort(c.RemoteAddr()).Addr()
		if l.enter(ip) {
			return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(ip) })}, nil
		}
		if err := c.Close(); err != nil {
			continue // it was not wanted anyhow
		}
	}
}

func (l *boundedListener) enter(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.max || l.byIP[ip] >= l.perIP {
		return false
	}
	l.total++
	l.byIP[ip]++
	return true
}

func (l *boundedListener) leave(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.byIP[ip]--; l.byIP[ip] == 0 {
		delete(l.byIP, ip)
	}
}

type boundedConn struct {
	net.Conn
	leave func()
}

// Close makes room for another connection.
func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// ReadFrom has the system send what it can by itself, such as files.
func (c *boundedConn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// addrPort reads a socket's address; the zero value if it is none.
func addrPort(a net.Addr) netip.AddrPort {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
