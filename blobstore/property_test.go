package blobstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/blobstore/blobtest"
	"github.com/filetao/filetao/wallet"
)

// history is a store under a random history, its disk and its model.
type history struct {
	disk  *vfs.MemFS
	store *blobstore.Store
	model blobtest.Model
	clock time.Time
}

func (h *history) open(t *rapid.T) {
	h.disk.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30})
	s, err := blobstore.Open(blobstore.Config{Dir: "d", MinFree: -1}, blobstore.Deps{FS: h.disk})
	if err != nil {
		t.Fatal(err)
	}
	h.store = s
}

func (h *history) close(t *rapid.T) {
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
}

var kinds = []blobtest.Kind{
	blobtest.Put, blobtest.Put, blobtest.SetSeed, blobtest.PutTags, blobtest.PutTags, blobtest.Delete, blobtest.Expire,
	blobtest.PutShard, blobtest.PutShard, blobtest.Renew, blobtest.Scrub,
}

func drawOp(t *rapid.T, now time.Time) blobtest.Op {
	kind, sizes := rapid.SampledFrom(kinds).Draw(t, "kind"), []int{0, 1, 4096, 70_000}
	if kind == blobtest.PutShard {
		sizes = sizes[1:]
	}
	return blobtest.Op{
		Kind:  kind,
		Shard: kind != blobtest.Put && rapid.Bool().Draw(t, "shard"),
		Owner: blobtest.Owner(rapid.ByteRange(1, 3).Draw(t, "owner")),
		Data:  bytes.Repeat([]byte{'d'}, rapid.SampledFrom(sizes).Draw(t, "size")),
		Seed:  rapid.StringMatching(`[0-9a-f]{1,4}`).Draw(t, "seed"),
		Tags:  bytes.Repeat([]byte{rapid.Byte().Draw(t, "tag")}, rapid.SampledFrom([]int{1, 17, 5000}).Draw(t, "tags")),
		Find:  rapid.ByteRange(0, 3).Draw(t, "find"),
		TTL:   time.Duration(rapid.IntRange(0, 5).Draw(t, "ttl")) * time.Second,
		At:    now,
	}
}

func TestRandomHistoriesMatchTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := history{disk: vfs.NewCrashableMem(), clock: noon}
		h.open(rt)
		defer func() { h.close(rt) }()
		change := func(rt *rapid.T) {
			h.clock = h.clock.Add(time.Duration(rapid.IntRange(0, 2).Draw(rt, "seconds")) * time.Second)
			op := drawOp(rt, h.clock)
			got, want := op.Do(t.Context(), h.store), h.model.Apply(op)
			if !errors.Is(got, want) {
				rt.Fatalf("%+v: %v, want %v", op, got, want)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"change": change, "change 2": change, "change 3": change, "change 4": change, "change 5": change,
			"reopen": func(rt *rapid.T) {
				h.close(rt)
				h.open(rt)
			},
			"power loss": func(rt *rapid.T) {
				left := h.disk.CrashClone(vfs.CrashCloneCfg{
					UnsyncedDataPercent: rapid.IntRange(0, 100).Draw(rt, "unflushed"),
					RNG:                 rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "rng"), 0)),
				})
				h.close(rt)
				h.disk = left
				h.open(rt)
			},
			"": func(rt *rapid.T) {
				if err := errors.Join(h.model.Check(t.Context(), h.store), h.model.CheckFiles(h.disk, "d")); err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
}

// TestManyAtOnce has owners change shared and own data at the same time, within
// a capacity that not all of it fits in.
func TestManyAtOnce(t *testing.T) {
	const owners, rounds, capacity = 8, 40, 300_000
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir, Capacity: capacity}, blobstore.Deps{})
	models := make([]blobtest.Model, owners)
	var wg sync.WaitGroup
	for i := range owners {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			owner := blobtest.Owner(byte(i + 1))
			for round := range rounds {
				op := blobtest.Op{
					Kind: blobtest.Kind(rng.IntN(4)), Owner: owner, Seed: fmt.Sprint(round), At: noon,
					Tags: fmt.Append(nil, i, round),
					Data: bytes.Repeat([]byte{byte(rng.IntN(5))}, 90_000),
				}
				err := op.Do(t.Context(), s)
				if errors.Is(err, blobstore.ErrFull) {
					continue
				}
				if want := models[i].Apply(op); !errors.Is(err, want) {
					t.Errorf("owner %d, round %d: %v, want %v", i, round, err, want)
				}
				if u := s.Usage(); u.Bytes > capacity || u.Bytes != u.Objects*90_000 {
					t.Errorf("usage %+v", u)
				}
			}
		})
	}
	wg.Wait()
	var records int64
	for i := range models {
		if err := models[i].CheckClaims(t.Context(), s); err != nil {
			t.Errorf("owner %d: %v", i, err)
		}
		records += models[i].Usage().Records
	}
	if u := s.Usage(); u.Records != records {
		t.Errorf("%d records, want %d", u.Records, records)
	}
	n, freed, err := s.Expire(t.Context(), noon)
	if n != 0 || freed != 0 || err != nil {
		t.Errorf("expired %d, %d bytes, %v of what has no ttl", n, freed, err)
	}
}

// TestStoringAndExpiringTheSameDataAtOnce has one goroutine renew what another
// expires: whoever has an acknowledged claim that is not due can read.
func TestStoringAndExpiringTheSameDataAtOnce(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	data := bytes.Repeat([]byte("d"), 70_000)
	store := func(owner wallet.Address, ttl time.Duration) error {
		return s.Put(t.Context(), blobstore.Record{Owner: owner, Hash: hashOf(data), Seed: "s", Stored: noon, TTL: ttl}, data)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, _, err := s.Expire(t.Context(), noon.Add(time.Minute)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 30 {
		if err := errors.Join(store(alice, time.Second), store(bob, time.Hour)); err != nil {
			t.Fatal(err)
		}
		r, err := s.Reader(t.Context(), bob, hashOf(data))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); errors.Join(err, r.Close()) != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), bob, hashOf(data)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}
