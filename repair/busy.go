package repair

import (
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// busy keeps apart giving a miner something and telling it what to delete: a shard
// that it had, and is given again, is the same to it.
type busy struct {
	mu      sync.Mutex // guards all below
	given   map[wallet.Address]int
	telling map[wallet.Address]bool
}

func newBusy() *busy {
	return &busy{given: map[wallet.Address]int{}, telling: map[wallet.Address]bool{}}
}

// give is those of the miners that may be given something now, until release.
func (b *busy) give(miners []chain.Neuron) (free []chain.Neuron, release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range miners {
		if !b.telling[n.Hotkey] {
			b.given[n.Hotkey]++
			free = append(free, n)
		}
	}
	return free, sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, n := range free {
			if b.given[n.Hotkey]--; b.given[n.Hotkey] == 0 {
				delete(b.given, n.Hotkey)
			}
		}
	})
}

// tell says whether a miner may be told what to delete now, until done.
func (b *busy) tell(a wallet.Address) (done func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.given[a] > 0 || b.telling[a] {
		return nil, false
	}
	b.telling[a] = true
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.telling, a)
	}, true
}
