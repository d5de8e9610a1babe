package erasure_test

import (
	"testing"

	"github.com/filetao/filetao/erasure"
)

func row(t testing.TB, s erasure.Scheme, block int) (*erasure.Coder, [][]byte) {
	t.Helper()
	c, err := erasure.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c, s.Pieces(nil, make([]byte, s.Total*block), block)
}

// The speeds are of the segment's bytes.
func BenchmarkEncode(b *testing.B) {
	for _, s := range []erasure.Scheme{{1, 3}, {4, 8}, {6, 16}, {10, 30}, {29, 80}} {
		b.Run(s.String(), func(b *testing.B) {
			c, pieces := row(b, s, erasure.Block)
			b.SetBytes(int64(s.Data * erasure.Block))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Encode(pieces); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// As many data pieces as can be are missing.
func BenchmarkReconstruct(b *testing.B) {
	for _, s := range []erasure.Scheme{{1, 3}, {4, 8}, {6, 16}, {10, 30}, {29, 80}} {
		b.Run(s.String(), func(b *testing.B) {
			c, pieces := row(b, s, erasure.Block)
			b.SetBytes(int64(s.Data * erasure.Block))
			b.ReportAllocs()
			for b.Loop() {
				for i := range min(s.Data, s.Total-s.Data) {
					pieces[i] = pieces[i][:0]
				}
				if err := c.Reconstruct(pieces); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHasher(b *testing.B) {
	h, block := erasure.NewHasher(), make([]byte, erasure.Block)
	b.SetBytes(erasure.Block)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%4096 == 0 {
			h.Reset()
		}
		h.Write(block)
	}
}

func BenchmarkChecker(b *testing.B) {
	h, block := erasure.NewHasher(), make([]byte, erasure.Block)
	h.Write(block)
	c, err := erasure.NewChecker(h.Root(), h.Size(), h.Leaves())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(erasure.Block)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Check(0, block); err != nil {
			b.Fatal(err)
		}
	}
}
