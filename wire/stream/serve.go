package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// exchange is one request on its way through the server.
type exchange struct {
	s         *Server
	w         http.ResponseWriter
	r         *http.Request
	rc        *http.ResponseController
	start     time.Time
	deadline  time.Time
	q         request
	digest    [32]byte
	signature []byte
	hotkey    wallet.Address // of the caller
	in        incoming
	leave     func() // ends the caller's part in the memory for fields; nil: it has none
	held      int64  // bytes of s.memory
	reserved  int64  // of them, what the handler reserved for its answer
}

// incoming is what of a request's HTTP body has not been read.
type incoming struct {
	flow *flow
	r    io.Reader
	left atomic.Int64
	over atomic.Bool // nobody reads any more
}

// ServeHTTP answers one request. Whatever happens in a handler, the server goes on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r, rc: http.NewResponseController(w), start: time.Now()}
	x.deadline = x.start.Add(s.cfg.HeaderTimeout)
	x.in.r = r.Body
	x.in.left.Store(max(r.ContentLength, 0))
	x.in.flow = newFlow(r.Context(), s.pace(), x.deadline, x.rc.SetReadDeadline)
	defer x.free()
	// An answer may come before the end of the request.
	err := errors.Join(x.rc.EnableFullDuplex(), x.rc.SetReadDeadline(x.deadline), x.rc.SetWriteDeadline(x.deadline.Add(s.cfg.Grace)))
	if err == nil {
		err = x.readHead()
	}
	if err != nil { // not our protocol, so neither is the answer
		s.log.Debug("no stream", "path", r.URL.Path, "addr", r.RemoteAddr, "err", err)
		w.Header().Set("Connection", "close")
		http.Error(w, "This is not a stream of version 1.", http.StatusBadRequest)
		return
	}
	x.work()
}

// free gives back the memory that the exchange has.
func (x *exchange) free() {
	x.s.memory.Release(x.held)
	if x.leave != nil {
		x.leave()
	}
}

func (s *Server) pace() pace { return pace{s.cfg.Grace, s.cfg.MinRate} }

