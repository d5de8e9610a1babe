package pedersen

import (
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"sync"
	"sync/atomic"

	"filippo.io/nistec"
)

const (
	// few is the number of commitments below which tables do not pay.
	few = 6
	// maxChunk is the number of commitments that one core sums up at a time.
	// More share an inversion, but their terms have to fit the cache.
	maxChunk = 64
)

// Committer makes many commitments to the same bases, on all cores. It may be
// used by one goroutine at a time.
type Committer struct {
	g, h   *nistec.P256Point
	tables []table // of G and of H; none for few commitments
	cores  []scratch
}

// scratch is the memory one core needs.
type scratch struct {
	terms []affine
	adder adder
}

// Committer prepares for about n commitments, made in one call or several. Any
// n is right; a good one is fast. It returns ErrPoint for bases never set.
func (b Bases) Committer(n int) (*Committer, error) {
	g, err := b.G.group()
	if err != nil {
		return nil, err
	}
	h, err := b.H.group()
	if err != nil {
		return nil, err
	}
	c := &Committer{g: g, h: h, cores: make([]scratch, runtime.GOMAXPROCS(0))}
	if n < few {
		return c, nil
	}
	bases := [2]Point{b.G, b.H}
	c.tables = make([]table, len(bases))
	c.inParallel(len(bases), func(i int, s *scratch) {
		c.tables[i] = newTable(bases[i].affine(), width(n), &s.adder)
	})
	return c, nil
}

// CommitAll is Bases.Commit for ms[i] with rs[i], all i. No points come with an
// error.
func (c *Committer) CommitAll(ms [][32]byte, rs []*big.Int) ([]Point, error) {
	if len(ms) != len(rs) {
		return nil, fmt.Errorf("%w: %d for %d messages", ErrScalar, len(rs), len(ms))
	}
	scalars := make([][32]byte, len(rs))
	for i, r := range rs {
		var err error
		if scalars[i], err = scalar(r); err != nil {
			return nil, fmt.Errorf("commitment %d: %w", i, err)
		}
	}
	points := make([]Point, len(ms))
	size := max(1, min(maxChunk, (len(ms)+len(c.cores)-1)/len(c.cores)))
	errs := make([]error, (len(ms)+size-1)/size)
	c.inParallel(len(errs), func(i int, s *scratch) {
		low, high := i*size, min((i+1)*size, len(ms))
		errs[i] = c.commit(s, points[low:high], ms[low:high], scalars[low:high])
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return points, nil
}

// commit sums up the terms of some commitments, half of the rows onto the
// other, until one row is left.
func (c *Committer) commit(s *scratch, points []Point, ms, rs [][32]byte) (err error) {
	if c.tables == nil {
		for i := range points {
			if points[i], err = commit(c.g, c.h, ms[i], rs[i]); err != nil {
				return err
			}
		}
		return nil
	}
	n := len(points)
	rows := 2 * windows(c.tables[0].width)
	if len(s.terms) < rows*n {
		s.terms = make([]affine, rows*n)
	}
	terms := s.terms[:rows*n]
	c.tables[0].selectAll(terms[:len(terms)/2], ms)
	c.tables[1].selectAll(terms[len(terms)/2:], rs)
	for ; rows > 1; rows -= rows / 2 {
		half := rows / 2 * n
		s.adder.addAll(terms[:half], terms[rows*n-half:rows*n])
	}
	for i := range points {
		if points[i], err = terms[i].point(); err != nil {
			return err
		}
	}
	return nil
}

// inParallel calls do for 0 … n-1 on all cores, each with memory of its own,
// and returns when all are done.
func (c *Committer) inParallel(n int, do func(i int, s *scratch)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for core := range min(n, len(c.cores)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i), &c.cores[core])
			}
		})
	}
	wg.Wait()
}
