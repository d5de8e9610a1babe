package substrate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/filetao/filetao/chain"
)

const (
	// maxOutstanding is how many requests of one connection may be unanswered,
	// those given up included.
	maxOutstanding = 4096
	// maxNotes is how many notifications of one subscription may wait, and how
	// many may come before the answer to the subscribing request.
	maxNotes = 1024
)

// conn is one WebSocket to one node. Requests are pipelined; a node that breaks
// the protocol loses it.
type conn struct {
	ws  *websocket.Conn
	cfg Config
	out chan []byte
	// done is closed when the connection is lost; lost is why.
	done chan struct{}

	mu          sync.Mutex // guards all below
	lost        error
	last        uint64 // id of the newest request
	pending     map[uint64]*exchange
	subs        map[string]*subscription
	subscribing int       // subscribing requests without an answer
	early       []message // notifications of subscriptions not known yet
	earlySize   int64
	queued      int64 // bytes of the notifications that wait
}

// exchange is a request and the answer to come.
type exchange struct {
	id     uint64
	answer chan message  // takes one
	sub    *subscription // of a subscribing request
	given  bool          // nobody waits any more
}

// subscription is what a node notifies about.
type subscription struct {
	id    json.RawMessage
	notes chan json.RawMessage
	conn  *conn
}

// dial connects to an endpoint. The connection lives in run.
func dial(ctx context.Context, endpoint string, cfg Config) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.RequestTimeout)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, endpoint, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	ws.SetReadLimit(cfg.MaxMessage)
	return &conn{
		ws: ws, cfg: cfg, out: make(chan []byte), done: make(chan struct{}),
		pending: map[uint64]*exchange{}, subs: map[string]*subscription{},
	}, nil
}

// run moves messages until ctx ends or the connection is lost, and says why.
func (c *conn) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	work.Go(func() { cancel(c.writeAll(ctx)) })
	work.Go(func() { cancel(c.pingAll(ctx)) })
	cancel(c.readAll(ctx))
	_ = c.ws.CloseNow() // nothing is left to say
	work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = fmt.Errorf("%w: %w", errLost, context.Cause(ctx))
	close(c.done)
	return c.lost
}

func (c *conn) readAll(ctx context.Context) error {
	for {
		kind, text, err := c.ws.Read(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return fmt.Errorf("%w: a binary message", errProtocol)
		}
		if err := c.receive(text); err != nil {
			return err
		}
	}
}

func (c *conn) writeAll(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case text := <-c.out:
			if err := c.write(ctx, text); err != nil {
				return err
			}
		}
	}
}

func (c *conn) write(ctx context.Context, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageText, text)
}

// pingAll tests the connection again and again: a node that has died, or stops
// in the middle of a message, would be waited for otherwise.
func (c *conn) pingAll(ctx context.Context) error {
	tick := time.NewTicker(c.cfg.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := c.ping(ctx); err != nil {
				return err
			}
		}
	}
}

func (c *conn) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	if err := c.ws.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

// receive takes one message to whom it concerns.
func (c *conn) receive(text []byte) error {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Method != "" {
		return c.notice(m, int64(len(text)))
	}
	id, err := strconv.ParseUint(string(bytes.TrimSpace(m.ID)), 10, 64)
	ex, asked := c.pending[id]
	if err != nil || !asked {
		if m.Error != nil {
			return fmt.Errorf("%w: error for request %.20q: %w", errProtocol, m.ID, m.Error)
		}
		return fmt.Errorf("%w: answer to request %.20q, which was not made", errProtocol, m.ID)
	}
	delete(c.pending, id)
	if ex.sub != nil {
		defer c.settle()
		if m.Error == nil && !ex.given {
			if err := c.open(ex.sub, m.Result); err != nil {
				return err
			}
		}
	}
	ex.answer <- m
	return nil
}

// open begins a subscription with what came before its answer.
func (c *conn) open(s *subscription, id json.RawMessage) error {
	if id = bytes.TrimSpace(id); len(id) == 0 || id[0] != '"' && (id[0] < '0' || id[0] > '9') {
		return fmt.Errorf("%w: subscription %.40q", errProtocol, id)
	}
	s.id = id
	c.subs[string(id)] = s
	for _, m := range c.early {
		if string(m.Params.Subscription) == string(id) {
			s.notes <- m.Params.Result // maxNotes of them fit
			c.queued += int64(len(m.Params.Result))
		}
	}
	return nil
}

// settle forgets early notifications once no subscription can claim them.
func (c *conn) settle() {
	if c.subscribing--; c.subscribing == 0 {
		c.early, c.earlySize = nil, 0
	}
}

func (c *conn) notice(m message, size int64) error {
	if s, known := c.subs[string(m.Params.Subscription)]; known {
		if c.queued += int64(len(m.Params.Result)); c.queued > c.cfg.MaxMessage {
			return fmt.Errorf("%w: notifications of %d bytes wait", errProtocol, c.queued)
		}
		select {
		case s.notes <- m.Params.Result:
			return nil
		default:
			return fmt.Errorf("%w: over %d notifications wait", errProtocol, maxNotes)
		}
	}
	if c.subscribing == 0 {
		return nil // a subscription that was ended
	}
	if c.earlySize += size; len(c.early) == maxNotes || c.earlySize > c.cfg.MaxMessage {
		return fmt.Errorf("%w: too many notifications before their subscription", errProtocol)
	}
	c.early = append(c.early, m)
	return nil
}

