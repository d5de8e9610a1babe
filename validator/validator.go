// Package validator keeps the miners honest: every few blocks it has some of
// them store random data, challenges and retrieves what the index says they
// hold, watches who is down, and turns the outcomes into scores and, once an
// epoch, into weights on the chain. Scores survive a kill; a bad miner costs
// its own timeout and nothing else. It talks to miners through package fleet
// only, and neither places nor repairs users' files: Deps.Lost is where that
// attaches. Enter at New; Step is one round.
package validator

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/placement"
	"github.com/filetao/filetao/wallet"
)

// Config are the validator's settings. Zero fields take the defaults.
type Config struct {
	// BlocksPerStep is how many blocks apart steps begin.
	BlocksPerStep int
	// StoreSample is how many miners get a step's random datum; StoreRounds how
	// often those that failed are replaced by others.
	StoreSample, StoreRounds int
	// ChallengeSample and RetrieveSample are how many miners are asked about
	// what they hold; retrievals happen every RetrieveEvery steps.
	ChallengeSample, RetrieveSample, RetrieveEvery int
	// Repeats are the pauses after which a miner that did not answer an audit is
	// asked the same again. When it has not answered after the last one either,
	// it has failed.
	Repeats []time.Duration
	// MonitorSample is how many miners are pinged a step; one that fails more
	// than MaxFailures times in a row is down.
	MonitorSample, MaxFailures int
	// MedianSize and SizeSigma are the log-normal distribution of the random
	// data's size in bytes; MaxSize clips it. UniformSize, if not 0, replaces
	// it by a uniform one from 1 to UniformSize.
	MedianSize, MaxSize, UniformSize int64
	SizeSigma                        float64
	// OfferBlocks is how many blocks apart a miner is asked how much it is willing
	// to hold, and OfferSample how many are asked in a step at most.
	OfferBlocks, OfferSample int
	// TTL is how long random data is kept.
	TTL time.Duration
	// EpochBlocks is how many blocks apart weights are set; WindowEpochs after
	// how many epochs statistics begin anew and tiers are decided; DropEpochs
	// after how many all random data is dropped.
	EpochBlocks, WindowEpochs, DropEpochs int
	// Mortality is for how many blocks a transaction may still come after it was
	// sent: no fewer than the chain's client has it stay valid.
	Mortality int
	// ExpireEvery is how many steps apart expired entries are dropped.
	ExpireEvery int
	// CheckpointBlocks is how many blocks apart the scores are saved at the
	// latest. Every step saves them anyway.
	CheckpointBlocks int
	// TaskTimeout ends a task of a step whatever it waits for. It is above what
	// exchanges may take: who is cut off by it is not blamed.
	TaskTimeout time.Duration
	// WeightsVersion is the version key sent with weights; DisableWeights sends
	// none.
	WeightsVersion uint64
	DisableWeights bool
	// Rules are the incentive's constants; those of incentive.DefaultRules when
	// there are no tiers.
	Rules incentive.Rules
}

