package synapse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
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
	// Workers is how many requests are worked on at a time, LongWorkers how many
	// beside them whose bodies have more than 64 KiB. Defaults 16 and 64.
	Workers, LongWorkers int
	// MaxTimeout is the longest timeout granted to a request, hence also how
	// long a signed request is good for. Default 10 minutes.
	MaxTimeout time.Duration
	// MaxMemory bounds the bytes of bodies in memory, requests and answers
	// together. The largest maxBody raises it. Default 1 GiB.
	MaxMemory int64
	// MaxConns and MaxConnsPerIP bound connections. Defaults 1024 and 256.
	MaxConns, MaxConnsPerIP int
	// HeaderTimeout is how long a header may take, IdleTimeout how long an
	// unused connection is kept, DrainTimeout how long Run waits for requests
	// at its end. Defaults 10 s, 75 s, 15 s.
	HeaderTimeout, IdleTimeout, DrainTimeout time.Duration
}

func (c ServerConfig) withDefaults() ServerConfig {
	setDefault(&c.Listen, "127.0.0.1:0")
	setDefault(&c.Workers, 16)
	setDefault(&c.LongWorkers, 64)
	setDefault(&c.MaxTimeout, 10*time.Minute)
	setDefault(&c.MaxMemory, 1<<30)
	setDefault(&c.MaxConns, 1024)
	setDefault(&c.MaxConnsPerIP, 256)
	setDefault(&c.HeaderTimeout, 10*time.Second)
	setDefault(&c.IdleTimeout, 75*time.Second)
	setDefault(&c.DrainTimeout, 15*time.Second)
	return c
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// maxHeaderBytes is far over what Python's headers need (about 2 KiB).
const maxHeaderBytes = 16 << 10

// ServerDeps are a server's parts. Log may be nil, Now too (time.Now). Taken knows
// what earlier processes let in; the caller closes it, after Run. Without it (nil)
// a clock that is set back from one process to the next brings requests back.
type ServerDeps struct {
	Door  *wire.Door
	Taken *replay.Taken
	Log   *slog.Logger
	Now   func() time.Time
}

// Server is an axon. Handlers are added before Run.
type Server struct {
	cfg      ServerConfig
	door     *wire.Door
	log      *slog.Logger
	now      func() time.Time
	uuid     string
	routes   map[string]route
	mounts   map[string]http.Handler // by the beginning of the path
	also     []Registrar
	listener *boundedListener
	nonces   *nonces
	queue    *wire.Queue
	long     *wire.Queue // of requests with long bodies,
	senders  *wire.Lanes // to it,
	parts    *wire.Lanes // and to the memory for them
	grace    time.Duration

	maxMemory int64
	memory    *semaphore.Weighted
	bodies    *semaphore.Weighted // what long bodies may have of it

	mu      sync.Mutex // guards closed, and working.Add against working.Wait
	closed  bool
	working sync.WaitGroup
}

// route is how one message is answered.
type route struct {
	make    func() wire.Message
	handle  wire.Handler
	maxBody int64
	public  bool       // for whoever signs: no door, no queue
	door    *wire.Door // nil: the server's
}

// NewServer binds the address and reads the nonce file; Run serves. A ping is
// answered from the start.
func NewServer(cfg ServerConfig, deps ServerDeps) (*Server, error) {
	if cfg.Key == nil || deps.Door == nil {
		return nil, errors.New("axon: a server needs a key and a door")
	}
	s := &Server{
		cfg: cfg.withDefaults(), door: deps.Door, log: deps.Log, now: deps.Now, uuid: uuid.NewString(), grace: defaultGrace,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if deps.Taken == nil {
		deps.Taken = replay.InMemory(s.now())
	}
	s.queue, s.mounts = wire.NewQueue(s.cfg.Workers), map[string]http.Handler{}
	s.long, s.senders = wire.NewQueue(s.cfg.LongWorkers), wire.NewLanes(int64(s.cfg.LongWorkers/4))
	s.routes = map[string]route{"Synapse": {
		make:   func() wire.Message { return &wire.Ping{} },
		handle: func(context.Context, wire.Caller, wire.Message) error { return nil },
		public: true, maxBody: 64 << 10,
	}}
	var err error
	if s.nonces, err = openNonces(s.cfg.NonceFile, s.cfg.MaxTimeout, s.now, deps.Taken); err != nil {
		return nil, fmt.Errorf("axon: %w", err)
	}
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("axon: %w", err), s.nonces.close())
	}
	s.listener = newBoundedListener(l, s.cfg.MaxConns, s.cfg.MaxConnsPerIP)
	return s, nil
}

