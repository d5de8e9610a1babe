// Package manifest is what a file is, as its owner signs it: its name, length and
// key's salt, and the segments that it consists of, or its bytes themselves where
// they are few. It also has the form in which all that is needed to get a file back
// from miners alone is kept in one document, the [Export].
//
// It signs nothing, encrypts nothing and asks nobody: who holds which shard is
// somebody else's knowledge, a [Placement]. Enter at [Manifest.Encode] and
// [Parse].
package manifest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/zeebo/blake3"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
)

const (
	// MaxInline is how many sealed bytes travel in the manifest itself.
	MaxInline = 8 << 10
	// SegmentSize is the length of the segments of new files, in bytes: little
	// enough to be put again after a flap, and shards of 6.4 to 64 MiB.
	SegmentSize = 64 << 20
	// MaxSegments is the largest number of segments: 8 TiB in SegmentSize.
	MaxSegments = 1 << 17
	// MaxEncoded is the length of the longest encoding, in bytes: about 5 MiB.
	MaxEncoded = fixedSize + envelope.MaxPayload + MaxSegments*segmentBytes + MaxInline
)

const (
	version      = 1
	domain       = "filetao manifest v1"
	segmentIDs   = "filetao 2026 segment v1" // context of BLAKE3's derive-key mode
	cidSize      = 59
	fixedSize    = 1 + 32 + cidSize + 8 + 8 + 16 + 32 + 4 + 8 + 4 + 4
	segmentBytes = 8 + 32 + 1 + 1
	maxTime      = 253402300799 // the end of the year 9999
)

// ErrManifest is returned for what is no manifest, or contradicts itself.
var ErrManifest = errors.New("not a manifest")

// Manifest is a file. It has segments, or all its bytes are Inline.
type Manifest struct {
	Owner       [32]byte             // public key of the hotkey that signs; not zero
	CID         string               // the file's name, as package cid writes it
	Size        int64                // sealed bytes
	Payload     string               // of the envelope: UTF-8, up to envelope.MaxPayload bytes
	Upload      [16]byte             // names the segments together with the owner
	Secret      envelope.ShardSecret // of the masks of all shards
	Created     int64                // Unix seconds, up to the year 9999
	SegmentSize int64                // bytes of each segment but the last; 0 if there are none
	Segments    []Segment            // up to MaxSegments, in the order of the file
	Inline      []byte               // up to MaxInline sealed bytes; none if there are segments
}

// Segment is one segment of a file.
type Segment struct {
	Size   int64        // bytes: the manifest's SegmentSize, less for the last
	Root   erasure.Root // of the segment
	Scheme erasure.Scheme
}

// Check is ErrManifest unless all fields are within their bounds and fit each
// other.
func (m Manifest) Check() error {
	switch {
	case m.Owner == [32]byte{}:
		return fmt.Errorf("%w: no owner", ErrManifest)
	case len(m.Payload) > envelope.MaxPayload || !utf8.ValidString(m.Payload):
		return fmt.Errorf("%w: payload of %d bytes", ErrManifest, len(m.Payload))
	case m.Created < 0 || m.Created > maxTime:
		return fmt.Errorf("%w: created at %d", ErrManifest, m.Created)
	}
	if err := cid.Parse(m.CID); err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if len(m.Segments) > 0 {
		return m.checkSegments()
	}
	if len(m.Inline) > MaxInline || m.Size != int64(len(m.Inline)) || m.SegmentSize != 0 {
		return fmt.Errorf("%w: size %d, no segments (of %d), %d bytes inline", ErrManifest, m.Size, m.SegmentSize, len(m.Inline))
	}
	return nil
}

