package blobstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// sweepBatch is how many claims are removed or intents ended between flushes.
const sweepBatch = 4096

// SetSeed replaces the seed of an owner's data and returns when that is on
// disk: ErrNotFound, ErrInvalid, which it also is for a shard.
func (s *Store) SetSeed(ctx context.Context, owner wallet.Address, hash, seed string) error {
	k, err := parseID(owner, hash)
	if err != nil {
		return err
	}
	if err := proof.CheckSeed(seed); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	release := s.hold(k.hash)
	defer release()
	r, err := s.find(k)
	if err != nil {
		return err
	}
	if r.shard {
		return fmt.Errorf("%w: a shard has no seed", ErrInvalid)
	}
	r.seed = seed
	b := s.meta.db.NewBatch()
	b.Set(k.record(), r.encode(), nil)
	return s.meta.commit(b, totals{})
}

// Delete removes an owner's claim with its tags, and the content with the last
// one, and returns when that is on disk. It returns ErrNotFound, ErrInvalid; after
// another error the claim may be gone and the content not yet.
func (s *Store) Delete(ctx context.Context, owner wallet.Address, hash string) error {
	k, err := parseID(owner, hash)
	if err != nil {
		return err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	release := s.hold(k.hash)
	defer release()
	r, err := s.find(k)
	if err != nil {
		return err
	}
	b := s.meta.db.NewBatch()
	change, file, err := s.drop(b, k, r)
	if err != nil {
		return err
	}
	if err := s.meta.commit(b, change); err != nil || !file {
		return err
	}
	return s.sweep([]proof.Digest{k.hash})
}

// drop puts the removal of a claim and its tags into a batch, and of the content
// if it is its last: file says that there is then an intent to end. The stripe is
// held.
func (s *Store) drop(b *pebble.Batch, k id, r record) (change totals, file bool, err error) {
	c, found, err := s.meta.content(k.hash)
	if err != nil {
		return change, false, err
	}
	if !found {
		return change, false, fmt.Errorf("%w: a record without content: %s", errFormat, k.hash)
	}
	b.Delete(k.record(), nil)
	b.Delete(k.tags(), nil)
	if len(r.tag) > 0 {
		b.Delete(k.found(r.tag), nil)
	}
	if t, ok := r.expires(); ok {
		b.Delete(k.expiry(t), nil)
	}
	change.records = -1
	if c.owners--; c.owners > 0 {
		b.Set(contentKey(k.hash), c.encode(), nil)
		return change, false, nil
	}
	change.bytes, change.objects = -c.size, -1
	b.Delete(contentKey(k.hash), nil)
	if c.shard {
		b.Delete(leavesKey(k.hash), nil)
	}
	if c.damaged {
		b.Delete(damagedKey(k.hash), nil)
	}
	if c.inline {
		b.Delete(valueKey(k.hash), nil)
		return change, false, nil
	}
	b.Set(intentKey(k.hash), nil, nil)
	return change, true, nil
}

// Expire removes the claims whose time is over at now, as Delete does, and returns when that is
// on disk: how many those were and how many bytes of content went with them,
// also with an error. Content whose removal failed earlier is tried again.
func (s *Store) Expire(ctx context.Context, now time.Time) (n int, bytes int64, err error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer leave()
	upper := expiryPrefix(now.UnixNano() + 1)
	for {
		keys, err := s.meta.keys([]byte{tagExpiry}, upper, sweepBatch)
		if err != nil {
			return n, bytes, err
		}
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				return n, bytes, err
			}
			change, err := s.expire(key, now)
			if err != nil {
				return n, bytes, err
			}
			n -= int(change.records)
			bytes -= change.bytes
		}
		if len(keys) > 0 {
			if err := s.meta.flush(); err != nil {
				return n, bytes, err
			}
		}
		if _, err := s.sweepIntents(); err != nil || len(keys) < sweepBatch {
			return n, bytes, err
		}
	}
}

// expire removes an expiry key and the claim it stands for, not yet on disk.
func (s *Store) expire(key []byte, now time.Time) (change totals, err error) {
	k, err := parseExpiry(key)
	if err != nil {
		return change, err
	}
	release := s.hold(k.hash)
	defer release()
	r, found, err := s.meta.record(k)
	if err != nil {
		return change, err
	}
	b := s.meta.db.NewBatch()
	b.Delete(key, nil)
	if t, ok := r.expires(); found && ok && t <= now.UnixNano() { // not deleted or stored again meanwhile
		if change, _, err = s.drop(b, k, r); err != nil {
			return change, err
		}
	}
	return change, s.meta.commitLater(b, change)
}

// sweepIntents ends all intents and returns how many there were.
func (s *Store) sweepIntents() (n int, err error) {
	for from := []byte{tagIntent}; ; {
		keys, err := s.meta.keys(from, []byte{tagIntent + 1}, sweepBatch)
		if err != nil || len(keys) == 0 {
			return n, err
		}
		if err := s.meta.flush(); err != nil { // nothing is unlinked before its removal is on disk
			return n, err
		}
		hashes := make([]proof.Digest, len(keys))
		for i, key := range keys {
			copy(hashes[i][:], key[1:])
		}
		if err := s.sweepSorted(hashes); err != nil {
			return n, err
		}
		n += len(keys)
		from = after(keys)
	}
}

// after is the key that follows the last of some.
func after(keys [][]byte) []byte { return append(slices.Clone(keys[len(keys)-1]), 0) }

// sweepSorted sweeps folder after folder.
func (s *Store) sweepSorted(hashes []proof.Digest) error {
	for len(hashes) > 0 {
		end := slices.IndexFunc(hashes, func(h proof.Digest) bool { return h[0] != hashes[0][0] })
		if end < 0 {
			end = len(hashes)
		}
		release := s.hold(hashes[0])
		err := s.sweep(hashes[:end])
		release()
		if err != nil {
			return err
		}
		hashes = hashes[end:]
	}
	return nil
}

// sweep unlinks the content of intents in one folder and ends the intents.
// A file that somebody has a claim on stays. The folder's stripe is held.
func (s *Store) sweep(hashes []proof.Digest) error {
	b := s.meta.db.NewBatch()
	for _, h := range hashes {
		c, found, err := s.meta.content(h)
		if err == nil && (!found || c.inline) {
			err = s.unlink(s.contentPath(h))
		}
		if err != nil {
			return err
		}
		b.Delete(intentKey(h), nil)
	}
	if err := s.syncDir(s.contentDir(hashes[0][0])); err != nil {
		return err
	}
	return s.meta.commitLater(b, totals{})
}
