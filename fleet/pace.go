package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// slowFor is how long a miner comes last that was behind the others, or failed.
const slowFor = 10 * time.Minute

// slow are the miners that come last. The zero value is ready.
type slow struct {
	mu    sync.Mutex // guards since
	since map[wallet.Address]time.Time
}

// note forgets those whose time is over, so that no more are kept than were slow
// lately.
func (s *slow) note(a wallet.Address, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == nil {
		s.since = map[wallet.Address]time.Time{}
	}
	for other, at := range s.since {
		if now.Sub(at) >= slowFor {
			delete(s.since, other)
		}
	}
	s.since[a] = now
}

func (s *slow) is(a wallet.Address, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.since[a]
	return ok && now.Sub(at) < slowFor
}

// blocks are buffers of a block each that are not in use.
type blocks struct{ pool sync.Pool }

// take is a buffer of that many bytes, at most a block.
func (b *blocks) take(size int) []byte {
	if p, ok := b.pool.Get().(*[erasure.Block]byte); ok {
		return p[:size]
	}
	return new([erasure.Block]byte)[:size]
}

// give takes a buffer back; nil is none.
func (b *blocks) give(p []byte) {
	if cap(p) >= erasure.Block {
		b.pool.Put((*[erasure.Block]byte)(p[:erasure.Block]))
	}
}

// roomFor is those of the candidates that may hold so many bytes more, in their
// order, but who was slow lately comes last; quick is how many were not.
func (f *Fleet) roomFor(ctx context.Context, size int64, candidates []chain.Neuron) (all []chain.Neuron, quick int, err error) {
	var first, last []chain.Neuron
	for _, n := range candidates {
		fits, err := f.fits(ctx, n, size)
		switch {
		case err != nil:
			return nil, 0, err
		case !fits:
		case f.slow.is(n.Hotkey, f.deps.Now()):
			last = append(last, n)
		default:
			first = append(first, n)
		}
	}
	return slices.Concat(first, last), len(first), nil
}

func peerOf(n chain.Neuron) wire.Peer {
	return wire.Peer{Hotkey: n.Hotkey, Addr: n.Axon.AddrPort(), Version: n.Axon.Version}
}
