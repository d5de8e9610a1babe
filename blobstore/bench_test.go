package blobstore_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/filetao/filetao/blobstore"
)

var benchSizes = []int{4 << 10, 1 << 20, 64 << 20}

func BenchmarkPut(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, err := blobstore.Open(blobstore.Config{Dir: b.TempDir()}, blobstore.Deps{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			data := make([]byte, size)
			b.SetBytes(int64(size))
			n := uint64(0)
			for b.Loop() {
				b.StopTimer()
				n++
				binary.LittleEndian.PutUint64(data, n)
				rec := blobstore.Record{Owner: alice, Hash: hashOf(data), Seed: "s"}
				b.StartTimer()
				if err := s.Put(b.Context(), rec, data); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if size > 1<<20 { // keep the disk from filling
					if err := s.Delete(b.Context(), alice, rec.Hash); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, err := blobstore.Open(blobstore.Config{Dir: b.TempDir()}, blobstore.Deps{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			data := make([]byte, size)
			if err := s.Put(b.Context(), blobstore.Record{Owner: alice, Hash: hashOf(data), Seed: "s"}, data); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			hash := hashOf(data)
			for b.Loop() {
				if _, _, err := s.Read(b.Context(), alice, hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
