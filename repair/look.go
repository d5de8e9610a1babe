package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

const healthName = "repair/health"

// healthState is what of the health is saved.
type healthState struct {
	V        int                           `json:"v"`
	Silent   map[wallet.Address]time.Time  `json:"silent"`
	Failures []failure                     `json:"failures"`
	Trials   map[wallet.Address]trialsSeen `json:"trials"`
}

// readState reads a state of ours, if there is one.
func (e *Engine) readState(ctx context.Context, name string, v any) error {
	data, err := e.deps.Index.State(ctx, name)
	if errors.Is(err, index.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("state %s: %w", name, err)
	}
	return nil
}

func (e *Engine) writeState(ctx context.Context, name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		err = e.deps.Index.PutState(ctx, name, data)
	}
	if err != nil {
		return fmt.Errorf("state %s: %w", name, err)
	}
	return nil
}

// load reads what was saved, once.
func (e *Engine) load(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	if e.loaded {
		return nil
	}
	var h healthState
	var s scanState
	var d drainState
	if err := errors.Join(e.readState(ctx, healthName, &h), e.readState(ctx, scanName, &s), e.readState(ctx, drainsName, &d)); err != nil {
		return err
	}
	e.setPart(s.Part)
	e.drains.restore(d)
	e.health.restore(h)
	e.loaded = true
	return nil
}

func (h *health) restore(s healthState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, since := range s.Silent {
		h.silent[a] = since
	}
	for a, seen := range s.Trials {
		h.trials[a] = seen
	}
	for _, f := range s.Failures {
		h.failures[f.holdingName] = f
	}
}

// unsaved is what is to be saved, if anything has changed.
func (h *health) unsaved() (s healthState, changed bool) {
	failures := h.failing()
	h.mu.Lock()
	defer h.mu.Unlock()
	changed, h.dirty = h.dirty, false
	s = healthState{V: 1, Silent: map[wallet.Address]time.Time{}, Failures: failures, Trials: map[wallet.Address]trialsSeen{}}
	for a, since := range h.silent {
		s.Silent[a] = since
	}
	for a, seen := range h.trials {
		s.Trials[a] = seen
	}
	return s, changed
}

// Look finds out how the miners are: who is registered, who answers, who has failed
// audits, who leaves. What those have whose condition has become worse is looked at
// next. ErrNotReady before there is a metagraph.
func (e *Engine) Look(ctx context.Context) error {
	e.looking.Lock()
	defer e.looking.Unlock()
	graph := e.deps.Metagraph()
	if graph == nil {
		return ErrNotReady
	}
	if err := e.load(ctx); err != nil {
		return err
	}
	pinged := e.ping(ctx)
	if pinged || e.known == nil { // the whole index is gone through for it
		holders, err := e.holders(ctx)
		if err != nil {
			return err
		}
		e.known = holders
	}
	holders := e.known
	if err := e.audits(ctx, holders); err != nil {
		return err
	}
	now := e.deps.Now()
	worse, more := e.health.settle(graph, holders, e.drains.leaves, e.cfg, now)
	for _, a := range worse {
		e.log.Info("repair: a miner's condition has become worse", "hotkey", a)
		if err := e.suspect(ctx, a); err != nil {
			return err
		}
	}
	if err := errors.Join(e.forgetGone(ctx), e.forgetFailures(ctx)); err != nil {
		return err
	}
	if pinged { // counting what is left takes its time
		if err := e.settleDrains(ctx, graph); err != nil {
			return err
		}
	}
	e.queue.wake(now, more)
	e.census.looked(now)
	if s, changed := e.health.unsaved(); changed {
		return e.writeState(ctx, healthName, s)
	}
	return nil
}

// holders are all that hold anything, or have drops, each once.
func (e *Engine) holders(ctx context.Context) ([]wallet.Address, error) {
	var all []wallet.Address
	for a, err := range e.deps.Index.AllHolders(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// ping asks all miners that serve whether they are there, if it is time to.
func (e *Engine) ping(ctx context.Context) bool {
	now := e.deps.Now()
	e.health.mu.Lock()
	due := e.health.pinged.IsZero() || now.Sub(e.health.pinged) >= e.cfg.PingPeriod
	e.health.mu.Unlock()
	if !due {
		return false
	}
	miners := e.deps.Fleet.Available()
	answered := make(map[wallet.Address]bool, len(miners))
	var mu sync.Mutex // guards answered
	e.deps.Fleet.Each(miners, func(_ int, n chain.Neuron) {
		o := e.deps.Fleet.Ping(ctx, n)
		if o.Void {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		answered[n.Hotkey] = o.OK()
	})
	e.health.answers(answered, now)
	return true
}

// audits reads the trials of those miners whose statistics have changed. The
// statistics change before the trial is there, so that they are read once more at
// the next look.
func (e *Engine) audits(ctx context.Context, holders []wallet.Address) error {
	for _, a := range holders {
		stats, err := e.deps.Index.Stats(ctx, a)
		if err != nil {
			return err
		}
		e.health.mu.Lock()
		before, known := e.health.stats[a]
		changed := !known || before != stats
		due := changed || e.health.again[a]
		e.health.stats[a], e.health.again[a] = stats, changed
		if !changed {
			delete(e.health.again, a)
		}
		e.health.mu.Unlock()
		if !due {
			continue
		}
		trials, err := e.deps.Index.Trials(ctx, a)
		if err != nil {
			return err
		}
		e.suspects.add(e.health.tried(a, trials)...)
	}
	return nil
}

// Lost has all be looked at that a miner holds, soon: it is gone or down, and what
// the index has of it may be about to be forgotten.
func (e *Engine) Lost(ctx context.Context, miner wallet.Address) error { return e.suspect(ctx, miner) }

func (e *Engine) suspect(ctx context.Context, miner wallet.Address) error {
	for h, err := range e.deps.Index.Holdings(ctx, miner, index.KindShard, index.User) {
		if err != nil {
			return err
		}
		e.suspects.add(thing{h.Kind, h.Hash})
	}
	return nil
}

// forgetGone forgets those that have had no UID for long.
func (e *Engine) forgetGone(ctx context.Context) error {
	for _, a := range e.health.long(e.cfg.GoneAfter, e.deps.Now()) {
		if err := e.suspect(ctx, a); err != nil {
			return err
		}
		if err := e.deps.Index.ResetHotkey(ctx, a); err != nil {
			return err
		}
		e.health.forgotten(a)
		e.log.Info("repair: a miner is forgotten that has no UID any more", "hotkey", a)
	}
	return nil
}

// forgetFailures forgets those of holdings that have ended.
func (e *Engine) forgetFailures(ctx context.Context) error {
	for _, f := range e.health.failing() {
		h, err := e.deps.Index.Holding(ctx, f.Holder, f.Hash)
		switch {
		case errors.Is(err, index.ErrNotFound), err == nil && h.Replica != f.Replica:
			e.health.cleared(index.Holding{Holder: f.Holder, Hash: f.Hash})
		case err != nil:
			return err
		}
	}
	return nil
}
