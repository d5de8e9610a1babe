package blobstore

import (
	"context"

	"github.com/filetao/filetao/proof"
)

// Damaged returns the content that is known to be damaged: hash, kind and size,
// whoever has claims on it.
func (s *Store) Damaged(ctx context.Context) ([]Record, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var all []Record
	from := []byte{tagDamaged}
	for {
		keys, err := s.meta.keys(from, []byte{tagDamaged + 1}, sweepBatch)
		if err != nil || len(keys) == 0 {
			return all, err
		}
		for _, key := range keys {
			h := proof.Digest(key[1:])
			c, found, err := s.meta.content(h)
			if err != nil {
				return all, err
			}
			if found { // not removed meanwhile
				all = append(all, c.public(h))
			}
		}
		from = after(keys)
	}
}

// note is setDamaged for a reader, which may outlive the store.
func (s *Store) note(ctx context.Context, h proof.Digest, damage error) {
	if leave, err := s.enter(ctx); err == nil {
		defer leave()
		s.setDamaged(h, damage)
	}
}

// setDamaged notes the damage, so that the next Put of the data writes its
// content anew, or, for nil, that the content was found right after all.
func (s *Store) setDamaged(h proof.Digest, damage error) {
	release := s.hold(h)
	defer release()
	c, found, err := s.meta.content(h)
	if err != nil || !found || c.damaged == (damage != nil) {
		return // known, or deleted meanwhile; a broken database says so itself
	}
	if damage != nil {
		s.log.Error("stored data is damaged; storing it again mends it", "err", damage)
	} else {
		s.log.Info("stored data was noted as damaged and is right", "hash", h)
	}
	c.damaged = damage != nil
	b := s.meta.db.NewBatch()
	b.Set(contentKey(h), c.encode(), nil)
	if c.damaged {
		b.Set(damagedKey(h), nil, nil)
	} else {
		b.Delete(damagedKey(h), nil)
	}
	if err := s.meta.commitLater(b, totals{}); err != nil {
		s.log.Warn("damage was not noted", "err", err)
	}
}
