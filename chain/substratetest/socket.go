package substratetest

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/coder/websocket"
)

const (
	// maxSockets is how many connections there may be, maxOut how many messages
	// may wait for a client that does not read: more break its connection.
	maxSockets = 64
	maxOut     = 1 << 14
	// maxRequest is the longest request.
	maxRequest = 4 << 20
)

// connKey finds the TCP connection under a request.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// socket is one connection of a client.
type socket struct {
	node *Node
	ws   *websocket.Conn
	tcp  net.Conn
	out  chan frame
	subs map[string]*subscription // guarded by the node
}

// frame is one message on its way out.
type frame struct {
	text []byte
	do   FaultKind // what happens to it
}

// subscription is what a client is told about.
type subscription struct {
	id     string
	socket *socket
	method string     // of the notifications
	keys   []hexBytes // of storage, whose changes it is told
}

// serve holds one connection.
func (n *Node) serve(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	full := n.closed || len(n.sockets) >= maxSockets
	if !full {
		n.handlers.Add(1)
	}
	n.mu.Unlock()
	if full {
		http.Error(w, "no room", http.StatusServiceUnavailable)
		return
	}
	defer n.handlers.Done()
	tcp, _ := r.Context().Value(connKey{}).(net.Conn)
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	ws.SetReadLimit(maxRequest)
	s := &socket{node: n, ws: ws, tcp: tcp, out: make(chan frame, maxOut), subs: map[string]*subscription{}}
	n.mu.Lock()
	n.sockets[s] = struct{}{}
	closed := n.closed
	n.mu.Unlock()
	ctx, cancel := context.WithCancel(r.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		s.writeAll(ctx)
		_ = ws.CloseNow() // the reader ends with it
	})
	if !closed {
		s.readAll(ctx)
	}
	n.mu.Lock()
	delete(n.sockets, s)
	n.mu.Unlock()
	cancel()
	_ = ws.CloseNow()
	writer.Wait()
}

func (s *socket) readAll(ctx context.Context) {
	for {
		_, text, err := s.ws.Read(ctx)
		if err != nil {
			return
		}
		var q query
		if err := json.Unmarshal(text, &q); err != nil {
			s.node.t.Errorf("substratetest: the request %.200s: %v", text, err)
			return
		}
		s.node.handle(s, q)
	}
}

func (s *socket) writeAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-s.out:
			switch f.do {
			case Drop:
				return
			case Truncate:
				s.truncate(f.text)
				return
			}
			if s.ws.Write(ctx, websocket.MessageText, f.text) != nil {
				return
			}
		}
	}
}

// truncate announces a whole frame, sends half of it and hangs up.
func (s *socket) truncate(text []byte) {
	size := len(text)
	head := []byte{0x81, 127, 0, 0, 0, 0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}
	if s.tcp != nil {
		_, _ = s.tcp.Write(append(head, text[:size/2]...)) // it ends here either way
		_ = s.tcp.Close()
	}
}

// send puts a message on its way. The caller holds the node's lock.
func (s *socket) send(f frame) {
	select {
	case s.out <- f:
	default:
		_ = s.ws.CloseNow() // it does not read
	}
}

// DropAll breaks all connections.
func (n *Node) DropAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.sockets {
		_ = s.ws.CloseNow()
	}
}

// handle answers one request.
func (n *Node) handle(s *socket, q query) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[q.Method]++
	fault := n.fault(q.Method)
	if fault.Kind == Stall {
		return
	}
	if fault.Kind == Refuse {
		n.answer(s, q, fault, nil, &rpcError{fault.Code, fault.Message, fault.Data})
		return
	}
	result, after, refused := n.result(s, q)
	n.answer(s, q, fault, result, refused)
	if after != nil && refused == nil {
		after()
	}
}

// answer sends a response, spoilt as the fault has it.
func (n *Node) answer(s *socket, q query, fault Fault, result any, refused *rpcError) {
	id := q.ID
	switch fault.Kind {
	case WrongID:
		id = json.RawMessage("987654321")
	case LongLength:
		result = lie(result)
	case Say:
		result, refused = fault.Data, nil
	}
	text, err := response(id, result, refused)
	if err != nil {
		n.t.Errorf("substratetest: answer to %s: %v", q.Method, err)
		return
	}
	s.send(frame{pad(text, fault), fault.Kind})
}

// notify tells a subscriber.
func (n *Node) notify(sub *subscription, result any) {
	fault := n.fault(sub.method)
	if fault.Kind == Stall {
		return
	}
	if fault.Kind == Say {
		result = fault.Data
	}
	text, err := notification(sub.method, sub.id, result)
	if err != nil {
		n.t.Errorf("substratetest: %v", err)
		return
	}
	sub.socket.send(frame{pad(text, fault), fault.Kind})
}

// subscribe makes a subscription on a connection.
func (n *Node) subscribe(s *socket, method string) *subscription {
	n.subs++
	sub := &subscription{id: "sub" + strconv.FormatUint(n.subs, 10), socket: s, method: method}
	s.subs[sub.id] = sub
	return sub
}

// alive says whether somebody still listens to a subscription.
func (n *Node) alive(sub *subscription) bool {
	_, connected := n.sockets[sub.socket]
	_, open := sub.socket.subs[sub.id]
	return connected && open
}

// tellHead tells all who follow blocks.
func (n *Node) tellHead(method string, b *block) {
	for s := range n.sockets {
		for _, sub := range s.subs {
			if sub.method == method {
				n.notify(sub, b.header)
			}
		}
	}
}

// tellState tells all who follow storage or the runtime what a block changed.
func (n *Node) tellState(b, parent *block) {
	for s := range n.sockets {
		for _, sub := range s.subs {
			if sub.method == "state_runtimeVersion" && b.next != parent.next {
				n.notify(sub, b.next.rec.version)
			}
			if sub.method != "state_storage" {
				continue
			}
			changed := slices.DeleteFunc(slices.Clone(sub.keys), func(key hexBytes) bool {
				was, stored := parent.state.values[string(key)]
				is, still := b.state.values[string(key)]
				return stored == still && string(was) == string(is)
			})
			if len(changed) > 0 {
				n.notify(sub, b.changes(changed))
			}
		}
	}
}

// tell gives those who watch a transaction its status.
func (n *Node) tell(p *pooled, status string, value any) {
	for _, sub := range p.watch {
		if !n.alive(sub) {
			continue
		}
		var note any = map[string]any{status: value}
		if value == nil && n.cfg.Style == Native {
			note = status
		}
		n.notify(sub, note)
	}
}

// ready tells that a transaction can be in the next block.
func (n *Node) ready(p *pooled) {
	if !p.ready {
		p.ready = true
		n.tell(p, "ready", nil)
		n.tell(p, "broadcast", []string{string(Alice)})
	}
}
