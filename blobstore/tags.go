package blobstore

import (
	"context"
	"fmt"
	"time"

	"github.com/filetao/filetao/wallet"
)

// MaxTags is how many bytes of tags there may be beside one claim: those of
// proof/por over 1.9 GiB of data.
const MaxTags = 8 << 20

// PutTags keeps tags beside an owner's data, in place of those it had, and
// returns when they are on disk. They stay when the data is stored again and
// go with the claim. It returns ErrNotFound if the owner has no such data,
// ErrInvalid, or ErrFull.
func (s *Store) PutTags(ctx context.Context, owner wallet.Address, hash string, tags []byte) error {
	k, err := parseID(owner, hash)
	if err != nil {
		return err
	}
	if err := checkTags(tags); err != nil {
		return err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := s.spare(int64(len(tags))); err != nil {
		return err
	}
	release := s.hold(k.hash)
	defer release()
	if _, err := s.find(k); err != nil {
		return err
	}
	b := s.meta.db.NewBatch()
	b.Set(k.tags(), tags, nil)
	return s.meta.commit(b, totals{})
}

func checkTags(tags []byte) error {
	if len(tags) == 0 || len(tags) > MaxTags {
		return fmt.Errorf("%w: %d bytes of tags", ErrInvalid, len(tags))
	}
	return nil
}

// Renew replaces time, ttl and tags of an owner's claim, all at once, and returns
// when that is on disk. A shard that would end sooner then keeps its time. It returns
// ErrNotFound if there is no such claim, ErrInvalid, or ErrFull.
func (s *Store) Renew(ctx context.Context, owner wallet.Address, hash string, stored time.Time, ttl time.Duration, tags []byte) error {
	k, err := parseID(owner, hash)
	if err != nil {
		return err
	}
	if err := checkTags(tags); err != nil {
		return err
	}
	if ttl < 0 {
		return fmt.Errorf("%w: ttl %s", ErrInvalid, ttl)
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := s.spare(int64(len(tags))); err != nil {
		return err
	}
	release := s.hold(k.hash)
	defer release()
	r, err := s.find(k)
	if err != nil {
		return err
	}
	c, found, err := s.meta.content(k.hash)
	if err == nil && !found {
		err = fmt.Errorf("%w: a record without content: %s", errFormat, k.hash)
	}
	if err != nil {
		return err
	}
	r.stored, r.ttl = stored.UnixNano(), int64(ttl)
	return s.claim(s.meta.db.NewBatch(), deposit{id: k, record: r, Beside: Beside{Tags: tags}}, c)
}

// Tags returns the tags beside an owner's data: ErrNotFound if there are none,
// ErrInvalid.
func (s *Store) Tags(ctx context.Context, owner wallet.Address, hash string) ([]byte, error) {
	k, err := parseID(owner, hash)
	if err != nil {
		return nil, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	tags, found, err := s.meta.get(k.tags())
	if err == nil && !found {
		err = fmt.Errorf("%w: tags beside %s of %s", ErrNotFound, k.hash, owner)
	}
	return tags, err
}
