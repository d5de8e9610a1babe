package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/filetao/filetao/wallet"
)

// holdingIn reads what a holder has of a datum, whatever its kind; nil if
// nothing.
func holdingIn(t *txn, hash string) (*holdingRecord, error) {
	values, err := t.get(holdingField(User, hash), holdingField(Random, hash), holdingField(KindShard, hash))
	if err != nil {
		return nil, err
	}
	for _, data := range values {
		if data != nil {
			r, err := decode[holdingRecord](data)
			return &r, err
		}
	}
	return nil, nil
}

// totalIn reads a holder's total; zero if it holds nothing.
func totalIn(t *txn) (totalRecord, error) {
	values, err := t.get(fieldTotal)
	if err != nil || values[0] == nil {
		return totalRecord{V: version}, err
	}
	return decode[totalRecord](values[0])
}

// setTotal writes a holder's total, or takes it away with the last holding.
func setTotal(t *txn, total totalRecord) error {
	if total.Holdings == 0 {
		t.delete(fieldTotal)
		return nil
	}
	return t.setRecord(fieldTotal, total)
}

// PutHolding records that a miner holds a datum that came into the index from
// elsewhere, without an audit record and with a seed that may be out of date:
// see Seeds. Call it only for what the miner has proved to hold. A holding known
// already gets the new size, replica, time and ttl, and the seed as its confirmed
// one; its kind cannot change (ErrInvalid). Native is PutNative's to set: h's is
// not looked at, and a known holding keeps what it has, as it does its audit
// record, as long as Replica and Size stay what they were. Else both are gone.
// It is no drop any more if it was one. Shards are PutShard's.
func (x *Index) PutHolding(ctx context.Context, h Holding) error {
	return x.putHolding(ctx, h, false, nil)
}

// putHolding is PutAudited if audited, else PutHolding. The reference and the
// audit record, each under a fresh token, are written before the holding, and
// those that it leaves unused are removed after it.
func (x *Index) putHolding(ctx context.Context, h Holding, audited bool, record []byte) error {
	h.Stored, h.Native = stamp(h.Stored), nil
	if err := h.check(); err != nil {
		return err
	}
	if h.Kind == KindShard {
		return fmt.Errorf("%w: a shard without its pledge", ErrInvalid)
	}
	next, referred, unused := holdingRecord{}, false, ""
	token, audit := newToken(), ""
	err := x.update(ctx, holderGroup(h.Holder), func(t *txn) error {
		old, err := holdingIn(t, h.Hash)
		if err != nil {
			return err
		}
		if old != nil && h.Kind != old.Kind {
			return fmt.Errorf("%w: %s holds %s as %s data", ErrInvalid, h.Holder, h.Hash, old.Kind)
		}
		if old == nil && !referred {
			referred = true
			if err := x.refer(ctx, datumGroup(h.Kind, h.Hash), holderRef(h.Holder, token), h.Size); err != nil {
				return err
			}
		}
		if len(record) > 0 && audit == "" {
			if audit, err = x.writeAudit(ctx, h.Holder, h.Hash, record); err != nil {
				return err
			}
		}
		t.delete(dropField(h.Held()))
		next, unused = succeed(old, h, audited), ""
		if audited {
			next.Audit = audit
		}
		if old == nil {
			next.Token = token
			return addHolding(t, next)
		}
		if next.Audit != old.Audit {
			unused = old.Audit
		}
		return replaceHolding(t, next, old)
	})
	if err != nil {
		return err
	}
	if referred && next.Token != token {
		if err := x.unrefer(ctx, datumGroup(h.Kind, h.Hash), holderRef(h.Holder, token)); err != nil {
			return err
		}
	}
	return x.dropAudit(ctx, unused)
}

// succeed is the record of h in the place of old, which may be nil.
func succeed(old *holdingRecord, h Holding, audited bool) holdingRecord {
	next := holdingRecord{V: version}
	if old != nil {
		next = *old
		if old.Replica == h.Replica && old.Size == h.Size {
			h.Native = old.Native
		} else {
			next.Audit = ""
		}
	}
	next.confirm(h.Seed, h.Stored.Unix(), "")
	if !audited {
		next.lose(h.Stored.Unix())
	}
	next.Holding = h
	return next
}

// PutNative sets what our own audits of a holding need, or clears it with nil.
// ErrNotFound if there is no such holding.
func (x *Index) PutNative(ctx context.Context, holder wallet.Address, hash string, n *Native) error {
	if err := n.check(); err != nil {
		return err
	}
	return x.changeHolding(ctx, holder, hash, func(r *holdingRecord) error {
		r.Native = n
		return nil
	})
}

