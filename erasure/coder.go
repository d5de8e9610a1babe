package erasure

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/reedsolomon"
)

var (
	// ErrPieces is returned for pieces that are not as many as the scheme has,
	// or are empty or of different lengths.
	ErrPieces = errors.New("erasure: not the pieces of a row")
	// ErrTooFew is returned where fewer than Data pieces are there.
	ErrTooFew = errors.New("erasure: too few pieces to give the row back")
)

// group is how many parity pieces are computed at once: the most for which the
// library has code that keeps all of them in registers.
const group = 10

// Coder codes the rows of one scheme. Many may use it at the same time.
type Coder struct {
	scheme Scheme
	data   []bool                // which pieces are data
	whole  reedsolomon.Encoder   // for pieces that are missing
	parity []reedsolomon.Encoder // each for the next group pieces of parity
	rows   sync.Pool             // of *[][]byte: the data and one group
}

// New prepares the tables of a scheme. Its errors are ErrScheme.
func New(s Scheme) (*Coder, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	c := &Coder{scheme: s, data: make([]bool, s.Total)}
	c.rows.New = func() any { return new(make([][]byte, 0, s.Data+group)) }
	for i := range s.Data {
		c.data[i] = true
	}
	if s.Data == 1 || s.Data == s.Total {
		return c, nil
	}
	// The library's cache of inverted matrices grows with every set of shards
	// that was ever missing, without end; inverting again is cheap enough.
	options := []reedsolomon.Option{reedsolomon.WithMaxGoroutines(1), reedsolomon.WithInversionCache(false)}
	var err error
	if c.whole, err = reedsolomon.New(s.Data, s.Total-s.Data, options...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	rows, err := parityRows(c.whole, s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	for part := range slices.Chunk(rows, group) {
		e, err := reedsolomon.New(s.Data, len(part), append(options, reedsolomon.WithCustomMatrix(part))...)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrScheme, err)
		}
		c.parity = append(c.parity, e)
	}
	return c, nil
}

// parityRows is the matrix that makes parity of data: what becomes of the unit
// vectors.
func parityRows(e reedsolomon.Encoder, s Scheme) ([][]byte, error) {
	units := s.Pieces(nil, make([]byte, s.Total*s.Data), s.Data)
	for i := range s.Data {
		units[i][i] = 1
	}
	return units[s.Data:], e.Encode(units)
}

// Scheme is what the Coder is for.
func (c *Coder) Scheme() Scheme { return c.scheme }

// Encode fills the parity of a row: Total pieces of one length, at least a byte,
// of which the first Data are there and the others are overwritten. Its errors
// are ErrPieces.
func (c *Coder) Encode(pieces [][]byte) error {
	block, err := c.check(pieces, false)
	if err != nil {
		return err
	}
	if c.scheme.Data == 1 {
		for _, p := range pieces[1:] {
			copy(p, pieces[0])
		}
		return nil
	}
	// The library wants data and parity in one slice, and most groups do not
	// lie beside the data.
	row := c.rows.Get().(*[][]byte)
	defer c.rows.Put(row)
	for i, e := range c.parity {
		from := c.scheme.Data + i*group
		*row = append((*row)[:0], pieces[:c.scheme.Data]...)
		*row = append(*row, pieces[from:min(from+group, len(pieces))]...)
		err := e.Encode(*row)
		clear(*row) // or the pool would keep the caller's memory
		if err != nil {
			return fmt.Errorf("encode %v with blocks of %d: %w", c.scheme, block, err)
		}
	}
	return nil
}

// Reconstruct fills the missing data of a row. There are Total pieces; those of
// no length are missing, the others are right and of one length. A missing piece
// is written into its own capacity if that suffices. Parity that is missing
// stays so. Its errors are ErrPieces and ErrTooFew.
//
// Pieces are not checked: whoever fetched them did it with their leaves.
func (c *Coder) Reconstruct(pieces [][]byte) error {
	return c.ReconstructSome(pieces, c.data)
}

// ReconstructSome is Reconstruct for the missing pieces i with need[i], be they
// data or parity: what a repair wants. need has Total entries.
func (c *Coder) ReconstructSome(pieces [][]byte, need []bool) error {
	block, err := c.check(pieces, true)
	if err != nil {
		return err
	}
	if len(need) != c.scheme.Total {
		return fmt.Errorf("%w: %d needs for %d pieces", ErrPieces, len(need), c.scheme.Total)
	}
	missing, there := 0, 0
	for i, p := range pieces {
		if len(p) > 0 {
			there++
		} else if need[i] {
			missing++
		}
	}
	switch {
	case missing == 0:
		return nil
	case there < c.scheme.Data:
		return fmt.Errorf("%w: %d of %v", ErrTooFew, there, c.scheme)
	case c.scheme.Data == 1:
		c.copies(pieces, need)
		return nil
	}
	if err := c.whole.ReconstructSome(pieces, need); err != nil {
		return fmt.Errorf("reconstruct %v with blocks of %d: %w", c.scheme, block, err)
	}
	return nil
}

// copies fills missing pieces that are all the same.
func (c *Coder) copies(pieces [][]byte, need []bool) {
	one := pieces[slices.IndexFunc(pieces, func(p []byte) bool { return len(p) > 0 })]
	for i, p := range pieces {
		if len(p) == 0 && need[i] {
			pieces[i] = append(p[:0], one...)
		}
	}
}

// check returns the length of the pieces.
func (c *Coder) check(pieces [][]byte, missing bool) (int, error) {
	if len(pieces) != c.scheme.Total {
		return 0, fmt.Errorf("%w: %d for %v", ErrPieces, len(pieces), c.scheme)
	}
	block := 0
	for i, p := range pieces {
		switch {
		case len(p) == 0 && missing:
		case len(p) == 0 || block != 0 && len(p) != block:
			return 0, fmt.Errorf("%w: piece %d has %d bytes, others %d", ErrPieces, i, len(p), block)
		default:
			block = len(p)
		}
	}
	return block, nil
}
