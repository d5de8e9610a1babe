package blobstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/blobstore"
)

// pages are all of a list, in pages of so many.
func pages(t *testing.T, s *blobstore.Store, q blobstore.ShardQuery) (list []blobstore.ListedShard) {
	t.Helper()
	for {
		page, err := s.Shards(t.Context(), alice, q)
		if err != nil || len(page) > q.Limit {
			t.Fatalf("%d shards, %v", len(page), err)
		}
		if len(page) == 0 {
			return list
		}
		list, q.After = append(list, page...), page[len(page)-1].Hash
	}
}

func TestShardsAreListedInOrder(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	var want []string
	for i := range 50 {
		data := bytesOf(100 + i)
		want = append(want, putShard(t, s, alice, data, fmt.Sprintf("tags %d and more", 100+i), time.Hour))
		put(t, s, alice, data[1:], "a seed", 0) // no shard
		putShard(t, s, bob, bytesOf(1000+i), "tags", 0)
	}
	slices.SortFunc(want, func(a, b string) int {
		x, _ := new(big.Int).SetString(a, 10)
		y, _ := new(big.Int).SetString(b, 10)
		return x.Cmp(y)
	})
	for _, limit := range []int{1, 7, 50, 1000} {
		list := pages(t, s, blobstore.ShardQuery{Limit: limit, Head: 8})
		if len(list) != len(want) {
			t.Fatalf("%d shards, want %d", len(list), len(want))
		}
		for i, l := range list {
			rec, err := s.Stat(t.Context(), alice, want[i])
			if err != nil || l.Record != rec || l.Damaged || string(l.Tags) != fmt.Sprintf("tags %d", rec.Size) {
				t.Errorf("%+v, %q, want %+v, %v", l, l.Tags, rec, err)
			}
		}
	}
	for _, q := range []blobstore.ShardQuery{{}, {Limit: -1}, {Limit: 1, Head: -1}, {Limit: 1, After: "no number"}} {
		if _, err := s.Shards(t.Context(), alice, q); !errors.Is(err, blobstore.ErrInvalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := s.Shards(t.Context(), "nobody", blobstore.ShardQuery{Limit: 1}); !errors.Is(err, blobstore.ErrInvalid) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Shards(ctx, alice, blobstore.ShardQuery{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDamagedShardsAreListedAsSuch(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	var hashes []string
	for i := range 10 {
		hashes = append(hashes, putShard(t, s, alice, bytesOf(100+i), "tags", 0))
	}
	others := putShard(t, s, bob, bytesOf(500), "tags", 0)
	for _, hash := range append(hashes[:3:3], others) {
		if ok, err := blobstore.Spoil(s, hash, []byte("rot")); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	scrub(t, s)
	for limit := range 4 {
		found := pages(t, s, blobstore.ShardQuery{Limit: limit + 1, Damaged: true})
		if len(found) != 3 {
			t.Fatalf("%d are damaged, want 3", len(found))
		}
		for _, l := range found {
			if !l.Damaged || !slices.Contains(hashes[:3], l.Hash) {
				t.Errorf("%+v", l)
			}
		}
	}
	damaged := 0
	for _, l := range pages(t, s, blobstore.ShardQuery{Limit: 4}) {
		if l.Damaged {
			damaged++
		}
	}
	if damaged != 3 {
		t.Errorf("%d of all are damaged, want 3", damaged)
	}
}

// TestAListReadsNoMoreThanSomeTags: what one call costs does not grow with tags.
func TestAListReadsNoMoreThanSomeTags(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	tags := strings.Repeat("t", blobstore.MaxTags)
	for i := range 10 {
		putShard(t, s, alice, bytesOf(100+i), tags, 0)
	}
	page, err := s.Shards(t.Context(), alice, blobstore.ShardQuery{Limit: 10, Head: 3})
	if err != nil || len(page) != 8 || !bytes.Equal(page[0].Tags, []byte("ttt")) {
		t.Fatalf("%d shards, %v", len(page), err)
	}
	if all := pages(t, s, blobstore.ShardQuery{Limit: 10}); len(all) != 10 {
		t.Fatalf("%d shards in all", len(all))
	}
}
