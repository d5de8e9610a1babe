package receipt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
)

// ErrTags is returned by CheckTags when the asker pledged wrong tags.
var ErrTags = errors.New("receipt: the pledged tags are not those of the pledged data")

// CheckTags is for a miner that answered an audit wrongly although it kept
// everything, because the tags it was given were wrong. It shows the pledge, the
// data and the tags, and the asker has revealed the key:
//
//   - ErrTags: these are the pledged data and tags, and they do not belong to each
//     other under the key. The asker cheated, and the miner is cleared.
//   - nil: they do belong to each other, and who has them answers rightly.
//   - ErrStatement: this is not what was pledged, and shows nothing.
func CheckTags(p Pledge, key por.Key, data, tags []byte) error {
	if err := p.check(); err != nil {
		return err
	}
	var what string
	switch {
	case key.Commitment() != p.Key:
		what = "key"
	case sha256.Sum256(tags) != p.Tags:
		what = "tags"
	case !p.of(data):
		what = "data"
	case !bytes.Equal(key.Tags(data), tags):
		return ErrTags
	default:
		return nil
	}
	return fmt.Errorf("%w: the pledge is of other %s", ErrStatement, what)
}

// of says whether the pledge is about these bytes.
func (p Pledge) of(data []byte) bool {
	if int64(len(data)) != p.Size {
		return false
	}
	if p.Shard {
		h := erasure.NewHasher()
		_, _ = h.Write(data)
		return proof.Digest(h.Root()) == p.Hash
	}
	return blocktree.Sum(data) == p.Root && proof.Sum(data) == p.Hash
}
