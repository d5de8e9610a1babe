package repair

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/placement"
	"github.com/filetao/filetao/wallet"
)

// candidates are miners that may be given what is missing of a thing, each more
// apart from those that have it, and from those before, than what comes after; those
// that have failed audits lately last. They are want and some in reserve, fewer if
// there are not so many, and are not told to delete anything until release.
func (e *Engine) candidates(ctx context.Context, id string, s standing, want int) (miners []chain.Neuron, release func(), err error) {
	var clean, spotted []chain.Neuron
	for _, n := range e.deps.Fleet.Available() {
		ready, spotless := e.health.ready(n.Hotkey)
		switch {
		case !ready:
		case spotless:
			clean = append(clean, n)
		default:
			spotted = append(spotted, n)
		}
	}
	for _, list := range [][]chain.Neuron{clean, spotted} {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	most := want + max(2, want/2)
	for _, n := range slices.Concat(e.apart(clean, s), e.apart(spotted, s)) {
		_, err := e.deps.Index.Holding(ctx, n.Hotkey, id)
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			return nil, func() {}, err
		}
		if err != nil {
			miners = append(miners, n)
		}
		if len(miners) == most {
			break
		}
	}
	miners, release = e.busy.give(miners)
	return miners, release, nil
}

// apart orders miners by how apart they stand from those that have a thing healthy,
// and from each other.
func (e *Engine) apart(miners []chain.Neuron, s standing) []chain.Neuron {
	sites := make([]placement.Site, len(miners))
	for i, n := range miners {
		sites[i] = siteOf(n)
	}
	var taken []placement.Site
	where := e.sites()
	for _, h := range slices.Concat(s.sound, s.moving) {
		if site, ok := where[h.Holder]; ok {
			taken = append(taken, site)
		}
	}
	ordered := make([]chain.Neuron, 0, len(miners))
	for len(miners) > 0 {
		at := placement.Apart(taken, sites)
		ordered, taken = append(ordered, miners[at]), append(taken, sites[at])
		miners, sites = slices.Delete(miners, at, at+1), slices.Delete(sites, at, at+1)
	}
	return ordered
}

// sites are where the miners stand.
func (e *Engine) sites() map[wallet.Address]placement.Site {
	where := map[wallet.Address]placement.Site{}
	if m := e.deps.Metagraph(); m != nil {
		for _, n := range m.Neurons {
			where[n.Hotkey] = siteOf(n)
		}
	}
	return where
}

func siteOf(n chain.Neuron) placement.Site {
	return placement.Site{Coldkey: string(n.Coldkey), Network: placement.NetworkOf(n.Axon.IP)}
}
