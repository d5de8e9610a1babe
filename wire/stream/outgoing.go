package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	// inline is sent before the answer is looked for: it fits into the system's
	// buffers.
	inline = 16 << 10
	// lastWords is how long the answer of a peer that takes no more bytes is
	// waited for.
	lastWords = 5 * time.Second
)

// outgoing is an exchange as its asker sees it.
type outgoing struct {
	c      *Client
	ctx    context.Context
	cancel context.CancelFunc
	to     wire.Peer
	addr   netip.AddrPort // where it is reached
	msg    wire.Message
	in     wire.Body
	report func(wire.Progress)

	head   []byte
	digest [32]byte
	fields encoded
	conn   *conn
	calm   func() bool // has the context's end do nothing any more
	closed sync.Once   // the body's reader

	mu    sync.Mutex // guards what follows, and the reports
	start time.Time
	at    wire.Progress
	seen  uint64 // the peer's version
}

// ask sends the request and reads the answer up to its body. When it returns the
// body's reader is closed and nobody reads from it.
func (o *outgoing) ask() (*answerBody, error) {
	defer o.closeIn()
	if o.in.Size < 0 || o.in.Size > 0 && o.in.Reader == nil {
		return nil, wire.BadRequest("%s: a body of %d bytes without a reader", o.msg.Name(), o.in.Size)
	}
	var err error
	if o.conn, err = o.c.pool.get(o.ctx, o.addr, false); err != nil {
		return nil, err
	}
	if o.head, o.digest, o.fields, err = o.c.prepare(o.ctx, o.to, o.msg, o.in.Size); err != nil {
		return nil, errors.Join(err, o.c.pool.put(o.addr, o.conn, true))
	}
	used := o.conn.used
	a, err := o.try()
	if err == nil || !used || o.in.Size > 0 || !broken(err) {
		return a, err
	}
	// The peer closed the connection in the moment of its reuse. The same request
	// again, since nobody works on that twice.
	if o.conn, err = o.c.pool.get(o.ctx, o.addr, true); err != nil {
		return nil, err
	}
	a, err = o.try()
	if wire.StatusOf(err) == wire.StatusUnauthorized && !errors.Is(err, errForged) {
		// The peer refuses the second of two equal requests: it has had the first.
		err = &wire.Error{Status: wire.StatusUnavailable, Text: "the connection broke in the midst of the exchange", Err: err}
	}
	return a, err
}

// broken says whether a connection ended before an answer began.
func broken(err error) bool {
	return errors.Is(err, errUnanswered) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
}

func (o *outgoing) closeIn() {
	o.closed.Do(func() {
		if err := closeBody(o.in.Reader); err != nil {
			o.c.log.Debug("closing a request's body", "message", o.msg.Name(), "err", err)
		}
	})
}

// try is one exchange over the connection, which it gives back unless an answer
// holds on to it.
func (o *outgoing) try() (*answerBody, error) {
	conn := o.conn
	o.calm = context.AfterFunc(o.ctx, func() {
		o.closeIn()
		if err := conn.Close(); err != nil {
			o.c.log.Debug("closing a connection", "addr", o.addr, "err", err)
		}
	})
	w := o.send()
	a, err := o.receive()
	// A peer that goes on with the connection reads the request to its end.
	sendErr := w.end(a != nil && a.again)
	if a == nil {
		a = &answerBody{o: o}
	}
	switch {
	case sendErr == nil:
	case w.own:
		err = fmt.Errorf("%w of %s: %w", errOwn, o.msg.Name(), sendErr)
	case errors.Is(err, errUnanswered) && !errors.Is(sendErr, errStopped):
		err = fmt.Errorf("%w: %w", errUnanswered, sendErr)
	}
	a.again = a.again && sendErr == nil
	if err == nil {
		return a, nil
	}
	a.release()
	return nil, err
}

// sending is the request on its way.
type sending struct {
	o       *outgoing
	done    chan struct{}
	stopped atomic.Bool
	err     error // once done
	own     bool  // err is of the body's reader
}

