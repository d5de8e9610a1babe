package client

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Errors of a Client. What a gateway answered is wrapped beside them; see
// wire.StatusOf.
var (
	// ErrNoKey: data would leave in the open, or an encrypted file was asked
	// for, and no key was given.
	ErrNoKey = errors.New("no encryption key")
	// ErrNotEncrypted: the file was stored in the open and Plain not allowed.
	ErrNotEncrypted = errors.New("the file is not encrypted")
	// ErrWrongKey: the file is intact, but the key does not open it.
	ErrWrongKey = errors.New("the key does not open the file")
	// ErrNoGateway: there is no gateway to ask.
	ErrNoGateway = errors.New("no gateway")
	// ErrNotFound: no gateway asked has such a file of this wallet's hotkey.
	ErrNotFound = errors.New("file not found")
	// ErrWrongData: a gateway answered with something else than was asked for.
	ErrWrongData = errors.New("the gateway's answer does not match the CID")
	// ErrChanged: a file was changed while it was being stored, or what an
	// earlier get had fetched was changed since.
	ErrChanged = errors.New("the file was changed meanwhile")
	// ErrTooLarge: the file does not fit into the reference's format, or not
	// into any.
	ErrTooLarge = errors.New("the file is too large")
	// ErrRange: the file has no such part.
	ErrRange = errors.New("the file has no such part")
	// ErrLost: too few miners gave their shards back.
	ErrLost = errors.New("too few shards can be had")
)

// Config are the client's settings; zero values take those of DefaultConfig.
type Config struct {
	// Ask is how many gateways one round of Put tries.
	Ask int
	// Share is the part of the subnet's neurons that counts as the top by
	// stake.
	Share float64
	// MinStake leaves out gateways with less, in rao.
	MinStake chain.Rao
	// PingTimeout is how long a gateway may take to answer a ping.
	PingTimeout time.Duration
	// Timeout is how long a gateway may take over one request when the options
	// do not say; a Put gets one second more for every 4 MiB sent.
	Timeout time.Duration
	// GetTimeout is the same for a Get, whose size is not known before.
	GetTimeout time.Duration
	// Hedge is how long Get waits for one gateway before it asks the next one
	// too.
	Hedge time.Duration
	// Attempts is how many rounds are made while failures look passing. The
	// wait before the second is Backoff, before each further one twice the last.
	Attempts int
	Backoff  time.Duration
	// TTL is how long files are kept when the options do not say.
	TTL time.Duration
	// Segments is how many segments of one file are on their way at a time.
	Segments int
	// SegmentSize is the length of segments in bytes, up to manifest.SegmentSize.
	// A put that was broken off goes on with the same one only.
	SegmentSize int64
	// Tries is how often one segment is sent, and how often a get that breaks off
	// goes on without having come further. Between them is Backoff, doubling.
	Tries int
}

// sendRate is what a request's default time limit expects of a gateway and its
// miners, in bytes a second.
const sendRate = 4 << 20

// DefaultConfig is the reference's where it has the setting.
func DefaultConfig() Config {
	return Config{
		Ask: 3, Share: 0.1, PingTimeout: 3 * time.Second, Timeout: 100 * time.Second, GetTimeout: 600 * time.Second,
		Hedge: 20 * time.Second, Attempts: 3, Backoff: 2 * time.Second, TTL: 30 * 24 * time.Hour,
		Segments: 3, SegmentSize: manifest.SegmentSize, Tries: 5,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	setDefault(&c.Ask, d.Ask)
	setDefault(&c.Share, d.Share)
	setDefault(&c.PingTimeout, d.PingTimeout)
	setDefault(&c.Timeout, d.Timeout)
	setDefault(&c.GetTimeout, d.GetTimeout)
	setDefault(&c.Hedge, d.Hedge)
	setDefault(&c.Attempts, d.Attempts)
	setDefault(&c.Backoff, d.Backoff)
	setDefault(&c.TTL, d.TTL)
	setDefault(&c.Segments, d.Segments)
	setDefault(&c.SegmentSize, d.SegmentSize)
	setDefault(&c.Tries, d.Tries)
	return c
}

func setDefault[T int | int64 | float64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Deps are what a Client works with. Its owner closes the transports.
type Deps struct {
	// Transport signs with the user's hotkey, which owns the files.
	Transport wire.Transport
	// Streams does the same for what travels as a stream; a *stream.Negotiator
	// is both. Without it all files are stored and fetched the reference's way.
	Streams wire.Streamer
	// Hotkey is that hotkey. It signs manifests; required with Streams.
	Hotkey *wallet.Keypair
	// Metagraph is the latest view of the subnet; it may return nil as long as
	// there is none.
	Metagraph func() *chain.Metagraph
	// Rand is the source of keys, nonces and choices; nil means crypto/rand.
	Rand io.Reader
	// Log may be nil.
	Log *slog.Logger
}

// Client puts and gets files. It is safe for concurrent use.
type Client struct {
	cfg  Config
	deps Deps
	log  *slog.Logger
	seen seen
}

// New makes a client. It opens no connection.
func New(cfg Config, deps Deps) *Client {
	if deps.Rand == nil {
		deps.Rand = rand.Reader
	}
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg.withDefaults(), deps: deps, log: log}
}

// Stage is what a request is doing.
type Stage string

// Stages in the order in which they come. A request that is tried at another
// gateway goes back to StageFinding or StageAsking.
const (
	StageEncrypting Stage = "encrypting"
	StageFinding    Stage = "finding gateways"
	StageAsking     Stage = "asking"  // the gateway works or the bytes travel
	StageReading    Stage = "reading" // the file on this machine
	StageComparing  Stage = "reading what is there already"
	StageSending    Stage = "sending"
	StageFetching   Stage = "fetching"
	StageDecrypting Stage = "decrypting"
	StageDone       Stage = "done"
)

// Progress is told to the caller's Progress function, never twice at a time.
type Progress struct {
	Stage   Stage
	Gateway wallet.Address // of StageAsking and StageDone
	Bytes   int64          // size of the file as far as it is known, else 0
	// Done is how many of them have been read, sent or fetched, and Resumed how
	// many of those were there before.
	Done, Resumed int64
	// Files and FilesDone count those of a tree; Bytes and Done are then of all.
	Files, FilesDone int
}

func (f progressFunc) tell(p Progress) {
	if f != nil {
		f(p)
	}
}

type progressFunc func(Progress)