// Handle makes h answer the messages that makeMsg makes. maxBody bounds the
// bytes of a request's JSON body; see BodySize. It is called before Run.
func (s *Server) Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64) {
	name := makeMsg().Name()
	s.routes[name] = route{make: makeMsg, handle: h, maxBody: maxBody, public: s.routes[name].public}
	for _, other := range s.also {
		other.Handle(makeMsg, h, maxBody)
	}
}

// HandleBehind is Handle for messages with a front door of their own, which says
// who may ask them; the server's has no say in these.
func (s *Server) HandleBehind(door *wire.Door, makeMsg func() wire.Message, h wire.Handler, maxBody int64) {
	s.routes[makeMsg().Name()] = route{make: makeMsg, handle: h, maxBody: maxBody, door: door}
	for _, other := range s.also {
		other.HandleBehind(door, makeMsg, h, maxBody)
	}
}

// Registrar takes handlers as a Server does; *stream.Server is another one.
type Registrar interface {
	Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64)
	HandleBehind(door *wire.Door, makeMsg func() wire.Message, h wire.Handler, maxBody int64)
}

// Also hands all handlers that are added from now on to another server too: one
// that is mounted here answers what this one answers.
func (s *Server) Also(other Registrar) { s.also = append(s.also, other) }

// Mount has h answer every request whose path begins with prefix, on its own: no
// signature of ours is asked for. Run waits for its requests as for the others.
// Where wire.StreamPath is mounted, answers to pings say so. It is called before
// Run.
func (s *Server) Mount(prefix string, h http.Handler) { s.mounts[prefix] = h }

// mounted is who answers a path, nil when the server does itself.
func (s *Server) mounted(path string) http.Handler {
	for prefix, h := range s.mounts {
		if strings.HasPrefix(path, prefix) {
			return h
		}
	}
	return nil
}

// doorOf is the door of a message.
func (s *Server) doorOf(rt route) *wire.Door {
	if rt.door != nil {
		return rt.door
	}
	return s.door
}

// BodySize is the largest JSON body of a message with so many bytes of data:
// base64, and room for everything else.
func BodySize(data int64) int64 { return (data+2)/3*4 + 64<<10 + maxText }

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return addrPort(s.listener.Addr()) }

// Run serves until ctx ends, then lets requests at work finish within
// DrainTimeout. It closes what NewServer opened, also when it fails.
func (s *Server) Run(ctx context.Context) error {
	s.maxMemory = s.cfg.MaxMemory
	for _, rt := range s.routes {
		s.maxMemory = max(s.maxMemory, rt.maxBody)
	}
	s.memory, s.bodies = semaphore.NewWeighted(s.maxMemory), semaphore.NewWeighted(s.maxMemory/2)
	s.parts = wire.NewLanes(s.maxMemory / 2 / 4)
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:                      http.HandlerFunc(s.serveHTTP),
		ReadHeaderTimeout:            s.cfg.HeaderTimeout,
		IdleTimeout:                  s.cfg.IdleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return base },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("axon: %w", err)
	case <-ctx.Done():
		drain, stop := context.WithTimeout(base, s.cfg.DrainTimeout)
		if shut := server.Shutdown(drain); shut != nil {
			s.log.Warn("requests were cut off", "err", shut)
		}
		stop()
		<-served
	}
	cancel()
	closed := server.Close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.working.Wait()
	return errors.Join(err, closed, s.nonces.close())
}

// enter counts a request in; false when the server has ended.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.working.Add(1)
	}
	return !s.closed
}
