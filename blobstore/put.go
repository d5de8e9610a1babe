package blobstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/proof"
)

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
	if rec.Stored.IsZero() {
		rec.Stored = s.now()
	}
	r := record{size: int64(len(data)), stored: rec.Stored.UnixNano(), ttl: int64(rec.TTL), seed: rec.Seed}
	if err := proof.CheckSeed(r.seed); err != nil || r.ttl < 0 {
		return fmt.Errorf("%w: ttl %s, seed: %w", ErrInvalid, rec.TTL, err)
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()

	// The file is written without the lock, so that large data does not hold
	// up others; whether it is needed can change meanwhile.
	if done, err := s.tryPut(k, r, ""); err != nil || done {
		return err
	}
	release, err := s.reserve(r.size)
	if err != nil {
		return err
	}
	defer release()
	temp, err := s.writeTemp(ctx, k.hash, data)
	if err != nil {
		return err
	}
	_, err = s.tryPut(k, r, temp)
	if gone := s.unlink(temp); gone != nil { // if it was not used
		s.log.Warn("a temporary file stays until the next start", "err", gone)
	}
	return err
}

// tryPut records a claim if its content is here or in the temporary file, if
// there is one. It reports whether it could.
func (s *Store) tryPut(k id, r record, temp string) (done bool, err error) {
	release := s.hold(k.hash)
	defer release()
	c, found, err := s.meta.content(k.hash)
	switch {
	case err != nil:
	case found && c.size != r.size:
		err = fmt.Errorf("%w: data of %d bytes, but that hash is of %d bytes", ErrInvalid, r.size, c.size)
	case found && s.intact(k.hash, c):
		err = s.claim(k, r, c)
	case temp == "":
		return false, nil
	default:
		return true, s.adopt(k, r, c, temp)
	}
	return true, err
}

// intact looks whether the content seems to be there, without reading it.
func (s *Store) intact(h proof.Digest, c content) bool {
	info, err := s.fs.Stat(s.contentPath(h))
	return err == nil && !c.damaged && info.Size() == c.size
}

// adopt makes the temporary file the hash's content and records a claim on it.
// c is the zero value for new content. The stripe is held.
func (s *Store) adopt(k id, r record, c content, temp string) error {
	isNew := c.owners == 0
	if isNew {
		b := s.meta.db.NewBatch()
		b.Set(intentKey(k.hash), nil, nil)
		if err := s.meta.commit(b, totals{}); err != nil {
			return err
		}
	}
	err := s.fs.Rename(temp, s.contentPath(k.hash))
	if err == nil {
		err = s.syncDir(s.contentDir(k.hash[0]))
	}
	if err == nil {
		return s.claim(k, r, content{size: r.size, owners: c.owners})
	}
	if isNew {
		err = errors.Join(err, s.sweep([]proof.Digest{k.hash}))
	}
	return writeError(err)
}

// claim writes a record and what follows from it. c is the content as it is
// before, with no owners if it is new. The stripe is held.
func (s *Store) claim(k id, r record, c content) error {
	old, had, err := s.meta.record(k)
	if err != nil {
		return err
	}
	var change totals
	b := s.meta.db.NewBatch()
	if c.owners == 0 {
		change.bytes, change.objects = c.size, 1
		b.Delete(intentKey(k.hash), nil)
	}
	if !had {
		c.owners++
		change.records = 1
	} else if t, ok := old.expires(); ok {
		b.Delete(k.expiry(t), nil)
	}
	if t, ok := r.expires(); ok {
		b.Set(k.expiry(t), nil, nil)
	}
	b.Set(contentKey(k.hash), c.encode(), nil)
	b.Set(k.record(), r.encode(), nil)
	return s.meta.commit(b, change)
}
