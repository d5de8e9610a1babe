package erasure

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/blake3"

	"github.com/filetao/filetao/proof/seedchain"
)

// The contexts of BLAKE3's derive-key mode, which keep leaves, roots and every
// other hash apart.
const (
	leafContext = "filetao 2026 shard leaf v1"
	rootContext = "filetao 2026 shard root v1"
)

// LeafSize is the length in bytes of a leaf.
const LeafSize = 32

var (
	// ErrBlock is returned for a block that is not the one of its leaf.
	ErrBlock = errors.New("block does not match its leaf")
	// ErrLeaves is returned for leaves that are not as many as the size has
	// blocks, or not those of a root.
	ErrLeaves = errors.New("leaves do not match size and root")
)

// Root is the tree hash of a segment or shard: of its size and its leaves.
type Root [32]byte

// ParseRoot reads a root from its decimal text, as String writes it and in no
// other way. Its errors are seedchain.ErrDecimal.
func ParseRoot(decimal string) (Root, error) {
	r, err := seedchain.ParseDecimal(decimal)
	return Root(r), err
}

// String is the root as on the wire: a big-endian unsigned number in decimal.
func (r Root) String() string { return seedchain.Decimal(r) }

// Leaves are the hashes of blocks, LeafSize bytes each, one after another.
type Leaves []byte

// LeavesSize is the length in bytes of the leaves of so many bytes.
func LeavesSize(size int64) int64 { return (max(size, 0) + Block - 1) / Block * LeafSize }

// Root is the root of so many bytes with these leaves; ErrLeaves if they are not
// as many as that size has.
func (l Leaves) Root(size int64) (Root, error) {
	if size < 0 || int64(len(l)) != LeavesSize(size) {
		return Root{}, fmt.Errorf("%w: %d bytes of leaves for %d bytes", ErrLeaves, len(l), size)
	}
	return rootOf(size, l), nil
}

func rootOf(size int64, leaves ...[]byte) (r Root) {
	h := blake3.NewDeriveKey(rootContext)
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(size)))
	for _, l := range leaves {
		h.Write(l)
	}
	h.Sum(r[:0])
	return r
}

// Check is ErrBlock unless block is the i-th one, all of it. For many blocks
// take a Checker.
func (l Leaves) Check(i int64, block []byte) error {
	return (&Checker{l, blake3.NewDeriveKey(leafContext)}).Check(i, block)
}

// Checker checks blocks without allocating. It is not for concurrent use.
type Checker struct {
	leaves Leaves
	leaf   *blake3.Hasher
}

// NewChecker is for blocks of the one text that has this size and root;
// ErrLeaves if the leaves are not its. It keeps the leaves.
func NewChecker(root Root, size int64, leaves Leaves) (*Checker, error) {
	got, err := leaves.Root(size)
	if err != nil {
		return nil, err
	}
	if got != root {
		return nil, fmt.Errorf("%w: they give another root", ErrLeaves)
	}
	return &Checker{leaves, blake3.NewDeriveKey(leafContext)}, nil
}

// Check is ErrBlock unless block is the i-th one, all of it.
func (c *Checker) Check(i int64, block []byte) error {
	if i < 0 || i >= int64(len(c.leaves)/LeafSize) {
		return fmt.Errorf("%w: block %d of %d", ErrBlock, i, len(c.leaves)/LeafSize)
	}
	var got [LeafSize]byte
	c.leaf.Reset()
	c.leaf.Write(block)
	c.leaf.Sum(got[:0])
	if got != [LeafSize]byte(c.leaves[i*LeafSize:]) {
		return fmt.Errorf("%w: block %d, %d bytes", ErrBlock, i, len(block))
	}
	return nil
}

// Hasher computes leaves and root of what is written to it. It is not for
// concurrent use.
type Hasher struct {
	leaf   *blake3.Hasher
	leaves Leaves // of full blocks
	fill   int    // bytes of the block begun
}

// NewHasher starts with no bytes.
func NewHasher() *Hasher { return &Hasher{leaf: blake3.NewDeriveKey(leafContext)} }

// Write takes more bytes. It never fails, and allocates for the growing leaves
// only.
func (h *Hasher) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part := p[:min(len(p), Block-h.fill)]
		h.leaf.Write(part)
		h.fill += len(part)
		if h.fill == Block {
			h.leaves = h.leaf.Sum(h.leaves)
			h.leaf.Reset()
			h.fill = 0
		}
		p = p[len(part):]
	}
	return n, nil
}

// Size is the number of bytes written.
func (h *Hasher) Size() int64 { return int64(len(h.leaves)/LeafSize)*Block + int64(h.fill) }

// Leaves are those of everything written, in memory of the caller's own. Writing
// may go on.
func (h *Hasher) Leaves() Leaves {
	l := make(Leaves, 0, LeavesSize(h.Size()))
	return append(append(l, h.leaves...), h.last()...)
}

// Root is that of everything written. Writing may go on.
func (h *Hasher) Root() Root { return rootOf(h.Size(), h.leaves, h.last()) }

// last is the leaf of the block begun; empty where none is.
func (h *Hasher) last() []byte {
	if h.fill == 0 {
		return nil
	}
	return h.leaf.Sum(nil)
}

// Reset starts again with no bytes.
func (h *Hasher) Reset() {
	h.leaf.Reset()
	h.leaves, h.fill = h.leaves[:0], 0
}
