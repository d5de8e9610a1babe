package synapse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	// defaultGrace is what a body may take beyond its length at minRate, and
	// an answer beyond the deadline.
	defaultGrace = 5 * time.Second
	minRate      = 64 << 10 // bytes per second
)

// exchange is one request on its way through the server.
type exchange struct {
	s        *Server
	w        http.ResponseWriter
	r        *http.Request
	rc       *http.ResponseController
	start    time.Time
	head     head
	deadline time.Time
	verified bool
	held     int64 // bytes of s.memory
	reserved int64 // of them, what the handler reserved for its answer
	ends     []func()
}

// serveHTTP answers one request. Whatever happens in a handler, the server
// goes on.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		return
	}
	defer s.working.Done()
	if h := s.mounted(r.URL.Path); h != nil {
		h.ServeHTTP(w, r)
		return
	}
	x := &exchange{s: s, w: w, r: r, rc: http.NewResponseController(w), start: time.Now(), head: head{name: "Synapse"}}
	x.deadline = x.start.Add(s.cfg.HeaderTimeout)
	// Until more is known of the caller, an answer and the rest of its body
	// may take no longer than a header.
	x.limit(x.deadline, x.deadline.Add(x.s.grace))
	defer func() { s.memory.Release(x.held) }()
	msg, b, err := x.work()
	if err != nil {
		x.fail(err)
		return
	}
	x.succeed(msg, b)
}

// limit sets the connection's deadlines; on a connection that is gone it does
// nothing, and the next read or write tells.
func (x *exchange) limit(read, write time.Time) {
	if err := errors.Join(x.rc.SetReadDeadline(read), x.rc.SetWriteDeadline(write)); err != nil {
		x.s.log.Debug("connection deadlines", "err", err)
	}
}

