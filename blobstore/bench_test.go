package blobstore_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof/por"
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

// BenchmarkPutShard is one shard after another, and 32 at a time. Each is
// another, with the tags that proof/por would make.
func BenchmarkPutShard(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20, 16 << 20} {
		for _, atOnce := range []int{1, 32} {
			b.Run(fmt.Sprintf("%d/%d", size, atOnce), func(b *testing.B) {
				s, err := blobstore.Open(blobstore.Config{Dir: b.TempDir()}, blobstore.Deps{})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				var number atomic.Uint64
				tags := make([]byte, 362+por.TagsSize(int64(size)))
				b.SetBytes(int64(size))
				b.SetParallelism((atOnce + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
				put := func(data []byte) {
					binary.LittleEndian.PutUint64(data, number.Add(1))
					root, err := s.PutShard(b.Context(), blobstore.Record{Owner: alice}, int64(size), bytes.NewReader(data),
						func(erasure.Root) ([]byte, error) { return tags, nil })
					if err == nil && size > 1<<20 { // keep the disk from filling
						err = s.Delete(b.Context(), alice, root.String())
					}
					if err != nil {
						b.Error(err)
					}
				}
				b.ResetTimer()
				if atOnce == 1 {
					data := make([]byte, size)
					for b.Loop() {
						put(data)
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					data := make([]byte, size)
					for pb.Next() {
						put(data)
					}
				})
			})
		}
	}
}
