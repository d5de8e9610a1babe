package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/filetao/filetao/wallet"
)

const (
	// MaxLabel is how long a shard's label may be, in bytes. It is what the asker
	// wants to be told again by ListShards, and means nothing to the miner.
	MaxLabel = 512
	// MaxListed is how many shards one answer to ListShards has at most.
	MaxListed = 1000
	// MaxShardList is how many bytes they take at most.
	MaxShardList = 1 << 20

	maxPledge   = 512
	shardListV1 = 1
	// Of a shard in a list, without its pledge and label.
	listedFixed = 1 + 2 + 2 + 2*wallet.SignatureSize
)

// ListShards asks a miner which shards it keeps for the asker: those whose roots
// come after After, as numbers, by ascending root; as many as it likes, but one at
// least if there are any. An answer without any is the end of the list. It is our
// own: the reference knows no such message and answers 404.
type ListShards struct {
	After   string // request: a root in decimal; empty begins the list
	Limit   int64  // request: shards, 1 to MaxListed
	Damaged bool   // request: only those that the miner knows to be damaged
	Shards  []byte // of EncodeShardList
}

// Name is "ListShards".
func (*ListShards) Name() string { return "ListShards" }

// Fields are the place in the list and the answer.
func (m *ListShards) Fields() []Field {
	return []Field{
		{Name: "after", Value: &m.After, Sent: true, Hashed: true},
		{Name: "limit", Value: &m.Limit, Required: true, Hashed: true},
		{Name: "damaged", Value: &m.Damaged, Required: true, Hashed: true},
		{Name: "shards", Value: &m.Shards, Answer: true},
	}
}

// ListedShard is what a miner has of a shard beside the shard itself. Root, size
// and time are the pledge's.
type ListedShard struct {
	Damaged bool   // the miner knows that it cannot give it any more
	Pledge  []byte // a receipt.Pledge, encoded
	Asked   []byte // the asker's signature over it, 64 bytes
	Receipt []byte // the miner's, 64 bytes
	Label   []byte // up to MaxLabel bytes; none for a shard that came without
}

// ErrShardList is returned for what is no list of shards.
var ErrShardList = errors.New("not a list of shards")

// EncodeShardList is the byte 1 and the shards one after another: a byte, 1 if it
// is damaged and else 0; the lengths of pledge and label, 2 bytes big-endian each;
// the pledge, both signatures, and the label. It is ErrShardList if a part is not
// as long as it may be, or all of it together.
func EncodeShardList(list []ListedShard) ([]byte, error) {
	b := []byte{shardListV1}
	for i, s := range list {
		if len(s.Pledge) > maxPledge || len(s.Label) > MaxLabel || len(s.Asked) != wallet.SignatureSize || len(s.Receipt) != wallet.SignatureSize {
			return nil, fmt.Errorf("%w: shard %d with a pledge of %d bytes, signatures of %d and %d, and a label of %d",
				ErrShardList, i, len(s.Pledge), len(s.Asked), len(s.Receipt), len(s.Label))
		}
		damaged := byte(0)
		if s.Damaged {
			damaged = 1
		}
		b = append(b, damaged)
		b = binary.BigEndian.AppendUint16(b, uint16(len(s.Pledge)))
		b = binary.BigEndian.AppendUint16(b, uint16(len(s.Label)))
		for _, part := range [][]byte{s.Pledge, s.Asked, s.Receipt, s.Label} {
			b = append(b, part...)
		}
	}
	if len(list) > MaxListed || len(b) > MaxShardList {
		return nil, fmt.Errorf("%w: %d shards in %d bytes", ErrShardList, len(list), len(b))
	}
	return b, nil
}

// ParseShardList reads what EncodeShardList writes and nothing else, or fails with
// ErrShardList. What the parts say is not looked at; they are parts of b.
func ParseShardList(b []byte) (list []ListedShard, err error) {
	if len(b) == 0 || len(b) > MaxShardList || b[0] != shardListV1 {
		return nil, fmt.Errorf("%w: %d bytes", ErrShardList, len(b))
	}
	for b = b[1:]; len(b) > 0; {
		if len(b) < listedFixed || b[0] > 1 || len(list) == MaxListed {
			return nil, fmt.Errorf("%w: %d bytes after shard %d", ErrShardList, len(b), len(list))
		}
		s := ListedShard{Damaged: b[0] == 1}
		pledge, label := int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
		if pledge > maxPledge || label > MaxLabel || len(b) < listedFixed+pledge+label {
			return nil, fmt.Errorf("%w: a pledge of %d bytes and a label of %d in %d", ErrShardList, pledge, label, len(b))
		}
		b = b[5:]
		for _, part := range []struct {
			to *[]byte
			n  int
		}{{&s.Pledge, pledge}, {&s.Asked, wallet.SignatureSize}, {&s.Receipt, wallet.SignatureSize}, {&s.Label, label}} {
			*part.to, b = b[:part.n:part.n], b[part.n:]
		}
		list = append(list, s)
	}
	return list, nil
}
