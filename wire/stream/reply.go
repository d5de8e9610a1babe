package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/filetao/filetao/wire"
)

// errCutOff says that an answer broke off in its midst.
var errCutOff = errors.New("answer cut off")

// succeed sends the answered message and its body. An error other than errCutOff
// comes before the answer has begun.
func (x *exchange) succeed(ctx context.Context, msg wire.Message, body wire.Body) error {
	fields, err := encodeFields(msg.Fields(), true)
	if err != nil {
		return err
	}
	// Bytes that the handler has not reserved are reserved now: while they wait for
	// that they keep their worker, so that no more than one answer a worker is in
	// memory beyond the budget.
	if missing := fields.size - x.reserved; fields.size > smallFields && missing > 0 {
		if err := x.reserve(ctx, min(missing, x.s.maxMemory)); err != nil {
			return err
		}
	}
	head, err := x.seal(answer{
		status: wire.StatusOK, text: "Success",
		content: content{body: body.Size, fields: fields.size, hash: fields.hash},
	})
	if err != nil {
		return err
	}
	x.headers(int64(len(head)) + fields.size + body.Size)
	if err := x.send(ctx, head, fields, body); err != nil {
		return fmt.Errorf("%w: %w", errCutOff, err)
	}
	return nil
}

// send writes an answer, the head at once.
func (x *exchange) send(ctx context.Context, head []byte, fields encoded, body wire.Body) error {
	out := &sink{
		w: x.w, buffers: x.s.buffers, left: int64(len(head)) + fields.size,
		flow: newFlow(ctx, x.s.pace(), x.deadline.Add(x.s.cfg.Grace), x.rc.SetWriteDeadline),
	}
	// What is done by the deadline may go out after it.
	out.flow.ctx = x.r.Context()
	for _, part := range append([][]byte{head}, fields.parts...) {
		if _, err := out.Write(part); err != nil {
			return err
		}
	}
	if body.Size == 0 {
		return nil
	}
	if err := x.rc.Flush(); err != nil {
		return err
	}
	out.flow.ctx, out.left, out.flush = ctx, body.Size, x.rc.Flush
	return out.fill(body.Reader)
}

func (x *exchange) seal(a answer) ([]byte, error) {
	a.request, a.software = x.digest, x.s.cfg.Version
	head, _, err := seal(x.s.cfg.Key, answerDomain, a.encode())
	return head, err
}

// headers are those of an answer of so many bytes.
func (x *exchange) headers(size int64) {
	h := x.w.Header()
	h["Content-Type"] = []string{"application/octet-stream"}
	h["Content-Length"] = []string{strconv.FormatInt(size, 10)}
	h["Date"] = nil
	if x.in.left.Load() > 0 { // the rest of the request would have to be read
		h["Connection"] = []string{"close"}
	}
}

// fail sends an error's status and text. What is not a wire.Error is told to the
// log and not to the caller.
func (x *exchange) fail(err error) {
	status, text := wire.StatusOf(err), "Internal Server Error"
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		text = e.Text
	case status == wire.StatusTimeout:
		text = "Response timeout after: " + time.Duration(int64(x.q.timeout)*1e6).String()
	case status == wire.StatusCancelled:
		text = "The request was cancelled."
	default:
		x.s.log.Error("request failed", "message", x.q.name, "caller", x.hotkey, "err", err)
	}
	if status < 400 || status > 599 { // not a failure
		status = wire.StatusInternal
	}
	x.s.log.Debug("request refused", "message", x.q.name, "caller", x.hotkey, "status", status, "why", text)
	none, err := encodeFields(nil, true)
	if err != nil {
		return
	}
	head, err := x.seal(answer{status: uint16(status), text: plainText(text), content: content{hash: none.hash}})
	if err != nil {
		x.s.log.Error("signing an answer", "err", err)
		x.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	x.headers(int64(len(head)))
	if err := x.rc.SetWriteDeadline(time.Now().Add(x.s.cfg.Grace)); err != nil {
		x.s.log.Debug("connection deadlines", "err", err)
	}
	if _, err := x.w.Write(head); err != nil {
		x.s.log.Debug("answer cut off", "message", x.q.name, "caller", x.hotkey, "err", err)
	}
}
