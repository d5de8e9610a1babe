package blobstore

import "github.com/filetao/filetao/proof"

// Spoil puts a value in the place of content that is one, and says whether
// there was one.
func Spoil(s *Store, hash string, value []byte) (bool, error) { return spoil(s, valueKey, hash, value) }

// SpoilLeaves puts others in the place of a shard's.
func SpoilLeaves(s *Store, hash string, leaves []byte) (bool, error) {
	return spoil(s, leavesKey, hash, leaves)
}

func spoil(s *Store, key func(proof.Digest) []byte, hash string, value []byte) (bool, error) {
	h, err := proof.ParseDigest(hash)
	if err != nil {
		return false, err
	}
	_, found, err := s.meta.get(key(h))
	if err != nil || !found {
		return false, err
	}
	if value == nil {
		return true, s.meta.db.Delete(key(h), nil)
	}
	return true, s.meta.db.Set(key(h), value, nil)
}
