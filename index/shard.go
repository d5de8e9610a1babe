package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/filetao/filetao/wallet"
)

// PutShard records that a miner holds a shard, with the pledge that it gave for
// it: h.Kind is KindShard and h.Native is set. A miner holds one shard of a
// segment at most: the same one, of equal Number and Replica, is put again with
// the new time, ttl and pledge; another one is ErrConflict. The segment may be
// put before or after. It is no drop any more if it was one.
func (x *Index) PutShard(ctx context.Context, h Holding) error {
	return x.putShard(ctx, Life{}, h, nil)
}

// PutShardIn is PutShard in a life of the segment: ErrEnded when that is over. When it
// ends while the shard is being put the shard does not count, and is dropped later.
func (x *Index) PutShardIn(ctx context.Context, l Life, h Holding) error {
	return x.putShard(ctx, l, h, nil)
}

// ReplaceShard is PutShardIn of what a miner has just acknowledged: another shard of
// the segment gives way to it, and becomes in the same commit a drop that the miner
// may be told from after on.
func (x *Index) ReplaceShard(ctx context.Context, l Life, h Holding, after time.Time) error {
	return x.putShard(ctx, l, h, &after)
}

// putShard replaces another shard if it is said from when on the miner may be told.
func (x *Index) putShard(ctx context.Context, l Life, h Holding, replace *time.Time) error {
	if h.Kind != KindShard {
		return fmt.Errorf("%w: %s data as a shard", ErrInvalid, h.Kind)
	}
	h.Stored = stamp(h.Stored)
	if err := h.check(); err != nil {
		return err
	}
	if h.Native == nil {
		return fmt.Errorf("%w: shard %d without its pledge", ErrInvalid, h.Number)
	}
	// The token is always a fresh one: whoever is about to drop the shard, of a
	// segment that has ended, drops the one from before.
	token, referred := newToken(), false
	var old *holdingRecord
	err := x.update(ctx, holderGroup(h.Holder), func(t *txn) (err error) {
		if old, err = holdingIn(t, h.Hash); err != nil {
			return err
		}
		another := old != nil && (old.Number != h.Number || old.Replica != h.Replica)
		if old != nil && old.Kind != h.Kind || another && replace == nil {
			return fmt.Errorf("%w: %s holds %s %d of %s", ErrConflict, h.Holder, old.Kind, old.Number, h.Hash)
		}
		// Asked after the holding was read: one that was put in a later life stays.
		if !referred {
			referred = true
			err = x.referShard(ctx, l, h, token)
		} else {
			err = x.CheckLife(ctx, h.Hash, l)
		}
		if err != nil {
			return err
		}
		t.delete(dropField(h.Held()))
		next := holdingRecord{V: version, Holding: h, Token: token}
		if old == nil {
			return addHolding(t, next)
		}
		if old.Replica != h.Replica {
			if err := t.setRecord(dropField(old.Held()), newDrop(old.Holding, *replace)); err != nil {
				return err
			}
		}
		next.Slot = old.Slot
		return replaceHolding(t, next, old)
	})
	if err != nil || old == nil {
		return err
	}
	return x.unrefer(ctx, segmentGroup(h.Hash), holderRef(h.Holder, old.Token))
}

// Drop is what a miner still has to be told to delete.
type Drop struct {
	Holder  wallet.Address
	Replica string    // hash of the bytes that it has: Holding.Held
	Since   time.Time // when the holding ended
	After   time.Time // it may be told from then on; zero: at once
	Until   time.Time // when the miner deletes it by itself; zero: never
	Pledge  []byte    // that was given for it, as in Native; none for what was not a shard
}

// Due reports whether the miner may be told at a time.
func (d Drop) Due(now time.Time) bool { return !now.Before(d.After) }

type dropRecord struct {
	V     int       `json:"v"`
	Until time.Time `json:"until"` // zero: the miner never does by itself
	Since time.Time `json:"since"`
	After time.Time `json:"after,omitzero"`
	// Pledge is the holding's last, if it had one.
	Pledge []byte `json:"pledge,omitempty"`
}

func (r dropRecord) check() error { return checkVersion(r.V) }

