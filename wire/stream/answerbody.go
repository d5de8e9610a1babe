package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/wire"
)

// answerBody is what of an answer has not been read. It holds the connection until
// it is closed.
type answerBody struct {
	o     *outgoing
	flow  *flow
	left  int64
	again bool // the connection is good for another exchange once all is read

	whole  atomic.Bool // nothing is left
	closed atomic.Bool
	once   sync.Once
}

// Read reads at the exchange's pace. What breaks off ends with io.ErrUnexpectedEOF.
func (a *answerBody) Read(p []byte) (int, error) {
	switch {
	case a.closed.Load():
		return 0, os.ErrClosed
	case a.left == 0:
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), a.left)]
	n, err := a.read(p)
	if a.left -= int64(n); a.left == 0 {
		a.whole.Store(true)
		err = nil
	}
	if n > 0 {
		a.o.received(int64(n))
	}
	switch {
	case err == nil:
		return n, nil
	case a.closed.Load():
		return n, os.ErrClosed
	case errors.Is(err, errSlow), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return n, a.o.explain(err)
	}
	return n, &wire.Error{
		Status: wire.StatusUnavailable, Text: "the connection broke in the midst of the answer",
		Err: fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err),
	}
}

func (a *answerBody) read(p []byte) (int, error) {
	conn := a.o.conn
	if conn.br.Buffered() > 0 {
		return conn.br.Read(p)
	}
	n, err := a.flow.step(0, func() (int64, error) {
		n, err := conn.br.Read(p)
		return int64(n), err
	})
	return int(n), err
}

// Close ends the exchange, and the connection with it if the answer is not over.
func (a *answerBody) Close() error {
	a.once.Do(func() {
		a.closed.Store(true)
		a.release()
		a.o.cancel()
	})
	return nil
}

// release gives the connection back.
func (a *answerBody) release() {
	again := a.o.calm() && a.again && a.whole.Load()
	if again {
		again = a.o.conn.SetDeadline(time.Time{}) == nil
	}
	if err := a.o.c.pool.put(a.o.addr, a.o.conn, again); err != nil {
		a.o.c.log.Debug("closing a connection", "addr", a.o.addr, "err", err)
	}
}