// DefaultConfig is the network's.
func DefaultConfig() Config {
	return Config{
		BlocksPerStep: 3,
		StoreSample:   15, StoreRounds: 3,
		ChallengeSample: 10, RetrieveSample: 10, RetrieveEvery: 5,
		Repeats:       []time.Duration{time.Minute, 4 * time.Minute, 16 * time.Minute},
		MonitorSample: 40, MaxFailures: 5,
		MedianSize: 3 << 20, MaxSize: placement.MaxChunk, SizeSigma: 1.5,
		OfferBlocks: 75, OfferSample: 20,
		TTL:         30 * 24 * time.Hour,
		EpochBlocks: 360, WindowEpochs: 2, DropEpochs: 10, Mortality: 16,
		ExpireEvery: 60, CheckpointBlocks: 100,
		TaskTimeout:    10 * time.Minute,
		WeightsVersion: 302, Rules: incentive.DefaultRules(),
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	for _, v := range []struct{ of, to *int }{
		{&c.BlocksPerStep, &d.BlocksPerStep}, {&c.StoreSample, &d.StoreSample}, {&c.StoreRounds, &d.StoreRounds},
		{&c.ChallengeSample, &d.ChallengeSample}, {&c.RetrieveSample, &d.RetrieveSample}, {&c.RetrieveEvery, &d.RetrieveEvery},
		{&c.MonitorSample, &d.MonitorSample}, {&c.MaxFailures, &d.MaxFailures}, {&c.EpochBlocks, &d.EpochBlocks},
		{&c.WindowEpochs, &d.WindowEpochs}, {&c.DropEpochs, &d.DropEpochs}, {&c.Mortality, &d.Mortality}, {&c.ExpireEvery, &d.ExpireEvery},
		{&c.CheckpointBlocks, &d.CheckpointBlocks}, {&c.OfferBlocks, &d.OfferBlocks}, {&c.OfferSample, &d.OfferSample},
	} {
		setDefault(v.of, *v.to)
	}
	setDefault(&c.MedianSize, d.MedianSize)
	setDefault(&c.MaxSize, d.MaxSize)
	setDefault(&c.SizeSigma, d.SizeSigma)
	setDefault(&c.TTL, d.TTL)
	setDefault(&c.TaskTimeout, d.TaskTimeout)
	setDefault(&c.WeightsVersion, d.WeightsVersion)
	if len(c.Repeats) == 0 {
		c.Repeats = d.Repeats
	}
	if len(c.Rules.Tiers) == 0 {
		c.Rules = d.Rules
	}
	return c
}

func setDefault[T int | int64 | uint64 | float64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Loss is a miner that no longer does what it was relied on for.
type Loss struct {
	UID    chain.UID
	Hotkey wallet.Address
	// Replaced: the hotkey has no UID any more, and the index forgets what it
	// held when Lost returns. Otherwise it is down.
	Replaced bool
}

// Deps are what a Validator works with. Their owner closes them.
type Deps struct {
	// Key is the validator's hotkey.
	Key      *wallet.Keypair
	Chain    chain.Chain
	Follower *chain.Follower
	Fleet    *fleet.Fleet
	Index    *index.Index
	// Rand makes random data and choices; nil means crypto/rand. It is used by
	// several goroutines at once.
	Rand io.Reader
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// Observe is told what each task did, one call at a time; nil: nobody is.
	Observe func(Event)
	// Lost is told of lost miners within a step, so that users' data can be
	// repaired; nil: nobody is.
	Lost func(context.Context, Loss)
}

// What a step may fail with, besides the index's errors.
var (
	ErrBusy     = errors.New("a step is still running")
	ErrNotReady = errors.New("the metagraph has not been read yet")
)

// Validator runs steps. It is safe for concurrent use.
type Validator struct {
	cfg   Config
	deps  Deps
	log   *slog.Logger
	board *board

	stepping  sync.Mutex // held during a step
	observing sync.Mutex // held during a call of Observe

	mu       sync.Mutex // guards all below
	loaded   bool
	progress progress
	weights  attempts
	reveals  attempts                  // of the oldest commitment
	asked    map[wallet.Address]uint64 // block at which a miner was last asked for an offer
}

// progress is what the validator has to remember beside the scores.
type progress struct {
	Block   uint64 `json:"block"`          // of the last checkpoint
	Steps   uint64 `json:"steps"`          // settled so far
	Window  uint64 `json:"window"`         // of the last rollover
	Dropped uint64 `json:"dropped"`        // period at whose begin random data was last dropped
	Drop    drop   `json:"drop,omitzero"`  // under way
	Sent    uint64 `json:"sent,omitempty"` // block at which weights were last about to be sent

	Commits []commitment `json:"commits,omitempty"` // oldest first; the list is never changed
}

// New makes a validator. Nothing runs yet.
func New(cfg Config, deps Deps) *Validator {
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
	return &Validator{cfg: cfg, deps: deps, log: log, board: newBoard(cfg.Rules)}
}

// Scores are the moving averages by UID. They are finite.
func (v *Validator) Scores() []float64 { return v.board.all() }

// schedule numbers the blocks.
func (c Config) schedule() incentive.Schedule {
	return incentive.Schedule{
		EpochBlocks: uint64(c.EpochBlocks), WindowEpochs: uint64(c.WindowEpochs), PeriodEpochs: uint64(c.DropEpochs),
	}
}
