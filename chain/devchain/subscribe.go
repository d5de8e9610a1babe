package devchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/chain"
)

// Subscribe implements chain.Chain. It opens a WebSocket of its own; blocks the
// receiver was too slow for, or that the server passed over, are fetched one by
// one.
func (r *Remote) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	ctx, cancel := context.WithCancel(ctx)
	release := context.AfterFunc(r.life, cancel)
	abandon := func() { release(); cancel() }
	conn, err := r.openSocket(ctx)
	if err != nil {
		abandon()
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		abandon()
		return nil, errors.Join(fmt.Errorf("%w: closed", chain.ErrUnavailable), conn.CloseNow())
	}
	out := make(chan chain.Block)
	r.subs.Go(func() {
		defer abandon()
		defer close(out)
		// That the channel closes is all a subscriber learns of the end.
		_ = r.receive(ctx, conn, out)
	})
	return out, nil
}

// openSocket connects and subscribes.
func (r *Remote) openSocket(ctx context.Context) (*websocket.Conn, error) {
	inner, cancel := context.WithTimeout(ctx, r.cfg.RequestTimeout)
	defer cancel()
	fail := func(err error) error {
		if ctx.Err() != nil && r.life.Err() == nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: subscribe: %w", chain.ErrUnavailable, err)
	}
	conn, _, err := websocket.Dial(inner, r.socket, &websocket.DialOptions{HTTPClient: &http.Client{Transport: r.client.Transport}})
	if err != nil {
		return nil, fail(err)
	}
	conn.SetReadLimit(1 << 16)
	text, err := requestText(1, methodSubscribe, nil)
	if err == nil {
		err = conn.Write(inner, websocket.MessageText, text)
	}
	if err == nil {
		_, text, err = conn.Read(inner)
	}
	var id string
	if err == nil {
		err = parseResponse(text, &id)
	}
	if err != nil {
		return nil, errors.Join(fail(err), conn.CloseNow())
	}
	return conn, nil
}

// receive passes blocks on until the connection or ctx ends. One goroutine reads
// whatever comes, so that the server never waits for a slow receiver; another
// delivers, at the receiver's pace; the third finds out if the peer is gone
// without a word.
func (r *Remote) receive(ctx context.Context, conn *websocket.Conn, out chan<- chain.Block) error {
	defer conn.CloseNow()
	heads := chain.NewHeads()
	first := make(chan uint64, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for begun := false; ; begun = true {
			b, err := readHead(ctx, conn)
			if err != nil {
				return err
			}
			heads.Set(b)
			if !begun {
				first <- b.Number
			}
		}
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case next := <-first:
			return heads.Deliver(ctx, next, out, r.BlockAt)
		}
	})
	g.Go(func() error { return r.ping(ctx, conn) })
	return g.Wait()
}

func (r *Remote) ping(ctx context.Context, conn *websocket.Conn) error {
	ticker := time.NewTicker(r.cfg.PingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		inner, cancel := context.WithTimeout(ctx, r.cfg.RequestTimeout)
		err := conn.Ping(inner)
		cancel()
		if err != nil {
			return err
		}
	}
}

// readHead reads the next notification; answers to nothing are passed over.
func readHead(ctx context.Context, conn *websocket.Conn) (b chain.Block, err error) {
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return chain.Block{}, err
		}
		var note notification
		if err := json.Unmarshal(text, &note); err != nil {
			return chain.Block{}, fmt.Errorf("notification: %w", err)
		}
		if note.Method != methodNewHead {
			continue
		}
		if err := json.Unmarshal(note.Params.Result, &b); err != nil {
			return chain.Block{}, fmt.Errorf("notification: %w", err)
		}
		return b, nil
	}
}
