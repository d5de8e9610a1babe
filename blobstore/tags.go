package blobstore

import (
	"context"
	"fmt"

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
	if len(tags) == 0 || len(tags) > MaxTags {
		return fmt.Errorf("%w: %d bytes of tags", ErrInvalid, len(tags))
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
