package repair

import (
	"context"
	"errors"
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// AskDamage asks the miners which of their shards they know to have lost; these count
// as shards that have failed their audit. Who does not answer is found out otherwise.
func (e *Engine) AskDamage(ctx context.Context) error {
	holders, err := e.holders(ctx)
	graph := e.deps.Metagraph()
	if err != nil || graph == nil {
		return err
	}
	var miners []chain.Neuron
	for _, a := range holders {
		if n, ok := graph.ByHotkey(a); ok && e.health.reachable(a) {
			miners = append(miners, n)
		}
	}
	var mu sync.Mutex // guards failed
	var failed error
	e.deps.Fleet.Each(miners, func(_ int, n chain.Neuron) {
		roots, err := e.deps.Fleet.Damaged(ctx, n)
		if err != nil {
			e.log.Debug("repair: a miner does not say what it has lost", "hotkey", n.Hotkey, "err", err)
		}
		if err := e.damaged(ctx, n.Hotkey, roots); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		}
	})
	return failed
}

// damaged notes what a miner says that it has lost, as far as it is a holding.
func (e *Engine) damaged(ctx context.Context, a wallet.Address, roots []string) error {
	if len(roots) == 0 {
		return nil
	}
	lost := make(map[string]bool, len(roots))
	for _, r := range roots {
		lost[r] = true
	}
	for h, err := range e.deps.Index.Holdings(ctx, a, index.KindShard) {
		if err != nil {
			return err
		}
		if lost[h.Replica] && e.health.lost(h) {
			e.log.Info("a miner says that it has lost a shard", "hotkey", a, "segment", h.Hash)
			e.suspects.add(thing{h.Kind, h.Hash})
		}
	}
	return nil
}

// lost enters that a holding is, by its miner's own word; false if that is known.
func (h *health) lost(x index.Holding) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := holdingName{x.Holder, x.Hash}
	if f, ok := h.failures[name]; ok && f.Replica == x.Replica {
		return false
	}
	h.failures[name] = failure{holdingName: name, Replica: x.Replica}
	h.dirty = true
	return true
}
