package stream

import (
	"container/list"
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	// knownFor is how long what is known of a peer holds, probeTimeout how long a
	// ping may take that finds it out, maxKnown how many peers are known of.
	knownFor     = time.Hour
	probeTimeout = 5 * time.Second
	maxKnown     = 1 << 12
)

// Negotiator asks peers over streams where they speak them, and over synapse where
// they do not. Which it is, it learns from pings, and asks with one of its own
// before it opens a stream to a peer it does not know. It is safe for concurrent
// use, and closes neither of the two.
type Negotiator struct {
	synapse wire.Transport
	stream  *Client
	now     func() time.Time

	mu     sync.Mutex // guards what follows
	known  map[whom]*list.Element
	order  *list.List // of *knowledge, the latest used in front
	probes map[whom]*probe
}

// whom is a peer as far as it decides what is spoken.
type whom struct {
	hotkey wallet.Address
	addr   netip.AddrPort
}

type knowledge struct {
	whom
	streams bool
	since   time.Time
}

// probe is a ping on its way, for all who want to know.
type probe struct {
	done    chan struct{}
	streams bool
	err     error
}

var (
	_ wire.Transport = (*Negotiator)(nil)
	_ wire.Streamer  = (*Negotiator)(nil)
)

// NewNegotiator makes a negotiator.
func NewNegotiator(synapse wire.Transport, stream *Client) *Negotiator {
	return &Negotiator{
		synapse: synapse, stream: stream, now: stream.now,
		known: map[whom]*list.Element{}, order: list.New(), probes: map[whom]*probe{},
	}
}

// Call implements wire.Transport.
func (n *Negotiator) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	who := whom{to.Hotkey, to.Addr}
	if streams, known := n.recall(who); known && streams {
		ex, err := n.stream.Call(ctx, to, msg)
		if !errors.Is(err, wire.ErrNoStream) {
			if ex.Streams {
				n.learn(who, true)
			}
			return ex, err
		}
		n.forget(who)
	}
	ex, err := n.synapse.Call(ctx, to, msg)
	if _, ping := msg.(*wire.Ping); ping && err == nil {
		n.learn(who, ex.Streams)
	}
	return ex, err
}

// Open implements wire.Streamer. Like a Client's, it closes the body's reader.
func (n *Negotiator) Open(ctx context.Context, to wire.Peer, msg wire.Message, in wire.Body) (*wire.Answer, error) {
	who := whom{to.Hotkey, to.Addr}
	streams, known := n.recall(who)
	var err error
	if !known {
		streams, err = n.ask(ctx, who, to)
	}
	if err == nil && !streams {
		err = wire.ErrNoStream
	}
	if err != nil {
		return nil, errors.Join(err, closeBody(in.Reader))
	}
	a, err := n.stream.Open(ctx, to, msg, in)
	if errors.Is(err, wire.ErrNoStream) {
		n.forget(who)
	}
	return a, err
}

// ask pings a peer, once for all who ask at the same time.
func (n *Negotiator) ask(ctx context.Context, who whom, to wire.Peer) (streams bool, err error) {
	for {
		n.mu.Lock()
		p := n.probes[who]
		first := p == nil
		if first {
			p = &probe{done: make(chan struct{})}
			n.probes[who] = p
		}
		n.mu.Unlock()
		if first {
			n.probe(ctx, who, to, p)
			return p.streams, p.err
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-p.done:
		}
		if wire.StatusOf(p.err) != wire.StatusCancelled { // whoever asked gave up, we did not
			return p.streams, p.err
		}
	}
}

func (n *Negotiator) probe(ctx context.Context, who whom, to wire.Peer, p *probe) {
	ctx, cancel := context.WithTimeout(wire.WithProgress(ctx, func(wire.Progress) {}), probeTimeout)
	defer cancel()
	ex, err := n.synapse.Call(ctx, to, &wire.Ping{})
	if p.streams, p.err = ex.Streams, err; err == nil {
		n.learn(who, ex.Streams)
	}
	n.mu.Lock()
	delete(n.probes, who)
	n.mu.Unlock()
	close(p.done)
}

func (n *Negotiator) recall(who whom) (streams, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.known[who]
	if e == nil {
		return false, false
	}
	k := e.Value.(*knowledge)
	if n.now().Sub(k.since) >= knownFor {
		return false, false
	}
	n.order.MoveToFront(e)
	return k.streams, true
}

func (n *Negotiator) learn(who whom, streams bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.known[who]; e != nil {
		*e.Value.(*knowledge) = knowledge{who, streams, n.now()}
		n.order.MoveToFront(e)
		return
	}
	n.known[who] = n.order.PushFront(&knowledge{who, streams, n.now()})
	if n.order.Len() > maxKnown {
		delete(n.known, n.order.Remove(n.order.Back()).(*knowledge).whom)
	}
}

func (n *Negotiator) forget(who whom) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.known[who]; e != nil {
		delete(n.known, n.order.Remove(e).(*knowledge).whom)
	}
}
