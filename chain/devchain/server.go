package devchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// ServerConfig says where a Server listens and what it bears; zero values are
// the defaults.
type ServerConfig struct {
	// Listen is host:port; empty is 127.0.0.1:9944. Anybody who reaches it can
	// read the chain and send signed transactions.
	Listen string
	// MaxBody is the largest request in bytes; 0 is 1.5 MiB, above the hex text
	// of the largest transaction.
	MaxBody int64
	// MaxConns is the number of connections at a time, further ones wait;
	// MaxSubscriptions that of subscriptions, further ones are refused. 0 are
	// 1024 and 1024.
	MaxConns, MaxSubscriptions int
	// ReadTimeout is how long a client may take to send a request, WriteTimeout
	// how long to accept one message; then it is dropped. 0 are 30 s and 10 s.
	ReadTimeout, WriteTimeout time.Duration
}

func (c ServerConfig) withDefaults() ServerConfig {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:9944"
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 3 << 19
	}
	if c.MaxConns <= 0 {
		c.MaxConns = 1024
	}
	if c.MaxSubscriptions <= 0 {
		c.MaxSubscriptions = 1024
	}
	if c.ReadTimeout <= 0 {
		c.ReadTimeout = 30 * time.Second
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = 10 * time.Second
	}
	return c
}

// Server serves a Devchain over JSON-RPC.
type Server struct {
	cfg      ServerConfig
	dev      *Devchain
	listener *limitListener
	subs     chan struct{}  // a place taken for each subscription
	sockets  sync.WaitGroup // open WebSocket connections
}

// NewServer binds the address, so that Addr is known; Run serves. Close it if
// Run is never called.
func NewServer(dev *Devchain, cfg ServerConfig) (*Server, error) {
	cfg = cfg.withDefaults()
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve chain: %w", err)
	}
	return &Server{cfg: cfg, dev: dev, listener: newLimitListener(l, cfg.MaxConns),
		subs: make(chan struct{}, cfg.MaxSubscriptions)}, nil
}

// Addr is the bound address.
func (s *Server) Addr() netip.AddrPort {
	return s.listener.Addr().(*net.TCPAddr).AddrPort()
}

// URL is what Dial takes: ws://host:port.
func (s *Server) URL() string { return "ws://" + s.Addr().String() }

// Run serves until ctx ends, whose error it returns. It does not close the
// chain.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:        s,
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ReadTimeout:    s.cfg.ReadTimeout,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.listener) }()
	var err error
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case err = <-served:
		served <- err
	}
	// Handlers see the end of ctx, so Shutdown waits for short answers only.
	cancel()
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.WriteTimeout)
	defer done()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	<-served
	s.sockets.Wait()
	return err
}

// Close gives the address back.
func (s *Server) Close() error { return s.listener.Close() }

// ServeHTTP answers POST with JSON-RPC and GET with a WebSocket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.sockets.Add(1)
		defer s.sockets.Done()
		s.socket(w, r)
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "POST a JSON-RPC request, or open a WebSocket", http.StatusMethodNotAllowed)
		return
	}
	// A web page can send other types across origins without asking first.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		http.Error(w, "want application/json", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "cannot read the request", status)
		return
	}
	answer := s.answer(r.Context(), body)
	// A failing deadline or write is the client's loss.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// answer executes one request that is not about subscriptions.
func (s *Server) answer(ctx context.Context, text []byte) []byte {
	req, err := parseRequest(text)
	if err != nil {
		return respond(nil, nil, err)
	}
	result, err := s.dev.call(ctx, req)
	return respond(req.ID, result, err)
}

// limitListener accepts while fewer than its limit of connections are open.
type limitListener struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimitListener(l net.Listener, limit int) *limitListener {
	return &limitListener{Listener: l, places: make(chan struct{}, limit), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	case l.places <- struct{}{}:
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &limitConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close implements net.Listener; closing twice is no error.
func (l *limitListener) Close() (err error) {
	l.once.Do(func() {
		close(l.closed)
		err = l.Listener.Close()
	})
	return err
}

type limitConn struct {
	net.Conn
	leave func()
}

// Close gives the connection's place back.
func (c *limitConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
