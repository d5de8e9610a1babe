package devchain

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/coder/websocket"
)

// maxConcurrent is how many requests of one WebSocket are handled at a time.
const maxConcurrent = 16

// notification is one block for a subscriber.
type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  struct {
		Subscription string          `json:"subscription"`
		Result       json.RawMessage `json:"result"`
	} `json:"params"`
}

// socket is one WebSocket connection of a client.
type socket struct {
	server *Server
	conn   *websocket.Conn
	work   sync.WaitGroup
	places chan struct{}
	// subs are the subscriptions' ends by id; only the reading goroutine uses
	// them.
	subs map[string]context.CancelFunc
	last int
}

// socket serves one connection until it or the server ends.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	// Accept has answered the client when it fails, for example one from
	// another origin.
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	conn.SetReadLimit(s.cfg.MaxBody)
	ctx, cancel := context.WithCancel(r.Context())
	c := &socket{server: s, conn: conn, places: make(chan struct{}, maxConcurrent), subs: map[string]context.CancelFunc{}}
	for ctx.Err() == nil {
		kind, text, err := conn.Read(ctx)
		if err != nil || kind != websocket.MessageText {
			break
		}
		c.receive(ctx, text)
	}
	cancel()
	_ = conn.CloseNow() // nothing is left to say
	c.work.Wait()
}

// receive handles one request, beside others if it may take long.
func (c *socket) receive(ctx context.Context, text []byte) {
	req, err := parseRequest(text)
	switch {
	case err != nil:
		c.write(ctx, respond(nil, nil, err))
	case req.Method == methodSubscribe:
		c.subscribe(ctx, req)
	case req.Method == methodUnsubscribe:
		var id string
		if err = parseParams(req.Params, &id); err == nil {
			end, known := c.subs[id]
			if known {
				end()
				delete(c.subs, id)
			}
			c.write(ctx, respond(req.ID, known, nil))
			return
		}
		c.write(ctx, respond(req.ID, nil, err))
	default:
		select {
		case <-ctx.Done():
			return
		case c.places <- struct{}{}:
		}
		c.work.Go(func() {
			result, err := c.server.dev.call(ctx, req)
			c.write(ctx, respond(req.ID, result, err))
			<-c.places
		})
	}
}

func (c *socket) subscribe(ctx context.Context, req rpcRequest) {
	if err := parseParams(req.Params); err != nil {
		c.write(ctx, respond(req.ID, nil, err))
		return
	}
	select {
	case c.server.subs <- struct{}{}:
	default:
		c.write(ctx, respond(req.ID, nil, &rpcError{codeInternal, fmt.Sprintf("all %d subscriptions are taken", cap(c.server.subs)), 0}))
		return
	}
	ctx, end := context.WithCancel(ctx)
	blocks, err := c.server.dev.Subscribe(ctx)
	if err != nil {
		end()
		<-c.server.subs
		c.write(ctx, respond(req.ID, nil, err))
		return
	}
	c.last++
	id := strconv.Itoa(c.last)
	c.subs[id] = end
	c.write(ctx, respond(req.ID, id, nil))
	c.work.Go(func() {
		defer func() { end(); <-c.server.subs }()
		note := notification{Version: "2.0", Method: methodNewHead}
		note.Params.Subscription = id
		for b := range blocks {
			var err error
			if note.Params.Result, err = json.Marshal(b); err != nil {
				break
			}
			text, err := json.Marshal(note)
			if err != nil || !c.write(ctx, text) {
				break
			}
		}
		// Whoever lost its subscription shall notice; one that ended it shall
		// not lose its connection.
		if ctx.Err() == nil {
			_ = c.conn.CloseNow()
		}
	})
}

// write sends one message. A client that does not take it in time loses its
// connection.
func (c *socket) write(ctx context.Context, text []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, c.server.cfg.WriteTimeout)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, text) == nil
}