// newDrop is what a holding leaves that ends now, and of which the miner may be told
// from a time on; zero: at once.
func newDrop(h Holding, after time.Time) dropRecord {
	r := dropRecord{V: version, Since: stamp(time.Now()), After: stamp(after), Pledge: h.pledge()}
	if h.TTL > 0 {
		r.Until = stamp(h.Stored.Add(h.TTL))
	}
	return r
}

func (r dropRecord) drop(holder wallet.Address, replica string) Drop {
	return Drop{Holder: holder, Replica: replica, Since: r.Since, After: r.After, Until: r.Until, Pledge: r.Pledge}
}

// over reports whether the miner has deleted it by itself.
func (r dropRecord) over(now time.Time) bool { return !r.Until.IsZero() && !now.Before(r.Until) }

// DropHolding is RemoveHolding for what the miner has to be told to delete: in
// its place there is a drop, until Dropped, the holding's own end, or the same
// replica is put again.
func (x *Index) DropHolding(ctx context.Context, holder wallet.Address, hash string) error {
	return x.dropIf(ctx, holder, hash, time.Time{}, func(*holdingRecord) bool { return true })
}

// DropShard is DropHolding for a miner's shard of a segment, and nothing else.
func (x *Index) DropShard(ctx context.Context, holder wallet.Address, segment string) error {
	return x.dropIf(ctx, holder, segment, time.Time{}, func(r *holdingRecord) bool { return r.Kind == KindShard })
}

// DropSeen is DropHolding of what the caller has seen: what was put again or renewed
// since stays, for somebody counts on it. The miner may be told from after on: until
// then another put may count on what it was given earlier, without having put it.
func (x *Index) DropSeen(ctx context.Context, seen Holding, after time.Time) error {
	return x.dropIf(ctx, seen.Holder, seen.Hash, after, func(r *holdingRecord) bool { return r.is(seen) })
}

// is says whether a holding is as somebody has seen it.
func (h Holding) is(seen Holding) bool {
	return h.Kind == seen.Kind && h.Replica == seen.Replica && h.Stored.Equal(seen.Stored) && bytes.Equal(h.pledge(), seen.pledge())
}

// RenewShard gives a shard a new time, ttl and pledge if it is as it was seen, else
// it is ErrNotFound: it has ended since, or was put again or renewed by somebody else.
func (x *Index) RenewShard(ctx context.Context, seen Holding, stored time.Time, ttl time.Duration, n *Native) error {
	if err := firstError(checkTTL(ttl), n.check()); err != nil {
		return err
	}
	if seen.Kind != KindShard || n == nil {
		return fmt.Errorf("%w: to renew %s data, or without a pledge", ErrInvalid, seen.Kind)
	}
	// The token stays: if the segment is about to end the shard is dropped as it is then.
	return x.changeHolding(ctx, seen.Holder, seen.Hash, func(r *holdingRecord) error {
		if !r.is(seen) {
			return fmt.Errorf("%w as it was", noHolding(seen.Holder, seen.Hash))
		}
		r.Stored, r.TTL, r.Native = stamp(stored), ttl, n
		return nil
	})
}

// pledge is a shard's; nil for what is none.
func (h Holding) pledge() []byte {
	if h.Kind != KindShard || h.Native == nil {
		return nil
	}
	return h.Native.Pledge
}

// dropIf makes a drop of a holding if there is one and it is due.
func (x *Index) dropIf(ctx context.Context, holder wallet.Address, hash string, after time.Time, due func(*holdingRecord) bool) error {
	return x.removeHolding(ctx, holder, hash, func(t *txn, r *holdingRecord) (bool, error) {
		if !due(r) {
			return false, nil
		}
		return true, t.setRecord(dropField(r.Held()), newDrop(r.Holding, after))
	})
}

