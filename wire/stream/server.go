package stream

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
)

// ServerConfig is a server's configuration; zero values take the defaults.
type ServerConfig struct {
	// Key is the axon's hotkey. Required.
	Key *wallet.Keypair
	// Version is told to peers. Default Version.
	Version uint64
	// Workers is how many messages are worked on at a time, half of them for one
	// caller; StreamWorkers how many of those with bodies or more than 64 KiB of
	// fields, which take longer and wait for others. Defaults 32 and 256.
	Workers, StreamWorkers int
	// MaxTimeout is the longest timeout granted to a message, StreamTimeout to one
	// with bodies. Defaults 10 minutes and 4 hours.
	MaxTimeout, StreamTimeout time.Duration
	// MaxMemory bounds the bytes of fields in memory, requests and answers
	// together; raw bodies do not count. The largest maxBody of Handle raises it.
	// Default 256 MiB.
	MaxMemory int64
	// HeaderTimeout is how long a head may take, and a request's fields beyond what
	// MinRate allows them; or, where that is more, the speed that has them here by the
	// request's deadline. Default 10 s.
	HeaderTimeout time.Duration
	// Grace is how long a body may stand still, or owe us what MinRate, in bytes
	// per second, asks of it; MinUpload is that of a request's raw body, once it is
	// admitted: a shard comes no faster than its share of what the connection of its
	// file's owner gives. Defaults 30 s, 16 KiB/s and 1 KiB/s.
	Grace              time.Duration
	MinRate, MinUpload int64
}

func (c ServerConfig) withDefaults() ServerConfig {
	setDefault(&c.Version, Version)
	setDefault(&c.Workers, 32)
	setDefault(&c.StreamWorkers, 256)
	setDefault(&c.MaxTimeout, 10*time.Minute)
	setDefault(&c.StreamTimeout, 4*time.Hour)
	setDefault(&c.MaxMemory, 256<<20)
	setDefault(&c.HeaderTimeout, 10*time.Second)
	setDefault(&c.Grace, defaultGrace)
	setDefault(&c.MinRate, defaultMinRate)
	setDefault(&c.MinUpload, defaultMinUpload)
	return c
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

const (
	defaultGrace     = 30 * time.Second
	defaultMinRate   = 16 << 10
	defaultMinUpload = 1 << 10
	// minFields is the least bound of a request's fields, streamFields that of
	// those beside a body.
	minFields    = 64 << 10
	streamFields = 1 << 20
	// smallFields are read and written without asking for memory.
	smallFields = 64 << 10
)

// ServerDeps are a server's parts. Door is the axon's; Log may be nil, Now too
// (time.Now). Taken knows what earlier processes let in; the caller closes it, after
// the last request. Without it (nil) a clock that is set back from one process to
// the next brings requests back.
type ServerDeps struct {
	Door  *wire.Door
	Taken *replay.Taken
	Log   *slog.Logger
	Now   func() time.Time
}

// Server answers streams and messages alike, as an http.Handler to be mounted on
// the axon at wire.StreamPath. Handlers are added before it serves. It has no
// life of its own: it runs nothing but the requests that it is given.
type Server struct {
	cfg      ServerConfig
	door     *wire.Door
	log      *slog.Logger
	public   [32]byte
	routes   map[string]route
	used     *used
	messages *wire.Queue
	streams  *wire.Queue
	lanes    *wire.Lanes // to workers, of messages
	parts    *wire.Lanes // to memory, of requests' fields
	shares   *shares     // of streams
	buffers  *buffers

	maxMemory int64 // the largest reservation
	memory    *semaphore.Weighted
}

// route is how one message is answered.
type route struct {
	make      func() wire.Message
	handle    wire.StreamHandler
	streams   bool
	maxBody   int64 // of the raw body
	maxFields int64
	public    bool       // for whoever signs: no door, no queue
	door      *wire.Door // nil: the server's
}

// NewServer makes a server. A ping is answered from the start.
func NewServer(cfg ServerConfig, deps ServerDeps) (*Server, error) {
	if cfg.Key == nil || deps.Door == nil {
		return nil, errors.New("stream: a server needs a key and a door")
	}
	s := &Server{cfg: cfg.withDefaults(), door: deps.Door, log: deps.Log, public: cfg.Key.PublicKey(), buffers: newBuffers(), routes: map[string]route{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Taken == nil {
		deps.Taken = replay.InMemory(deps.Now())
	}
	s.used = newUsed(deps.Now, deps.Taken)
	s.messages, s.streams = wire.NewQueue(s.cfg.Workers), wire.NewQueue(s.cfg.StreamWorkers)
	s.lanes, s.shares = wire.NewLanes(int64(s.cfg.Workers/2)), newShares(s.cfg.StreamWorkers)
	s.hold(s.cfg.MaxMemory)
	s.add(route{
		make: func() wire.Message { return &wire.Ping{} },
		handle: func(context.Context, wire.Caller, wire.Message, wire.Body) (wire.Body, error) {
			return wire.Body{}, nil
		},
		public: true, maxFields: minFields,
	})
	return s, nil
}

var _ http.Handler = (*Server)(nil)

// Handle makes h answer the messages that makeMsg makes. maxBody bounds the bytes
// of a request's fields. It is called before the server serves.
func (s *Server) Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64) {
	rt := messageRoute(makeMsg, h, maxBody)
	rt.public = s.routes[makeMsg().Name()].public
	s.add(rt)
}

// HandleBehind is Handle for messages with a front door of their own, which says
// who may ask them; the server's has no say in these.
func (s *Server) HandleBehind(door *wire.Door, makeMsg func() wire.Message, h wire.Handler, maxBody int64) {
	rt := messageRoute(makeMsg, h, maxBody)
	rt.door = door
	s.add(rt)
}

// HandleStream makes h answer the messages that makeMsg makes, with bodies.
// maxBody bounds a request's raw body. It is called before the server serves.
func (s *Server) HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64) {
	s.add(route{make: makeMsg, handle: h, streams: true, maxBody: maxBody, maxFields: streamFields})
}

// HandleStreamBehind is HandleStream behind a door of the messages' own.
func (s *Server) HandleStreamBehind(door *wire.Door, makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64) {
	s.add(route{make: makeMsg, handle: h, streams: true, maxBody: maxBody, maxFields: streamFields, door: door})
}

func messageRoute(makeMsg func() wire.Message, h wire.Handler, maxBody int64) route {
	return route{make: makeMsg, maxFields: max(maxBody, minFields), handle: func(ctx context.Context, c wire.Caller, msg wire.Message, _ wire.Body) (wire.Body, error) {
		return wire.Body{}, h(ctx, c, msg)
	}}
}

func (s *Server) add(rt route) {
	s.routes[rt.make().Name()] = rt
	if rt.maxFields > s.maxMemory {
		s.hold(rt.maxFields)
	}
}

// hold says how many bytes of fields the server may have.
func (s *Server) hold(bytes int64) {
	s.maxMemory, s.memory, s.parts = bytes, semaphore.NewWeighted(bytes), wire.NewLanes(bytes/4)
}

// doorOf is the door of a message.
func (s *Server) doorOf(rt route) *wire.Door {
	if rt.door != nil {
		return rt.door
	}
	return s.door
}

// timeoutOf is the most that a message gets.
func (s *Server) timeoutOf(rt route) time.Duration {
	if rt.streams {
		return s.cfg.StreamTimeout
	}
	return s.cfg.MaxTimeout
}
