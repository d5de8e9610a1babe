package blobstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/filetao/filetao/proof"
)

const (
	// FindTagSize is the length of a tag under which a shard is found, in bytes.
	FindTagSize = 32
	// MaxNote is how long a note beside such a tag may be, in bytes.
	MaxNote = 64

	// findLook is how many claims are looked at for one tag.
	findLook = 64
)

// Beside is what is kept beside a claim on a shard.
type Beside struct {
	Tags []byte // nil leaves those that are there
	Find *Find  // nil leaves the one that is there
}

// Find is by what a shard is found without its name. Several may have one tag.
type Find struct {
	Tag  [FindTagSize]byte
	Note []byte // up to MaxNote bytes, given back by FindShards
}

// FoundShard is a shard that has a tag.
type FoundShard struct {
	Hash proof.Digest // its root
	Size int64        // bytes
	Note []byte
}

func (k id) found(tag []byte) []byte {
	return append(append(append(append(make([]byte, 0, 1+len(tag)+64), tagFound), tag...), k.owner[:]...), k.hash[:]...)
}

// FindShards returns shards that have a tag, whoever has claims on them: each once,
// limit at most, and none that is known to be damaged. It costs the same however
// much is stored.
func (s *Store) FindShards(ctx context.Context, tag [FindTagSize]byte, limit int) ([]FoundShard, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var first, last id
	copy(last.owner[:], bytes.Repeat([]byte{0xff}, len(last.owner)))
	copy(last.hash[:], bytes.Repeat([]byte{0xff}, len(last.hash)))
	it, err := s.meta.db.NewIter(&pebble.IterOptions{LowerBound: first.found(tag[:]), UpperBound: append(last.found(tag[:]), 0)})
	if err != nil {
		return nil, fmt.Errorf("blobstore: metadata: %w", err)
	}
	var list []FoundShard
	seen := map[proof.Digest]bool{}
	looked := 0
	for ok := it.First(); ok && err == nil && len(list) < limit && looked < findLook; ok = it.Next() {
		looked++
		key := it.Key()
		h := proof.Digest(key[len(key)-len(proof.Digest{}):])
		if seen[h] {
			continue
		}
		seen[h] = true
		var c content
		var found bool
		if c, found, err = s.meta.content(h); found && !c.damaged {
			list = append(list, FoundShard{Hash: h, Size: c.size, Note: bytes.Clone(it.Value())})
		}
	}
	if err := errors.Join(err, it.Error(), it.Close()); err != nil {
		return nil, err
	}
	return list, nil
}
