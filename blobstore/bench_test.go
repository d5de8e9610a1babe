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
						func(erasure.Root) (blobstore.Beside, error) { return blobstore.Beside{Tags: tags}, nil })
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

// BenchmarkShards lists shards with tags as those of 6.4 MiB have, a thousand a
// page.
func BenchmarkShards(b *testing.B) {
	s, err := blobstore.Open(blobstore.Config{Dir: b.TempDir()}, blobstore.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() // its folder is removed
	const shards = 2000
	tags := make([]byte, 27_000)
	for i := range shards {
		tags[i%len(tags)]++
		data := bytesOf(100 + i)
		rec := blobstore.Record{Owner: alice, Stored: noon}
		if _, err := s.PutShard(b.Context(), rec, int64(len(data)), bytes.NewReader(data), tagged(string(tags))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		q := blobstore.ShardQuery{Limit: 1000, Head: 900}
		for n := 0; n < shards; {
			page, err := s.Shards(b.Context(), alice, q)
			if err != nil || len(page) == 0 {
				b.Fatal(len(page), err)
			}
			n, q.After = n+len(page), page[len(page)-1].Hash
		}
	}
	b.ReportMetric(shards*float64(b.N)/b.Elapsed().Seconds(), "shards/s")
}