// Read reads the HTTP body at its pace. A body that breaks off ends with
// io.ErrUnexpectedEOF.
func (in *incoming) Read(p []byte) (int, error) {
	left := in.left.Load()
	switch {
	case left == 0:
		return 0, io.EOF
	case in.over.Load():
		return 0, http.ErrBodyReadAfterClose
	}
	p = p[:min(int64(len(p)), left)]
	n, err := in.flow.step(0, func() (int64, error) {
		n, err := in.r.Read(p)
		return int64(n), err
	})
	left = in.left.Add(-n)
	switch {
	case left == 0:
		// From here on the connection is watched: the context ends if it does.
		return int(n), in.flow.arm(time.Time{})
	case err == nil:
		return int(n), nil
	case errors.Is(err, errSlow), errors.Is(err, context.DeadlineExceeded):
		return int(n), &wire.Error{Status: wire.StatusTimeout, Text: "The body did not arrive in time.", Err: err}
	default:
		return int(n), fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
}

// readHead reads the request's head and checks its form.
func (x *exchange) readHead() error {
	if x.r.Method != http.MethodPost || x.r.ContentLength < 0 {
		return fmt.Errorf("%w: no POST of a known length", errHead)
	}
	var size [4]byte
	if _, err := io.ReadFull(&x.in, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxHead {
		return fmt.Errorf("%w: %d bytes are too many", errHead, n)
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(&x.in, head); err != nil {
		return err
	}
	sealed, err := unseal(head)
	if err != nil {
		return err
	}
	if x.q, err = parseRequest(sealed.statement); err != nil {
		return err
	}
	if x.q.body+x.q.fields != x.in.left.Load() {
		return fmt.Errorf("%w: it is of another length than the request", errHead)
	}
	x.digest = digestOf(requestDomain, sealed.statement)
	x.signature = sealed.signature
	x.hotkey = wallet.AddressOf(x.q.caller)
	return nil
}

// work takes the request through every stage up to the end of its answer.
func (x *exchange) work() {
	rt, err := x.verify()
	if err != nil {
		x.fail(err)
		return
	}
	x.deadline = x.start.Add(min(time.Duration(x.q.timeout)*time.Millisecond, x.s.timeoutOf(rt)))
	ctx, cancel := context.WithDeadline(x.r.Context(), x.deadline)
	defer cancel()
	caller, msg, done, err := x.admit(ctx, rt)
	if err != nil {
		x.fail(err)
		return
	}
	defer done()
	x.in.flow = newFlow(ctx, pace{x.s.cfg.Grace, x.s.cfg.MinUpload}, x.deadline, x.rc.SetReadDeadline)
	body, err := x.answer(wire.WithMemory(ctx, x.reserveAnswer), rt, caller, msg)
	x.in.over.Store(true)
	if err == nil {
		err = x.succeed(ctx, msg, body)
	}
	if closeErr := closeBody(body.Reader); closeErr != nil {
		x.s.log.Warn("closing an answer's body", "message", x.q.name, "err", closeErr)
	}
	switch {
	case errors.Is(err, errCutOff): // fewer bytes than promised: the connection is closed
		x.s.log.Debug("answer cut off", "message", x.q.name, "caller", x.hotkey, "err", err)
	case err != nil:
		x.fail(err)
	}
}

// verify checks whom the request is for and from, and uses it up.
func (x *exchange) verify() (route, error) {
	if name := strings.TrimPrefix(x.r.URL.Path, wire.StreamPath); name != x.q.name {
		return route{}, wire.Unauthorized("Not Verified with error: the request was signed for another message than %s", plainText(name))
	}
	if x.q.server != x.s.public {
		return route{}, wire.Unauthorized("Not Verified with error: the request is for another hotkey")
	}
	if err := x.s.used.fresh(x.q); err != nil {
		return route{}, err
	}
	if err := wallet.Verify(x.hotkey, signed(requestDomain, x.digest), x.signature); err != nil {
		return route{}, wire.Unauthorized("Not Verified with error: Signature mismatch")
	}
	if err := x.s.used.claim(x.q, x.digest); err != nil {
		return route{}, err
	}
	rt, known := x.s.routes[x.q.name]
	if !known {
		return route{}, wire.NotFound("Message '%s' not found.", x.q.name)
	}
	return rt, nil
}

// admit asks the door, reads the fields and waits for a turn, which done ends.
func (x *exchange) admit(ctx context.Context, rt route) (c wire.Caller, msg wire.Message, done func(), err error) {
	c = wire.Caller{Hotkey: x.hotkey, Version: x.q.software, UID: -1, Deadline: x.deadline}
	if addr, err := netip.ParseAddrPort(x.r.RemoteAddr); err == nil {
		c.Addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	if rt.public {
		if err := x.checkSize(rt); err != nil {
			return c, nil, nil, err
		}
		msg, err = x.fields(ctx, rt)
		return c, msg, func() {}, err
	}
	door := x.s.doorOf(rt)
	adm, err := door.Admit(x.hotkey)
	if adm.Registered {
		c.UID, c.Stake, c.ValidatorPermit = int(adm.UID), adm.Stake, adm.ValidatorPermit
	}
	if err != nil {
		return c, nil, nil, err
	}
	if err := x.s.used.keep(x.q, x.digest, adm.Registered); err != nil {
		return c, nil, nil, err
	}
	if err := x.checkSize(rt); err != nil {
		return c, nil, nil, err
	}
	msg, done, err = x.turn(ctx, rt, adm)
	return c, msg, done, err
}

// turn has the caller wait for those that it shares the workers with, and reads the
// fields. Those of a message, which are few, come before it takes a worker: while
// they are on their way they hold up nobody but their sender. What is long or has
// bodies takes a worker of those that may be slow, so that what has its fields in
// memory never waits for one.
func (x *exchange) turn(ctx context.Context, rt route, adm wire.Admission) (msg wire.Message, done func(), err error) {
	leave, err := x.share(ctx, rt, adm.Standing)
	if err != nil {
		return nil, nil, err
	}
	done, queue, slow := leave, x.s.messages, rt.streams || x.q.fields > smallFields
	if slow {
		queue = x.s.streams
	} else {
		msg, err = x.fields(ctx, rt)
	}
	if err == nil {
		if err = queue.Wait(ctx, adm.Priority); err != nil {
			err = errNoTurn
		} else {
			x.s.doorOf(rt).Served(x.hotkey)
			done = func() { queue.Done(); leave() }
		}
	}
	if err == nil && slow {
		msg, err = x.longFields(ctx, rt, adm.Standing)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return msg, done, nil
}

var errNoTurn = wire.Unavailable("No turn before the timeout.")

// share is the caller's part in those who are worked for, until leave.
func (x *exchange) share(ctx context.Context, rt route, st wire.Standing) (leave func(), err error) {
	if rt.streams {
		return x.s.shares.take(x.hotkey, st)
	}
	if leave, err = x.s.lanes.Wait(ctx, x.hotkey, st, 1); err != nil {
		return nil, errNoTurn
	}
	return leave, nil
}

func (x *exchange) checkSize(rt route) error {
	switch {
	case x.q.fields > rt.maxFields:
		return wire.TooLarge("Fields of %d bytes are over the limit of %d.", x.q.fields, rt.maxFields)
	case x.q.body > rt.maxBody:
		return wire.TooLarge("A body of %d bytes is over the limit of %d.", x.q.body, rt.maxBody)
	}
	return nil
}

// reserve takes n bytes of the server's memory until the answer is out.
func (x *exchange) reserve(ctx context.Context, n int64) error {
	if n <= 0 {
		return nil
	}
	if n > x.s.maxMemory {
		return wire.TooLarge("%d bytes are over what fits into memory.", n)
	}
	if err := x.s.memory.Acquire(ctx, n); err != nil {
		return errNoMemory(n)
	}
	x.held += n
	return nil
}

func errNoMemory(n int64) error {
	return wire.Unavailable("No memory for %d bytes before the timeout.", n)
}

// reserveAnswer is what wire.Reserve does in handlers.
func (x *exchange) reserveAnswer(ctx context.Context, n int64) error {
	if err := x.reserve(ctx, n); err != nil {
		return err
	}
	x.reserved += max(n, 0)
	return nil
}

// longFields is fields for those that need memory. A caller has a quarter of it at
// most, or the one request that is larger; what it sends beyond that waits behind its
// own.
func (x *exchange) longFields(ctx context.Context, rt route, st wire.Standing) (wire.Message, error) {
	n := x.q.fields
	if n <= smallFields {
		return x.fields(ctx, rt)
	}
	leave, err := x.s.parts.Wait(ctx, x.hotkey, st, n)
	if err != nil {
		return nil, errNoMemory(n)
	}
	x.leave = leave
	if err := x.reserve(ctx, n); err != nil {
		return nil, err
	}
	return x.fields(ctx, rt)
}

// fields reads the message. They come at MinRate at least, and soon enough to be
// there by the deadline, but for what a head may take; else nobody waits for them.
func (x *exchange) fields(ctx context.Context, rt route) (wire.Message, error) {
	least := pace{x.s.cfg.HeaderTimeout, x.s.cfg.MinRate}
	if left := time.Until(x.deadline).Seconds(); left > 0 {
		least.rate = max(least.rate, int64(float64(x.q.fields)/left))
	}
	x.in.flow = newFlow(ctx, least, x.deadline, x.rc.SetReadDeadline)
	fields, err := readFields(&x.in, x.q.content)
	msg := rt.make()
	if err == nil {
		err = decodeFields(fields, msg.Fields(), false)
	}
	if errors.Is(err, errFields) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = &wire.Error{Status: wire.StatusUnparsable, Text: err.Error(), Err: err}
	}
	return msg, err
}

// answer has the handler answer the message.
func (x *exchange) answer(ctx context.Context, rt route, c wire.Caller, msg wire.Message) (wire.Body, error) {
	in := wire.Body{Size: x.q.body}
	if in.Size > 0 {
		in.Reader = &x.in
	}
	body, err := x.handle(ctx, rt, c, msg, in)
	if err == nil && (body.Size < 0 || body.Size > 0 && body.Reader == nil) {
		err = fmt.Errorf("handler of %s: a body of %d bytes without a reader", msg.Name(), body.Size)
	}
	return body, err
}

// handle calls the handler; a panic is an error like any other.
func (x *exchange) handle(ctx context.Context, rt route, c wire.Caller, msg wire.Message, in wire.Body) (out wire.Body, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler of %s panicked: %v\n%s", msg.Name(), p, debug.Stack())
		}
	}()
	return rt.handle(ctx, c, msg, in)
}
