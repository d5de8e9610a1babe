package blocktree

import (
	"fmt"
	"io"
)

// Reader gives out the bytes of a range, each only after it was verified. It
// takes no more from its source than the encoding, and holds one block and at
// most 64 hashes. The first error stays.
type Reader struct {
	source io.Reader
	root   Root
	extent extent
	todo   []pending // the next one last
	block  [BlockSize]byte
	ready  []byte // of block
	err    error
}

// pending is a tree that is still to come, and its hash; that of the whole tree
// is known by the root only.
type pending struct {
	span
	hash digest
}

// NewReader verifies what Tree.Encode wrote of the length bytes that begin at
// from, of data with that root and size in bytes. ErrRange, and ErrVerify where
// the size is 0 and the root another. Read returns ErrVerify for what is not
// the data's, or when root and size do not belong together, the source's errors,
// and io.ErrUnexpectedEOF where that ends early.
func NewReader(source io.Reader, root Root, size, from, length int64) (*Reader, error) {
	e := extent{size, from, length}
	if err := e.check(); err != nil {
		return nil, err
	}
	r := &Reader{source: source, root: root, extent: e}
	if size > 0 {
		r.todo = []pending{{span: e.all()}}
	} else if Sum(nil) != root {
		return nil, fmt.Errorf("%w: the root is not that of no bytes", ErrVerify)
	}
	return r, nil
}

// Read is that of io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.ready) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.ready) == 0 {
		return 0, r.err
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// next takes one node or block from the source.
func (r *Reader) next() error {
	if len(r.todo) == 0 {
		return io.EOF
	}
	p := r.todo[len(r.todo)-1]
	r.todo = r.todo[:len(r.todo)-1]
	b := r.block[:pairSize]
	if p.blocks == 1 {
		b = r.block[:r.extent.blockLength(p.first)]
	}
	if _, err := io.ReadFull(r.source, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("blocktree: reading block %d: %w", p.first, err)
	}
	if p.blocks == 1 {
		if !r.is(p, leafOf(b)) {
			return fmt.Errorf("%w: block %d", ErrVerify, p.first)
		}
		start := p.first * BlockSize
		end := min(int64(len(b)), r.extent.from+r.extent.length-start)
		r.ready = b[max(0, r.extent.from-start):end]
		return nil
	}
	left, right := digest(b[:len(b)/2]), digest(b[len(b)/2:])
	if !r.is(p, nodeOf(left, right)) {
		return fmt.Errorf("%w: the hashes above block %d", ErrVerify, p.first)
	}
	l, rt := p.halves()
	for _, side := range []pending{{rt, right}, {l, left}} {
		if r.extent.has(side.span) {
			r.todo = append(r.todo, side)
		}
	}
	return nil
}

// is says whether a hash is that of the tree that was to come.
func (r *Reader) is(p pending, hash digest) bool {
	if p.span == r.extent.all() {
		return rootOf(r.extent.size, hash) == r.root
	}
	return hash == p.hash
}