// PutDrop notes that a miner is to be told to delete a shard of a segment that it
// has, or may have, of a try that came to nothing. Since is not looked at. Whoever
// has brought the same shard in another try, with a receipt for an earlier pledge,
// must have put it before After: what comes later has a pledge that came later. The
// pledge keeps the drop from meaning what comes later. Of a shard that the
// index counts on, because the miner has acknowledged it another time, nothing is
// noted: there is but one at the miner, with the pledge that came last.
func (x *Index) PutDrop(ctx context.Context, segment string, d Drop) error {
	if err := firstError(checkAddress(d.Holder), checkHash(d.Replica), checkHash(segment)); err != nil {
		return err
	}
	if len(d.Pledge) == 0 || len(d.Pledge) > MaxNative {
		return fmt.Errorf("%w: a drop with a pledge of %d bytes", ErrInvalid, len(d.Pledge))
	}
	return x.update(ctx, holderGroup(d.Holder), func(t *txn) error {
		if h, err := holdingIn(t, segment); err != nil || h != nil && h.Held() == d.Replica {
			return err
		}
		return t.setRecord(dropField(d.Replica), dropRecord{
			V: version, Since: stamp(time.Now()), After: stamp(d.After), Until: stamp(d.Until), Pledge: d.Pledge,
		})
	})
}

// Drop returns what a miner still has to be told about a replica, or ErrNotFound.
func (x *Index) Drop(ctx context.Context, holder wallet.Address, replica string) (Drop, error) {
	if err := firstError(checkAddress(holder), checkHash(replica)); err != nil {
		return Drop{}, err
	}
	r, err := read[dropRecord](ctx, x, holderGroup(holder), dropField(replica))
	if err != nil {
		return Drop{}, err
	}
	return r.drop(holder, replica), nil
}

// Drops yields what a miner still has to be told to delete, in no promised order.
// Changing it inside the loop is allowed.
func (x *Index) Drops(ctx context.Context, holder wallet.Address) iter.Seq2[Drop, error] {
	return func(yield func(Drop, error) bool) {
		if err := checkAddress(holder); err != nil {
			yield(Drop{}, err)
			return
		}
		for entry, err := range x.kv.Scan(ctx, holderGroup(holder), prefixDrop) {
			if err != nil {
				yield(Drop{}, err)
				return
			}
			r, err := decode[dropRecord](entry.Value)
			if err != nil {
				err = fmt.Errorf("%s of %s: %w", entry.Field, holder, err)
			}
			if !yield(r.drop(holder, entry.Field[len(prefixDrop):]), err) {
				return
			}
		}
	}
}

// Dropped forgets a drop: the miner has deleted the replica, as far as it had it
// with that pledge. One that is not there is no error, and one of another pledge,
// which has come meanwhile, stays.
func (x *Index) Dropped(ctx context.Context, d Drop) error {
	if err := firstError(checkAddress(d.Holder), checkHash(d.Replica)); err != nil {
		return err
	}
	return x.update(ctx, holderGroup(d.Holder), func(t *txn) error {
		values, err := t.get(dropField(d.Replica))
		if err != nil || values[0] == nil {
			return err
		}
		r, err := decode[dropRecord](values[0])
		if err == nil && bytes.Equal(r.Pledge, d.Pledge) {
			t.delete(dropField(d.Replica))
		}
		return err
	})
}

// resetDrops forgets all drops of a miner.
func (x *Index) resetDrops(ctx context.Context, holder wallet.Address) error {
	for d, err := range x.Drops(ctx, holder) {
		if err != nil {
			return err
		}
		if err := x.Dropped(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// sweepDrops takes away the drops whose time is over.
func (x *Index) sweepDrops(ctx context.Context) (swept int, err error) {
	for group, err := range x.kv.Groups(ctx, groupsHolder) {
		if err != nil {
			return swept, err
		}
		for entry, err := range x.kv.Scan(ctx, group, prefixDrop) {
			if err != nil {
				return swept, err
			}
			r, err := decode[dropRecord](entry.Value)
			if err != nil {
				return swept, fmt.Errorf("%s in %s: %w", entry.Field, group, err)
			}
			if !r.over(time.Now()) {
				continue
			}
			err = x.kv.Commit(ctx, group, []Entry{entry}, []Entry{{Field: entry.Field}})
			if errors.Is(err, ErrConflict) {
				continue // dropped or put again meanwhile
			} else if err != nil {
				return swept, err
			}
			swept++
		}
	}
	return swept, nil
}
