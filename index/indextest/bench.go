package indextest

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/filetao/filetao/index"
)

// Benchmark times the calls validators and gateways make most, on an empty
// index with 10,000 holdings at one miner.
func Benchmark(b *testing.B, x *index.Index) {
	ctx := b.Context()
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
