package manifest

import (
	"encoding/binary"

	"github.com/zeebo/blake3"
)

// SegmentName is what a segment's masks are bound to: BLAKE3, derive-key context
// "filetao 2026 segment name v1", of the owner's public key, the upload, and the
// segment's place in the file in 8 bytes little-endian. Unlike the ID it is known
// before the segment's bytes are.
func SegmentName(owner [32]byte, upload [16]byte, index int) (name [32]byte) {
	h := blake3.NewDeriveKey("filetao 2026 segment name v1")
	h.Write(owner[:])
	h.Write(upload[:])
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(index)))
	h.Sum(name[:0])
	return name
}
