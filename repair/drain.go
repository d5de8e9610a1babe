package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

const drainsName = "repair/drains"

// drain is a miner that leaves.
type drain struct {
	Started time.Time `json:"started"`
	Shards  int64     `json:"shards"` // that it held then
	Bytes   int64     `json:"bytes"`
	// Exit is the receipt, encoded, and Signature ours over it, once nothing is left.
	Exit      []byte `json:"exit,omitempty"`
	Signature []byte `json:"signature,omitempty"`
}

// drainState is what of the drains is saved: all.
type drainState struct {
	V      int                      `json:"v"`
	Miners map[wallet.Address]drain `json:"miners"`
}

// drains are the miners that leave.
type drains struct {
	saving sync.Mutex // held from a change until it is saved

	mu  sync.RWMutex // guards all
	all map[wallet.Address]drain
}

func newDrains() *drains { return &drains{all: map[wallet.Address]drain{}} }

func (d *drains) restore(s drainState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for a, x := range s.Miners {
		d.all[a] = x
	}
}

// leaves says whether a miner does.
func (d *drains) leaves(a wallet.Address) bool {
	_, ok := d.get(a)
	return ok
}

func (d *drains) get(a wallet.Address) (drain, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	x, ok := d.all[a]
	return x, ok
}

// miners are those that leave, in order.
func (d *drains) miners() (all []wallet.Address) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for a := range d.all {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// changed is the state with one of them changed; nil ends it.
func (d *drains) changed(a wallet.Address, x *drain) drainState {
	d.mu.RLock()
	defer d.mu.RUnlock()
	s := drainState{V: 1, Miners: map[wallet.Address]drain{}}
	for b, y := range d.all {
		s.Miners[b] = y
	}
	delete(s.Miners, a)
	if x != nil {
		s.Miners[a] = *x
	}
	return s
}

// setDrain saves what has become of a miner's leaving, and then goes by it. The
// caller holds drains.saving.
func (e *Engine) setDrain(ctx context.Context, a wallet.Address, x *drain) error {
	s := e.drains.changed(a, x)
	if err := e.writeState(ctx, drainsName, s); err != nil {
		return err
	}
	e.drains.mu.Lock()
	defer e.drains.mu.Unlock()
	e.drains.all = s.Miners
	return nil
}

// Drain is how far a miner is that leaves.
type Drain struct {
	Hotkey  wallet.Address `json:"hotkey"`
	Started time.Time      `json:"started"`
	// Shards and Bytes are what is still to be moved, of what there was.
	Shards    int64 `json:"shards"`
	Bytes     int64 `json:"bytes"`
	AllShards int64 `json:"all_shards"`
	AllBytes  int64 `json:"all_bytes"`
	// Exit is the receipt.Exit, encoded, and Signature the validator's over it, once
	// nothing is left.
	Exit      []byte `json:"exit,omitempty"`
	Signature []byte `json:"signature,omitempty"`
}

// Leave has a miner leave: from now on it is given nothing new, and what users have
// there is moved to others, while it can still be read from it. Once nothing is left
// the answer has the receipt. Said again it tells how far that is; it is remembered
// over a restart.
func (e *Engine) Leave(ctx context.Context, miner wallet.Address) (Drain, error) {
	if err := e.load(ctx); err != nil {
		return Drain{}, err
	}
	e.drains.saving.Lock()
	defer e.drains.saving.Unlock()
	x, known := e.drains.get(miner)
	if !known {
		shards, bytes, err := e.remaining(ctx, miner)
		if err != nil {
			return Drain{}, err
		}
		x = drain{Started: e.deps.Now().UTC().Truncate(time.Second), Shards: shards, Bytes: bytes}
		if err := e.setDrain(ctx, miner, &x); err != nil {
			return Drain{}, err
		}
		e.log.Info("a miner leaves", "hotkey", miner, "shards", shards, "bytes", bytes)
	}
	return e.settleDrain(ctx, miner, x)
}

// Stay takes back that a miner leaves. What has been moved stays moved.
func (e *Engine) Stay(ctx context.Context, miner wallet.Address) error {
	if err := e.load(ctx); err != nil {
		return err
	}
	e.drains.saving.Lock()
	defer e.drains.saving.Unlock()
	if !e.drains.leaves(miner) {
		return nil
	}
	e.log.Info("a miner stays", "hotkey", miner)
	return e.setDrain(ctx, miner, nil)
}

// remaining is what a miner holds of users' data.
func (e *Engine) remaining(ctx context.Context, miner wallet.Address) (shards, bytes int64, err error) {
	for h, err := range e.deps.Index.Holdings(ctx, miner, index.KindShard, index.User) {
		if err != nil {
			return 0, 0, err
		}
		shards++
		bytes += h.Size
	}
	return shards, bytes, nil
}

// settleDrain is how far a miner is, with the receipt if nothing is left and nothing
// can be on its way to it any more. The caller holds drains.saving.
func (e *Engine) settleDrain(ctx context.Context, miner wallet.Address, x drain) (Drain, error) {
	shards, bytes, err := e.remaining(ctx, miner)
	if err != nil {
		return Drain{}, err
	}
	now := e.deps.Now().UTC()
	if shards == 0 && x.Exit == nil && now.Sub(x.Started) >= e.cfg.Settle {
		r := receipt.Exit{
			Miner: miner, Validator: e.deps.Key.Address(), Shards: x.Shards, Bytes: x.Bytes,
			Started: x.Started, Done: now.Truncate(time.Second),
		}
		if x.Signature, err = r.Sign(e.deps.Key); err != nil {
			return Drain{}, fmt.Errorf("exit of %s: %w", miner, err)
		}
		x.Exit = r.Encode()
		if err := e.setDrain(ctx, miner, &x); err != nil {
			return Drain{}, err
		}
		e.log.Info("a miner has left: nothing of it is needed any more", "hotkey", miner, "shards", x.Shards, "bytes", x.Bytes)
	}
	return Drain{
		Hotkey: miner, Started: x.Started, Shards: shards, Bytes: bytes, AllShards: x.Shards, AllBytes: x.Bytes,
		Exit: x.Exit, Signature: x.Signature,
	}, nil
}

// settleDrains goes on with those that leave. Who has no UID any more has left.
func (e *Engine) settleDrains(ctx context.Context, graph *chain.Metagraph) error {
	for _, a := range e.drains.miners() {
		if err := e.settleOne(ctx, a, graph); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) settleOne(ctx context.Context, a wallet.Address, graph *chain.Metagraph) error {
	e.drains.saving.Lock()
	defer e.drains.saving.Unlock()
	x, ok := e.drains.get(a)
	if !ok {
		return nil
	}
	if _, registered := graph.ByHotkey(a); !registered {
		return e.setDrain(ctx, a, nil)
	}
	if x.Exit != nil {
		return nil
	}
	_, err := e.settleDrain(ctx, a, x)
	return err
}

// endUnneeded ends what those that leave have that is no part of anything.
func (e *Engine) endUnneeded(ctx context.Context) error {
	for _, a := range e.drains.miners() {
		for h, err := range e.deps.Index.Holdings(ctx, a, index.KindShard, index.User) {
			if err != nil {
				return err
			}
			if e.deps.Now().Sub(h.Stored) < e.cfg.SweepAge {
				continue // what it is part of may not be there yet
			}
			needed, err := e.needs(ctx, h)
			if err == nil && !needed {
				err = e.end(ctx, h)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// needs says whether a holding is part of something.
func (e *Engine) needs(ctx context.Context, h index.Holding) (bool, error) {
	if h.Kind == index.User {
		files, err := e.deps.Index.ChunkFiles(ctx, h.Hash)
		return len(files) > 0, err
	}
	_, err := e.deps.Index.Segment(ctx, h.Hash)
	if errors.Is(err, index.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