var (
	errStopped = errors.New("the peer has answered already")
	errOwn     = errors.New("reading the body")
)

// send sends the request, beside whatever comes if it is not small.
func (o *outgoing) send() *sending {
	w := &sending{o: o, done: make(chan struct{})}
	size := int64(len(o.head)) + o.fields.size
	header := fmt.Appendf(make([]byte, 0, 512), "POST %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: filetao\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n",
		wire.StreamPath, o.msg.Name(), o.to.Addr, size+o.in.Size)
	o.mu.Lock()
	o.start, o.at = time.Now(), wire.Progress{Sent: -int64(len(header)), SendTotal: size + o.in.Size}
	o.mu.Unlock()
	if o.in.Size == 0 && size <= inline {
		w.run(header)
		return w
	}
	go w.run(header)
	return w
}

func (w *sending) run(header []byte) {
	defer close(w.done)
	o := w.o
	out := &sink{w: o.conn, buffers: o.c.buffers, left: int64(len(header)+len(o.head)) + o.fields.size}
	deadline, _ := o.ctx.Deadline()
	out.flow = newFlow(o.ctx, pace{o.c.cfg.Grace, o.c.cfg.MinUpload}, deadline, w.arm)
	out.flow.moved = o.sent
	first := append(header, o.head...)
	for _, part := range o.fields.parts {
		if len(first)+len(part) <= inline {
			first = append(first, part...)
			continue
		}
		if w.err == nil {
			_, w.err = out.Write(first)
		}
		first = part
	}
	if w.err == nil {
		_, w.err = out.Write(first)
	}
	if w.err == nil && o.in.Size > 0 {
		out.left = o.in.Size
		if w.err = out.fill(o.in.Reader); w.err != nil && out.failed == nil {
			w.own = o.ctx.Err() == nil && !w.stopped.Load()
		}
	}
	switch {
	case w.err == nil:
	case w.stopped.Load():
		w.err = errStopped
	case w.own, errors.Is(w.err, errSlow): // there is nothing to wait for
		w.shut(time.Unix(1, 0))
	default: // the peer may have said why
		w.shut(time.Now().Add(lastWords))
	}
}

func (w *sending) shut(by time.Time) {
	if err := w.o.conn.SetReadDeadline(by); err != nil {
		w.o.c.log.Debug("connection deadlines", "err", err)
	}
}

func (w *sending) arm(by time.Time) error {
	if err := w.o.conn.SetWriteDeadline(by); err != nil {
		return err
	}
	if w.stopped.Load() {
		return errStopped
	}
	return nil
}

// end ends the sending: it waits for what the peer reads to its end, and stops
// what it does not.
func (w *sending) end(read bool) error {
	if !read {
		w.stopped.Store(true)
		select {
		case <-w.done:
		default:
			if err := w.o.conn.SetWriteDeadline(time.Unix(1, 0)); err != nil {
				w.o.c.log.Debug("connection deadlines", "err", err)
			}
			w.o.closeIn()
		}
	}
	<-w.done
	return w.err
}

func (c *Client) pace() pace { return pace{c.cfg.Grace, c.cfg.MinRate} }

func (o *outgoing) sent(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.at.Sent += n; o.at.Sent > 0 {
		o.report(o.at)
	}
}

func (o *outgoing) received(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at.Received += n
	o.report(o.at)
}

// exchange is what it all cost up to now.
func (o *outgoing) exchange() wire.Exchange {
	o.mu.Lock()
	defer o.mu.Unlock()
	return wire.Exchange{
		Elapsed: time.Since(o.start), Sent: max(o.at.Sent, 0), Received: o.at.Received,
		PeerVersion: o.seen, Streams: o.seen != 0,
	}
}

var (
	errUnanswered = errors.New("no answer")
	errTooLong    = errors.New("it is over its limit")
	errForged     = errors.New("it is not the peer's answer to this request")
)

