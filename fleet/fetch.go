package fleet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
)

// ErrMissing says that no holder gave a chunk back as it was.
var ErrMissing = errors.New("no holder returned the chunk")

// Fetch gets a chunk from one of its holders: they are pinged in random order
// and asked as they answer, the next one after each failure and a second one
// beside the first after Config.Hedge and the time the size takes; those that did not answer the ping come
// last. The bytes are verified. Nobody is handed tags, so that users do not wait
// for that. Outcomes are those of all miners that said
// anything; an error wraps ErrMissing and names the chunk and the causes.
func (f *Fleet) Fetch(ctx context.Context, chunk index.Chunk) ([]byte, []Outcome, error) {
	miners, err := f.holders(ctx, chunk.Hash)
	if err != nil {
		return nil, nil, fmt.Errorf("chunk %s: %w", chunk.Hash, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &race{f: f, chunk: chunk, answers: make(chan answer)}
	defer r.wg.Wait()
	defer cancel()
	data, err := r.run(ctx, r.ready(ctx, miners))
	if err != nil {
		return nil, r.outcomes, fmt.Errorf("chunk %s of %d bytes, %d holders: %w", chunk.Hash, chunk.Size, len(miners), err)
	}
	return data, r.outcomes, nil
}

// holders are the miners that hold a datum and still serve, in random order.
func (f *Fleet) holders(ctx context.Context, hash string) ([]chain.Neuron, error) {
	holders, err := f.deps.Index.Holders(ctx, hash)
	if err != nil {
		return nil, err
	}
	var miners []chain.Neuron
	if m := f.deps.Metagraph(); m != nil {
		for _, a := range holders {
			if n, ok := m.ByHotkey(a); ok && n.Axon.Serving() {
				miners = append(miners, n)
			}
		}
	}
	var seed [16]byte
	if _, err := io.ReadFull(f.deps.Rand, seed[:]); err != nil {
		return nil, fmt.Errorf("randomness: %w", err)
	}
	random := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
	random.Shuffle(len(miners), func(i, j int) { miners[i], miners[j] = miners[j], miners[i] })
	return miners, nil
}

// hedgeRate is the speed in bytes a second below which a holder counts as slow.
// A fixed limit would have every large chunk fetched twice on a busy machine.
const hedgeRate = 16 << 20

// race is one call of Fetch: at most two holders asked at a time.
type race struct {
	f        *Fleet
	chunk    index.Chunk
	wg       sync.WaitGroup
	answers  chan answer
	outcomes []Outcome
	misses   []error
}

type answer struct {
	data []byte
	Outcome
}

// ready pings miners and yields them: the living as they answer, then the
// others. The channel closes after the last.
func (r *race) ready(ctx context.Context, miners []chain.Neuron) <-chan chain.Neuron {
	out := make(chan chain.Neuron, len(miners))
	r.wg.Go(func() {
		defer close(out)
		silent := make([]bool, len(miners))
		r.f.Each(miners, func(i int, n chain.Neuron) {
			if silent[i] = !r.f.Ping(ctx, n).OK(); !silent[i] {
				out <- n
			}
		})
		for i, n := range miners {
			if silent[i] {
				out <- n
			}
		}
	})
	return out
}

// run asks until one answer verifies.
func (r *race) run(ctx context.Context, ready <-chan chain.Neuron) ([]byte, error) {
	patience := r.f.cfg.Hedge + time.Duration(r.chunk.Size)*time.Second/hedgeRate
	hedge := time.NewTimer(patience)
	defer hedge.Stop()
	asked, wanted := 0, 1 // how many are being asked, and may be
	for ready != nil || asked > 0 {
		next := ready
		if asked >= wanted {
			next = nil
		}
		select {
		case n, ok := <-next:
			if !ok {
				ready = nil
				continue
			}
			asked++
			r.ask(ctx, n)
			hedge.Reset(patience)
		case <-hedge.C:
			if asked > 0 {
				wanted = 2
			}
		case a := <-r.answers:
			asked--
			r.outcomes = append(r.outcomes, a.Outcome)
			if a.OK() {
				return a.data, nil
			}
			r.misses = append(r.misses, a.Err)
		case <-ctx.Done():
			return nil, errors.Join(append([]error{ErrMissing, ctx.Err()}, r.misses...)...)
		}
	}
	return nil, errors.Join(append([]error{ErrMissing}, r.misses...)...)
}

func (r *race) ask(ctx context.Context, n chain.Neuron) {
	r.wg.Go(func() {
		var a answer
		h, err := r.f.deps.Index.Holding(ctx, n.Hotkey, r.chunk.Hash)
		if err != nil {
			a.Outcome = void(TaskRetrieve, n, err)
		} else {
			h.Size = r.chunk.Size
			a.data, a.Outcome = r.f.retrieve(ctx, n, h, false)
		}
		select {
		case r.answers <- a:
		case <-ctx.Done():
		}
	})
}
