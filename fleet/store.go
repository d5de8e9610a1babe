package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// Datum is data to store, its hash and its audit record, each computed once. It
// is for use with one Fleet. The bytes are its maker's and must not change while
// it is in use.
type Datum struct {
	data  []byte
	state *proof.State
	hash  string

	once      sync.Once // makes what follows
	record    []byte
	recordErr error
}

// NewDatum hashes data.
func NewDatum(data []byte) *Datum {
	state := proof.NewState()
	state.Write(data)
	return &Datum{data: data, state: state, hash: state.Hash().String()}
}

// Hash is H(E) in decimal.
func (d *Datum) Hash() string { return d.hash }

// Size is the length in bytes.
func (d *Datum) Size() int64 { return int64(len(d.data)) }

// Store has a miner store the datum for ttl, rounded up to seconds; 0 and less
// mean DefaultTTL. The holding is recorded once the answer has verified, after
// the datum's audit record. It is recorded from the moment of sending, so that
// it ends before the miner's.
func (f *Fleet) Store(ctx context.Context, n chain.Neuron, d *Datum, kind index.Kind, ttl time.Duration) Outcome {
	if ttl <= 0 {
		ttl = DefaultTTL
	}
	req, err := proof.NewStoreRequest(f.deps.Rand)
	if err != nil {
		return void(TaskStore, n, err)
	}
	seconds := int64((ttl + time.Second - 1) / time.Second)
	msg := &wire.Store{
		EncryptedData: d.data, Curve: req.Curve, G: req.G, H: req.H, Seed: req.Seed, TTL: &seconds,
	}
	holding := index.Holding{
		Holder: n.Hotkey, Hash: d.hash, Kind: kind, Size: d.Size(), Seed: req.Seed, Stored: f.deps.Now(), TTL: ttl,
	}
	// A miner that holds the datum already will go on from this seed, also when
	// its answer is lost.
	if _, err := f.deps.Index.SendSeed(ctx, n.Hotkey, d.hash, req.Seed, holding.Stored); unlessGone(err) != nil {
		return void(TaskStore, n, err)
	}
	o, came := f.call(ctx, TaskStore, n, msg)
	o.Bytes = d.Size()
	if came {
		o.judge(proof.CheckStore(req, d.state, proof.StoreAnswer{
			Randomness: msg.Randomness, Commitment: msg.Commitment, CommitmentHash: msg.CommitmentHash,
		}))
	}
	f.unsend(ctx, &o, d.hash, req.Seed)
	f.settle(ctx, &o, func(ctx context.Context) error {
		record, err := d.audited(f.deps.Audit)
		if err != nil {
			return err
		}
		return f.deps.Index.PutAudited(ctx, holding, record)
	})
	return o
}

// ErrShort says that fewer miners than wanted took a datum.
var ErrShort = errors.New("not enough miners took the data")

// Spread stores a datum on want of the candidates, in their order, and on
// further ones in the place of those that fail. Miners that hold the datum
// already are passed over and do not count, and so are those whose storage
// limit it would exceed. It returns every outcome there was, and ErrShort, with
// the causes, when it ran out of candidates; another error when the index
// failed.
func (f *Fleet) Spread(ctx context.Context, d *Datum, kind index.Kind, ttl time.Duration, want int, candidates []chain.Neuron) ([]Outcome, error) {
	holders, err := f.deps.Index.Holders(ctx, d.hash)
	if err != nil {
		return nil, fmt.Errorf("spread %s: %w", d.hash, err)
	}
	s := &spread{f: f, d: d, kind: kind, ttl: ttl, want: want}
	for _, n := range candidates {
		if !slices.Contains(holders, n.Hotkey) {
			s.candidates = append(s.candidates, n)
		}
	}
	var wg sync.WaitGroup
	for range min(want, f.cfg.Parallel, len(s.candidates)) {
		wg.Go(func() { s.work(ctx) })
	}
	wg.Wait()
	switch {
	case s.got >= want:
		return s.outcomes, nil
	case s.broken != nil:
		return s.outcomes, fmt.Errorf("spread %s: %w", d.hash, s.broken)
	}
	return s.outcomes, fmt.Errorf("%w: %d of %d new holders for %s: %w", ErrShort, s.got, want, d.hash, s.cause(ctx))
}

// spread is one call of Spread.
type spread struct {
	f    *Fleet
	d    *Datum
	kind index.Kind
	ttl  time.Duration
	want int

	mu           sync.Mutex // guards all below
	candidates   []chain.Neuron
	got, running int
	full         int
	outcomes     []Outcome
	broken       error // the index failed
}

// work stores on one candidate after the other as long as one more is needed.
func (s *spread) work(ctx context.Context) {
	for {
		n, ok := s.next(ctx)
		if !ok {
			return
		}
		fits, err := s.f.fits(ctx, n, s.d.Size())
		if err != nil || !fits {
			s.pass(err)
			continue
		}
		s.done(s.f.Store(ctx, n, s.d, s.kind, s.ttl))
	}
}

func (s *spread) next(ctx context.Context) (chain.Neuron, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got+s.running >= s.want || len(s.candidates) == 0 || ctx.Err() != nil {
		return chain.Neuron{}, false
	}
	n := s.candidates[0]
	s.candidates = s.candidates[1:]
	s.running++
	return n, true
}

func (s *spread) pass(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.broken = errors.Join(s.broken, err)
	if err == nil {
		s.full++
	}
}

func (s *spread) done(o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.outcomes = append(s.outcomes, o)
	if o.OK() {
		s.got++
	}
}

// cause says why there are too few.
func (s *spread) cause(ctx context.Context) error {
	errs := []error{ctx.Err()}
	for _, o := range s.outcomes {
		errs = append(errs, o.Err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return fmt.Errorf("no further candidates (%d at their storage limit)", s.full)
}

// fits says whether so many more bytes stay within a miner's storage limit.
func (f *Fleet) fits(ctx context.Context, n chain.Neuron, size int64) (bool, error) {
	stats, err := f.deps.Index.Stats(ctx, n.Hotkey)
	if err != nil {
		return false, err
	}
	stored, err := f.deps.Index.StoredBytes(ctx, n.Hotkey)
	if err != nil {
		return false, err
	}
	limit := stats.StorageLimit
	if limit <= 0 {
		limit = f.cfg.Tiers.Named(stats.Tier).StorageLimit
	}
	return stored <= limit-size, nil
}
