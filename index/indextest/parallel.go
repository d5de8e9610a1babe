package indextest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/filetao/filetao/index"
)

// processes are the handles parallel work goes through: several where the
// store allows it.
func processes(t *testing.T, s Store) []*index.Index {
	all := []*index.Index{s.Open(t)}
	for s.Shared && len(all) < 3 {
		all = append(all, s.Open(t))
	}
	return all
}

// together runs work n times at once and fails on its errors.
func together(t *testing.T, n int, work func(i int) error) {
	t.Helper()
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			if err := work(i); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// No increment is lost, and none counts twice.
func testParallelStats(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	const workers, times = 12, 25
	together(t, workers, func(i int) error {
		for range times {
			if err := xs[i%len(xs)].UpdateStats(ctx, Address(1), func(s *index.Stats) error {
				s.Challenge.Attempts++
				s.TotalSuccesses += 2
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	got, err := xs[0].Stats(ctx, Address(1))
	ok(t, err)
	equal(t, got.Challenge.Attempts, workers*times)
	equal(t, got.TotalSuccesses, 2*workers*times)
}

// Validators see a registration at once, and go on: what any of them finds out
// after its reset is wiped by none of the others.
func testParallelResets(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	const validators = 8
	for round := range uint64(10) {
		together(t, validators, func(i int) error {
			x, next := xs[i%len(xs)], trial(1, uint32(i))
			next.Block = round
			return errors.Join(
				x.ResetRecord(ctx, Address(1), round+1),
				x.UpdateStats(ctx, Address(1), func(s *index.Stats) error { s.TotalSuccesses++; return nil }),
				x.Settle(ctx, next),
			)
		})
		stats, err := xs[0].Stats(ctx, Address(1))
		ok(t, err)
		equal(t, stats.TotalSuccesses, validators)
		equal(t, stats.RegisteredAt, round+1)
		trials, err := xs[0].Trials(ctx, Address(1))
		ok(t, err)
		equal(t, len(trials), validators)
	}
}

// Owners come and go at once; in the end the file is there exactly if it has an
// owner, and its chunks know.
func testParallelFiles(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	var mu sync.Mutex // guards owned and gone
	owned, gone, removed := map[uint32]bool{}, 0, 0
	together(t, 3, func(i int) error {
		x, me := xs[i%len(xs)], uint32(i)
		for range 40 {
			if err := x.PutFile(ctx, file(1, 7, 8, 7), owner(me)); err != nil {
				return err
			}
			f, err := x.File(ctx, CID(1))
			if err != nil || len(f.Chunks) != 3 {
				return errors.Join(err, errors.New("an owner does not see the file"))
			}
			cids, err := x.ChunkFiles(ctx, Hash(8))
			if err != nil || !slices.Equal(cids, []string{CID(1)}) {
				return errors.Join(err, errors.New("an owned file's chunk does not know it"))
			}
			if rand.N(80) == 0 {
				mu.Lock()
				owned[me] = true
				mu.Unlock()
				return nil
			}
			last, err := x.RemoveOwner(ctx, CID(1), Address(me))
			if err != nil {
				return err
			}
			mu.Lock()
			if removed++; last != nil {
				gone++
			}
			mu.Unlock()
		}
		return nil
	})
	t.Logf("%d removals, %d of the last owner, %d owners left", removed, gone, len(owned))
	owners, err := xs[0].Owners(ctx, CID(1))
	if len(owned) == 0 {
		fails(t, err, index.ErrNotFound)
	}
	equal(t, len(owners), len(owned))
	cids, err := xs[0].ChunkFiles(ctx, Hash(7))
	ok(t, err)
	equal(t, len(cids), min(1, len(owned)))
	swept, err := xs[0].Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

// Holdings come, change and go at once; totals, slots and references agree in
// the end.
func testParallelHoldings(t *testing.T, s Store) {
	xs, ctx := processes(t, s), t.Context()
	together(t, 9, func(i int) error {
		x := xs[i%len(xs)]
		for range 25 {
			h := holding(1, rand.N[uint32](6), index.User)
			h.Size = rand.N[int64](1000)
			var err error
			switch rand.N(5) {
			case 0, 1:
				err = x.PutHolding(ctx, h)
			case 2:
				err = x.RemoveHolding(ctx, h.Holder, h.Hash)
			case 3:
				if _, err = x.SendSeed(ctx, h.Holder, h.Hash, "s", day); errors.Is(err, index.ErrNotFound) {
					err = nil
				}
			case 4:
				if _, err = x.RandomHolding(ctx, h.Holder, rand.Uint64()); errors.Is(err, index.ErrNotFound) {
					err = nil
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	holdings(t, ctx, xs[0], Address(1))
	swept, err := xs[0].Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
	ok(t, xs[0].ResetHotkey(ctx, Address(1)))
	for datum := range uint32(6) {
		holders, err := xs[0].Holders(ctx, Hash(datum))
		ok(t, err)
		equal(t, len(holders), 0)
	}
}
