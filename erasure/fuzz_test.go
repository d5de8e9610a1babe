package erasure_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/filetao/filetao/erasure"
)

// FuzzCode: whatever the bytes and the scheme, the shards that are left give the
// segment back if they are Data or more, and else an error.
func FuzzCode(f *testing.F) {
	f.Add([]byte("hello"), uint8(4), uint8(8), uint64(0b1111))
	f.Add([]byte("hello"), uint8(4), uint8(8), uint64(0b11111))
	f.Add([]byte{0}, uint8(1), uint8(3), uint64(0b011))
	f.Add(bytes.Repeat([]byte{1, 2, 3}, 50_000), uint8(2), uint8(5), uint64(0b10101))
	f.Add([]byte("x"), uint8(10), uint8(30), uint64(0x3ff))
	f.Add([]byte("none"), uint8(3), uint8(3), uint64(0))
	f.Fuzz(func(t *testing.T, segment []byte, data, total uint8, gone uint64) {
		s := erasure.Scheme{Data: int(data), Total: int(total)}
		c, err := erasure.New(s)
		if err != nil || len(segment) == 0 {
			return
		}
		shards := split(t, c, segment)
		left := 0
		for i := range shards {
			if gone>>(i%64)&1 == 1 {
				shards[i] = nil
			} else {
				left++
			}
		}
		if left < s.Data {
			if err := c.Reconstruct(shards); !errors.Is(err, erasure.ErrTooFew) {
				t.Fatalf("%d left of %v: %v", left, s, err)
			}
			return
		}
		need := make([]bool, s.Total)
		for i := range s.Data {
			need[i] = true
		}
		if got := join(t, c, int64(len(segment)), shards, need); !bytes.Equal(got, segment) {
			t.Fatalf("%v: another segment", s)
		}
	})
}

// FuzzLeaves: leaves that come from somewhere are those of the root, or an error.
func FuzzLeaves(f *testing.F) {
	data := bytesOf(2*erasure.Block+9, 4)
	h := hashed(data)
	root, good := h.Root(), []byte(h.Leaves())
	f.Add(good, int64(len(data)))
	f.Add(good[:64], int64(len(data)))
	f.Add(append(bytes.Clone(good), 0), int64(len(data)))
	f.Add(good, int64(len(data)+1))
	f.Add(good, int64(-1))
	f.Add([]byte{}, int64(0))
	f.Add([]byte{}, int64(1)<<62)
	f.Fuzz(func(t *testing.T, leaves []byte, size int64) {
		c, err := erasure.NewChecker(root, size, leaves)
		if (err == nil) != (bytes.Equal(leaves, good) && size == int64(len(data))) || err != nil && !errors.Is(err, erasure.ErrLeaves) {
			t.Fatal(err)
		}
		if err == nil && c.Check(2, data[2*erasure.Block:]) != nil {
			t.Fatal("the last block does not pass")
		}
	})
}
