package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
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
	// Version is told to peers. Default Version.
	Version uint64
	// Timeout is for calls whose context has no deadline, StreamTimeout for those
	// with bodies. Defaults 12 s and 4 hours.
	Timeout, StreamTimeout time.Duration
	// MaxConns is how many exchanges with one peer run at a time; more wait.
	// Default 128.
	MaxConns int
	// MaxAnswer bounds the bytes of an answer's fields by the message's name.
	// Defaults: 256 MiB for Retrieve and Challenge, 2 GiB for RetrieveUser, 64 MiB
	// for what says what a file is (OpenObject, GetObject, UploadState), 4 MiB for
	// all others.
	MaxAnswer map[string]int64
	// Grace is how long a body may stand still, or owe us what MinRate, in bytes
	// per second, asks of it, and of a request's body MinUpload. Defaults 30 s,
	// 16 KiB/s and 1 KiB/s.
	Grace              time.Duration
	MinRate, MinUpload int64
}

// Largest answers where ClientConfig does not say.
const (
	maxPlainAnswer = 4 << 20
	maxPlacement   = 64 << 20
	maxChunk       = 256<<20 + smallFields
	maxFile        = 2<<30 + smallFields
)

// ClientDeps are a client's parts. Log may be nil, Now too (time.Now).
type ClientDeps struct {
	Log *slog.Logger
	Now func() time.Time
}

// Client asks peers that speak this protocol; others fail with wire.ErrNoStream.
// It is safe for concurrent use.
type Client struct {
	cfg     ClientConfig
	public  [32]byte
	log     *slog.Logger
	now     func() time.Time
	pool    *pool
	buffers *buffers
}

var (
	_ wire.Transport = (*Client)(nil)
	_ wire.Streamer  = (*Client)(nil)
)

// NewClient makes a client. Close ends it.
func NewClient(cfg ClientConfig, deps ClientDeps) *Client {
	setDefault(&cfg.Version, Version)
	setDefault(&cfg.Timeout, 12*time.Second)
	setDefault(&cfg.StreamTimeout, 4*time.Hour)
	setDefault(&cfg.MaxConns, 128)
	setDefault(&cfg.Grace, defaultGrace)
	setDefault(&cfg.MinRate, defaultMinRate)
	setDefault(&cfg.MinUpload, defaultMinUpload)
	c := &Client{cfg: cfg, public: cfg.Key.PublicKey(), log: deps.Log, now: deps.Now, pool: newPool(cfg.MaxConns), buffers: newBuffers()}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// Close drops the client's idle connections; those in use go when their exchange
// has ended.
func (c *Client) Close() error { return c.pool.close() }

// Call implements wire.Transport.
func (c *Client) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	a, ex, err := c.ask(ctx, to, msg, wire.Body{}, c.cfg.Timeout)
	if err != nil {
		return ex, err
	}
	if a.Size > 0 {
		err = &wire.Error{Status: wire.StatusUnparsable, Text: "the answer has a body"}
	}
	return ex, errors.Join(err, a.Close())
}

// Open implements wire.Streamer. A body whose reader blocks is best an io.Closer,
// which is closed when nothing more is needed of it: Open returns only when the
// reader does.
func (c *Client) Open(ctx context.Context, to wire.Peer, msg wire.Message, in wire.Body) (*wire.Answer, error) {
	a, _, err := c.ask(ctx, to, msg, in, c.cfg.StreamTimeout)
	return a, err
}

// ask is one exchange up to the head of its answer.
func (c *Client) ask(ctx context.Context, to wire.Peer, msg wire.Message, in wire.Body, timeout time.Duration) (*wire.Answer, wire.Exchange, error) {
	cancel := func() {}
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancel = context.WithTimeout(ctx, timeout)
	}
	o := &outgoing{c: c, ctx: ctx, cancel: cancel, to: to, addr: c.dialled(to.Addr), msg: msg, in: in, report: wire.ProgressOf(ctx), start: time.Now()}
	a, err := o.ask()
	ex := o.exchange()
	if err == nil {
		return &wire.Answer{ReadCloser: a, Size: a.left}, ex, nil
	}
	err = o.explain(err) // before the context ends, or all would look given up
	cancel()
	c.log.Debug("exchange failed", "message", msg.Name(), "peer", to.Hotkey, "addr", to.Addr, "err", err)
	return nil, ex, err
}

// prepare signs the request. The timeout that it tells the peer is what is left of
// it now.
func (c *Client) prepare(ctx context.Context, to wire.Peer, msg wire.Message, body int64) (head []byte, digest [32]byte, fields encoded, err error) {
	q := request{name: msg.Name(), caller: c.public, time: c.now().UnixMilli(), software: c.cfg.Version}
	if fields, err = encodeFields(msg.Fields(), false); err == nil && !validName(q.name) {
		err = errors.New("it has no valid name")
	}
	if err != nil {
		return nil, digest, fields, wire.BadRequest("%s cannot be sent: %w", msg.Name(), err)
	}
	if q.server, err = to.Hotkey.PublicKey(); err != nil {
		return nil, digest, fields, wire.BadRequest("%s cannot be asked: %w", to.Hotkey, err)
	}
	if _, err := io.ReadFull(rand.Reader, q.nonce[:]); err != nil {
		return nil, digest, fields, fmt.Errorf("nonce: %w", err)
	}
	deadline, _ := ctx.Deadline()
	left := max(time.Until(deadline), time.Millisecond)
	q.timeout = uint32(min((left+time.Millisecond-1)/time.Millisecond, math.MaxUint32))
	q.content = content{body: body, fields: fields.size, hash: fields.hash}
	head, digest, err = seal(c.cfg.Key, requestDomain, q.encode())
	return head, digest, fields, err
}

// maxAnswer is the limit of an answer's fields: the message's, or the call's if
// that is less.
func (c *Client) maxAnswer(ctx context.Context, msg wire.Message) int64 {
	limit, ok := c.cfg.MaxAnswer[msg.Name()]
	if !ok {
		limit = maxPlainAnswer
		switch msg.(type) {
		case *wire.Retrieve, *wire.Challenge:
			limit = maxChunk
		case *wire.RetrieveUser:
			limit = maxFile
		case *wire.OpenObject, *wire.GetObject, *wire.UploadState:
			limit = maxPlacement
		}
	}
	if n, ok := wire.AnswerLimit(ctx); ok {
		limit = min(limit, n+smallFields)
	}
	return limit
}

// dialled is where a peer is reached: one at our own external address on the
// loopback, since routers seldom take what goes out and in again.
func (c *Client) dialled(addr netip.AddrPort) netip.AddrPort {
	ip := addr.Addr().Unmap()
	if ip.IsValid() && !ip.IsLoopback() && ip == c.cfg.ExternalIP.Unmap() {
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if ip.Is6() {
			loopback = netip.IPv6Loopback()
		}
		ip = loopback
	}
	return netip.AddrPortFrom(ip, addr.Port())
}
