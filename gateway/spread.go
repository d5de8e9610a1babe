package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/placement"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// errSplit says that the chunks of a file are not the file: a fault of ours.
var errSplit = errors.New("the chunks do not make up the file")

// maxChunks is how many chunks of one file travel at once, however small.
const maxChunks = 16

// roster is who may hold a file's chunks.
type roster struct {
	live  []chain.Neuron // drawn, and answered a ping
	spare []chain.Neuron // the rest of the network, in the order drawn, not pinged
	known int            // how many are available, alive or not
}

// draw chooses miners for a file as the network does: k of the available ones,
// drawn from the block's hash, pinged, the dead ones drawn anew.
func (g *Gateway) draw(ctx context.Context) (roster, error) {
	seed, err := g.seed()
	if err != nil {
		return roster{}, err
	}
	known := len(g.deps.Fleet.Available())
	drawn := g.deps.Fleet.Due(seed, g.cfg.Sample)
	rest := without(g.deps.Fleet.Due(seed, known), drawn)
	r := roster{live: g.deps.Fleet.Alive(ctx, drawn), known: known}
	for ask := g.cfg.Sample; len(r.live) < g.cfg.Sample && len(rest) > 0; ask *= 2 {
		n := min(ask, len(rest))
		r.live = append(r.live, g.deps.Fleet.Alive(ctx, rest[:n])...)
		rest = rest[n:]
	}
	r.spare = rest
	if err := ctx.Err(); err != nil {
		return roster{}, err
	}
	if len(r.live) == 0 {
		return roster{}, wire.Unavailable("no miner can take the file: %d are known, none answers; try again later", known)
	}
	return r, nil
}

func (g *Gateway) seed() (chain.Hash, error) {
	if g.deps.Block != nil {
		return g.deps.Block(), nil
	}
	var seed chain.Hash
	if _, err := io.ReadFull(g.deps.Rand, seed[:]); err != nil {
		return seed, fmt.Errorf("randomness: %w", err)
	}
	return seed, nil
}

// without is list less those in gone, in the same order.
func without(list, gone []chain.Neuron) []chain.Neuron {
	out := make(map[wallet.Address]bool, len(gone))
	for _, n := range gone {
		out[n.Hotkey] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(n chain.Neuron) bool { return out[n.Hotkey] })
}

// candidates are the miners to try for chunk i: its group, the other live
// ones beginning elsewhere for every chunk, the spare ones.
func (r roster) candidates(i int, group []chain.Neuron) []chain.Neuron {
	others := without(r.live, group)
	if len(others) > 0 {
		at := i % len(others)
		others = append(others[at:], others[:at]...)
	}
	return slices.Concat(group, others, r.spare)
}

// spread cuts sealed into chunks and has miners hold them. The chunks are
// returned with an error too: those of them that may be held already.
func (g *Gateway) spread(ctx context.Context, sealed []byte, ttl time.Duration) ([]index.Chunk, error) {
	size := int64(len(sealed))
	if size == 0 {
		return nil, nil
	}
	miners, err := g.draw(ctx)
	if err != nil {
		return nil, err
	}
	nominal := min(g.cfg.ChunkSize, placement.MaxChunk)
	if nominal <= 0 {
		nominal = placement.ChunkSize(size, miners.known, g.cfg.Redundancy)
	}
	plan := placement.Plan(size, nominal, miners.live, g.cfg.Redundancy)
	chunks := make([]index.Chunk, len(plan))
	inFlight := semaphore.NewWeighted(g.cfg.InFlight)
	work, inner := errgroup.WithContext(ctx)
	work.SetLimit(maxChunks)
	var placed sync.Map // hashes: equal chunks are stored once
	for i, part := range plan {
		weight := min(part.Length, g.cfg.InFlight)
		if inFlight.Acquire(inner, weight) != nil {
			break // a chunk has failed or ctx has ended: Wait tells
		}
		work.Go(func() error {
			defer inFlight.Release(weight)
			datum := fleet.NewDatum(sealed[part.Offset : part.Offset+part.Length])
			chunks[i] = index.Chunk{Hash: datum.Hash(), Size: datum.Size()}
			if _, again := placed.LoadOrStore(datum.Hash(), true); again {
				return nil
			}
			return g.place(inner, placing{
				name: fmt.Sprintf("chunk %d of %d", i+1, len(plan)), datum: datum, ttl: ttl,
				live: len(miners.live), candidates: miners.candidates(i, part.Miners),
			})
		})
	}
	err = errors.Join(work.Wait(), ctx.Err())
	if err == nil && sum(chunks) != size {
		err = fmt.Errorf("%w: %d bytes of %d", errSplit, sum(chunks), size)
	}
	return slices.DeleteFunc(chunks, func(c index.Chunk) bool { return c.Hash == "" }), err
}

func sum(chunks []index.Chunk) (size int64) {
	for _, c := range chunks {
		size += c.Size
	}
	return size
}

// placing is one datum on its way to miners.
type placing struct {
	name       string // for the one who reads the error
	datum      *fleet.Datum
	ttl        time.Duration
	live       int            // how many candidates are known to be alive
	candidates []chain.Neuron // in the order in which they are tried
}

// place has as many candidates hold a datum as the redundancy asks, or as many
// as are alive if these are fewer. When all candidates have been tried it also
// puts up with MinReplicas.
func (g *Gateway) place(ctx context.Context, p placing) error {
	want := min(g.cfg.Redundancy, p.live)
	outcomes, err := g.deps.Fleet.Spread(ctx, p.datum, index.User, p.ttl, want, p.candidates)
	held, live := 0, p.live
	for _, o := range outcomes {
		if o.OK() {
			held++
		} else if o.Status() == wire.StatusNotFound {
			live-- // it serves something else: no miner
		}
	}
	need := max(1, min(g.cfg.MinReplicas, want, live))
	switch {
	case held >= want:
	case ctx.Err() != nil:
		return ctx.Err()
	case held >= need:
		g.log.Warn("fewer miners hold a chunk than should", "chunk", p.datum.Hash(), "holders", held, "want", want, "err", err)
	case !errors.Is(err, fleet.ErrShort):
		return err
	default:
		return &wire.Error{
			Status: wire.StatusUnavailable,
			Text: fmt.Sprintf("%s is held by %d miners after all %d were asked, and needs %d; try again later",
				p.name, held, len(p.candidates), need),
			Err: err,
		}
	}
	if held < g.cfg.Redundancy {
		g.metrics.shortages.Inc()
	}
	return nil
}
