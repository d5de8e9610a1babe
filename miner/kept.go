package miner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	keptVersion  = 1
	keptLabelled = 2 // the version of one with a label
	keptHeader   = 1 + receipt.PledgeSize + 2*wallet.SignatureSize
	keptHead     = keptHeader + 2 + wire.MaxLabel // the most that comes before the tags
)

// errKept is returned for a value that is none.
var errKept = errors.New("miner: unreadable tags")

// Kept is what a miner keeps beside a datum with tags: all it needs to answer
// audits, and, with the datum, to defend itself against an asker that handed
// out wrong tags (receipt.CheckTags).
type Kept struct {
	Pledge       receipt.Pledge
	Asker, Miner []byte // their signatures over it
	Label        []byte // what came with it as such; see wire.PutShard
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
// and miner (64 each), and the tags. With a label it is the byte 2, and before the
// tags there are the label's length, 2 bytes big-endian, and the label.
func (k Kept) encode() []byte {
	b := make([]byte, 0, keptHeader+2+len(k.Label)+len(k.Tags))
	b = append(b, keptVersion)
	for _, part := range [][]byte{k.Pledge.Encode(), k.Asker, k.Miner} {
		b = append(b, part...)
	}
	if len(k.Label) > 0 {
		b[0] = keptLabelled
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(k.Label))), k.Label...)
	}
	return append(b, k.Tags...)
}

// parseKept reads what encode wrote, and does not verify signatures. Parts are
// parts of b.
func parseKept(b []byte) (Kept, error) {
	k, err := parseKeptHead(b)
	if err == nil && int64(len(k.Tags)) != por.TagsSize(k.Pledge.Size) {
		err = fmt.Errorf("%w: %d bytes of tags for %d of data", errKept, len(k.Tags), k.Pledge.Size)
	}
	if err != nil {
		return Kept{}, err
	}
	return k, nil
}

// parseKeptHead is parseKept for at least the first keptHead bytes, of whose tags
// there may be less.
func parseKeptHead(b []byte) (Kept, error) {
	if len(b) < keptHeader || b[0] != keptVersion && b[0] != keptLabelled {
		return Kept{}, fmt.Errorf("%w: %d bytes", errKept, len(b))
	}
	labelled, next := b[0] == keptLabelled, b[1:]
	take := func(n int) []byte {
		part := next[:n:n]
		next = next[n:]
		return part
	}
	p, err := receipt.ParsePledge(take(receipt.PledgeSize))
	if err != nil {
		return Kept{}, fmt.Errorf("%w: %w", errKept, err)
	}
	k := Kept{Pledge: p, Asker: take(wallet.SignatureSize), Miner: take(wallet.SignatureSize)}
	if labelled {
		n := 0
		if len(next) >= 2 {
			n = int(binary.BigEndian.Uint16(take(2)))
		}
		if n < 1 || n > wire.MaxLabel || n > len(next) {
			return Kept{}, fmt.Errorf("%w: a label of %d bytes", errKept, n)
		}
		k.Label = take(n)
	}
	k.Tags = next
	return k, nil
}