// receive reads the answer up to its body. With an error of the peer's it returns
// an answer too, which tells whether the connection is good for another exchange.
func (o *outgoing) receive() (*answerBody, error) {
	o.conn.limit = maxHTTPHeader + readBuffer
	resp, err := http.ReadResponse(o.conn.br, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnanswered, err)
	}
	o.conn.limit = math.MaxInt64
	if resp.StatusCode != http.StatusOK || resp.ContentLength < 4 {
		return nil, fmt.Errorf("%w: HTTP status %s", wire.ErrNoStream, plainText(resp.Status))
	}
	deadline, _ := o.ctx.Deadline()
	a := &answerBody{o: o, again: !resp.Close, left: resp.ContentLength}
	a.flow = newFlow(o.ctx, o.c.pace(), deadline.Add(lastWords), o.conn.SetReadDeadline)
	o.mu.Lock()
	o.at.ReceivedTotal = resp.ContentLength
	o.mu.Unlock()
	said, err := o.readHead(a)
	if err != nil {
		return nil, err
	}
	if said.status != wire.StatusOK {
		return a, &wire.Error{Status: int(said.status), Text: said.text}
	}
	if said.fields > o.c.maxAnswer(o.ctx, o.msg) {
		return nil, errTooLong
	}
	fields, err := readFields(a, said.content)
	if err == nil {
		err = decodeFields(fields, o.msg.Fields(), true)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// readHead reads the signed head of an answer.
func (o *outgoing) readHead(a *answerBody) (answer, error) {
	var size [4]byte
	if _, err := io.ReadFull(a, size[:]); err != nil {
		return answer{}, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxHead {
		return answer{}, fmt.Errorf("%w: %d bytes are too many", errHead, n)
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(a, head); err != nil {
		return answer{}, err
	}
	sealed, err := unseal(head)
	if err != nil {
		return answer{}, err
	}
	said, err := parseAnswer(sealed.statement)
	if err != nil {
		return answer{}, err
	}
	digest := digestOf(answerDomain, sealed.statement)
	if err := wallet.Verify(o.to.Hotkey, signed(answerDomain, digest), sealed.signature); err != nil {
		return answer{}, &wire.Error{Status: wire.StatusUnauthorized, Text: "the answer is not signed by " + string(o.to.Hotkey), Err: fmt.Errorf("%w: %w", errForged, err)}
	}
	if said.request != o.digest {
		return answer{}, &wire.Error{Status: wire.StatusUnauthorized, Text: "the answer is to another request", Err: errForged}
	}
	if said.fields+said.body != a.left {
		return answer{}, fmt.Errorf("%w: it is of another length than the answer", errHead)
	}
	o.mu.Lock()
	o.seen = max(said.software, 1)
	o.mu.Unlock()
	return said, nil
}

// explain gives a failed exchange its status.
func (o *outgoing) explain(err error) error {
	var said *wire.Error
	answered := !errors.Is(err, errUnanswered)
	switch {
	case errors.As(err, &said), errors.Is(err, errOwn):
		return err
	case o.ctx.Err() != nil && errors.Is(context.Cause(o.ctx), context.Canceled), errors.Is(err, context.Canceled):
		return &wire.Error{Status: wire.StatusCancelled, Text: "the call was given up", Err: errors.Join(err, context.Cause(o.ctx))}
	case errors.Is(err, context.DeadlineExceeded), o.ctx.Err() != nil:
		return &wire.Error{Status: wire.StatusTimeout, Text: "no answer in time", Err: errors.Join(err, context.Cause(o.ctx))}
	case errors.Is(err, errSlow):
		return &wire.Error{Status: wire.StatusTimeout, Text: errSlow.Error(), Err: err}
	case errors.Is(err, errHead), errors.Is(err, errFields), errors.Is(err, errTooLong):
		return &wire.Error{Status: wire.StatusUnparsable, Text: "an answer that cannot be read", Err: err}
	case answered && (errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*net.OpError))):
		return &wire.Error{Status: wire.StatusUnavailable, Text: "the connection broke in the midst of the exchange", Err: err}
	}
	return &wire.Error{Status: wire.StatusUnavailable, Text: fmt.Sprintf("%s of %s is not available", o.msg.Name(), o.to.Addr), Err: err}
}
