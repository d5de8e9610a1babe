package miner

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	keptVersion = 1
	keptHeader  = 1 + receipt.PledgeSize + 2*wallet.SignatureSize
)

// errKept is returned for a value that is none.
var errKept = errors.New("miner: unreadable tags")

// Kept is what a miner keeps beside a datum with tags: all it needs to answer
// audits, and, with the datum, to defend itself against an asker that handed
// out wrong tags (receipt.CheckTags).
type Kept struct {
	Pledge       receipt.Pledge
	Asker, Miner []byte // their signatures over it
	Tags         []byte // as the asker sent them
}

// Kept returns what is kept beside an asker's datum. It fails with 404 if there
// are no tags, or with the store's error.
func (m *Miner) Kept(ctx context.Context, asker wallet.Address, hash string) (Kept, error) {
	value, err := m.store.Tags(ctx, asker, hash)
	if errors.Is(err, blobstore.ErrNotFound) {
		return Kept{}, &wire.Error{Status: wire.StatusNotFound, Text: "There are no tags for that data here.", Err: err}
	}
	if err != nil {
		return Kept{}, err
	}
	return parseKept(value)
}

// encode is the byte 1, the encoded pledge (233 bytes), the signatures of asker
// and miner (64 each), and the tags.
func (k Kept) encode() []byte {
	b := make([]byte, 0, keptHeader+len(k.Tags))
	b = append(b, keptVersion)
	for _, part := range [][]byte{k.Pledge.Encode(), k.Asker, k.Miner, k.Tags} {
		b = append(b, part...)
	}
	return b
}

// parseKept reads what encode wrote, and does not verify signatures. Parts are
// parts of b.
func parseKept(b []byte) (Kept, error) {
	if len(b) < keptHeader || b[0] != keptVersion {
		return Kept{}, fmt.Errorf("%w: %d bytes", errKept, len(b))
	}
	next := b[1:]
	take := func(n int) []byte {
		part := next[:n:n]
		next = next[n:]
		return part
	}
	p, err := receipt.ParsePledge(take(receipt.PledgeSize))
	k := Kept{Pledge: p, Asker: take(wallet.SignatureSize), Miner: take(wallet.SignatureSize), Tags: next}
	if err == nil && int64(len(k.Tags)) != por.TagsSize(p.Size) {
		err = fmt.Errorf("%d bytes of tags for %d of data", len(k.Tags), p.Size)
	}
	if err != nil {
		return Kept{}, fmt.Errorf("%w: %w", errKept, err)
	}
	return k, nil
}
