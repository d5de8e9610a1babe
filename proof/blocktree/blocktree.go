// Package blocktree pins data to a root when it is stored, so that any range of
// it can later be verified as it streams in, without the rest: a hash tree over
// blocks of 4,096 bytes. It is not the Merkle tree of a Challenge, which is
// package proof/merkle.
//
// Hashes are SHA-256. Leaves, inner nodes and the shape are those of RFC 6962,
// section 2.1: a leaf is H(0x00 || block), a node H(0x01 || left || right), and
// of n > 1 blocks the left side has the largest power of two below n. The last
// block is as long as is left; of no data the tree's hash is H of nothing. On
// top, which RFC 6962 has not, the root is
//
//	H(0x02 || size in bytes, 8 bytes big-endian || the tree's hash)
//
// so that who verifies one block has verified the size too.
//
// # Ranges
//
// Of a range of bytes goes over the wire what its blocks are verified with, and
// the blocks, in the order in which they are needed: from the top, of a tree
// of one block that block; of a larger one the hashes of its left and right
// side, 64 bytes, then the left side and then the right, each only if it has a
// byte of the range. The whole data becomes 1.6 % longer by that.
//
// Enter at Sum and Hasher; for ranges at NewTree, Tree.Encode and NewReader.
package blocktree

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// BlockSize is the length of a block in bytes.
const BlockSize = 4096

var (
	// ErrRoot is returned by ParseRoot for text that is no root.
	ErrRoot = errors.New("blocktree: not a root")
	// ErrRange is returned for a range that is not in the data, or is of no
	// bytes of data that has some.
	ErrRange = errors.New("blocktree: no such range")
	// ErrVerify is returned for bytes that are not those the root was made of.
	ErrVerify = errors.New("blocktree: the data does not verify")
)

// Root stands for all bytes of some data, and for their number.
type Root [sha256.Size]byte

// String is the root in lower-case hex.
func (r Root) String() string { return hex.EncodeToString(r[:]) }

// ParseRoot reads what String writes and nothing else.
func ParseRoot(text string) (r Root, err error) {
	if len(text) != 2*len(r) {
		return Root{}, fmt.Errorf("%w: %d characters, must be %d", ErrRoot, len(text), 2*len(r))
	}
	b, err := hex.DecodeString(text)
	if err != nil || hex.EncodeToString(b) != text {
		return Root{}, fmt.Errorf("%w: %q is not lower-case hex", ErrRoot, text)
	}
	return Root(b), nil
}

// Sum is the root of data.
func Sum(data []byte) Root {
	var h Hasher
	h.Write(data)
	return h.Root()
}

// Hasher computes the root of what is written to it, in memory that hardly
// grows. The zero Hasher is ready.
type Hasher struct {
	size   int64
	part   []byte   // of the last block, not yet full
	blocks uint64   // that are full
	full   []digest // trees of 2^k of them, one for every bit of blocks, the largest first
}

// Write takes more of the data. It never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	n := len(p)
	h.size += int64(n)
	for len(p) > 0 {
		if len(h.part) == 0 && len(p) >= BlockSize {
			h.push(leafOf(p[:BlockSize]))
			p = p[BlockSize:]
			continue
		}
		k := min(BlockSize-len(h.part), len(p))
		h.part, p = append(h.part, p[:k]...), p[k:]
		if len(h.part) == BlockSize {
			h.push(leafOf(h.part))
			h.part = h.part[:0]
		}
	}
	return n, nil
}

// push takes the leaf of a full block.
func (h *Hasher) push(leaf digest) {
	h.blocks++
	for n := h.blocks; n&1 == 0; n >>= 1 {
		last := len(h.full) - 1
		leaf = nodeOf(h.full[last], leaf)
		h.full = h.full[:last]
	}
	h.full = append(h.full, leaf)
}

// Root is that of what was written so far. Writing may go on.
func (h *Hasher) Root() Root {
	rest := h.full
	var top digest
	switch {
	case len(h.part) > 0:
		top = leafOf(h.part)
	case len(rest) > 0:
		rest, top = rest[:len(rest)-1], rest[len(rest)-1]
	default:
		top = sha256.Sum256(nil)
	}
	for i := len(rest) - 1; i >= 0; i-- {
		top = nodeOf(rest[i], top)
	}
	return rootOf(h.size, top)
}

// digest is the hash of a tree.
type digest = [sha256.Size]byte

func leafOf(block []byte) digest {
	var b [1 + BlockSize]byte
	return sha256.Sum256(b[:1+copy(b[1:], block)])
}

func nodeOf(left, right digest) digest {
	b := [1 + 2*sha256.Size]byte{1}
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

func rootOf(size int64, top digest) Root {
	b := binary.BigEndian.AppendUint64([]byte{2}, uint64(size))
	return sha256.Sum256(append(b, top[:]...))
}
