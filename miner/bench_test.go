package miner_test

import (
	"fmt"
	"testing"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wire"
)

// BenchmarkNative is the time from Tags or Audit to its answer, without the
// network, with a real disk; audits beside a challenge in BenchmarkAnswers.
func BenchmarkNative(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20, 64 << 20} {
		store, err := blobstore.Open(blobstore.Config{Dir: b.TempDir()}, blobstore.Deps{})
		if err != nil {
			b.Fatal(err)
		}
		h, alice, bob := handlers{}, keypair(b, "//Alice"), keypair(b, "//Bob")
		miner.New(miner.Config{}, miner.Deps{Store: store, Key: bob, Now: atNoon}).Register(h)
		data := vectorData("", "bench", size)
		d := newDeal(b, alice, bob.Address(), data)
		if err := h.call(b.Context(), alice.Address(), storeMsg(b, data)); err != nil {
			b.Fatal(err)
		}
		for _, name := range []string{"tags", "audit"} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					var msg wire.Message = d.tagsMsg(b)
					if name == "audit" {
						msg = d.auditMsg(b, d.question())
					}
					b.StartTimer()
					if err := h.call(b.Context(), alice.Address(), msg); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswers is the time from request to answer, without the network,
// with a real disk.
func BenchmarkAnswers(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20, 64 << 20} {
		store, err := blobstore.Open(blobstore.Config{Dir: b.TempDir()}, blobstore.Deps{})
		if err != nil {
			b.Fatal(err)
		}
		h := handlers{}
		miner.New(miner.Config{}, miner.Deps{Store: store}).Register(h)
		data := vectorData("", "bench", size)
		for name, ask := range map[string]func() wire.Message{
			"store": func() wire.Message {
				if err := h.call(b.Context(), alice, &wire.Delete{DataHash: hashOf(data)}); err != nil {
					b.Fatal(err)
				}
				return storeMsg(b, data)
			},
			"challenge": func() wire.Message { return challengeMsg(b, data) },
			"retrieve":  func() wire.Message { return &wire.Retrieve{DataHash: hashOf(data), Seed: "s"} },
		} {
			if err := h.call(b.Context(), alice, storeMsg(b, data)); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					b.StopTimer()
					msg := ask()
					b.StartTimer()
					if err := h.call(b.Context(), alice, msg); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkShards is the time to put a shard, with tags, pledge and receipt, and
// to delete it, without the network, with a real disk, 16 at a time.
func BenchmarkShards(b *testing.B) {
	for _, size := range []int{4 << 10, 16 << 20} {
		store, err := blobstore.Open(blobstore.Config{Dir: b.TempDir()}, blobstore.Deps{Now: atNoon})
		if err != nil {
			b.Fatal(err)
		}
		alice, bob := keypair(b, "//Alice"), keypair(b, "//Bob")
		s := streams{}
		miner.New(miner.Config{}, miner.Deps{Store: store, Key: bob, Now: atNoon}).RegisterStreams(s)
		deals := make(chan *shardDeal, 256)
		for i := range min(256, 256<<20/size) {
			deals <- newShardDeal(b, alice, bob.Address(), vectorData("", fmt.Sprint("bench", i), size))
		}
		b.Run(fmt.Sprintf("put/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					d := <-deals
					msg, body := d.put(b)
					if _, err := s.call(b.Context(), alice.Address(), msg, bodyOf(body)); err != nil {
						b.Error(err)
					}
					if err := store.Delete(b.Context(), alice.Address(), d.hash()); err != nil {
						b.Error(err)
					}
					deals <- d
				}
			})
		})
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
