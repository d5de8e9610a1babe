package blobstore

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

func FuzzRecord(f *testing.F) {
	f.Add(record{size: 3, stored: 1_700_000_000_000_000_000, ttl: 5, seed: "seed"}.encode())
	f.Add(record{seed: "s"}.encode())
	f.Add(record{shard: true, size: 3, stored: 1_700_000_000_000_000_000, ttl: 5}.encode())
	f.Add(record{shard: true, tag: bytes.Repeat([]byte{7}, FindTagSize), size: 3, ttl: 5}.encode())
	f.Add([]byte{recordOfData})
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 3, 's'})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			if !errors.Is(err, errFormat) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(r.encode(), b) {
			t.Fatalf("%x became %x", b, r.encode())
		}
		if at, ok := r.expires(); ok && at < r.stored {
			t.Fatalf("expires at %d, stored at %d", at, r.stored)
		}
	})
}

func FuzzContentAndTotals(f *testing.F) {
	f.Add(content{size: 3, owners: 1, damaged: true}.encode())
	f.Add(content{size: 3, owners: 1, shard: true, inline: true}.encode())
	f.Add(content{size: MaxInline + 1, owners: 1, inline: true}.encode())
	f.Add(totals{1, 2, 3}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeContent(b); err == nil && !bytes.Equal(c.encode(), b) {
			t.Fatalf("content %x became %x", b, c.encode())
		}
		if s, err := decodeTotals(b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Fatalf("totals %x became %x", b, s.encode())
		}
	})
}

func TestExpiryKeysSortByTime(t *testing.T) {
	k := id{owner: [32]byte{255}, hash: [32]byte{255}}
	var last []byte
	for _, at := range []int64{math.MinInt64, 0, 1, 255, 256, 1_700_000_000_000_000_000, math.MaxInt64} {
		key := k.expiry(at)
		if at > 0 && bytes.Compare(last, expiryPrefix(at)) >= 0 {
			t.Errorf("key of %d does not sort before the next", at)
		}
		if got, err := parseExpiry(key); err != nil || got != k {
			t.Errorf("%v, %v", got, err)
		}
		last = key
	}
	if _, err := parseExpiry(last[1:]); !errors.Is(err, errFormat) {
		t.Errorf("short key: %v", err)
	}
}

func TestForeignOrDamagedMetadataIsRefused(t *testing.T) {
	for name, write := range map[string][2][]byte{
		"newer format":   {{tagVersion}, {formatVersion + 1}},
		"damaged totals": {{tagUsage}, {1, 2, 3}},
	} {
		mem := vfs.NewMem()
		c, d := Config{Dir: "d"}, Deps{FS: mem}
		s, err := Open(c, d)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.meta.db.Set(write[0], write[1], nil), s.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(c, d); !errors.Is(err, errFormat) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestNoIntentsStay(t *testing.T) {
	mem := vfs.NewMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30})
	s, err := Open(Config{Dir: "d"}, Deps{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, data := range [][]byte{{1}, {2}} {
		rec := Record{Owner: wallet.AddressOf([32]byte{1}), Hash: proof.Sum(data).String(), Seed: "s"}
		if err := s.Put(t.Context(), rec, data); err != nil {
			t.Fatal(err)
		}
		if data[0] == 2 {
			if err := s.Delete(t.Context(), rec.Owner, rec.Hash); err != nil {
				t.Fatal(err)
			}
		}
	}
	if keys, err := s.meta.keys([]byte{tagIntent}, []byte{tagIntent + 1}, 9); err != nil || len(keys) > 0 {
		t.Fatalf("intents %x, %v", keys, err)
	}
}