// work takes the request through every stage up to the answer's body.
func (x *exchange) work() (wire.Message, *body, error) {
	rt, err := x.route()
	if err != nil {
		return nil, nil, err
	}
	msg := rt.make()
	hd, err := parseHead(msg.Name(), x.r.Header, msg.Fields())
	if err != nil {
		return nil, nil, err
	}
	x.head = hd
	x.deadline = x.start.Add(min(hd.timeout, x.s.cfg.MaxTimeout))
	x.limit(x.start.Add(x.s.cfg.HeaderTimeout), x.deadline.Add(x.s.grace))
	ctx, cancel := context.WithDeadline(x.r.Context(), x.deadline)
	defer cancel()
	defer x.end()
	sess := sessionOf(hd.hotkey, hd.uuid)
	if err := x.verify(sess); err != nil {
		return nil, nil, err
	}
	caller := x.caller()
	if rt.public {
		err = x.takePublic(ctx, rt, sess, caller, msg)
	} else {
		err = x.take(ctx, rt, sess, &caller, msg)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := x.handle(wire.WithMemory(ctx, x.reserveAnswer), rt, caller, msg); err != nil {
		return nil, nil, err
	}
	b, err := x.encode(ctx, msg)
	return msg, b, err
}

func (x *exchange) route() (route, error) {
	name, ok := strings.CutPrefix(x.r.URL.Path, "/")
	if !ok || name == "" {
		return route{}, wire.BadRequest("Improperly formatted request. Could not parse request %s.", x.r.URL.Path)
	}
	rt, known := x.s.routes[name]
	if !known {
		return route{}, wire.NotFound("Synapse name '%s' not found.", name)
	}
	if x.r.Method != http.MethodPost && x.r.Method != http.MethodGet {
		return route{}, wire.Errorf(http.StatusMethodNotAllowed, "Method %s is not allowed.", x.r.Method)
	}
	return rt, nil
}

// verify checks signature and nonce, and uses the nonce up.
func (x *exchange) verify(sess session) error {
	hd := x.head
	refuse := func(format string, args ...any) error {
		return wire.Unauthorized("Not Verified with error: "+format, args...)
	}
	hotkey, err := wallet.ParseAddress(hd.hotkey)
	switch {
	case err != nil:
		return refuse("no valid hotkey")
	case !hd.hasNonce:
		return refuse("Missing Nonce")
	}
	sig, err := parseSignature(hd.signature)
	if err != nil {
		return refuse("Signature should be of type bytes or a hex-string")
	}
	if err := checkSession(hd.uuid, hd.name); err != nil {
		return err
	}
	if err := x.s.nonces.check(sess, hd); err != nil {
		return err
	}
	text := signedText(hd.nonce, hotkey, x.s.cfg.Key.Address(), hd.uuid, hd.bodyHash)
	if err := wallet.VerifyLenient(hotkey, []byte(text), sig); err != nil {
		return refuse("Signature mismatch with %s and %s", text, hd.signature)
	}
	x.verified = true
	return x.s.nonces.claim(sess, hd.nonce)
}

func (x *exchange) caller() wire.Caller {
	addr, err := netip.ParseAddrPort(x.r.RemoteAddr)
	if err == nil {
		addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	return wire.Caller{
		Hotkey: wallet.Address(x.head.hotkey), Addr: addr, Version: x.head.version, UID: -1, Deadline: x.deadline,
	}
}

// admit asks the door. The nonces of those it lets in are kept for good, and
// so are those of the registered whom it does not.
func (x *exchange) admit(door *wire.Door, sess session, c *wire.Caller) (wire.Admission, error) {
	adm, err := door.Admit(c.Hotkey)
	if adm.Registered {
		c.UID, c.Stake, c.ValidatorPermit = int(adm.UID), adm.Stake, adm.ValidatorPermit
	}
	if err == nil || adm.Registered {
		if keepErr := x.s.nonces.keep(sess, x.head.nonce, adm.Registered); keepErr != nil && err == nil {
			err = keepErr
		}
	}
	return adm, err
}

// checkLength refuses a body by what it says of its length.
func (x *exchange) checkLength(rt route) error {
	switch n := x.r.ContentLength; {
	case n < 0:
		return wire.Errorf(http.StatusLengthRequired, "A body needs a Content-Length.")
	case n > rt.maxBody:
		return wire.TooLarge("A body of %d bytes is over the limit of %d.", n, rt.maxBody)
	}
	return nil
}

// readBody fills the message and holds it against the signed hash.
func (x *exchange) readBody(msg wire.Message) error {
	body := &pacedReader{x: x, r: x.r.Body, start: time.Now()}
	got, err := decodeBody(body, x.r.ContentLength, msg.Fields(), asRequest)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.Timeout("The body did not arrive in time.")
	case errors.Is(err, errBody):
		return &wire.Error{Status: wire.StatusUnparsable, Text: err.Error(), Err: err}
	case err != nil:
		return wire.BadRequest("The body could not be read: %w", err)
	}
	// The connection is watched from now on: the context ends if it does.
	x.limit(time.Time{}, x.deadline.Add(x.s.grace))
	if got != x.head.bodyHash {
		return wire.Errorf(wire.StatusInternal, "Internal server error with error: Hash mismatch between header body hash %s and parsed body hash %s",
			x.head.bodyHash, got)
	}
	return nil
}

// pacedReader reads a body that has to come at minRate at least, after a
// grace, and before the deadline.
type pacedReader struct {
	x     *exchange
	r     io.Reader
	start time.Time
	n     int64
}

func (p *pacedReader) Read(b []byte) (int, error) {
	by := p.start.Add(p.x.s.grace + time.Duration(float64(p.n)/minRate*float64(time.Second)))
	if by.After(p.x.deadline) {
		by = p.x.deadline
	}
	p.x.limit(by, p.x.deadline.Add(p.x.s.grace))
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}

// handle calls the handler; a panic is an error like any other.
func (x *exchange) handle(ctx context.Context, rt route, c wire.Caller, msg wire.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler of %s panicked: %v\n%s", msg.Name(), p, debug.Stack())
		}
	}()
	return rt.handle(ctx, c, msg)
}
