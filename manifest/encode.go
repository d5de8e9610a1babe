package manifest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
)

// Encode is the manifest's one encoding; nil if Check refuses the manifest. All
// numbers are big-endian.
func (m Manifest) Encode() []byte {
	if m.Check() != nil {
		return nil
	}
	b := make([]byte, 0, fixedSize+len(m.Payload)+len(m.Segments)*segmentBytes+len(m.Inline))
	b = append(b, version)
	b = append(b, m.Owner[:]...)
	b = append(b, m.CID...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Created))
	b = append(b, m.Upload[:]...)
	b = append(b, m.Secret[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Payload)))
	b = append(b, m.Payload...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.SegmentSize))
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Segments)))
	for _, s := range m.Segments {
		b = binary.BigEndian.AppendUint64(b, uint64(s.Size))
		b = append(b, s.Root[:]...)
		b = append(b, byte(s.Scheme.Data), byte(s.Scheme.Total))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Inline)))
	return append(b, m.Inline...)
}

// Parse reads what Encode writes and nothing else. Its errors are ErrManifest. The
// manifest keeps nothing of b.
func Parse(b []byte) (Manifest, error) {
	if len(b) < fixedSize || len(b) > MaxEncoded {
		return Manifest{}, fmt.Errorf("%w: %d bytes, want %d to %d", ErrManifest, len(b), fixedSize, MaxEncoded)
	}
	if b[0] != version {
		return Manifest{}, fmt.Errorf("%w: version %d, want %d", ErrManifest, b[0], version)
	}
	var m Manifest
	r := reader{rest: b[1:]}
	m.Owner = [32]byte(r.take(32))
	m.CID = string(r.take(cidSize))
	m.Size = int64(r.uint64())
	m.Created = int64(r.uint64())
	m.Upload = [16]byte(r.take(16))
	m.Secret = envelope.ShardSecret(r.take(32))
	m.Payload = string(r.list(1, envelope.MaxPayload))
	m.SegmentSize = int64(r.uint64())
	segments := r.list(segmentBytes, MaxSegments)
	m.Segments = slices.Grow(m.Segments, len(segments)/segmentBytes)
	for s := range slices.Chunk(segments, segmentBytes) {
		m.Segments = append(m.Segments, Segment{
			Size:   int64(binary.BigEndian.Uint64(s)),
			Root:   erasure.Root(s[8:40]),
			Scheme: erasure.Scheme{Data: int(s[40]), Total: int(s[41])},
		})
	}
	m.Inline = append([]byte(nil), r.list(1, MaxInline)...)
	if r.bad || len(r.rest) > 0 {
		return Manifest{}, fmt.Errorf("%w: its parts do not make %d bytes", ErrManifest, len(b))
	}
	if err := m.Check(); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// reader takes an encoding apart. Once it is bad it gives zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return make([]byte, min(n, 64)) // only numbers and keys are taken unseen
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// list takes a number, and so many items of that size; it is bad if there are
// more than most, or not as many.
func (r *reader) list(size, most int) []byte {
	n := int64(binary.BigEndian.Uint32(r.take(4)))
	if r.bad || n > int64(most) || n*int64(size) > int64(len(r.rest)) {
		r.bad = true
		return nil
	}
	return r.take(int(n) * size)
}
