package fleet

import (
	"context"
	"slices"
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/placement"
	"github.com/filetao/filetao/pysample"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Available are the miners that can be asked, by ascending UID; see the function
// Available. None before there is a metagraph.
func (f *Fleet) Available() []chain.Neuron {
	return Available(f.deps.Metagraph(), f.cfg.VpermitLimit, f.self)
}

// Available are the miners of a metagraph that can be asked, by ascending UID:
// those that serve an axon, are no validators holding more than the limit, and
// are not the asker. None of no metagraph.
func Available(m *chain.Metagraph, limit chain.Rao, asker wallet.Address) []chain.Neuron {
	if m == nil {
		return nil
	}
	var miners []chain.Neuron
	for _, n := range m.Neurons {
		validates := n.ValidatorPermit && n.Stake > limit
		if n.Axon.Serving() && !validates && n.Hotkey != asker {
			miners = append(miners, n)
		}
	}
	return miners
}

// Due draws k of the available miners. Whoever has the block's hash and the
// metagraph draws the same, in the same order.
func (f *Fleet) Due(block chain.Hash, k int) []chain.Neuron {
	return Draw(block, f.Available(), k)
}

// Draw is CPython's random.sample(from, k) after random.seed(int(block, 16));
// all of from, in some order, when there are no more than k.
func Draw(block chain.Hash, from []chain.Neuron, k int) []chain.Neuron {
	drawn := pysample.Seed(block.Big()).Sample(len(from), k)
	miners := make([]chain.Neuron, len(drawn))
	for i, at := range drawn {
		miners[i] = from[at]
	}
	return miners
}

// Apart orders miners so that the next one always stands most apart from those
// before it.
func Apart(miners []chain.Neuron) []chain.Neuron {
	sites := make([]placement.Site, len(miners))
	for i, n := range miners {
		sites[i] = siteOf(n)
	}
	ordered := make([]chain.Neuron, 0, len(miners))
	var taken []placement.Site
	for len(miners) > 0 {
		at := placement.Apart(taken, sites)
		ordered, taken = append(ordered, miners[at]), append(taken, sites[at])
		miners, sites = slices.Delete(miners, at, at+1), slices.Delete(sites, at, at+1)
	}
	return ordered
}

// Each calls do for every miner, Config.Parallel at a time, and returns when
// all calls have.
func (f *Fleet) Each(miners []chain.Neuron, do func(i int, n chain.Neuron)) {
	var wg sync.WaitGroup
	turns := make(chan struct{}, f.cfg.Parallel)
	for i, n := range miners {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			do(i, n)
		})
	}
	wg.Wait()
}

// Ping asks a miner whether it is there.
func (f *Fleet) Ping(ctx context.Context, n chain.Neuron) Outcome {
	o, _ := f.call(ctx, TaskPing, n, &wire.Ping{})
	return o
}

// Alive pings the miners in parallel and returns those that answered, in their
// order.
func (f *Fleet) Alive(ctx context.Context, miners []chain.Neuron) []chain.Neuron {
	answered := make([]bool, len(miners))
	f.Each(miners, func(i int, n chain.Neuron) { answered[i] = f.Ping(ctx, n).OK() })
	alive := make([]chain.Neuron, 0, len(miners))
	for i, n := range miners {
		if answered[i] {
			alive = append(alive, n)
		}
	}
	return alive
}
