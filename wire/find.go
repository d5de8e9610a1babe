package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// TagSize is the length of a tag under which shards are found, in bytes.
	TagSize = 32
	// VoucherSize is the length of a Finding's Voucher.
	VoucherSize = 32
	// FindingSize is the length of an encoded Finding.
	FindingSize = TagSize + 1 + VoucherSize
	// FindableLabel is the length of a label that ends with a Finding. Only such a
	// label is so long.
	FindableLabel = 156 + FindingSize

	// MaxFindTags is how many tags one FindShards has at most.
	MaxFindTags = 256
	// MaxFound is how many shards an answer to it has at most for one tag: a miner
	// gets a second one of a segment only when the first is to go.
	MaxFound = 8
	// MaxFoundList is how many bytes they take at most.
	MaxFoundList = 1 + MaxFindTags*MaxFound*foundSize

	foundListV1 = 1
	foundSize   = 2 + 1 + 32 + 8 + VoucherSize
)

// Finding is what a shard's owner finds it again by, where nobody else remembers who
// has it. It comes as the end of the shard's label, and means nothing to the miner:
// who brings the shard derives both from the secret of the file's shards.
type Finding struct {
	Tag     [TagSize]byte     // that the miner is asked for
	Number  int               // of the shard, 0 to 255
	Voucher [VoucherSize]byte // that the owner recognizes root and number by
}

// Encode is the tag, the number (1 byte) and the voucher.
func (f Finding) Encode() []byte {
	b := append(make([]byte, 0, FindingSize), f.Tag[:]...)
	return append(append(b, byte(f.Number)), f.Voucher[:]...)
}

// FindingOf is the Finding that a label ends with; false for one that has none.
func FindingOf(label []byte) (f Finding, ok bool) {
	if len(label) != FindableLabel {
		return f, false
	}
	b := label[FindableLabel-FindingSize:]
	return Finding{Tag: [TagSize]byte(b), Number: int(b[TagSize]), Voucher: [VoucherSize]byte(b[TagSize+1:])}, true
}

// FindShards asks a miner which shards it has under some tags, whoever brought them.
// To know a tag is to be allowed to ask for it, as to know a root is to be allowed to
// read: only those can derive it who may unmask what it leads to. A miner knows its
// own tags alone. It is our own: a miner older than it answers 404.
type FindShards struct {
	Tags  []byte // request: 1 to MaxFindTags, one after another
	Found []byte // of EncodeFound
}

// Name is "FindShards".
func (*FindShards) Name() string { return "FindShards" }

// Fields are the tags and the answer.
func (m *FindShards) Fields() []Field {
	return []Field{
		{Name: "tags", Value: &m.Tags, Required: true, Hashed: true},
		{Name: "found", Value: &m.Found, Answer: true},
	}
}

// FoundShard is a shard that a miner says it has under one of the tags.
type FoundShard struct {
	Tag     int      // which of those asked for, from 0
	Number  int      // of the shard, 0 to 255
	Root    [32]byte // by which it is had with GetShard
	Size    int64    // bytes
	Voucher [VoucherSize]byte
}

// ErrFound is returned for what is no list of shards that were found.
var ErrFound = errors.New("not a list of shards that were found")

// EncodeFound is the byte 1 and the shards one after another, in the order of their
// tags: the tag's place (2 bytes), the number (1), the root (32), the size (8) and
// the voucher (32), numbers big-endian. It is ErrFound for what ParseFound would not
// take.
func EncodeFound(list []FoundShard) ([]byte, error) {
	b := append(make([]byte, 0, 1+len(list)*foundSize), foundListV1)
	for i, s := range list {
		if s.Number < 0 || s.Number > 255 || s.Tag < 0 || s.Tag >= MaxFindTags {
			return nil, fmt.Errorf("%w: shard %d of tag %d", ErrFound, s.Number, s.Tag)
		}
		if err := inOrder(list[:i], s); err != nil {
			return nil, err
		}
		b = binary.BigEndian.AppendUint16(b, uint16(s.Tag))
		b = append(append(b, byte(s.Number)), s.Root[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(s.Size))
		b = append(b, s.Voucher[:]...)
	}
	return b, nil
}

// inOrder says whether a shard can follow others in a list.
func inOrder(before []FoundShard, s FoundShard) error {
	n := len(before)
	switch {
	case s.Size < 1:
		return fmt.Errorf("%w: a shard of %d bytes", ErrFound, s.Size)
	case n > 0 && s.Tag < before[n-1].Tag:
		return fmt.Errorf("%w: tag %d after %d", ErrFound, s.Tag, before[n-1].Tag)
	case n >= MaxFound && before[n-MaxFound].Tag == s.Tag:
		return fmt.Errorf("%w: more than %d shards of tag %d", ErrFound, MaxFound, s.Tag)
	}
	return nil
}

// ParseFound reads what EncodeFound writes for so many tags and nothing else, or
// fails with ErrFound.
func ParseFound(b []byte, tags int) (list []FoundShard, err error) {
	if len(b) == 0 || len(b) > MaxFoundList || b[0] != foundListV1 || (len(b)-1)%foundSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrFound, len(b))
	}
	for b = b[1:]; len(b) > 0; b = b[foundSize:] {
		s := FoundShard{
			Tag: int(binary.BigEndian.Uint16(b)), Number: int(b[2]), Root: [32]byte(b[3:]),
			Size: int64(binary.BigEndian.Uint64(b[35:])), Voucher: [VoucherSize]byte(b[43:]),
		}
		if s.Tag >= tags || s.Tag >= MaxFindTags {
			return nil, fmt.Errorf("%w: tag %d of %d", ErrFound, s.Tag, tags)
		}
		if err := inOrder(list, s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}
