package erasure_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/erasure"
)

// split is a segment's shards, as whoever codes makes them.
func split(t rapid.TB, c *erasure.Coder, segment []byte) [][]byte {
	t.Helper()
	s, size := c.Scheme(), int64(len(segment))
	shards, buf := make([][]byte, s.Total), make([]byte, s.Total*erasure.Block)
	var pieces [][]byte
	for row := range s.Rows(size) {
		block, data := s.RowBlock(size, row), s.RowData(size, row)
		clear(buf[copy(buf, segment[:data]):])
		segment = segment[data:]
		pieces = s.Pieces(pieces, buf, block)
		if err := c.Encode(pieces); err != nil {
			t.Fatal(err)
		}
		for i, p := range pieces {
			shards[i] = append(shards[i], p...)
		}
	}
	return shards
}

// join gives back a segment of which some shards are nil, and fills those that
// are needed.
func join(t rapid.TB, c *erasure.Coder, size int64, shards [][]byte, need []bool) []byte {
	t.Helper()
	s, buf := c.Scheme(), make([]byte, c.Scheme().Total*erasure.Block)
	var pieces [][]byte
	var segment []byte
	got := make([][]byte, s.Total)
	for row := range s.Rows(size) {
		block := s.RowBlock(size, row)
		pieces = s.Pieces(pieces, buf, block)
		for i := range pieces {
			pieces[i] = pieces[i][:0]
			if shards[i] != nil {
				pieces[i] = append(pieces[i], shards[i][row*erasure.Block:][:block]...)
			}
		}
		if err := c.ReconstructSome(pieces, need); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i] = append(got[i], pieces[i]...)
		}
		segment = append(segment, buf[:s.RowData(size, row)]...)
	}
	copy(shards, got)
	return segment
}

func bytesOf(size int, seed uint64) []byte {
	segment := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(segment)
	return segment
}

// Any Data shards give the segment back, and every other shard.
func TestAnyShardsGiveTheSegmentBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scheme(t)
		row := s.Data * erasure.Block
		size := rapid.OneOf(
			rapid.IntRange(1, 200),
			rapid.IntRange(1, 2<<20),
			rapid.SampledFrom([]int{row - 1, row, row + 1}),
		).Draw(t, "size")
		segment := bytesOf(size, rapid.Uint64().Draw(t, "bytes"))
		c, err := erasure.New(s)
		if err != nil {
			t.Fatal(err)
		}
		shards := split(t, c, segment)
		some, need := make([][]byte, s.Total), make([]bool, s.Total)
		order := rapid.Permutation(iota(s.Total)).Draw(t, "order")
		for _, i := range order[:s.Data] {
			some[i] = shards[i]
		}
		for i := range need {
			need[i] = i < s.Data || rapid.Bool().Draw(t, "need")
		}
		if got := join(t, c, int64(size), some, need); !bytes.Equal(got, segment) {
			t.Fatal("another segment")
		}
		for i, shard := range shards {
			if int64(len(shard)) != s.ShardSize(int64(size)) {
				t.Fatalf("shard %d has %d bytes", i, len(shard))
			}
			if need[i] && !bytes.Equal(some[i], shard) {
				t.Fatalf("shard %d comes back otherwise", i)
			}
		}
	})
}

func iota(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// The first shards are the segment, and of replicas all.
func TestShardsAreSystematic(t *testing.T) {
	segment := bytesOf(4*erasure.Block+13, 1)
	c, _ := row(t, erasure.Scheme{Data: 4, Total: 8}, 1)
	shards := split(t, c, segment)
	want := []byte{0, 0, 0}
	for i := range 4 {
		if !bytes.Equal(shards[i][:erasure.Block], segment[i*erasure.Block:][:erasure.Block]) {
			t.Errorf("shard %d", i)
		}
		want = append(want, shards[i][erasure.Block:]...)
	}
	if !bytes.Equal(want[3:], append(bytes.Clone(segment[4*erasure.Block:]), 0, 0, 0)) {
		t.Error("the last row is not the segment's end, filled up with zeros")
	}
	c, _ = row(t, erasure.Scheme{Data: 1, Total: 3}, 1)
	for _, shard := range split(t, c, segment) {
		if !bytes.Equal(shard, segment) {
			t.Error("a replica is not the segment")
		}
	}
}

func TestBadPieces(t *testing.T) {
	for _, s := range []erasure.Scheme{{1, 3}, {2, 2}, {4, 8}, {10, 30}} {
		c, pieces := row(t, s, 10)
		bad := func(change func(p [][]byte) [][]byte) [][]byte { return change(append([][]byte(nil), pieces...)) }
		short := bad(func(p [][]byte) [][]byte { p[1] = p[1][:9]; return p })
		fewer := bad(func(p [][]byte) [][]byte { return p[:len(p)-1] })
		more := bad(func(p [][]byte) [][]byte { return append(p, p[0]) })
		none := bad(func(p [][]byte) [][]byte { p[0] = nil; return p })
		for _, p := range [][][]byte{short, fewer, more, none, nil} {
			if err := c.Encode(p); !errors.Is(err, erasure.ErrPieces) {
				t.Errorf("%v: encode: %v", s, err)
			}
		}
		for _, p := range [][][]byte{short, fewer, more, nil} {
			if err := c.Reconstruct(p); !errors.Is(err, erasure.ErrPieces) {
				t.Errorf("%v: reconstruct: %v", s, err)
			}
		}
		if err := c.ReconstructSome(pieces, nil); !errors.Is(err, erasure.ErrPieces) {
			t.Errorf("%v: no needs: %v", s, err)
		}
		if err := c.Reconstruct(make([][]byte, s.Total)); !errors.Is(err, erasure.ErrTooFew) {
			t.Errorf("%v: no pieces: %v", s, err)
		}
		few := bad(func(p [][]byte) [][]byte { clear(p[:s.Total-s.Data+1]); return p })
		if err := c.Reconstruct(few); !errors.Is(err, erasure.ErrTooFew) {
			t.Errorf("%v: too few pieces: %v", s, err)
		}
	}
}

// Missing pieces without room for them are given some.
func TestReconstructAllocatesWhereItMust(t *testing.T) {
	for _, s := range []erasure.Scheme{{1, 3}, {4, 8}} {
		c, pieces := row(t, s, 100)
		copy(pieces[0], "something")
		if err := c.Encode(pieces); err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(pieces[0])
		pieces[0] = nil
		if err := c.Reconstruct(pieces); err != nil || !bytes.Equal(pieces[0], want) {
			t.Errorf("%v: %q, %v", s, pieces[0], err)
		}
	}
}

// One Coder serves many at once.
func TestCoderIsShared(t *testing.T) {
	c, _ := row(t, erasure.Scheme{Data: 4, Total: 30}, 1)
	want := split(t, c, bytesOf(1000, 1))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				shards := split(t, c, bytesOf(1000, 1))
				if !bytes.Equal(bytes.Join(shards, nil), bytes.Join(want, nil)) {
					t.Error("other shards")
				}
			}
		})
	}
	wait.Wait()
}
