package blocktree

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// extent is a range of bytes of data of some size.
type extent struct{ size, from, length int64 }

// maxSize keeps sums of sizes far from overflow.
const maxSize = 1 << 60

func (e extent) check() error {
	if e.size < 0 || e.size > maxSize || e.from < 0 || e.length < 0 || e.from > e.size-e.length || e.length == 0 && e.size > 0 {
		return fmt.Errorf("%w: %d bytes from %d of %d", ErrRange, e.length, e.from, e.size)
	}
	return nil
}

// has says whether a tree of these blocks has a byte of the range.
func (e extent) has(s span) bool {
	return e.length > 0 && s.first <= (e.from+e.length-1)/BlockSize && s.first+s.blocks > e.from/BlockSize
}

// all is the span of all blocks.
func (e extent) all() span { return span{0, e.size/BlockSize + min(e.size%BlockSize, 1)} }

// blockLength is that of one block in bytes.
func (e extent) blockLength(block int64) int { return int(min(BlockSize, e.size-block*BlockSize)) }

// span is the blocks of one node of the tree.
type span struct{ first, blocks int64 }

// halves are the spans of both sides of a node of two blocks or more.
func (s span) halves() (left, right span) {
	n := int64(1) << (s.level() - 1)
	return span{s.first, n}, span{s.first + n, s.blocks - n}
}

// level is the height of the node: the least k with 2^k blocks or more.
func (s span) level() int { return bits.Len64(uint64(s.blocks - 1)) }

// Tree has all hashes of some data, 64 bytes for a block, to encode ranges of
// it. It does not change.
type Tree struct {
	size   int64
	root   Root
	levels [][]digest // level k has a node for every 2^k blocks
}

// NewTree reads data to its end. It returns the reader's error.
func NewTree(data io.Reader) (*Tree, error) {
	t := &Tree{levels: [][]digest{nil}}
	for {
		var b [BlockSize]byte
		n, err := io.ReadFull(data, b[:])
		if n > 0 {
			t.size += int64(n)
			t.levels[0] = append(t.levels[0], leafOf(b[:n]))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	top := sha256.Sum256(nil)
	for nodes := t.levels[0]; len(nodes) > 0; {
		if len(nodes) == 1 {
			top = nodes[0]
			break
		}
		nodes = parents(nodes)
		t.levels = append(t.levels, nodes)
	}
	t.root = rootOf(t.size, top)
	return t, nil
}

// parents is the next level. A last node without a neighbour moves up.
func parents(nodes []digest) []digest {
	up := make([]digest, 0, (len(nodes)+1)/2)
	for i := 0; i+1 < len(nodes); i += 2 {
		up = append(up, nodeOf(nodes[i], nodes[i+1]))
	}
	if len(nodes)%2 == 1 {
		up = append(up, nodes[len(nodes)-1])
	}
	return up
}

// Root is the same as Sum of the data.
func (t *Tree) Root() Root { return t.root }

// Size is the length of the data in bytes.
func (t *Tree) Size() int64 { return t.size }

func (t *Tree) hash(s span) digest {
	level := s.level()
	return t.levels[level][s.first>>level]
}

// Encode writes the length bytes that begin at from so that NewReader verifies
// them. The data must be that of the tree: ErrVerify where it is not, with none
// of the wrong block written. ErrRange, or an error of data or w, otherwise.
func (t *Tree) Encode(w io.Writer, data io.ReaderAt, from, length int64) error {
	e := extent{t.size, from, length}
	if err := e.check(); err != nil {
		return err
	}
	return t.encode(w, data, e, e.all())
}

func (t *Tree) encode(w io.Writer, data io.ReaderAt, e extent, s span) error {
	if !e.has(s) {
		return nil
	}
	if s.blocks == 1 {
		block := make([]byte, e.blockLength(s.first))
		if n, err := data.ReadAt(block, s.first*BlockSize); n < len(block) {
			return fmt.Errorf("blocktree: block %d: %w", s.first, short(err))
		}
		if leafOf(block) != t.hash(s) {
			return fmt.Errorf("%w: block %d", ErrVerify, s.first)
		}
		_, err := w.Write(block)
		return err
	}
	left, right := s.halves()
	l, r := t.hash(left), t.hash(right)
	if _, err := w.Write(bytes.Join([][]byte{l[:], r[:]}, nil)); err != nil {
		return err
	}
	if err := t.encode(w, data, e, left); err != nil {
		return err
	}
	return t.encode(w, data, e, right)
}

// short is the error of a reader that gave less than it should.
func short(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// EncodedSize is how many bytes Encode writes of that range of data of that
// many bytes. ErrRange.
func EncodedSize(size, from, length int64) (int64, error) {
	e := extent{size, from, length}
	if err := e.check(); err != nil {
		return 0, err
	}
	return e.encodedSize(e.all()), nil
}

func (e extent) encodedSize(s span) int64 {
	inside := e.from <= s.first*BlockSize && (s.first+s.blocks)*BlockSize <= e.from+e.length
	switch {
	case !e.has(s):
		return 0
	case s.blocks == 1:
		return int64(e.blockLength(s.first))
	case inside:
		return s.blocks*BlockSize + (s.blocks-1)*pairSize
	}
	left, right := s.halves()
	return pairSize + e.encodedSize(left) + e.encodedSize(right)
}

// pairSize is the length of both hashes of a node.
const pairSize = 2 * sha256.Size
