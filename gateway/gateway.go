package gateway

import (
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// Config are the gateway's settings.
type Config struct {
	// Redundancy is R: how many miners hold each chunk. With fewer live miners
	// on the network all of them do.
	Redundancy int
	// MinReplicas is with how many holders a chunk is still acknowledged when
	// every live miner has been tried; fewer only if fewer were alive at the
	// start.
	MinReplicas int
	// Sample is k: how many miners are drawn for a file.
	Sample int
	// ChunkSize is a fixed nominal chunk length in bytes, at most
	// placement.MaxChunk, more than which no peer gives back in one answer; 0
	// follows placement.ChunkSize.
	ChunkSize int64
	// MaxFile is the largest file taken, in bytes.
	MaxFile int64
	// Memory is how many bytes of users' files are worked on at once; further
	// requests wait for their turn.
	Memory int64
	// Segments is how many segments are taken in at a time, each with some MiB of
	// memory; more wait. One user has a quarter of them at most, but four in any case,
	// and fewer if others wait and it is slow.
	Segments int
	// Gets is how many gets send files of segments at a time, GetMemory how many bytes
	// of these are in memory, and as many again of their manifests: more wait.
	// GetPatience is for how long, before a get that is slow, since its user is, has to
	// give way and go on later.
	Gets        int
	GetMemory   int64
	GetPatience time.Duration
	// Quota is what each hotkey may have, Quotas what some may instead.
	Quota  Quota
	Quotas map[wallet.Address]Quota
	// MinSegment is the least length of segments in bytes, of files that have more than
	// one; their last may be shorter.
	MinSegment int64
	// InFlight is how many bytes of one file's chunks travel at once, each
	// counted once whatever its replicas.
	InFlight int64
	// StoreTimeout and RetrieveTimeout limit one user's request.
	StoreTimeout, RetrieveTimeout time.Duration
	// CleanupTimeout limits the deletion of chunks that no file needs, and for how
	// long miners are told at once to drop what a deleted file had.
	CleanupTimeout time.Duration
	// TTL is how long a file is kept when the user does not say, MaxTTL the
	// longest that is taken.
	TTL, MaxTTL time.Duration
}

// DefaultConfig is the network's: R = 3, k = 10, 600 s a request, 30 days.
func DefaultConfig() Config {
	return Config{
		Redundancy: 3, MinReplicas: 2, Sample: 10,
		MaxFile: 2 << 30, Memory: 6 << 30, Segments: 16, InFlight: 512 << 20,
		Gets: 128, GetMemory: 80 << 20, GetPatience: 30 * time.Second,
		Quota: Quota{Uploads: 256}, MinSegment: 1 << 20,
		StoreTimeout: 600 * time.Second, RetrieveTimeout: 600 * time.Second, CleanupTimeout: 30 * time.Second,
		TTL: 30 * 24 * time.Hour, MaxTTL: 10 * 365 * 24 * time.Hour,
	}
}

// Deps are what a Gateway works with. Their owner closes them.
type Deps struct {
	Fleet *fleet.Fleet
	// Index is shared with the validator and its other gateways.
	Index *index.Index
	// Key is the gateway's own layer's. Every gateway over one index needs the
	// same, and without it no file can be read.
	Key envelope.Key
	// Block is the hash of the chain's newest block, from which the miners for
	// a file are drawn, so that anybody can draw the same; nil means at random.
	Block func() chain.Hash
	// Rand is the source of keys and nonces; nil means crypto/rand.
	Rand io.Reader
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Log may be nil.
	Log *slog.Logger
}

// Gateway stores and returns users' files. It is safe for concurrent use.
type Gateway struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	memory  *budget
	files   *locks // one change to a file at a time
	metrics *metrics

	segments  *turns      // being taken in
	windows   *windows    // of what is being given out
	manifests *manifests  // of it
	quotas    *quotas     // of users
	left      *left       // to be ended
	short     chan string // segments that lack shards
}

// New makes a gateway. A setting that is zero takes its default; MinReplicas is
// at most and Sample at least Redundancy.
func New(cfg Config, deps Deps) *Gateway {
	if deps.Rand == nil {
		deps.Rand = rand.Reader
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cfg = cfg.withDefaults()
	m := newMetrics(deps.Metrics)
	w := newWindows(cfg, deps.Now)
	return &Gateway{
		cfg: cfg, deps: deps, log: log,
		memory: newBudget(cfg.Memory, m.memory), files: newLocks(), metrics: m,
		segments: newTurns(cfg.Segments, deps.Now), windows: w, manifests: newManifests(cfg, func() { w.hurry(true) }), quotas: newQuotas(cfg),
		left: newLeft(), short: make(chan string, maxShort),
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	setDefault(&c.Redundancy, d.Redundancy)
	setDefault(&c.MinReplicas, d.MinReplicas)
	setDefault(&c.Sample, d.Sample)
	setDefault(&c.MaxFile, d.MaxFile)
	setDefault(&c.Memory, d.Memory)
	setDefault(&c.Segments, d.Segments)
	setDefault(&c.Gets, d.Gets)
	setDefault(&c.GetMemory, d.GetMemory)
	setDefault(&c.GetPatience, d.GetPatience)
	setDefault(&c.MinSegment, d.MinSegment)
	setDefault(&c.InFlight, d.InFlight)
	setDefault(&c.StoreTimeout, d.StoreTimeout)
	setDefault(&c.RetrieveTimeout, d.RetrieveTimeout)
	setDefault(&c.CleanupTimeout, d.CleanupTimeout)
	setDefault(&c.TTL, d.TTL)
	setDefault(&c.MaxTTL, d.MaxTTL)
	c.MinReplicas = min(c.MinReplicas, c.Redundancy)
	c.Sample = max(c.Sample, c.Redundancy)
	return c
}

func setDefault[T int | int64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}
