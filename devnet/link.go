package devnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/internal/lifecycle"
)

// Link is the way to a node: a relay at the address that the chain names, which can
// be slow, cut, and counts what goes over it. See Config.Links.
type Link struct {
	listener net.Listener
	bytes    atomic.Int64
	rate     atomic.Int64 // bytes per second and direction of a connection; 0: any

	mu     sync.Mutex // guards what follows
	target netip.AddrPort
	cut    bool
	conns  map[net.Conn]struct{}
}

func newLink() (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Link{listener: l, conns: map[net.Conn]struct{}{}}, nil
}

// addLink makes a link that lives with a group.
func addLink(group *lifecycle.Group, name string) (*Link, error) {
	l, err := newLink()
	if err != nil {
		return nil, fmt.Errorf("%s's link: %w", name, err)
	}
	group.Add(name+"'s link", l.run)
	return l, nil
}

// Addr is where others reach the node.
func (l *Link) Addr() netip.AddrPort { return l.listener.Addr().(*net.TCPAddr).AddrPort() }

// Bytes is how many have gone over it, in both directions.
func (l *Link) Bytes() int64 { return l.bytes.Load() }

// Limit has each connection carry so many bytes a second in each direction; 0 is
// as many as there are.
func (l *Link) Limit(bytesPerSecond int64) { l.rate.Store(bytesPerSecond) }

// Cut ends all connections and takes no new ones until Heal.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.conns {
		_ = c.Close() // whatever was on it is lost
	}
}

// Heal takes connections again.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

func (l *Link) lead(to netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = to
}

// run relays until ctx ends.
func (l *Link) run(ctx context.Context) error {
	var each sync.WaitGroup
	defer each.Wait()
	stop := context.AfterFunc(ctx, func() {
		_ = l.listener.Close() // ends Accept below
		l.Cut()
	})
	defer stop()
	for {
		c, err := l.listener.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return ctx.Err()
		} else if err != nil {
			return err
		}
		each.Go(func() { l.relay(ctx, c) })
	}
}

func (l *Link) relay(ctx context.Context, c net.Conn) {
	defer c.Close()
	l.mu.Lock()
	target, cut := l.target, l.cut
	l.mu.Unlock()
	if cut || !target.IsValid() {
		return
	}
	var dialer net.Dialer
	to, err := dialer.DialContext(ctx, "tcp", target.String())
	if err != nil {
		return // as a dead node
	}
	defer to.Close()
	defer l.drop(c, to)
	if !l.keep(c, to) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.copy(ctx, to, c) })
	both.Go(func() { l.copy(ctx, c, to) })
	both.Wait()
}

// keep remembers connections, unless they are cut.
func (l *Link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	return !l.cut
}

func (l *Link) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}

// pace is how long a limited connection waits between two pieces.
const pace = 20 * time.Millisecond

// copy carries one direction, and ends both when it is over.
func (l *Link) copy(ctx context.Context, to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		p, rate := buf, l.rate.Load()
		if rate > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			p = buf[:max(1, min(int64(len(buf)), rate*int64(pace)/int64(time.Second)))]
		}
		n, err := from.Read(p)
		if n > 0 {
			l.bytes.Add(int64(n))
			if _, werr := to.Write(p[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
