package miner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/internal/cycle"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// Config is a miner's configuration; zero values take the defaults.
type Config struct {
	// MaxData is the largest datum taken, in bytes. Default 512 MiB, the
	// largest chunk of any of the reference's releases. Shards have at most
	// erasure.MaxSegment bytes.
	MaxData int64
	// DefaultTTL is how long data is kept whose asker does not say, MaxTTL the
	// longest that is taken. All of it is kept a minute longer. Defaults 30 days and 10 years.
	DefaultTTL, MaxTTL time.Duration
	// Challenges is how many are computed at a time, audits and the checking of
	// pledges among them; more wait. Default: as many as there are cores.
	Challenges int
	// ExpiryPeriod is the time between two looks for expired data. Default 1
	// minute; a look costs nothing when there is none.
	ExpiryPeriod time.Duration
	// ScrubRate is how many bytes a second are read to find rot. 0 is the
	// default, DefaultScrubRate; less than 0 is never.
	ScrubRate int64
	// ScrubPeriod is the least time from the beginning of one pass over all data
	// to that of the next. Default 1 hour; the rate makes it longer where there
	// is much data.
	ScrubPeriod time.Duration
	// RefuseNotDue refuses native audits that Deps.Selections says were not due;
	// without, they are counted and answered.
	RefuseNotDue bool
}

// DefaultScrubRate has a miner read 1 TiB in two weeks, in bytes a second.
const DefaultScrubRate = 1 << 40 / (14 * 24 * 3600)

const day = 24 * time.Hour

func (c Config) withDefaults() Config {
	setDefault(&c.MaxData, 512<<20)
	setDefault(&c.DefaultTTL, 30*day)
	setDefault(&c.MaxTTL, 10*365*day)
	setDefault(&c.Challenges, runtime.GOMAXPROCS(0))
	setDefault(&c.ExpiryPeriod, time.Minute)
	setDefault(&c.ScrubPeriod, time.Hour)
	if c.ScrubRate == 0 {
		c.ScrubRate = DefaultScrubRate
	}
	return c
}

func setDefault[T int | int64 | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// Deps are a miner's parts. Store is required.
type Deps struct {
	// Key is the miner's hotkey, which signs pledges and answers to audits; its
	// address is a label of the metrics. Without one, it knows none of the
	// messages that are our own.
	Key   *wallet.Keypair
	Store *blobstore.Store
	// Log may be nil, and so may Now (time.Now) and Rand (crypto/rand).
	Log  *slog.Logger
	Now  func() time.Time
	Rand io.Reader
	// Selections say which audits were due; nil: nobody asks.
	Selections Selections
	// Metrics, if not nil, gets the miner's metrics.
	Metrics prometheus.Registerer
}

// Miner answers for the bytes in a store. It is safe for concurrent use.
type Miner struct {
	cfg     Config
	key     *wallet.Keypair // may be nil
	store   *blobstore.Store
	log     *slog.Logger
	now     func() time.Time
	rand    io.Reader
	turns   turns
	compute *semaphore.Weighted // one for every challenge, audit or pledge at work
	expiry  *cycle.Loop
	scrub   *cycle.Loop
	tally   *tally

	selections Selections
	undecided  chan receipt.Question
}

// New makes a miner. Its handlers work at once; Run drops what expires. The
// store stays the caller's to close.
func New(c Config, d Deps) *Miner {
	labels := prometheus.Labels{}
	if d.Key != nil {
		labels["hotkey"] = string(d.Key.Address())
	}
	m := &Miner{
		cfg: c.withDefaults(), key: d.Key, store: d.Store, log: d.Log, now: d.Now, rand: d.Rand, tally: newTally(labels),
		selections: d.Selections, undecided: make(chan receipt.Question, undecided),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.rand == nil {
		m.rand = rand.Reader
	}
	m.compute = semaphore.NewWeighted(int64(m.cfg.Challenges))
	m.expiry = cycle.New(m.cfg.ExpiryPeriod, m.expire)
	m.scrub = cycle.New(m.cfg.ScrubPeriod, m.scrubAll)
	if d.Metrics != nil {
		d.Metrics.MustRegister(newCollector(m, labels))
	}
	return m
}

// Server takes handlers of messages; *synapse.Server is one.
type Server interface {
	// Handle has h answer the messages that makeMsg makes, whose JSON bodies
	// have at most maxBody bytes.
	Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64)
}

// Register adds the miner's handlers to a server.
func (m *Miner) Register(s Server) {
	small := synapse.BodySize(0)
	s.Handle(func() wire.Message { return &wire.Store{} }, answer(m, TaskStore, m.keep), synapse.BodySize(m.cfg.MaxData))
	s.Handle(func() wire.Message { return &wire.Challenge{} }, answer(m, TaskChallenge, m.prove), small)
	s.Handle(func() wire.Message { return &wire.Retrieve{} }, answer(m, TaskRetrieve, m.giveBack), small)
	s.Handle(func() wire.Message { return &wire.Delete{} }, answer(m, TaskDelete, m.drop), small)
	if m.key == nil {
		return
	}
	tags := synapse.BodySize(por.TagsSize(min(m.cfg.MaxData, por.MaxData)))
	s.Handle(func() wire.Message { return &wire.Tags{} }, answer(m, TaskTags, m.pledge), tags)
	s.Handle(func() wire.Message { return &wire.Audit{} }, answer(m, TaskAudit, m.audit), small)
	s.Handle(func() wire.Message { return &wire.DropShard{} }, answer(m, TaskDelete, m.dropShard), small)
	s.Handle(func() wire.Message { return &wire.RenewShard{} }, answer(m, TaskRenewShard, m.renewShard), small)
	s.Handle(func() wire.Message { return &wire.ListShards{} }, answer(m, TaskListShards, m.listShards), small)
	s.Handle(func() wire.Message { return &wire.Offer{} }, answer(m, TaskOffer, m.offer), small)
}

// Run drops expired data and looks for rot until ctx ends. It returns an error when the store
// breaks, which only a new start mends.
func (m *Miner) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.expiry.Run(ctx) })
	g.Go(func() error { return m.judge(ctx) })
	if m.cfg.ScrubRate > 0 {
		g.Go(func() error { return m.scrub.Run(ctx) })
	}
	g.Go(func() error {
		select {
		case <-m.store.Failed():
			return fmt.Errorf("miner: %w", blobstore.ErrBroken)
		case <-ctx.Done():
			return nil
		}
	})
	return g.Wait()
}

// Expiry is the loop that drops expired data, for pausing and triggering it
// while Run runs.
func (m *Miner) Expiry() *cycle.Loop { return m.expiry }

func (m *Miner) expire(ctx context.Context) error {
	n, bytes, err := m.store.Expire(ctx, m.now().Add(-grace))
	if n > 0 {
		m.log.Info("dropped expired data", "claims", n, "bytes", bytes)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		m.log.Error("dropping expired data failed; it is tried again", "err", err)
	}
	return nil
}
