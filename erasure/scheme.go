package erasure

import (
	"errors"
	"fmt"
)

const (
	// Block is the length in bytes of what a row takes of a shard, and of what
	// a leaf is the hash of.
	Block = 64 << 10
	// MaxTotal is the largest number of shards.
	MaxTotal = 128
	// MaxSegment is the largest segment, and so the largest shard, in bytes.
	MaxSegment int64 = 256 << 20
)

// ErrScheme is returned for a scheme that there is not.
var ErrScheme = errors.New("no such coding scheme")

// Scheme says into how many shards a segment goes, and how many of them give it
// back. With Data 1 every shard is the segment itself.
type Scheme struct {
	Data, Total int // 1 ≤ Data ≤ Total ≤ MaxTotal
}

// Check is ErrScheme unless the numbers are within their bounds.
func (s Scheme) Check() error {
	if s.Data < 1 || s.Total < s.Data || s.Total > MaxTotal {
		return fmt.Errorf("%w: %v, want 1 ≤ data ≤ total ≤ %d", ErrScheme, s, MaxTotal)
	}
	return nil
}

// String is like "4-of-8".
func (s Scheme) String() string { return fmt.Sprintf("%d-of-%d", s.Data, s.Total) }

// Choose is the scheme for new segments where so many miners can take a shard:
// the table of docs/durability.md. Fewer than one miner count as one.
func Choose(miners int) Scheme {
	switch {
	case miners >= 40:
		return Scheme{10, 30}
	case miners >= 20:
		return Scheme{6, 16}
	case miners >= 8:
		return Scheme{4, 8}
	}
	return Scheme{1, min(max(miners, 1), 3)}
}

// Margin is how many shards a segment may still lose when its repair begins:
// three fifths of those that it can lose at all, or one less than those, by the
// arithmetic of docs/durability.md.
func (s Scheme) Margin() int {
	spare := s.Total - s.Data
	return max(0, min((3*spare+4)/5, spare-1))
}

// RepairAt is the number of healthy shards at which, or below which, a segment
// is to be repaired, up to all its shards. It is less than Data for a scheme
// that can lose nothing and never is to be repaired.
func (s Scheme) RepairAt() int {
	if s.Total == s.Data {
		return s.Data - 1
	}
	return s.Data + s.Margin()
}

// Rows is the number of rows of a segment of so many bytes; 0 where there is
// no such segment or scheme.
func (s Scheme) Rows(size int64) int64 {
	full, rest := s.cut(size)
	if rest > 0 {
		full++
	}
	return full
}

// ShardSize is the length in bytes of every shard of a segment of so many bytes;
// 0 where there is no such segment or scheme.
func (s Scheme) ShardSize(size int64) int64 {
	full, rest := s.cut(size)
	return full*Block + s.share(rest)
}

// RowBlock is how many bytes a row has of each shard; they begin at row × Block.
// 0 where there is no such row.
func (s Scheme) RowBlock(size, row int64) int {
	full, rest := s.cut(size)
	switch {
	case row >= 0 && row < full:
		return Block
	case row == full:
		return int(s.share(rest))
	}
	return 0
}

// RowData is how many bytes a row has of the segment; they begin at row × Data ×
// Block. What RowBlock × Data has more is zeros. 0 where there is no such row.
func (s Scheme) RowData(size, row int64) int {
	full, rest := s.cut(size)
	switch {
	case row >= 0 && row < full:
		return s.Data * Block
	case row == full:
		return int(rest)
	}
	return 0
}

// cut is the number of full rows and the bytes of the last, short one.
func (s Scheme) cut(size int64) (full, rest int64) {
	if size < 1 || size > MaxSegment || s.Check() != nil {
		return 0, 0
	}
	row := int64(s.Data) * Block
	return size / row, size % row
}

// share is the length of one piece of a short row. An impossible scheme has none.
func (s Scheme) share(rest int64) int64 {
	if rest == 0 {
		return 0
	}
	return (rest + int64(s.Data) - 1) / int64(s.Data)
}

// Pieces cuts room for a row into its Total pieces of block bytes, one after
// another, so that the first Data × block bytes are the row itself. It appends
// them to pieces[:0]; buf has at least Total × block bytes.
func (s Scheme) Pieces(pieces [][]byte, buf []byte, block int) [][]byte {
	pieces = pieces[:0]
	for i := range s.Total {
		pieces = append(pieces, buf[i*block:(i+1)*block:(i+1)*block])
	}
	return pieces
}
