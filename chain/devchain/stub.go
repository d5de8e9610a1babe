package devchain

import (
	"context"
	"net/netip"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// Devchain is the chain in this process. It implements chain.Chain.
type Devchain struct{ chain.Chain }

// Open loads or begins the chain in cfg.Dir. It makes no blocks until Run or
// Step. Close it.
func Open(cfg Config, deps Deps) (*Devchain, error) { panic("soon") }

// Run makes a block every BlockTime until ctx ends, whose error it returns.
func (d *Devchain) Run(ctx context.Context) error { panic("soon") }

// Step makes one block now, with every transaction that waits.
func (d *Devchain) Step(ctx context.Context) (chain.Block, error) { panic("soon") }

// Close ends subscriptions and waiting transactions and closes the state.
func (d *Devchain) Close() error { panic("soon") }

// Transfer moves balance between coldkeys.
func (d *Devchain) Transfer(ctx context.Context, from *wallet.Keypair, to wallet.Address, amount chain.Rao) error {
	panic("soon")
}

// ServerConfig says where a Server listens and what it bears; zero values are
// the defaults.
type ServerConfig struct {
	// Listen is host:port; empty is 127.0.0.1:9944. Anybody who reaches it can
	// read the chain and send signed transactions.
	Listen string
	// MaxBody is the largest request in bytes; 0 is 1 MiB.
	MaxBody int64
	// MaxConns is the number of connections at a time, MaxSubscriptions that of
	// subscriptions; 0 are 1024 and 1024.
	MaxConns, MaxSubscriptions int
	// WriteTimeout is how long a subscriber may take for one message before it
	// is dropped; 0 is 10 s.
	WriteTimeout time.Duration
}

// Server serves a Devchain over JSON-RPC.
type Server struct{}

// NewServer binds the address; Run serves. Close it if Run is never called.
func NewServer(dev *Devchain, cfg ServerConfig) (*Server, error) { panic("soon") }

// Addr is the bound address.
func (s *Server) Addr() netip.AddrPort { panic("soon") }

// URL is what Dial takes: ws://host:port.
func (s *Server) URL() string { panic("soon") }

// Run serves until ctx ends, whose error it returns.
func (s *Server) Run(ctx context.Context) error { panic("soon") }

// Close gives the address back.
func (s *Server) Close() error { panic("soon") }

// Remote is a Devchain in another process. It implements chain.Chain.
type Remote struct{ chain.Chain }

// Dial reaches a served chain: "ws://127.0.0.1:9944" (or http://). It fails with
// chain.ErrUnavailable when nobody answers. Close it.
func Dial(ctx context.Context, endpoint string) (*Remote, error) { panic("soon") }

// Transfer moves balance between coldkeys.
func (r *Remote) Transfer(ctx context.Context, from *wallet.Keypair, to wallet.Address, amount chain.Rao) error {
	panic("soon")
}

// Close ends subscriptions and idle connections.
func (r *Remote) Close() error { panic("soon") }
