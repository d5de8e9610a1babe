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
	"github.com/filetao/filetao/placement"
	"github.com/filetao/filetao/wallet"
)

// ErrShort says that fewer miners than wanted took a datum.
var ErrShort = errors.New("not enough miners took the data")

// ErrRoom is ErrShort where it is room that the miners lack: it will not help to
// try again soon.
var ErrRoom = fmt.Errorf("%w: too few have room for it", ErrShort)

// Spread stores a datum on want of the candidates, and on further ones in the
// place of those that fail. The next one is always who stands most apart
// (placement.Apart) from those that hold the datum or are being asked to, so
// that no coldkey and no network has it twice while there are others; among
// equals the order given decides. Who is preferred to an earlier one is pinged
// first, and comes last if it is silent, since only the first may be known to be
// alive.
//
// Miners that hold the datum already are passed over and do not count, and so
// are those whose capacity it would exceed. It returns every outcome there
// was, and ErrShort, with the causes, when it ran out of candidates; another
// error when the index failed.
func (f *Fleet) Spread(ctx context.Context, d *Datum, kind index.Kind, ttl time.Duration, want int, candidates []chain.Neuron) ([]Outcome, error) {
	holders, err := f.deps.Index.Holders(ctx, d.hash)
	if err != nil {
		return nil, fmt.Errorf("spread %s: %w", d.hash, err)
	}
	s := &spread{f: f, d: d, kind: kind, ttl: ttl, want: want, taken: f.sites(holders)}
	for _, n := range candidates {
		if !slices.Contains(holders, n.Hotkey) {
			s.candidates, s.sites = append(s.candidates, n), append(s.sites, siteOf(n))
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

// sites are where those of the hotkeys stand that are on the network.
func (f *Fleet) sites(hotkeys []wallet.Address) []placement.Site {
	var sites []placement.Site
	if m := f.deps.Metagraph(); m != nil {
		for _, a := range hotkeys {
			if n, ok := m.ByHotkey(a); ok {
				sites = append(sites, siteOf(n))
			}
		}
	}
	return sites
}

func siteOf(n chain.Neuron) placement.Site {
	return placement.Site{Coldkey: string(n.Coldkey), Network: placement.NetworkOf(n.Axon.IP)}
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
	sites        []placement.Site // of the candidates
	late         []chain.Neuron   // candidates that did not answer a ping
	taken        []placement.Site // of holders and of those being asked
	got, running int
	full         int
	outcomes     []Outcome
	broken       error // the index failed
}

// work stores on one candidate after the other as long as one more is needed.
func (s *spread) work(ctx context.Context) {
	for {
		n, early, ok := s.next(ctx)
		if !ok {
			return
		}
		fits, err := s.f.fits(ctx, n, s.d.Size())
		if err != nil || !fits {
			s.pass(n, err)
			continue
		}
		if early && !s.f.Ping(ctx, n).OK() {
			s.postpone(n)
			continue
		}
		s.done(n, s.f.Store(ctx, n, s.d, s.kind, s.ttl))
	}
}

// next takes the candidate to ask; early says that it is preferred to others
// before it.
func (s *spread) next(ctx context.Context) (n chain.Neuron, early, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := s.want - s.got - s.running
	if open <= 0 || len(s.candidates)+len(s.late) == 0 || ctx.Err() != nil {
		return n, false, false
	}
	if len(s.candidates) == 0 {
		n, s.late = s.late[0], s.late[1:]
	} else {
		at := 0
		if len(s.candidates) > open { // else all are needed
			at = placement.Apart(s.taken, s.sites)
		}
		n, early = s.candidates[at], at > 0
		s.candidates, s.sites = slices.Delete(s.candidates, at, at+1), slices.Delete(s.sites, at, at+1)
	}
	s.running++
	s.taken = append(s.taken, siteOf(n))
	return n, early, true
}

// pass is the end of a candidate that was not asked to store: it is full, or
// the index failed.
func (s *spread) pass(n chain.Neuron, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free(n)
	s.broken = errors.Join(s.broken, err)
	if err == nil {
		s.full++
	}
}

// postpone puts a candidate behind all others.
func (s *spread) postpone(n chain.Neuron) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free(n)
	s.late = append(s.late, n)
}

// free ends asking a candidate that does not hold the datum. s.mu is held.
func (s *spread) free(n chain.Neuron) {
	s.running--
	at := slices.Index(s.taken, siteOf(n))
	s.taken = slices.Delete(s.taken, at, at+1)
}

func (s *spread) done(n chain.Neuron, o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes = append(s.outcomes, o)
	if o.OK() {
		s.running--
		s.got++
	} else {
		s.free(n)
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
	return fmt.Errorf("no further candidates (%d may hold no more)", s.full)
}

// fits says whether a miner may be given so many more bytes: it is not excluded,
// and they stay within its capacity.
func (f *Fleet) fits(ctx context.Context, n chain.Neuron, size int64) (bool, error) {
	if f.excluded(n.Hotkey) {
		return false, nil
	}
	stats, err := f.deps.Index.Stats(ctx, n.Hotkey)
	if err != nil {
		return false, err
	}
	stored, err := f.deps.Index.StoredBytes(ctx, n.Hotkey)
	if err != nil {
		return false, err
	}
	return stored <= f.capacity(stats)-size, nil
}

// capacity is how many bytes a miner may hold.
func (f *Fleet) capacity(s index.Stats) int64 {
	if s.Capacity > 0 {
		return s.Capacity
	}
	limit := s.StorageLimit
	if limit <= 0 {
		limit = f.cfg.Tiers.Named(s.Tier).StorageLimit
	}
	return min(limit, f.cfg.Start)
}
