package blobstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// listedTags is how many bytes of tags are read for one list. Of each only the
// beginning is given out, but the database reads a value as a whole.
const listedTags = 64 << 20

// ShardQuery says which of an owner's shards are to be listed.
type ShardQuery struct {
	After   string // the root that the list goes on after; "" begins it
	Limit   int    // shards, at least 1
	Head    int    // bytes of the tags that are given back
	Damaged bool   // only those that are known to be damaged
}

// ListedShard is a claim on a shard with the beginning of the tags beside it.
type ListedShard struct {
	Record
	Damaged bool
	Tags    []byte
}

// Shards lists an owner's shards that have tags, by ascending root: as many as
// were asked for, fewer where their tags are large, and none only when there are
// no more. It returns ErrInvalid. What is stored meanwhile may be in the list.
func (s *Store) Shards(ctx context.Context, owner wallet.Address, q ShardQuery) ([]ListedShard, error) {
	after, err := startOf(owner, q)
	if err != nil {
		return nil, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	it, err := s.meta.db.NewIter(q.bounds(after))
	if err != nil {
		return nil, fmt.Errorf("blobstore: metadata: %w", err)
	}
	var list []ListedShard
	read := 0
	for ok := it.First(); ok && err == nil && len(list) < q.Limit && read < listedTags; ok = it.Next() {
		if err = ctx.Err(); err != nil {
			break
		}
		var l ListedShard
		var size int
		if l, size, err = s.listed(after.owner, it.Key(), q.Head); size > 0 {
			list, read = append(list, l), read+size
		}
	}
	if err := errors.Join(err, it.Error(), it.Close()); err != nil {
		return nil, err
	}
	return list, nil
}

// startOf is the claim that a list goes on after; hash zero, which no shard has,
// for one that begins.
func startOf(owner wallet.Address, q ShardQuery) (id, error) {
	if q.Limit < 1 || q.Head < 0 {
		return id{}, fmt.Errorf("%w: a list of %d shards, %d bytes of tags", ErrInvalid, q.Limit, q.Head)
	}
	if q.After == "" {
		q.After = proof.Digest{}.String()
	}
	return parseID(owner, q.After)
}

// bounds are those of the keys to go through, each of which ends with a hash: the
// owner's claims, or all that is damaged.
func (q ShardQuery) bounds(after id) *pebble.IterOptions {
	last := proof.Digest(bytes.Repeat([]byte{0xff}, len(after.hash)))
	lower, upper := after.record(), id{after.owner, last}.record()
	if q.Damaged {
		lower, upper = damagedKey(after.hash), damagedKey(last)
	}
	return &pebble.IterOptions{LowerBound: append(lower, 0), UpperBound: append(upper, 0)}
}

// listed is the owner's claim on what a key ends with, and the size of all its
// tags; 0 for what is not listed: no claim, no shard, or one without tags.
func (s *Store) listed(owner [32]byte, key []byte, head int) (l ListedShard, size int, err error) {
	k := id{owner: owner}
	if len(key) < len(k.hash) {
		return l, 0, fmt.Errorf("%w: a key of %d bytes", errFormat, len(key))
	}
	copy(k.hash[:], key[len(key)-len(k.hash):])
	r, found, err := s.meta.record(k)
	if err != nil || !found || !r.shard {
		return l, 0, err
	}
	c, found, err := s.meta.content(k.hash)
	if err != nil || !found {
		return l, 0, err
	}
	l.Record, l.Damaged = r.public(k), c.damaged
	tags, closer, err := s.meta.db.Get(k.tags())
	if errors.Is(err, pebble.ErrNotFound) {
		return l, 0, nil
	} else if err != nil {
		return l, 0, fmt.Errorf("blobstore: metadata: %w", err)
	}
	l.Tags, size = bytes.Clone(tags[:min(head, len(tags))]), len(tags)
	return l, size, closer.Close()
}
