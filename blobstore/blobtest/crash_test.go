package blobtest_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/blobstore/blobtest"
)

const dir = "data/store"

// scripts touch every path on which a store writes.
func scripts() map[string][]blobtest.Op {
	return map[string][]blobtest.Op{"data": dataScript(), "shards": shardScript()}
}

var (
	alice, bob = blobtest.Owner(1), blobtest.Owner(2)
	t0         = time.Unix(1_700_000_000, 0).UTC()
)

func dataScript() []blobtest.Op {
	empty, small, large := []byte{}, []byte("small"), bytes.Repeat([]byte("large"), blobstore.MaxInline/5+1)
	return []blobtest.Op{
		{Kind: blobtest.Put, Owner: alice, Data: large, Seed: "a1", TTL: time.Hour, At: t0},
		{Kind: blobtest.Put, Owner: bob, Data: large, Seed: "b1", TTL: time.Minute, At: t0},
		{Kind: blobtest.Put, Owner: alice, Data: large, Seed: "a2", TTL: 2 * time.Hour, At: t0.Add(time.Second)},
		{Kind: blobtest.Put, Owner: alice, Data: small, Seed: "a3", At: t0},
		{Kind: blobtest.PutTags, Owner: bob, Data: large, Tags: []byte("b's")},
		{Kind: blobtest.PutTags, Owner: alice, Data: large, Tags: bytes.Repeat([]byte("a's"), 2000)},
		{Kind: blobtest.SetSeed, Owner: bob, Data: large, Seed: "b2"},
		{Kind: blobtest.Put, Owner: alice, Data: large, Seed: "a2'", TTL: 2 * time.Hour, At: t0.Add(time.Second)}, // keeps them
		{Kind: blobtest.PutTags, Owner: alice, Data: large, Tags: []byte("a's anew")},
		{Kind: blobtest.Delete, Owner: alice, Data: large},
		{Kind: blobtest.Put, Owner: bob, Data: empty, Seed: "b3", TTL: time.Minute, At: t0},
		{Kind: blobtest.Expire, At: t0.Add(time.Minute)}, // the last claims on large and empty
		{Kind: blobtest.Put, Owner: bob, Data: large, Seed: "b4", At: t0},
		{Kind: blobtest.Delete, Owner: bob, Data: large},
		{Kind: blobtest.Put, Owner: alice, Data: large, Seed: "a4", TTL: time.Hour, At: t0}, // and a new claim begins without tags
		{Kind: blobtest.PutTags, Owner: alice, Data: large, Tags: []byte("a's again")},
	}
}

func shardScript() []blobtest.Op {
	small, large := []byte("small"), bytes.Repeat([]byte("large"), blobstore.MaxInline/5+1)
	return []blobtest.Op{
		{Kind: blobtest.PutShard, Owner: alice, Data: large, Tags: []byte("a's"), Find: 1, TTL: time.Hour, At: t0},
		{Kind: blobtest.PutShard, Owner: bob, Data: large, Tags: []byte("b's"), Find: 1, TTL: time.Minute, At: t0},
		{Kind: blobtest.PutShard, Owner: alice, Data: small, Tags: []byte("s"), Find: 2, TTL: time.Minute, At: t0},
		{Kind: blobtest.Put, Owner: alice, Data: large, Seed: "a5", At: t0}, // the same bytes as data
		{Kind: blobtest.PutShard, Owner: alice, Data: large, Tags: []byte("a's anew"), Find: 3, TTL: time.Hour, At: t0.Add(time.Second)},
		{Kind: blobtest.Renew, Shard: true, Owner: alice, Data: large, Tags: []byte("a's longer"), TTL: time.Hour, At: t0.Add(time.Hour)},
		{Kind: blobtest.Scrub},
		{Kind: blobtest.Expire, At: t0.Add(time.Minute)}, // bob's and the small one
		{Kind: blobtest.PutTags, Shard: true, Owner: alice, Data: large, Tags: []byte("a's other")},
		{Kind: blobtest.Delete, Shard: true, Owner: alice, Data: large},
		{Kind: blobtest.PutShard, Owner: bob, Data: small, At: t0},
		{Kind: blobtest.PutShard, Owner: bob, Data: large, At: t0.Add(time.Hour)},
		{Kind: blobtest.Delete, Shard: true, Owner: bob, Data: small},
	}
}