// changeHolding changes a holding's record; ErrNotFound if there is none. change
// may run several times.
func (x *Index) changeHolding(ctx context.Context, holder wallet.Address, hash string, change func(*holdingRecord) error) error {
	if err := firstError(checkAddress(holder), checkHash(hash)); err != nil {
		return err
	}
	return x.update(ctx, holderGroup(holder), func(t *txn) error {
		r, err := holdingIn(t, hash)
		if err != nil {
			return err
		}
		if r == nil {
			return noHolding(holder, hash)
		}
		if err := change(r); err != nil {
			return err
		}
		return t.setRecord(holdingField(r.Kind, hash), *r)
	})
}

func noHolding(holder wallet.Address, hash string) error {
	return fmt.Errorf("%w: %s at %s", ErrNotFound, hash, holder)
}

func addHolding(t *txn, h holdingRecord) error {
	total, err := totalIn(t)
	if err != nil {
		return err
	}
	field := holdingField(h.Kind, h.Hash)
	t.set(slotField(total.Holdings), []byte(field))
	h.Slot = total.Holdings
	if err := t.setRecord(field, h); err != nil {
		return err
	}
	total.Holdings++
	total.Bytes += h.Size
	return setTotal(t, total)
}

func replaceHolding(t *txn, h holdingRecord, old *holdingRecord) error {
	if h.Size != old.Size {
		total, err := totalIn(t)
		if err != nil {
			return err
		}
		total.Bytes += h.Size - old.Size
		if err := setTotal(t, total); err != nil {
			return err
		}
	}
	return t.setRecord(holdingField(h.Kind, h.Hash), h)
}

// RemoveHolding forgets that a miner holds a datum, with all that is kept of the
// holding. What is not there needs no removing: that is no error.
func (x *Index) RemoveHolding(ctx context.Context, holder wallet.Address, hash string) error {
	return x.removeHolding(ctx, holder, hash, func(*txn, *holdingRecord) (bool, error) { return true, nil })
}

// ExpireHolding is RemoveHolding for a holding that is expired at a time; one
// that was renewed since the caller looked stays.
func (x *Index) ExpireHolding(ctx context.Context, holder wallet.Address, hash string, now time.Time) error {
	return x.removeHolding(ctx, holder, hash, func(_ *txn, r *holdingRecord) (bool, error) { return r.Expired(now), nil })
}

// removeHolding removes a holding if it is due, with what due changes beside it.
func (x *Index) removeHolding(ctx context.Context, holder wallet.Address, hash string, due func(*txn, *holdingRecord) (bool, error)) error {
	if err := firstError(checkAddress(holder), checkHash(hash)); err != nil {
		return err
	}
	var gone *holdingRecord
	err := x.update(ctx, holderGroup(holder), func(t *txn) error {
		var err error
		if gone, err = holdingIn(t, hash); err != nil || gone == nil {
			return err
		}
		if ok, err := due(t, gone); err != nil || !ok {
			gone = nil
			return err
		}
		return dropHoldings(t, gone)
	})
	if err != nil || gone == nil {
		return err
	}
	return x.forget(ctx, gone)
}

// forget takes away what is kept elsewhere of a holding that is gone.
func (x *Index) forget(ctx context.Context, gone *holdingRecord) error {
	if err := x.unrefer(ctx, datumGroup(gone.Kind, gone.Hash), holderRef(gone.Holder, gone.Token)); err != nil {
		return err
	}
	return x.dropAudit(ctx, gone.Audit)
}

// dropHoldings deletes holdings and moves the last ones into their slots.
func dropHoldings(t *txn, gone ...*holdingRecord) error {
	total, err := totalIn(t)
	if err != nil {
		return err
	}
	freed := map[uint64]bool{}
	for _, r := range gone {
		if r.Slot >= total.Holdings || freed[r.Slot] {
			return fmt.Errorf("%w: slot %d of %d in %s", ErrCorrupt, r.Slot, total.Holdings, t.group)
		}
		freed[r.Slot] = true
		t.delete(holdingField(r.Kind, r.Hash))
		total.Bytes -= r.Size
	}
	left := total.Holdings - uint64(len(gone))
	var last []string // the fields of the slots whose holdings move
	for slot := left; slot < total.Holdings; slot++ {
		t.delete(slotField(slot))
		if !freed[slot] {
			last = append(last, slotField(slot))
		}
	}
	free := slices.DeleteFunc(slices.Sorted(maps.Keys(freed)), func(slot uint64) bool { return slot >= left })
	total.Holdings = left
	return firstError(moveHoldings(t, last, free), setTotal(t, total))
}

// moveHoldings gives the holdings in some slots others.
func moveHoldings(t *txn, from []string, to []uint64) error {
	if len(from) == 0 {
		return nil
	}
	values, err := t.get(from...)
	if err != nil {
		return err
	}
	fields := make([]string, len(values))
	for i, data := range values {
		fields[i] = string(data)
	}
	if values, err = t.get(fields...); err != nil {
		return err
	}
	for i, data := range values {
		moved, err := decode[holdingRecord](data)
		if err != nil {
			return fmt.Errorf("%q in %s: %w", fields[i], t.group, err)
		}
		moved.Slot = to[i]
		t.set(slotField(to[i]), []byte(fields[i]))
		if err := t.setRecord(fields[i], moved); err != nil {
			return err
		}
	}
	return nil
}

