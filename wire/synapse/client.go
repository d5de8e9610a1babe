package synapse

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// ClientConfig is a client's configuration; zero values take the defaults.
type ClientConfig struct {
	// Key signs the requests. Required.
	Key *wallet.Keypair
	// ExternalIP is the address peers know this machine by. A peer at that
	// address is reached over the loopback interface.
	ExternalIP netip.Addr
	// Version is told to peers; default Version. One below 7002000 spares us
	// their check of our clock.
	Version uint64
	// Timeout is for calls whose context has no deadline. Default 12 s.
	Timeout time.Duration
	// Lanes is how many calls to one peer run at a time; more wait. Default 8.
	Lanes int
	// MaxAnswer bounds the JSON body of answers by the message's name.
	// Defaults: 256 MiB of data for Retrieve and Challenge, 2 GiB for
	// RetrieveUser, 4 MiB of body for all others.
	MaxAnswer map[string]int64
}

// Largest answers where ClientConfig does not say.
const (
	maxPlainAnswer = 4 << 20 // of body
	maxChunk       = 256 << 20
	maxFile        = 2 << 30
)

// A body over largeBody is sent only once the peer wants to have it, or says
// nothing for continueTimeout. (Up to 256 KiB, Go's servers read what they
// refuse; a connection closed on what is being sent would hide their answer.)
const (
	largeBody       = 128 << 10
	continueTimeout = time.Second
)

// idleTimeout is below the 5 s after which Python's server drops a connection.
const idleTimeout = 4 * time.Second

// ClientDeps are a client's parts. Log may be nil, Now too (time.Now).
type ClientDeps struct {
	Log *slog.Logger
	Now func() time.Time
}

// Client is a dendrite. It is safe for concurrent use.
type Client struct {
	cfg   ClientConfig
	log   *slog.Logger
	now   func() time.Time
	lanes *lanes
	http  *http.Transport

	mu   sync.Mutex // guards last
	last uint64     // the last nonce used
}

var _ wire.Transport = (*Client)(nil)

// NewClient makes a client. Close ends it.
func NewClient(cfg ClientConfig, deps ClientDeps) *Client {
	setDefault(&cfg.Version, Version)
	setDefault(&cfg.Timeout, defaultTimeout)
	setDefault(&cfg.Lanes, 8)
	c := &Client{cfg: cfg, log: deps.Log, now: deps.Now, lanes: newLanes(cfg.Lanes)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.http = &http.Transport{
		DialContext:            (&net.Dialer{}).DialContext,
		DisableCompression:     true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    cfg.Lanes,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return c
}

// Close drops the client's idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// maxAnswer is the limit of an answer's body: the message's, or the call's if
// that is less.
func (c *Client) maxAnswer(ctx context.Context, msg wire.Message) int64 {
	limit := c.maxAnswerOf(msg)
	if n, ok := wire.AnswerLimit(ctx); ok {
		limit = min(limit, BodySize(n))
	}
	return limit
}

func (c *Client) maxAnswerOf(msg wire.Message) int64 {
	if n, ok := c.cfg.MaxAnswer[msg.Name()]; ok {
		return n
	}
	switch msg.(type) {
	case *wire.Retrieve, *wire.Challenge:
		return BodySize(maxChunk)
	case *wire.RetrieveUser:
		return BodySize(maxFile)
	}
	return maxPlainAnswer
}

// nonce is the time in nanoseconds, and higher than all before it.
func (c *Client) nonce() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last+1, uint64(c.now().UnixNano()))
	return c.last
}

// settle begins new sessions when the clock was set back: nonces above all of the
// old ones would be too far ahead of a server's clock.
func (c *Client) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := uint64(c.now().UnixNano()); c.last > now+uint64(ahead/2) {
		c.last = now
		c.lanes.renew()
	}
}

// Call implements wire.Transport.
func (c *Client) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		var cancel context.CancelFunc
		deadline = time.Now().Add(c.cfg.Timeout)
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	timeout := time.Until(deadline)
	c.settle()
	lane, release, err := c.lanes.acquire(ctx, to)
	if err != nil {
		return wire.Exchange{}, callError(to, msg, timeout, err, false)
	}
	defer release()
	out, err := c.prepare(ctx, to, msg, sessionID(lane, msg.Name()))
	if err != nil {
		return wire.Exchange{}, callError(to, msg, timeout, err, false)
	}
	ex, err := c.exchange(out, msg, timeout)
	if err != nil {
		c.log.Debug("call failed", "message", msg.Name(), "peer", to.Hotkey, "addr", to.Addr, "err", err)
	}
	return ex, err
}