// disk gives a file system in memory room that it can tell of.
func disk(fs *vfs.MemFS) *vfs.MemFS {
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30, TotalBytes: 1 << 30})
	return fs
}

func open(fs vfs.FS) (*blobstore.Store, error) {
	return blobstore.Open(blobstore.Config{Dir: dir, MinFree: -1}, blobstore.Deps{FS: fs})
}

// run does ops until one fails, and returns how many did not.
func run(t *testing.T, s *blobstore.Store, m *blobtest.Model, ops []blobtest.Op) (int, error) {
	t.Helper()
	for i, op := range ops {
		if err := op.Do(t.Context(), s); err != nil {
			return i, err
		}
		if err := m.Apply(op); err != nil {
			t.Fatalf("op %d should have failed: %v", i, err)
		}
	}
	return len(ops), nil
}

// steps counts those of the script, and checks it without faults.
func steps(t *testing.T, script []blobtest.Op) int {
	t.Helper()
	fs := blobtest.NewFS(disk(vfs.NewCrashableMem()))
	s, err := open(fs)
	if err != nil {
		t.Fatal(err)
	}
	var m blobtest.Model
	fs.Arm(blobtest.Fault{})
	if _, err := run(t, s, &m, script); err != nil {
		t.Fatal(err)
	}
	n := fs.Steps()
	if err := errors.Join(m.Check(t.Context(), s), m.CheckFiles(fs, dir), s.Close()); err != nil {
		t.Fatal(err)
	}
	if n < 30 {
		t.Fatalf("the script has %d steps, which cannot be all", n)
	}
	return n
}

// finish opens a store on what a crash left, during the first of the ops, and
// goes on with them.
func finish(t *testing.T, fs vfs.FS, m *blobtest.Model, ops []blobtest.Op) error {
	s, err := open(fs)
	if err != nil {
		return fmt.Errorf("opening after the crash: %w", err)
	}
	if len(ops) > 0 {
		if err := m.Settle(t.Context(), s, ops[0]); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	err = errors.Join(m.Check(t.Context(), s), m.CheckFiles(fs, dir))
	for _, op := range ops {
		if got, want := op.Do(t.Context(), s), m.Apply(op); !errors.Is(got, want) {
			err = errors.Join(err, fmt.Errorf("after the crash: %v, want %v", got, want))
		}
	}
	return errors.Join(err, m.Check(t.Context(), s), m.CheckFiles(fs, dir), s.Close())
}

// TestSmallContentCostsOneFlush: one write to the database's log, and one flush. What
// the database does beside it may fall into an operation, but not into all of a kind.
func TestSmallContentCostsOneFlush(t *testing.T) {
	fs := blobtest.NewFS(disk(vfs.NewMem()))
	s, err := open(fs)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	least := [3]int{math.MaxInt, math.MaxInt, math.MaxInt}
	for try := range 3 {
		data := bytes.Repeat([]byte{byte(try)}, blobstore.MaxInline)
		for i, op := range []blobtest.Op{
			{Kind: blobtest.Put, Owner: alice, Data: data, Seed: "s"},
			{Kind: blobtest.PutShard, Owner: alice, Data: data, Tags: []byte("tags")},
			{Kind: blobtest.Delete, Owner: alice, Data: data},
		} {
			fs.Arm(blobtest.Fault{})
			if err := op.Do(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			least[i] = min(least[i], fs.Steps())
		}
	}
	if slices.Max(least[:]) > 4 { // the log is written in blocks of 32 KiB
		t.Errorf("a put, one of a shard and a deletion take %v steps", least)
	}
}

func TestPowerLossAtEveryStepKeepsWhatWasAcknowledged(t *testing.T) {
	for name, script := range scripts() {
		total := steps(t, script)
		for _, c := range []struct {
			outcome  blobtest.Outcome
			unsynced int
		}{{blobtest.Lost, 0}, {blobtest.Torn, 50}, {blobtest.Persisted, 100}, {blobtest.Persisted, -1}} {
			t.Run(fmt.Sprintf("%s, step %d, unflushed %d%%", name, c.outcome, c.unsynced), func(t *testing.T) {
				t.Parallel()
				for step := 1; step <= total; step++ {
					if err := crash(t, script, step, c.outcome, c.unsynced); err != nil {
						t.Fatalf("power loss at step %d of %d: %v", step, total, err)
					}
				}
			})
		}
	}
}

// crash loses power at a step of the script. Of what was not flushed that
// percentage survives, or, if below 0, all, removals of files included.
func crash(t *testing.T, script []blobtest.Op, step int, outcome blobtest.Outcome, unsynced int) error {
	mem := disk(vfs.NewCrashableMem())
	fs := blobtest.NewFS(mem)
	s, err := open(fs)
	if err != nil {
		return err
	}
	var m blobtest.Model
	fs.Arm(blobtest.Fault{Step: step, Outcome: outcome, PowerOff: true})
	done, _ := run(t, s, &m, script)
	_ = s.Close() // of a machine that is off
	left := mem
	if unsynced >= 0 {
		left = lose(mem, step, unsynced)
	}
	if left, err = crashInOpen(left, 1+step%12, unsynced); err != nil {
		return err
	}
	return finish(t, left, &m, script[done:])
}

// lose is what is left on a disk that loses power.
func lose(mem *vfs.MemFS, seed, unsynced int) *vfs.MemFS {
	return disk(mem.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(uint64(seed), 1)),
	}))
}

