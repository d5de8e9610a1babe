// Package backup keeps on the miners what an index alone would know of users' files:
// their manifests, in which small files are whole, and which of them were removed. A
// validator whose disk is lost gets it back with package recovery, from the miners
// alone, as it was at the last pass.
//
// What has changed since is marked in the index, in the commit that changes it. A
// pass writes it into packs (package manifest/pack), each a segment of an upload that
// is the validator's own, so that repair and audits look after it as after any
// other, and then takes the marks away. It reads no file and serves nobody. Enter at
// New.
//
// # What holds
//
// An object without a mark is, as it stands, in a pack that is there. Packs only go
// after what they had alone is in another, so that this holds whenever a pass is cut
// off; the next one does again what was not finished.
//
// Small packs are put together, and one pack after the other is read to see that it
// can be, and written anew as far as it still counts when less than half of it does.
// All is done one pack at a time: no more than some packs are in memory.
//
// A pass costs what has changed since the last one. Once in a CheckPeriod, and first
// of all, it looks through the whole index, for packs and for changes that nobody was
// told of.
package backup

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/internal/cycle"
	"github.com/filetao/filetao/manifest/pack"
	"github.com/filetao/filetao/wallet"
)

// Config are the settings. Zero fields take the defaults.
type Config struct {
	// Period is how often what has changed is written. What is acknowledged is
	// backed up after twice that at the latest, as long as miners take it in time.
	Period time.Duration
	// PackSize is how many bytes of records make a full pack, up to 16 MiB.
	PackSize int64
	// Merge is how many packs of one size are put together, from 2 on.
	Merge int
	// CheckPeriod is how often a pack is read, each in turn, and the index looked
	// through.
	CheckPeriod time.Duration
}

// DefaultConfig is the network's.
func DefaultConfig() Config {
	return Config{Period: 30 * time.Second, PackSize: maxPack, Merge: 8, CheckPeriod: time.Hour}
}

// maxPack leaves room for one more record, of any length.
const maxPack = 16 << 20

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Period <= 0 {
		c.Period = d.Period
	}
	if c.PackSize <= 0 || c.PackSize > d.PackSize {
		c.PackSize = d.PackSize
	}
	if c.Merge < 2 {
		c.Merge = d.Merge
	}
	if c.CheckPeriod <= 0 {
		c.CheckPeriod = d.CheckPeriod
	}
	return c
}

// Deps are what a Backup works with. Their owner closes them.
type Deps struct {
	// Fleet asks the miners, under the hotkey Key.
	Fleet *fleet.Fleet
	Index *index.Index
	Key   *wallet.Keypair
	// Rand is the source of nonces; nil means crypto/rand.
	Rand io.Reader
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log and Metrics may be nil.
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Backup writes packs. Of all processes over one index exactly one has it run.
type Backup struct {
	cfg     Config
	deps    Deps
	key     pack.Key
	self    wallet.Address
	log     *slog.Logger
	metrics *metrics
	loop    *cycle.Loop

	passing sync.Mutex // guards what follows, and held during a pass
	begun   bool
	looked  time.Time       // when the index was looked through last
	shelved *shelf          // how the last pass left it; nil if it did not end
	checked time.Time       // when the last pack was read
	turn    uint64          // its number
	unread  map[uint64]bool // numbers of packs that could not be read
	foreign map[uint64]bool // of those with what the index does not know: they stay as they are
}

// New makes a backup. Nothing runs yet.
func New(cfg Config, deps Deps) *Backup {
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
	b := &Backup{
		cfg: cfg.withDefaults(), deps: deps, key: pack.KeyOf(deps.Key.PrivateKeyHex()), self: deps.Key.Address(), log: log,
		metrics: newMetrics(deps.Metrics), unread: map[uint64]bool{}, foreign: map[uint64]bool{},
	}
	b.loop = cycle.New(b.cfg.Period, func(ctx context.Context) error {
		err := b.Pass(ctx)
		if err != nil && ctx.Err() == nil {
			b.metrics.failures.Inc()
			b.log.Warn("the backup is behind: what has changed waits for the next try", "err", err)
		}
		return nil
	})
	return b
}

// Run makes a pass in every period until ctx ends. What fails is logged, and tried
// again in the next one.
func (b *Backup) Run(ctx context.Context) error { return b.loop.Run(ctx) }

// Loop is what Run repeats, to be paused and triggered. A pass that is triggered and
// fails is logged, and no error.
func (b *Backup) Loop() *cycle.Loop { return b.loop }

// Pass writes what has changed and tidies up. Its errors are the fleet's, the index's
// and ctx's; what was done until then stays done.
func (b *Backup) Pass(ctx context.Context) error {
	b.passing.Lock()
	defer b.passing.Unlock()
	now := b.deps.Now()
	all := b.looked.IsZero() || now.Sub(b.looked) >= b.cfg.CheckPeriod
	s := b.shelved
	if b.shelved = nil; s == nil || all {
		var err error
		if s, err = b.shelf(ctx); err != nil {
			return err
		}
	}
	if len(s.packs) == 0 && !b.begun { // over this index, perhaps, for the first time
		if err := b.deps.Index.ChangeAll(ctx); err != nil {
			return err
		}
	}
	b.begun = true
	write := b.write
	if all {
		write = b.writeAll
	}
	for _, do := range []func(context.Context, *shelf) error{write, b.merge, b.check} {
		if err := do(ctx, s); err != nil {
			return err
		}
	}
	if b.shelved = s; all {
		b.looked = now
	}
	b.measure(s)
	return nil
}
