package index

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/filetao/filetao/wallet"
)

// Stats returns a miner's statistics; all zero for one never seen.
func (x *Index) Stats(ctx context.Context, hotkey wallet.Address) (Stats, error) {
	if err := checkAddress(hotkey); err != nil {
		return Stats{}, err
	}
	r, err := read[statsRecord](ctx, x, statsGroup(hotkey), fieldStats)
	if errors.Is(err, ErrNotFound) {
		return Stats{Hotkey: hotkey}, nil
	}
	return r.Stats, err
}

// UpdateStats changes a miner's statistics atomically. fn gets what Stats would
// return and may be called several times; its error ends the update unchanged.
func (x *Index) UpdateStats(ctx context.Context, hotkey wallet.Address, fn func(*Stats) error) error {
	if err := checkAddress(hotkey); err != nil {
		return err
	}
	return x.update(ctx, statsGroup(hotkey), func(t *txn) error {
		values, err := t.get(fieldStats)
		if err != nil {
			return err
		}
		r := statsRecord{V: version, Stats: Stats{Hotkey: hotkey}}
		if values[0] != nil {
			if r, err = decode[statsRecord](values[0]); err != nil {
				return fmt.Errorf("statistics of %s: %w", hotkey, err)
			}
		}
		if err := fn(&r.Stats); err != nil {
			return err
		}
		r.Hotkey = hotkey
		if err := r.Stats.check(); err != nil {
			return err
		}
		return t.setRecord(fieldStats, r)
	})
}

// AllStats yields the statistics of every miner seen, in no promised order,
// each once.
func (x *Index) AllStats(ctx context.Context) iter.Seq2[Stats, error] {
	return func(yield func(Stats, error) bool) {
		seen := map[wallet.Address]bool{}
		for s, err := range each(x, ctx, groupsStats, func(ctx context.Context, tag string) (statsRecord, error) {
			return read[statsRecord](ctx, x, groupsStats+tag+"}", fieldStats)
		}) {
			if err == nil && seen[s.Hotkey] {
				continue
			}
			seen[s.Hotkey] = true
			if !yield(s.Stats, err) {
				return
			}
		}
	}
}

// ResetHotkey forgets a miner that lost its UID: everything it holds, what it has
// to delete, then its record, as ResetRecord does. Stopped half-way it is simply
// done again.
func (x *Index) ResetHotkey(ctx context.Context, hotkey wallet.Address) error {
	if err := checkAddress(hotkey); err != nil {
		return err
	}
	for {
		var gone []holdingRecord
		err := x.update(ctx, holderGroup(hotkey), func(t *txn) (err error) {
			gone, err = dropLast(t, 256)
			return err
		})
		if err != nil {
			return err
		}
		if len(gone) == 0 {
			if err := x.resetDrops(ctx, hotkey); err != nil {
				return err
			}
			return x.ResetRecord(ctx, hotkey, 0)
		}
		for _, r := range gone {
			if err := x.forget(ctx, &r); err != nil {
				return err
			}
		}
	}
}

// ResetRecord has a miner's record begin with its registration in a block: it
// forgets the miner's trials and what it is asked, then its statistics, and keeps
// the block as their RegisteredAt. What belongs to that registration already, or
// to a later one, stays: validators that share the index see a change of hands
// each in its own time, and only the first has it start over. 0 is not known, and
// forgets all. What the miner holds stays. Stopped half-way it is simply done
// again.
func (x *Index) ResetRecord(ctx context.Context, hotkey wallet.Address, registered uint64) error {
	s, err := x.Stats(ctx, hotkey)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if registered > 0 && s.RegisteredAt >= registered {
		return nil // and so are the trials, which come first
	}
	if err := x.resetTrials(ctx, hotkey, registered); err != nil {
		return err
	}
	return x.update(ctx, statsGroup(hotkey), func(t *txn) error {
		values, err := t.get(fieldStats)
		if err != nil {
			return err
		}
		if r, err := decode[statsRecord](values[0]); err == nil && registered > 0 && r.RegisteredAt >= registered {
			return nil
		}
		if registered == 0 {
			t.delete(fieldStats)
			return nil
		}
		return t.setRecord(fieldStats, statsRecord{version, Stats{Hotkey: hotkey, RegisteredAt: registered}})
	})
}

// dropLast deletes a holder's last n holdings, or fewer if there are fewer, and
// returns them.
func dropLast(t *txn, n uint64) ([]holdingRecord, error) {
	total, err := totalIn(t)
	if err != nil || total.Holdings == 0 {
		return nil, err
	}
	var slots, fields []string
	for slot := total.Holdings - min(n, total.Holdings); slot < total.Holdings; slot++ {
		slots = append(slots, slotField(slot))
		t.delete(slotField(slot))
	}
	values, err := t.get(slots...)
	if err != nil {
		return nil, err
	}
	for _, field := range values {
		fields = append(fields, string(field))
		t.delete(string(field))
	}
	if values, err = t.get(fields...); err != nil {
		return nil, err
	}
	var gone []holdingRecord
	for i, data := range values {
		r, err := decode[holdingRecord](data)
		if err != nil {
			return nil, fmt.Errorf("%q in %s: %w", fields[i], t.group, err)
		}
		gone = append(gone, r)
		total.Bytes -= r.Size
	}
	total.Holdings -= uint64(len(gone))
	return gone, setTotal(t, total)
}

// State returns what PutState stored under a name, or ErrNotFound.
func (x *Index) State(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return x.getOne(ctx, stateGroup(name), fieldState)
}

// PutState stores bytes under a name (see MaxName, MaxValue), in the place of
// what was there.
func (x *Index) PutState(ctx context.Context, name string, data []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(data) > MaxValue {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, len(data), MaxValue)
	}
	if data == nil {
		data = []byte{}
	}
	return x.kv.Commit(ctx, stateGroup(name), nil, []Entry{{fieldState, data}})
}