// crashInOpen is what is left when power fails at a step of opening a store.
// Nothing or all that was not flushed survives then: Pebble makes a new
// manifest, and relies on a folder's entries reaching the disk in order.
func crashInOpen(mem *vfs.MemFS, step, unsynced int) (*vfs.MemFS, error) {
	fs := blobtest.NewFS(mem)
	left := mem
	fs.Arm(blobtest.Fault{Step: step, Hook: func() { left = lose(mem, step, max(unsynced, 0)/100*100) }})
	s, err := open(fs)
	if err != nil {
		return nil, fmt.Errorf("opening after the crash: %w", err)
	}
	return left, s.Close()
}

func TestFailureOfEveryStepLeavesAWorkingOrAReopenableStore(t *testing.T) {
	for name, script := range scripts() {
		total := steps(t, script)
		for _, outcome := range []blobtest.Outcome{blobtest.Lost, blobtest.Persisted, blobtest.Torn} {
			t.Run(fmt.Sprint(name, ", step ", outcome), func(t *testing.T) {
				t.Parallel()
				survived := 0
				for step := 1; step <= total; step++ {
					alive, err := fail(t, script, step, outcome)
					if err != nil {
						t.Fatalf("failure of step %d of %d: %v", step, total, err)
					}
					if alive {
						survived++
					}
				}
				if survived == 0 {
					t.Error("every failure broke the store; those of content files must not")
				}
			})
		}
	}
}

// fail lets one step fail and goes on in the same process, or, if the store
// broke, after opening it again.
func fail(t *testing.T, script []blobtest.Op, step int, outcome blobtest.Outcome) (alive bool, err error) {
	mem := disk(vfs.NewCrashableMem())
	fs := blobtest.NewFS(mem)
	s, err := open(fs)
	if err != nil {
		return false, err
	}
	var m blobtest.Model
	fs.Arm(blobtest.Fault{Step: step, Outcome: outcome})
	for i, op := range script {
		err := op.Do(t.Context(), s)
		if err != nil && !errors.Is(err, blobstore.ErrNotFound) {
			if errors.Is(err, blobstore.ErrBroken) {
				select {
				case <-s.Failed():
				default:
					return false, errors.New("broken, and Failed is not closed")
				}
				_ = s.Close()
				return false, finish(t, mem, &m, script[i:])
			}
			if err := m.Settle(t.Context(), s, op); err != nil {
				return false, errors.Join(err, s.Close())
			}
			continue
		}
		if want := m.Apply(op); !errors.Is(err, want) {
			return false, errors.Join(fmt.Errorf("op %d: %v, want %v", i, err, want), s.Close())
		}
	}
	if err := errors.Join(m.Check(t.Context(), s), s.Close()); err != nil && !errors.Is(err, blobtest.ErrInjected) {
		return true, err
	}
	return true, finish(t, mem, &m, nil)
}