func (m Manifest) checkSegments() error {
	last := len(m.Segments) - 1
	if last >= MaxSegments || m.SegmentSize < 1 || m.SegmentSize > erasure.MaxSegment || len(m.Inline) > 0 {
		return fmt.Errorf("%w: %d segments of %d bytes, %d bytes inline", ErrManifest, last+1, m.SegmentSize, len(m.Inline))
	}
	for i, s := range m.Segments {
		if s.Size < 1 || s.Size > m.SegmentSize || i < last && s.Size != m.SegmentSize {
			return fmt.Errorf("%w: segment %d of %d has %d bytes", ErrManifest, i, last+1, s.Size)
		}
		if err := s.Scheme.Check(); err != nil {
			return fmt.Errorf("%w: segment %d: %w", ErrManifest, i, err)
		}
	}
	if sum := m.Offset(last) + m.Segments[last].Size; sum != m.Size {
		return fmt.Errorf("%w: size %d, segments of %d bytes together", ErrManifest, m.Size, sum)
	}
	return nil
}

// Digest is SHA-256 of the domain "filetao manifest v1" and the encoding; zero for
// a manifest that Check refuses.
func (m Manifest) Digest() [32]byte {
	if b := m.Encode(); b != nil {
		return digest(b)
	}
	return [32]byte{}
}

// Text is what the owner signs: the domain and the digest; nil for a manifest
// that Check refuses.
func (m Manifest) Text() []byte {
	if b := m.Encode(); b != nil {
		return text(b)
	}
	return nil
}

func digest(encoded []byte) [32]byte { return sha256.Sum256(append([]byte(domain), encoded...)) }

func text(encoded []byte) []byte {
	d := digest(encoded)
	return append([]byte(domain), d[:]...)
}

// ID is the SegmentID of the i-th segment, which must be there.
func (m Manifest) ID(i int) [32]byte {
	return SegmentID(m.Owner, m.Upload, i, m.Segments[i].Size, m.Segments[i].Root)
}

// SegmentID names a segment, as part of this upload of this owner: BLAKE3 in
// derive-key mode, context "filetao 2026 segment v1", of owner, upload, index and
// size (8 bytes each, little-endian) and root. As text it is a decimal number, as
// erasure.Root.
func SegmentID(owner [32]byte, upload [16]byte, index int, size int64, root erasure.Root) (id [32]byte) {
	material := make([]byte, 0, 96)
	material = append(append(material, owner[:]...), upload[:]...)
	material = binary.LittleEndian.AppendUint64(material, uint64(index))
	material = binary.LittleEndian.AppendUint64(material, uint64(size))
	blake3.DeriveKey(segmentIDs, append(material, root[:]...), id[:])
	return id
}

// Takes is how many bytes a file has on all disks together: the shards of its
// segments, and the manifest with what is in it.
func (m Manifest) Takes() int64 {
	n := int64(fixedSize + len(m.Payload) + len(m.Segments)*segmentBytes + len(m.Inline))
	for _, s := range m.Segments {
		n += s.Scheme.ShardSize(s.Size) * int64(s.Scheme.Total)
	}
	return n
}

// Offset is where the i-th segment begins in the file's sealed bytes.
func (m Manifest) Offset(i int) int64 { return int64(i) * m.SegmentSize }

// Range is a part of a segment.
type Range struct {
	Segment        int   // its index
	Offset, Length int64 // bytes; Length is at least 1
}

// Locate says where length of the file's sealed bytes from offset on are: parts of
// segments, in order. What is beyond the file does not count. A file that is
// inline has no such parts.
func (m Manifest) Locate(offset, length int64) []Range {
	if offset < 0 || offset >= m.Size || length <= 0 || len(m.Segments) == 0 || m.SegmentSize < 1 {
		return nil
	}
	end := offset + min(length, m.Size-offset)
	most := min((end-1)/m.SegmentSize-offset/m.SegmentSize+1, int64(len(m.Segments)))
	ranges := make([]Range, 0, most)
	for offset < end {
		i, from := offset/m.SegmentSize, offset%m.SegmentSize
		n := min(end-offset, m.SegmentSize-from)
		ranges = append(ranges, Range{int(i), from, n})
		offset += n
	}
	return ranges
}