// outgoing is a signed request.
type outgoing struct {
	to      wire.Peer
	req     *http.Request
	traffic *traffic
}

// prepare makes the signed request. The timeout that it tells the peer is what
// is left of it now.
func (c *Client) prepare(ctx context.Context, to wire.Peer, msg wire.Message, session string) (outgoing, error) {
	fields := msg.Fields()
	hash := hashFields(fields)
	deadline, _ := ctx.Deadline()
	timeout := max(time.Until(deadline), time.Millisecond).Seconds()
	own := c.cfg.Key.Address()
	nonce := c.nonce()
	sig, err := c.cfg.Key.Sign([]byte(signedText(nonce, own, to.Hotkey, session, hash)))
	if err != nil {
		return outgoing{}, err
	}
	signature, ip, port := "0x"+hex.EncodeToString(sig), to.Addr.Addr().Unmap().String(), int(to.Addr.Port())
	axonKey, ownKey := string(to.Hotkey), string(own)
	b, err := encodeBody(msg, timeout,
		terminal{Version: &c.cfg.Version, Nonce: &nonce, UUID: &session, Hotkey: &ownKey, Signature: &signature},
		terminal{IP: &ip, Port: &port, Hotkey: &axonKey}, false)
	if err != nil {
		return outgoing{}, wire.BadRequest("%s cannot be sent: %w", msg.Name(), err)
	}
	h := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"filetao"}, "name": {msg.Name()},
		"timeout": {pyFloat(timeout)}, "header_size": {"0"}, "total_size": {strconv.FormatInt(b.size, 10)},
		bodyHashHeader: {hash}, axonPrefix + "ip": {ip}, axonPrefix + "port": {strconv.Itoa(port)},
		axonPrefix + "hotkey": {axonKey}, dendritePrefix + "version": {strconv.FormatUint(c.cfg.Version, 10)},
		dendritePrefix + "nonce": {strconv.FormatUint(nonce, 10)}, dendritePrefix + "uuid": {session},
		dendritePrefix + "hotkey": {ownKey}, dendritePrefix + "signature": {signature},
	}
	if c.cfg.ExternalIP.IsValid() {
		h[dendritePrefix+"ip"] = []string{c.cfg.ExternalIP.String()}
	}
	for _, f := range fields {
		if f.Required || f.Sent {
			h[inputPrefix+f.Name] = []string{placeholderOf(f)}
		}
	}
	if b.size > largeBody {
		h["Expect"] = []string{"100-continue"}
	}
	flow := newTraffic(b, wire.ProgressOf(ctx))
	req := (&http.Request{
		Method: http.MethodPost, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		URL:  &url.URL{Scheme: "http", Host: c.dialled(to.Addr).String(), Path: "/" + msg.Name()},
		Body: flow.request(), ContentLength: b.size,
		GetBody: func() (io.ReadCloser, error) { return flow.request(), nil },
	}).WithContext(ctx)
	return outgoing{to, req, flow}, nil
}

// dialled is where a peer is reached: one at our own external address on the
// loopback, since routers seldom take what goes out and in again.
func (c *Client) dialled(addr netip.AddrPort) netip.AddrPort {
	ip := addr.Addr().Unmap()
	if ip.IsValid() && !ip.IsLoopback() && ip == c.cfg.ExternalIP.Unmap() {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if c.cfg.ExternalIP.Is6() && !c.cfg.ExternalIP.Is4In6() {
			ip = netip.IPv6Loopback()
		}
	}
	return netip.AddrPortFrom(ip, addr.Port())
}

// exchange sends the request and reads the answer into msg.
func (c *Client) exchange(out outgoing, msg wire.Message, timeout time.Duration) (wire.Exchange, error) {
	start := time.Now()
	var ex wire.Exchange
	resp, err := c.http.RoundTrip(out.req)
	if err == nil {
		ex.Streams = resp.Header.Get(wire.StreamHeader) == "1"
		ex.PeerVersion, _ = strconv.ParseUint(resp.Header.Get(axonPrefix+"version"), 10, 64)
		err = readAnswer(resp, out.traffic.answer(resp), msg, c.maxAnswer(out.req.Context(), msg))
		if closeErr := resp.Body.Close(); err == nil && closeErr != nil {
			err = closeErr
		}
	}
	ex.Elapsed = time.Since(start)
	at := out.traffic.end()
	ex.Sent, ex.Received = at.Sent, at.Received
	if err != nil {
		err = callError(out.to, msg, timeout, err, resp != nil)
	}
	return ex, err
}
