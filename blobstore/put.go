package blobstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
)

// MaxInline is how many bytes of content are kept as a value in the database:
// one write and one flush then take the place of several.
const MaxInline = 64 << 10

// Put keeps data for an owner under the hash the caller computed, and returns
// when it is on disk. Data known already is not written again. If the owner
// has it already, its seed, time and ttl are replaced and its tags stay. rec.Size is ignored, a
// zero rec.Stored means now.
//
// It returns ErrFull, ErrInvalid, ErrClosed, ErrBroken, ctx's error, or that
// of the file system. Then nothing has changed, except after ErrBroken.
func (s *Store) Put(ctx context.Context, rec Record, data []byte) error {
	k, err := parseID(rec.Owner, rec.Hash)
	if err != nil {
		return err
	}
	if rec.Shard {
		return fmt.Errorf("%w: shards come by PutShard", ErrInvalid)
	}
	r, err := s.record(rec, int64(len(data)))
	if err != nil {
		return err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()

	// The file is written without the lock, so that large data does not hold
	// up others; whether it is needed can change meanwhile.
	d := deposit{id: k, record: r}
	if done, err := s.tryPut(d); err != nil || done {
		return err
	}
	release, err := s.reserve(r.size)
	if err != nil {
		return err
	}
	defer release()
	d.fresh = true
	if r.size <= MaxInline {
		d.value = data
		_, err = s.tryPut(d)
		return err
	}
	if d.temp, err = s.writeTemp(ctx, k.hash, data); err != nil {
		return err
	}
	_, err = s.tryPut(d)
	s.discard(d.temp) // if it was not used
	return err
}

// record makes of rec what is kept; a zero time means now.
func (s *Store) record(rec Record, size int64) (record, error) {
	if rec.Stored.IsZero() {
		rec.Stored = s.now()
	}
	r := record{shard: rec.Shard, size: size, stored: rec.Stored.UnixNano(), ttl: int64(rec.TTL), seed: rec.Seed}
	if err := r.checkSeed(); err != nil || r.ttl < 0 {
		return r, fmt.Errorf("%w: ttl %s, seed: %w", ErrInvalid, rec.TTL, err)
	}
	return r, nil
}

// deposit is a claim to be recorded, with what came along.
type deposit struct {
	id
	record record
	Beside
	fresh  bool   // the content is at hand:
	value  []byte // its bytes, at most MaxInline,
	temp   string // or a temporary file with them, flushed,
	leaves erasure.Leaves
}

// tryPut records a claim if its content is here or at hand. It reports whether
// it could.
func (s *Store) tryPut(d deposit) (done bool, err error) {
	release := s.hold(d.hash)
	defer release()
	c, found, err := s.meta.content(d.hash)
	switch {
	case err != nil:
	case found && (c.size != d.record.size || c.shard != d.record.shard):
		err = fmt.Errorf("%w: %d bytes, shard %t, but that hash is of %d, shard %t", ErrInvalid, d.record.size, d.record.shard, c.size, c.shard)
	case found && s.intact(d.hash, c):
		err = s.claim(s.meta.db.NewBatch(), d, c)
	case !d.fresh:
		return false, nil
	case d.temp == "":
		err = s.embed(d, c)
	default:
		err = s.adopt(d, c)
	}
	return true, err
}

// intact looks whether the content seems to be there, without reading it.
func (s *Store) intact(h proof.Digest, c content) bool {
	if c.damaged || c.inline {
		return !c.damaged
	}
	info, err := s.fs.Stat(s.contentPath(h))
	return err == nil && info.Size() == c.size
}

// embed makes the value the hash's content and records a claim on it. c is the
// zero value for new content. The stripe is held.
func (s *Store) embed(d deposit, c content) error {
	b := s.meta.db.NewBatch()
	b.Set(valueKey(d.hash), d.value, nil)
	wasFile := c.owners > 0 && !c.inline // damaged, and of no use any more
	if wasFile {
		b.Set(intentKey(d.hash), nil, nil)
	}
	c = s.renew(b, d, c)
	c.inline = true
	if err := s.claim(b, d, c); err != nil || !wasFile {
		return err
	}
	return s.sweep([]proof.Digest{d.hash})
}

// adopt makes the temporary file the hash's content and records a claim on it.
// c is the zero value for new content. The stripe is held.
func (s *Store) adopt(d deposit, c content) error {
	isNew := c.owners == 0
	if isNew {
		b := s.meta.db.NewBatch()
		b.Set(intentKey(d.hash), nil, nil)
		if err := s.meta.commit(b, totals{}); err != nil {
			return err
		}
	}
	err := s.fs.Rename(d.temp, s.contentPath(d.hash))
	if err == nil {
		err = s.syncDir(s.contentDir(d.hash[0]))
	}
	if err == nil {
		b := s.meta.db.NewBatch()
		b.Delete(intentKey(d.hash), nil)
		return s.claim(b, d, s.renew(b, d, c))
	}
	if isNew {
		err = errors.Join(err, s.sweep([]proof.Digest{d.hash}))
	}
	return writeError(err)
}

// renew is the entry of content that was written anew, and puts what goes with
// it into the batch.
func (s *Store) renew(b *pebble.Batch, d deposit, c content) content {
	if c.damaged {
		b.Delete(damagedKey(d.hash), nil)
	}
	if d.record.shard {
		b.Set(leavesKey(d.hash), d.leaves, nil)
	}
	return content{size: d.record.size, owners: c.owners, shard: d.record.shard}
}

// claim writes a record and what follows from it, in the batch. c is the content
// as it is before, with no owners if it is new. The stripe is held.
func (s *Store) claim(b *pebble.Batch, d deposit, c content) error {
	old, had, err := s.meta.record(d.id)
	if err != nil {
		return err
	}
	var change totals
	if c.owners == 0 {
		change.bytes, change.objects = c.size, 1
	}
	if !had {
		c.owners++
		change.records = 1
	} else if t, ok := old.expires(); ok {
		b.Delete(d.expiry(t), nil)
	}
	if had && d.record.shard && old.outlasts(d.record) {
		d.record.stored, d.record.ttl = old.stored, old.ttl
	}
	if t, ok := d.record.expires(); ok {
		b.Set(d.expiry(t), nil, nil)
	}
	if d.Find == nil {
		d.record.tag = old.tag
	} else {
		if len(old.tag) > 0 {
			b.Delete(d.id.found(old.tag), nil)
		}
		d.record.tag = d.Find.Tag[:]
		b.Set(d.id.found(d.record.tag), d.Find.Note, nil)
	}
	b.Set(contentKey(d.hash), c.encode(), nil)
	b.Set(d.id.record(), d.record.encode(), nil)
	if d.Tags != nil {
		b.Set(d.id.tags(), d.Tags, nil)
	}
	return s.meta.commit(b, change)
}
