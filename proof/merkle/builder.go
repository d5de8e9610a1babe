package merkle

import "fmt"

// Builder makes the root of leaves that stream by, and the path of one of them
// that was named before. It keeps one node for each level, never the tree.
type Builder struct {
	index, count int64
	// pending[k] is the node of level k that waits for its right sibling, nil
	// when there is none: the ones in count's binary digits.
	pending [][]byte
	path    Path
}

// NewBuilder builds a tree with the path of leaf number index, from 0.
func NewBuilder(index int64) *Builder { return &Builder{index: index, path: Path{}} }

// Add takes the next leaf, of up to MaxNode bytes, and keeps it: it must not be
// changed afterwards. It returns ErrPath for a longer leaf.
func (b *Builder) Add(leaf []byte) error {
	if len(leaf) > MaxNode {
		return fmt.Errorf("%w: a leaf of %d bytes", ErrPath, len(leaf))
	}
	node, level := leaf, 0
	for ; b.count>>level&1 == 1; level++ {
		node = b.join(level, node, b.count>>level)
		b.pending[level] = nil
	}
	if level == len(b.pending) {
		b.pending = append(b.pending, nil)
	}
	b.pending[level] = node
	b.count++
	return nil
}

// Finish returns the root over all leaves and the named leaf's path; ErrIndex
// when that leaf never came. Nothing may be added afterwards.
func (b *Builder) Finish() (root []byte, path Path, err error) {
	if b.index < 0 || b.index >= b.count {
		return nil, nil, fmt.Errorf("%w: %d of %d", ErrIndex, b.index, b.count)
	}
	for level, left := range b.pending {
		switch {
		case left == nil:
		case root == nil:
			root = left
		default:
			root = b.join(level, root, b.count>>level)
		}
	}
	return root, b.path, nil
}

// join is the parent of the pending node of a level and right, which is number
// position of that level. When the named leaf is under one of the two, the
// other is the next step of its path.
func (b *Builder) join(level int, right []byte, position int64) []byte {
	left := b.pending[level]
	switch b.index >> level {
	case position:
		b.path = append(b.path, Step{Left: true, Sibling: left})
	case position - 1:
		b.path = append(b.path, Step{Sibling: right})
	}
	return parent(left, right)
}
