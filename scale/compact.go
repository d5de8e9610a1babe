package scale

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
)

// AppendCompact appends n as a compact integer: 1, 2 or 4 bytes with the mode
// in the two lowest bits, or a byte of length and up to 8 bytes.
func AppendCompact(b []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n)<<2)
	case n < 1<<14:
		return binary.LittleEndian.AppendUint16(b, uint16(n)<<2|1)
	case n < 1<<30:
		return binary.LittleEndian.AppendUint32(b, uint32(n)<<2|2)
	}
	size := (bits.Len64(n) + 7) / 8
	b = append(b, byte(size-4)<<2|3)
	for range size {
		b = append(b, byte(n))
		n >>= 8
	}
	return b
}

// DecodeCompact reads a compact integer of up to 64 bits and returns what
// follows it. ErrData when it is cut short, wider, or not in its shortest form.
func DecodeCompact(b []byte) (n uint64, rest []byte, err error) {
	n, wide, size, err := compact(b)
	if err == nil && wide != nil {
		err = fmt.Errorf("%w: a compact integer of %d bits where 64 are the most", ErrData, wide.BitLen())
	}
	if err != nil {
		return 0, nil, err
	}
	return n, b[size:], nil
}

// compact reads a compact integer of up to 536 bits: n, or wide where it
// has more than 64 bits, and the number of bytes it took.
func compact(b []byte) (n uint64, wide *big.Int, size int, err error) {
	if len(b) == 0 {
		return 0, nil, 0, errEnds
	}
	least := uint64(0) // what the next shorter form cannot hold
	switch b[0] & 3 {
	case 0:
		return uint64(b[0] >> 2), nil, 1, nil
	case 1:
		size, least = 2, 1<<6
	case 2:
		size, least = 4, 1<<14
	default:
		return compactLong(b)
	}
	if len(b) < size {
		return 0, nil, 0, errEnds
	}
	if n = little(b[:size]) >> 2; n < least {
		return 0, nil, 0, errNotShortest
	}
	return n, nil, size, nil
}

// compactLong reads the mode with a byte of length.
func compactLong(b []byte) (uint64, *big.Int, int, error) {
	size := 1 + int(b[0]>>2) + 4
	if len(b) < size {
		return 0, nil, 0, errEnds
	}
	body := b[1:size]
	if body[len(body)-1] == 0 {
		return 0, nil, 0, errNotShortest
	}
	if len(body) > 8 {
		return 0, bigFrom(body), size, nil
	}
	n := little(body)
	if n < 1<<30 {
		return 0, nil, 0, errNotShortest
	}
	return n, nil, size, nil
}

// appendCompactBig is AppendCompact for n of 0 to 536 bits.
func appendCompactBig(b []byte, n *big.Int) []byte {
	if n.IsUint64() {
		return AppendCompact(b, n.Uint64())
	}
	size := (n.BitLen() + 7) / 8
	b = append(b, byte(size-4)<<2|3)
	return appendBig(b, n, size)
}

// little is the little-endian number in at most 8 bytes.
func little(b []byte) uint64 {
	var n uint64
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// bigFrom is the unsigned little-endian number in b.
func bigFrom(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// appendBig appends n, not negative and of at most size bytes, little-endian.
func appendBig(b []byte, n *big.Int, size int) []byte {
	at := len(b)
	b = append(b, make([]byte, size)...)
	n.FillBytes(b[at:])
	slices.Reverse(b[at:])
	return b
}

var (
	errEnds        = fmt.Errorf("%w: it ends too early", ErrData)
	errNotShortest = fmt.Errorf("%w: a compact integer is not in its shortest form", ErrData)
)
