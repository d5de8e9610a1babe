package blobstore_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/wallet"
)

// putFindable keeps a shard that is found under a tag.
func putFindable(t *testing.T, s *blobstore.Store, owner wallet.Address, data []byte, tag byte, note string) string {
	t.Helper()
	rec := blobstore.Record{Owner: owner, Stored: noon, TTL: time.Hour}
	root, err := s.PutShard(t.Context(), rec, int64(len(data)), bytes.NewReader(data), func(erasure.Root) (blobstore.Beside, error) {
		return blobstore.Beside{Tags: []byte("t"), Find: &blobstore.Find{Tag: [32]byte{tag}, Note: []byte(note)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return root.String()
}

func find(t *testing.T, s *blobstore.Store, tag byte, limit int) (names []string) {
	t.Helper()
	list, err := s.FindShards(t.Context(), [32]byte{tag}, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		names = append(names, f.Hash.String()+" "+string(f.Note))
	}
	slices.Sort(names)
	return names
}

// TestShardsAreFoundByTheirTag, each once, and only as long as they are there.
func TestShardsAreFoundByTheirTag(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	one, two, large := bytesOf(1), bytesOf(2), bytesOf(100_000)
	first := putFindable(t, s, alice, one, 1, "a")
	putFindable(t, s, bob, one, 1, "a") // another's claim on the same
	second := putFindable(t, s, alice, two, 1, "b")
	third := putFindable(t, s, alice, large, 0xff, "")
	putShard(t, s, alice, bytesOf(5), "no tag to be found by", time.Hour)
	same := func(name string, tag byte, want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := find(t, s, tag, 8); !slices.Equal(got, want) {
			t.Fatalf("%s: %q, want %q", name, got, want)
		}
	}
	for range 2 {
		same("two", 1, first+" a", second+" b")
		same("one", 0xff, third+" ")
		same("nothing", 2)
		if got := find(t, s, 1, 1); len(got) != 1 {
			t.Errorf("more than asked for: %q", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	}
	if err := s.Delete(t.Context(), alice, first); err != nil {
		t.Fatal(err)
	}
	same("bob's is left", 1, first+" a", second+" b")
	putShard(t, s, alice, two, "t", time.Hour) // without a word about it
	if err := s.Renew(t.Context(), alice, second, noon, 2*time.Hour, []byte("t")); err != nil {
		t.Fatal(err)
	}
	same("it stays", 1, first+" a", second+" b")
	putFindable(t, s, alice, two, 3, "moved")
	same("another tag", 3, second+" moved")
	same("takes its place", 1, first+" a")
	if ok, err := blobstore.Spoil(s, second, []byte{9, 9}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, _, err := s.Read(t.Context(), alice, second); !errors.Is(err, blobstore.ErrCorrupt) {
		t.Fatal(err)
	}
	same("damaged", 3)
	if _, _, err := s.Expire(t.Context(), noon.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []byte{1, 3, 0xff} {
		same("all has ended", tag)
	}
	empty(t, s, dir)
}

func TestLongNotesAreRefused(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	_, err := s.PutShard(t.Context(), blobstore.Record{Owner: alice}, 1, bytes.NewReader([]byte{1}), func(erasure.Root) (blobstore.Beside, error) {
		return blobstore.Beside{Find: &blobstore.Find{Note: make([]byte, blobstore.MaxNote+1)}}, nil
	})
	if !errors.Is(err, blobstore.ErrInvalid) {
		t.Error(err)
	}
}

// TestAStoreOfTheSecondFormatIsGoneOnWith: all that it had reads as before, and what
// comes new can be found.
func TestAStoreOfTheSecondFormatIsGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	old := putShard(t, s, alice, bytesOf(1000), "tags", time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	version := func(set []byte) []byte {
		t.Helper()
		db, err := pebble.Open(filepath.Join(dir, "meta"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest})
		if err != nil {
			t.Fatal(err)
		}
		if set != nil {
			err = db.Set([]byte("v"), set, pebble.Sync)
		}
		v, closer, get := db.Get([]byte("v"))
		if err := errors.Join(err, get); err != nil {
			t.Fatal(err)
		}
		v = bytes.Clone(v)
		if err := errors.Join(closer.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
		return v
	}
	version([]byte{2})
	s = open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	readShard(t, s, old, bytesOf(1000), 0, 1000)
	fresh := putFindable(t, s, alice, bytesOf(2000), 1, "n")
	if got := find(t, s, 1, 8); len(got) != 1 || got[0] != fresh+" n" {
		t.Errorf("%q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v := version(nil); !bytes.Equal(v, []byte{3}) {
		t.Errorf("version %v", v)
	}
}
