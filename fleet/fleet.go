// Package fleet is the miners as their asker sees them: who is available and
// due, who is alive, and one verified exchange at a time (store, challenge,
// retrieve, delete), timed and written into the index. It decides neither what
// to ask whom nor what an answer is worth: validator and gateway do. It starts
// nothing that outlives a call. Enter at New.
//
// # Replicas
//
// Callers only ever see a datum and its hash. What a miner is given is its
// replica: the datum under a mask of that miner's own (package envelope), so
// that no two hold the same bytes. Hash, audit record, tags and every question
// to the miner are about the replica; the index is keyed by the datum's hash and
// has the replica's beside it. Holdings that came into the index from elsewhere
// have none: their holders have the datum as it is.
//
// # Audits
//
// Every miner can be challenged in the reference's way, against the audit
// record. A miner of ours is better asked natively (package receipt): it gets
// tags of its replica after a Store, or after a retrieval, signs that it has
// them, and answers a signed question with a proof of all blocks drawn. Whether
// a peer can do that is found out by handing it tags: who answers 404 is a
// reference miner, and is not tried again for an hour.
package fleet

import (
	"crypto/rand"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// DefaultTTL is how long miners keep what comes without a ttl.
const DefaultTTL = 30 * 24 * time.Hour

// Config says how miners are asked. Zero fields take the defaults.
type Config struct {
	// VpermitLimit is the stake in rao above which the holder of a validator
	// permit is not asked to store.
	VpermitLimit chain.Rao
	// Timeouts of one exchange, waiting for memory not included.
	PingTimeout, StoreTimeout, ChallengeTimeout, RetrieveTimeout, DeleteTimeout time.Duration
	// AuditTimeout is that of a native audit, and of handing over its tags.
	AuditTimeout time.Duration
	// Parallel is how many exchanges one call has under way at most.
	Parallel int
	// InFlight bounds the bytes of data being retrieved and of replicas being
	// stored at a time, over all calls; what is larger than it travels alone.
	InFlight int64
	// Hedge is how long Fetch waits for one holder before it asks a second
	// one beside it.
	Hedge time.Duration
	// Spare is how many shards of a segment more than its scheme has are brought
	// on their way; Patience is how long the others wait for who is behind when
	// there are enough without it; SegmentHedge is how long FetchSegment waits for
	// a shard before it asks for another one beside it.
	Spare                  int
	Patience, SegmentHedge time.Duration
	// Tiers has the storage limits of miners whose statistics have none yet,
	// and Start is how many bytes those of them may be given for which nobody
	// has decided on a capacity yet.
	Tiers incentive.Tiers
	Start int64
}

// DefaultConfig is the network's.
func DefaultConfig() Config {
	return Config{
		VpermitLimit: 500 * chain.TAO,
		PingTimeout:  5 * time.Second, StoreTimeout: 100 * time.Second, ChallengeTimeout: 45 * time.Second,
		RetrieveTimeout: 100 * time.Second, DeleteTimeout: 10 * time.Second,
		AuditTimeout: 20 * time.Second,
		Parallel:     16, InFlight: 1 << 30, Hedge: 3 * time.Second,
		Spare: 1, Patience: 200 * time.Millisecond, SegmentHedge: 300 * time.Millisecond,
		Tiers: incentive.V3(), Start: incentive.DefaultRules().Capacity.Start,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	setDefault(&c.VpermitLimit, d.VpermitLimit)
	setDefault(&c.PingTimeout, d.PingTimeout)
	setDefault(&c.StoreTimeout, d.StoreTimeout)
	setDefault(&c.ChallengeTimeout, d.ChallengeTimeout)
	setDefault(&c.RetrieveTimeout, d.RetrieveTimeout)
	setDefault(&c.DeleteTimeout, d.DeleteTimeout)
	setDefault(&c.AuditTimeout, d.AuditTimeout)
	setDefault(&c.Parallel, d.Parallel)
	setDefault(&c.InFlight, d.InFlight)
	setDefault(&c.Hedge, d.Hedge)
	setDefault(&c.Spare, d.Spare)
	setDefault(&c.Patience, d.Patience)
	setDefault(&c.SegmentHedge, d.SegmentHedge)
	setDefault(&c.Start, d.Start)
	if len(c.Tiers) == 0 {
		c.Tiers = d.Tiers
	}
	return c
}

func setDefault[T int | int64 | chain.Rao | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Deps are what a Fleet works with. Their owner closes them.
type Deps struct {
	// Transport asks under Key, and so does Streams, which only segments need.
	Transport wire.Transport
	Streams   wire.Streamer
	Index     *index.Index
	// Metagraph is the newest view of the subnet, nil before there is one.
	Metagraph func() *chain.Metagraph
	// Rand makes seeds, bases and choices; nil means crypto/rand. It is used by
	// several goroutines at once.
	Rand io.Reader
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// Key is the hotkey that asks, which is no miner of its own. Masks, audit
	// records and tags are made with secrets derived from it: all who ask under
	// one hotkey agree on them, and under another one data stored before cannot
	// be unmasked any more.
	Key *wallet.Keypair
}

// Fleet asks miners. It is safe for concurrent use.
type Fleet struct {
	cfg    Config
	deps   Deps
	log    *slog.Logger
	memory *semaphore.Weighted // bytes being retrieved or stored

	deaf      deaf
	offerless deaf // who knows no Offer
	tagging   tagging
	slow      slow
	blocks    blocks
	exclusion atomic.Pointer[func(wallet.Address) bool] // see Exclude

	self   wallet.Address
	audits audit.Secret
	tags   por.Secret
	masks  envelope.MaskSecret
	labels labelSecret
}

// New makes a fleet.
func New(cfg Config, deps Deps) *Fleet {
	cfg = cfg.withDefaults()
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
	secret := deps.Key.PrivateKeyHex()
	return &Fleet{
		cfg: cfg, deps: deps, log: log, memory: semaphore.NewWeighted(cfg.InFlight), self: deps.Key.Address(),
		audits: audit.SecretOf(secret), tags: por.SecretOf(secret), masks: envelope.MaskSecretOf(secret),
		labels: labelSecretOf(secret),
	}
}

// Config is the configuration with its defaults filled in.
func (f *Fleet) Config() Config { return f.cfg }
