package indextest

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
)

// Benchmark times the calls validators and gateways make most, on an empty
// index with 10,000 holdings at one miner and 100,000 objects of one owner.
func Benchmark(b *testing.B, x *index.Index) {
	ctx := b.Context()
	benchmarkObjects(b, x)
	b.Run("EndLeft", func(b *testing.B) { benchmarkEndLeft(b, x) })
	const held = 10_000
	for i := range uint32(held) {
		if err := x.PutHolding(ctx, holding(0, i, index.Random)); err != nil {
			b.Fatal(err)
		}
	}
	for n := range uint32(3) {
		if err := x.PutHolding(ctx, holding(n, held, index.User)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("PutHolding", func(b *testing.B) {
		next := uint32(held)
		for b.Loop() {
			next++
			if err := x.PutHolding(ctx, holding(1, next, index.User)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Seed", func(b *testing.B) { // both commits of a question
		for i := 0; b.Loop(); i++ {
			hash, seed := Hash(rand.N[uint32](held)), strconv.Itoa(i)
			if _, err := x.SendSeed(ctx, Address(0), hash, seed, day); err != nil {
				b.Fatal(err)
			}
			if err := x.ConfirmSeed(ctx, Address(0), hash, seed, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("RandomHolding", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.RandomHolding(ctx, Address(0), rand.Uint64()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Holders", func(b *testing.B) {
		for b.Loop() {
			if h, err := x.Holders(ctx, Hash(held)); err != nil || len(h) != 3 {
				b.Fatal(h, err)
			}
		}
	})
	b.Run("UpdateStats", func(b *testing.B) {
		for b.Loop() {
			if err := x.UpdateStats(ctx, Address(0), func(s *index.Stats) error { s.TotalSuccesses++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkEndLeft times what is left to do of a deleted file of 10 GiB: 160
// segments of 30 shards.
func benchmarkEndLeft(b *testing.B, x *index.Index) {
	const segments, shards = 160, 30
	o := object(3, 1)
	o.Upload = UploadID(1)
	put := func(n uint32) error {
		s := Segment(3, 1, n)
		s.Scheme = erasure.Scheme{Data: 10, Total: shards}
		err := x.PutSegment(b.Context(), s, day)
		for number := range shards {
			h := Shard(s, uint32(100+number), number)
			h.Native = &index.Native{Pledge: make([]byte, 200), Asked: make([]byte, 64), Receipt: make([]byte, 64)}
			err = errors.Join(err, x.PutShard(b.Context(), h))
		}
		return err
	}
	for b.Loop() {
		b.StopTimer()
		o.Segments = nil
		var group errgroup.Group
		group.SetLimit(workers)
		for n := range uint32(segments) {
			o.Segments = append(o.Segments, Segment(3, 1, n).ID)
			group.Go(func() error { return put(n) })
		}
		err := group.Wait()
		if err == nil {
			_, err = x.PutObject(b.Context(), o, o.Segments)
		}
		if err == nil {
			_, err = x.RemoveObject(b.Context(), o.Owner, o.CID)
		}
		b.StartTimer()
		if err == nil {
			err = x.EndLeft(b.Context(), index.ObjectName{Owner: o.Owner, CID: o.CID}, 0, nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// workers are how many put at once in PutObject: a gateway's.
const workers = 16

// benchmarkObjects times small objects of one owner, who has none and then 100,000.
func benchmarkObjects(b *testing.B, x *index.Index) {
	var next atomic.Uint32
	put := func(times int64) {
		var left atomic.Int64
		left.Store(times)
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for left.Add(-1) >= 0 {
					if _, err := x.PutObject(b.Context(), object(1, next.Add(1)), nil); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	}
	b.Run("PutObject", func(b *testing.B) { put(int64(b.N)) })
	many := func() { put(max(0, 100_000-int64(next.Load()))) }
	b.Run("PutObjectOfMany", func(b *testing.B) {
		many()
		b.ResetTimer()
		put(int64(b.N))
	})
	b.Run("Changes", func(b *testing.B) {
		many()
		b.ResetTimer()
		benchmarkChanges(b, x)
	})
	b.Run("Objects", func(b *testing.B) {
		many()
		for after := ""; b.Loop(); {
			page, err := x.Objects(b.Context(), Address(1), after, 1000)
			if err != nil {
				b.Fatal(err)
			}
			if after = ""; len(page) == 1000 {
				after = page[999].CID
			}
		}
	})
}

// benchmarkChanges times a backup's look at what has changed: 10 of some 100,000
// objects.
func benchmarkChanges(b *testing.B, x *index.Index) {
	ctx := b.Context()
	backedUp := func() (found int) {
		var all []index.Change
		for c, err := range x.News(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			if _, err := x.Known(ctx, c.ObjectName); err != nil {
				b.Fatal(err)
			}
			all = append(all, c)
		}
		if err := x.BackedUp(ctx, all); err != nil {
			b.Fatal(err)
		}
		return len(all)
	}
	backedUp()
	for b.Loop() {
		b.StopTimer()
		for n := range uint32(10) {
			if _, err := x.PutObject(ctx, object(1, n+1), nil); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if found := backedUp(); found != 10 {
			b.Fatalf("%d have changed", found)
		}
	}
}
