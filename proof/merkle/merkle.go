// Package merkle is the Merkle tree of a Challenge: leaves go in unhashed, a
// parent is SHA3-256(left || right), an unpaired last node moves up unchanged,
// and the root of one leaf is that leaf. Because leaves are not hashed it is no
// tree for general use. It knows nothing of curves; a leaf is any short text.
// Enter at Builder to make a root and one path, at Path.Verify to check one,
// at ParsePath for the wire form.
package merkle

import (
	"bytes"
	"crypto/sha3"
	"errors"
	"fmt"
)

// ErrPath is returned for a path that is malformed or does not lead from the
// leaf to the root.
var ErrPath = errors.New("merkle: the path does not lead from the leaf to the root")

// ErrIndex is returned for a leaf that the tree does not have.
var ErrIndex = errors.New("merkle: no such leaf")

// MaxSteps bounds a path: no tree here has more than 2^64 leaves.
const MaxSteps = 64

// MaxNode bounds a leaf, and so every node, in bytes.
const MaxNode = 256

// Step is one level of a path.
type Step struct {
	Left    bool   // the sibling is on the left
	Sibling []byte // a leaf as it is, or the 32 bytes of an inner node
}

// Path leads from a leaf to the root. Levels at which the node is the unpaired
// last one have no step.
type Path []Step

// Root is the root that the path leads to from leaf.
func (p Path) Root(leaf []byte) []byte {
	node := leaf
	for _, s := range p {
		if s.Left {
			node = parent(s.Sibling, node)
		} else {
			node = parent(node, s.Sibling)
		}
	}
	return node
}

// Verify returns nil when the path leads from leaf, as leaf number index of
// count, to root: its sides must be those of that place in a tree of that
// size. Otherwise ErrIndex or ErrPath.
func (p Path) Verify(leaf []byte, index, count int64, root []byte) error {
	if index < 0 || index >= count {
		return fmt.Errorf("%w: %d of %d", ErrIndex, index, count)
	}
	steps := 0
	for ; count > 1; index, count = index/2, count/2+count%2 {
		if index == count-1 && count%2 == 1 {
			continue
		}
		if steps == len(p) || p[steps].Left != (index%2 == 1) {
			return fmt.Errorf("%w: step %d is not where the leaf stands", ErrPath, steps)
		}
		steps++
	}
	if steps != len(p) {
		return fmt.Errorf("%w: %d steps too many", ErrPath, len(p)-steps)
	}
	if !bytes.Equal(p.Root(leaf), root) {
		return ErrPath
	}
	return nil
}

// parent is SHA3-256(left || right).
func parent(left, right []byte) []byte {
	var both [2 * MaxNode]byte
	sum := sha3.Sum256(append(append(both[:0], left...), right...))
	return sum[:]
}