// begin sends a request; sub is given if it subscribes.
func (c *conn) begin(ctx context.Context, sub *subscription, method string, params []any) (*exchange, error) {
	if params == nil {
		params = []any{}
	}
	ex := &exchange{answer: make(chan message, 1), sub: sub}
	c.mu.Lock()
	if c.lost != nil || len(c.pending) >= maxOutstanding {
		defer c.mu.Unlock()
		if c.lost == nil {
			return nil, fmt.Errorf("%w: %d requests without an answer", chain.ErrUnavailable, maxOutstanding)
		}
		return nil, c.lost
	}
	c.last++
	ex.id = c.last
	c.pending[ex.id] = ex
	if sub != nil {
		c.subscribing++
	}
	c.mu.Unlock()
	text, err := json.Marshal(request{Version: "2.0", ID: ex.id, Method: method, Params: params})
	if err != nil {
		c.unsend(ex)
		return nil, fmt.Errorf("encode request: %w", err)
	}
	select {
	case c.out <- text:
		return ex, nil
	case <-ctx.Done():
		c.unsend(ex)
		return nil, ctx.Err()
	case <-c.done:
		return nil, c.lost
	}
}

// unsend forgets a request that was not sent.
func (c *conn) unsend(ex *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, ex.id)
	if ex.sub != nil {
		c.settle()
	}
}

// finish waits for the answer.
func (c *conn) finish(ctx context.Context, ex *exchange) (json.RawMessage, error) {
	var m message
	select {
	case m = <-ex.answer:
	case <-ctx.Done():
		c.mu.Lock()
		ex.given = true
		c.mu.Unlock()
		return nil, ctx.Err()
	case <-c.done:
		select {
		case m = <-ex.answer: // it came just before
		default:
			return nil, c.lost
		}
	}
	switch {
	case m.Error != nil:
		return nil, m.Error
	case len(m.Result) == 0:
		return nil, fmt.Errorf("%w: %w: an answer without a result", chain.ErrUnavailable, errProtocol)
	}
	return m.Result, nil
}

// exchange makes one request. Its errors are the caller's context's, the
// node's as *rpcError, or chain.ErrUnavailable; errUnsent besides, if the
// request was never made.
func (c *conn) exchange(ctx context.Context, sub *subscription, result any, method string, params []any) error {
	inner, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	ex, err := c.begin(inner, sub, method, params)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", errUnsent, ctx.Err())
	case err != nil && inner.Err() != nil:
		return fmt.Errorf("%s: %w within %s", method, errUnsent, c.cfg.RequestTimeout)
	case err != nil:
		return fmt.Errorf("%s: %w: %w", method, errUnsent, err)
	}
	answer, err := c.finish(inner, ex)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil && inner.Err() != nil:
		return fmt.Errorf("%s: %w: no answer within %s", method, chain.ErrUnavailable, c.cfg.RequestTimeout)
	case err != nil:
		return fmt.Errorf("%s: %w", method, err)
	}
	if most := maxAnswer(method); most > 0 && len(answer) > most {
		return fmt.Errorf("%s: %w: %w: an answer of %d bytes", method, chain.ErrUnavailable, errProtocol, len(answer))
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("%s: %w: %w: %w", method, chain.ErrUnavailable, errProtocol, err)
	}
	return nil
}

// call makes a request and reads its result, which may be null.
func (c *conn) call(ctx context.Context, result any, method string, params ...any) error {
	return c.exchange(ctx, nil, result, method, params)
}

// subscribe makes a subscription; end it.
func (c *conn) subscribe(ctx context.Context, method string, params ...any) (*subscription, error) {
	s := &subscription{notes: make(chan json.RawMessage, maxNotes), conn: c}
	var id json.RawMessage
	if err := c.exchange(ctx, s, &id, method, params); err != nil {
		return nil, err
	}
	return s, nil
}

// next waits for a notification.
func (s *subscription) next(ctx context.Context) (json.RawMessage, error) {
	select {
	case note := <-s.notes:
		return s.taken(note), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.conn.done:
		select {
		case note := <-s.notes:
			return s.taken(note), nil
		default:
			return nil, s.conn.lost
		}
	}
}

func (s *subscription) taken(note json.RawMessage) json.RawMessage {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.conn.queued -= int64(len(note))
	return note
}

// end stops a subscription. What the node still sends is ignored.
func (s *subscription) end(ctx context.Context, method string) error {
	s.conn.mu.Lock()
	delete(s.conn.subs, string(s.id))
	for left := true; left; {
		select {
		case note := <-s.notes:
			s.conn.queued -= int64(len(note))
		default:
			left = false
		}
	}
	s.conn.mu.Unlock()
	var ended json.RawMessage
	return s.conn.call(ctx, &ended, method, s.id)
}