// Holding returns what a miner holds of a datum, or ErrNotFound.
func (x *Index) Holding(ctx context.Context, holder wallet.Address, hash string) (Holding, error) {
	r, err := x.holding(ctx, holder, hash)
	return r.Holding, err
}

// holding reads a holding's record; ErrNotFound if there is none.
func (x *Index) holding(ctx context.Context, holder wallet.Address, hash string) (holdingRecord, error) {
	if err := firstError(checkAddress(holder), checkHash(hash)); err != nil {
		return holdingRecord{}, err
	}
	r, err := holdingIn(&txn{ctx: ctx, kv: x.kv, group: holderGroup(holder)}, hash)
	if err == nil && r == nil {
		err = noHolding(holder, hash)
	}
	if err != nil {
		return holdingRecord{}, err
	}
	return *r, nil
}

// Holders returns who holds a datum, by ascending address; none is no error.
func (x *Index) Holders(ctx context.Context, hash string) ([]wallet.Address, error) {
	if err := checkHash(hash); err != nil {
		return nil, err
	}
	var holders []wallet.Address
	for _, kind := range allKinds() {
		names, err := x.living(ctx, datumGroup(kind, hash), prefixHolder, func(ctx context.Context, ref reference) (bool, error) {
			return x.holdingLives(ctx, ref, kind, hash)
		})
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			holders = append(holders, wallet.Address(name))
		}
	}
	slices.Sort(holders)
	return slices.Compact(holders), nil
}

// holdingLives reports whether a reference's holding is there.
func (x *Index) holdingLives(ctx context.Context, ref reference, kind Kind, hash string) (bool, error) {
	r, err := read[holdingRecord](ctx, x, holderGroup(wallet.Address(ref.name)), holdingField(kind, hash))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return r.Token == ref.token, err
}

// Holdings yields what a miner holds, of the given kinds or, without any, of
// all, in no promised order; one may come twice if holdings are added and
// removed meanwhile. Changing the holder's holdings inside the loop is allowed.
func (x *Index) Holdings(ctx context.Context, holder wallet.Address, kinds ...Kind) iter.Seq2[Holding, error] {
	if len(kinds) == 0 {
		kinds = allKinds()
	}
	return func(yield func(Holding, error) bool) {
		if err := checkAddress(holder); err != nil {
			yield(Holding{}, err)
			return
		}
		for _, kind := range kinds {
			for entry, err := range x.kv.Scan(ctx, holderGroup(holder), holdingField(kind, "")) {
				if err != nil {
					yield(Holding{}, err)
					return
				}
				r, err := decode[holdingRecord](entry.Value)
				if err != nil {
					err = fmt.Errorf("%s of %s: %w", entry.Field, holder, err)
				}
				if !yield(r.Holding, err) {
					return
				}
			}
		}
	}
}

// AllHolders yields the miners that hold anything or have drops, in no promised order; one
// may come twice if miners are added and removed meanwhile.
func (x *Index) AllHolders(ctx context.Context) iter.Seq2[wallet.Address, error] {
	return each(x, ctx, groupsHolder, func(_ context.Context, tag string) (wallet.Address, error) {
		return wallet.Address(tag), checkAddress(wallet.Address(tag))
	})
}

// StoredBytes is the sum of the sizes of what a miner holds; 0 if nothing.
func (x *Index) StoredBytes(ctx context.Context, holder wallet.Address) (int64, error) {
	if err := checkAddress(holder); err != nil {
		return 0, err
	}
	r, err := read[totalRecord](ctx, x, holderGroup(holder), fieldTotal)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	return r.Bytes, err
}

// RandomHolding returns one of a miner's holdings, whatever their kind, or ErrNotFound if it has none. r is random; every holding has the same
// chance.
func (x *Index) RandomHolding(ctx context.Context, holder wallet.Address, r uint64) (Holding, error) {
	if err := checkAddress(holder); err != nil {
		return Holding{}, err
	}
	group := holderGroup(holder)
	for range maxTries {
		total, err := read[totalRecord](ctx, x, group, fieldTotal)
		if err != nil {
			return Holding{}, err
		}
		if total.Holdings == 0 {
			return Holding{}, fmt.Errorf("%w: total of %s", ErrCorrupt, holder)
		}
		field, err := x.getOne(ctx, group, slotField(r%total.Holdings))
		if errors.Is(err, ErrNotFound) {
			continue // removed between the two reads
		} else if err != nil {
			return Holding{}, err
		}
		h, err := read[holdingRecord](ctx, x, group, string(field))
		if !errors.Is(err, ErrNotFound) {
			return h.Holding, err
		}
	}
	return Holding{}, fmt.Errorf("%w: holdings of %s", ErrConflict, holder)
}
