package synapse

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// ServerConfig is a server's configuration; zero values take the defaults.
type ServerConfig struct {
	// Key is the axon's hotkey. Required.
	Key *wallet.Keypair
	// Listen is the address, for example "127.0.0.1:8091"; port 0 takes a
	// free one. Default "127.0.0.1:0".
	Listen string
	// NonceFile keeps the last nonces of peers whose nonces are not times, so
	// that a restart lets none of their old requests through again. Without
	// one such peers are not protected from that.
	NonceFile string
	// Workers is how many requests are worked on at a time. Default 16.
	Workers int
	// MaxTimeout is the longest timeout granted to a request, hence also how
	// long a signed request is good for. Default 10 minutes.
	MaxTimeout time.Duration
	// MaxMemory bounds the bytes of bodies in memory, requests and reserved
	// answers together; it is at least the largest body of a message.
	// Default 1 GiB.
	MaxMemory int64
	// MaxConns and MaxConnsPerIP bound connections. Defaults 1024 and 256.
	MaxConns, MaxConnsPerIP int
	// HeaderTimeout is how long a header may take, IdleTimeout how long an
	// unused connection is kept, DrainTimeout how long Run waits for requests
	// at its end. Defaults 10 s, 75 s, 15 s.
	HeaderTimeout, IdleTimeout, DrainTimeout time.Duration
}

// ServerDeps are a server's parts. Log may be nil, Now too (time.Now).
type ServerDeps struct {
	Door *wire.Door
	Log  *slog.Logger
	Now  func() time.Time
}

// Server is an axon. Handlers are added before Run.
type Server struct {
	cfg  ServerConfig
	deps ServerDeps
	addr netip.AddrPort
}

// NewServer binds the address and reads the nonce file; Run serves.
func NewServer(cfg ServerConfig, deps ServerDeps) (*Server, error) {
	if cfg.Key == nil || deps.Door == nil {
		return nil, errors.New("synapse: a server needs a key and a door")
	}
	return &Server{cfg: cfg, deps: deps}, nil
}

// Handle makes h answer the messages that new makes. maxBody bounds the bytes
// of a request's JSON body; Body converts from bytes of data.
func (s *Server) Handle(new func() wire.Message, h wire.Handler, maxBody int64) {}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Run serves until ctx ends, then lets requests at work finish within
// DrainTimeout.
func (s *Server) Run(ctx context.Context) error { return nil }
