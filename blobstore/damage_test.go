package blobstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/blobstore"
)

// scrub reads all there is and returns the hashes that were found damaged.
func scrub(t *testing.T, s *blobstore.Store) (found []string) {
	t.Helper()
	var bytes int64
	read, err := s.Scrub(t.Context(), 0, func(r blobstore.Record, err error) {
		if !errors.Is(err, blobstore.ErrCorrupt) || r.Owner != "" || r.Hash == "" {
			t.Errorf("found %+v, %v", r, err)
		}
		found, bytes = append(found, r.Hash), bytes+r.Size
	})
	if u := s.Usage(); err != nil || read > u.Bytes || read < u.Bytes-bytes {
		t.Errorf("%d bytes read of %d, %v", read, u.Bytes, err)
	}
	return found
}

func TestScrubFindsRotOfEveryKind(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	small, large := bytesOf(5000), bytesOf(500_000)
	bad := func(data []byte) []byte { b := bytes.Clone(data); b[len(b)/2] ^= 1; return b }
	value := func(hash string, value []byte) error {
		if found, err := blobstore.Spoil(s, hash, value); err != nil || !found {
			return fmt.Errorf("%t, %w", found, err)
		}
		return nil
	}
	other := putShard(t, s, bob, bytesOf(700_000), "tags", 0)
	put(t, s, bob, bytesOf(700), "s", 0)
	for name, c := range map[string]struct {
		data   []byte
		shard  bool
		damage func(hash string) error
	}{
		"flipped bit of data":    {large, false, func(string) error { return os.WriteFile(contentFile(dir, large), bad(large), 0o600) }},
		"data cut short":         {large, false, func(string) error { return os.Truncate(contentFile(dir, large), 499_999) }},
		"no data":                {large, false, func(string) error { return os.Remove(contentFile(dir, large)) }},
		"flipped bit of a value": {small, false, func(hash string) error { return value(hash, bad(small)) }},
		"value cut short":        {small, false, func(hash string) error { return value(hash, small[1:]) }},
		"no value":               {small, false, func(hash string) error { return value(hash, nil) }},
		"flipped bit of a shard": {large, true, func(string) error { return os.WriteFile(shardFile(dir, large), bad(large), 0o600) }},
		"no shard":               {large, true, func(string) error { return os.Remove(shardFile(dir, large)) }},
		"flipped bit of a small": {small, true, func(hash string) error { return value(hash, bad(small)) }},
		"other leaves":           {large, true, func(hash string) error { return second(blobstore.SpoilLeaves(s, hash, make([]byte, 8*32))) }},
		"no leaves":              {small, true, func(hash string) error { return second(blobstore.SpoilLeaves(s, hash, nil)) }},
	} {
		t.Run(name, func(t *testing.T) { rot(t, s, c.data, c.shard, c.damage) })
	}
	readShard(t, s, other, bytesOf(700_000), 0, 700_000)
}

// rot stores, damages and scrubs data, and mends it.
func rot(t *testing.T, s *blobstore.Store, data []byte, shard bool, damage func(hash string) error) {
	hash, store := hashOf(data), func() { put(t, s, alice, data, "s", 0) }
	if shard {
		hash, store = rootOf(data).String(), func() { putShard(t, s, alice, data, "tags", 0) }
	}
	store()
	if found := scrub(t, s); found != nil {
		t.Fatalf("found %q where all is well", found)
	}
	if err := damage(hash); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if found := scrub(t, s); len(found) != 1 || found[0] != hash {
			t.Fatalf("found %q, want %s", found, hash)
		}
	}
	list, err := s.Damaged(t.Context())
	want := blobstore.Record{Hash: hash, Shard: shard, Size: int64(len(data))}
	if err != nil || len(list) != 1 || list[0] != want {
		t.Fatalf("%+v, %v; want %+v", list, err, want)
	}
	reads := map[string]error{"open": second(s.OpenAt(t.Context(), alice, hash))}
	if shard {
		reads["own"], reads["any"] = second(s.Shard(t.Context(), alice, hash)), second(s.AnyShard(t.Context(), hash))
	}
	for how, err := range reads {
		if !errors.Is(err, blobstore.ErrCorrupt) {
			t.Errorf("%s: %v", how, err)
		}
	}
	store()
	if list, err := s.Damaged(t.Context()); err != nil || list != nil {
		t.Errorf("damaged after it was mended: %+v, %v", list, err)
	}
	if got, _, err := s.Read(t.Context(), alice, hash); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := s.Delete(t.Context(), alice, hash); err != nil {
		t.Fatal(err)
	}
}

func TestScrubTakesBackWhatIsRightAndListsNothingThatIsGone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	data := bytesOf(100_000)
	hash := putShard(t, s, alice, data, "tags", 0)
	for range 2 {
		if err := os.WriteFile(shardFile(dir, data), make([]byte, 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
		if found := scrub(t, s); len(found) != 1 {
			t.Fatalf("found %q", found)
		}
		if err := os.WriteFile(shardFile(dir, data), data, 0o600); err != nil { // the disk came to its senses
			t.Fatal(err)
		}
		if found := scrub(t, s); found != nil {
			t.Fatalf("found %q", found)
		}
		readShard(t, s, hash, data, 0, len(data))
	}
	if err := os.Remove(shardFile(dir, data)); err != nil {
		t.Fatal(err)
	}
	scrub(t, s)
	if err := s.Delete(t.Context(), alice, hash); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Damaged(t.Context()); err != nil || list != nil {
		t.Fatalf("%+v, %v", list, err)
	}
}

func TestASectionOfAFileThatIsCutShort(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	data := bytesOf(200_000)
	hash := putShard(t, s, alice, data, "tags", 0)
	for name, read := range map[string]func(*blobstore.Section) (int64, error){
		"read":  func(s *blobstore.Section) (int64, error) { return io.Copy(io.Discard, struct{ io.Reader }{s}) },
		"write": func(s *blobstore.Section) (int64, error) { return io.Copy(io.Discard, s) },
	} {
		shard, err := s.AnyShard(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		section, err := shard.Section(50_000, 150_000)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(shardFile(dir, data), 100_000); err != nil {
			t.Fatal(err)
		}
		if n, err := read(section); n != 50_000 || !errors.Is(err, blobstore.ErrCorrupt) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if err := errors.Join(section.Close(), shard.Close()); err != nil {
			t.Fatal(err)
		}
		putShard(t, s, alice, data, "tags", 0) // the damage was noted: this mends it
		readShard(t, s, hash, data, 0, len(data))
	}
}

// TestScrubGoesOnWhereItStopped: what was read before an interruption is not
// read again in the same pass, also by another process.
func TestScrubGoesOnWhereItStopped(t *testing.T) {
	const each, many = 10_000, 30
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	for i := range many {
		data := bytesOf(each)
		data[0], data[1] = byte(i), byte(i>>8)
		hash := putShard(t, s, alice, data, "tags", 0)
		if _, err := blobstore.Spoil(s, hash, data[1:]); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for len(seen) < many {
		stop := len(seen) + 7
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Scrub(ctx, 0, func(r blobstore.Record, _ error) {
			if seen[r.Hash]++; len(seen) == stop {
				cancel()
			}
		})
		cancel()
		if len(seen) < many && !errors.Is(err, context.Canceled) || len(seen) == many && err != nil {
			t.Fatalf("%d seen: %v", len(seen), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	}
	for hash, n := range seen {
		if n != 1 {
			t.Errorf("%s was read %d times", hash, n)
		}
	}
	if found := scrub(t, s); len(found) != many {
		t.Errorf("the next pass found %d", len(found))
	}
}

func TestScrubKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30})
		s := open(t, blobstore.Config{Dir: "d"}, blobstore.Deps{FS: mem})
		for _, size := range []int{1 << 20, 300_000, 60_000, 5000, 10} {
			putShard(t, s, alice, bytesOf(size), "tags", 0)
		}
		start := time.Now()
		if _, err := s.Scrub(t.Context(), 100_000, func(r blobstore.Record, err error) { t.Error(r, err) }); err != nil {
			t.Fatal(err)
		}
		want := time.Duration(s.Usage().Bytes) * time.Second / 100_000
		if took := time.Since(start); took > want || took < want-3*time.Second { // the last buffer's time is not waited for
			t.Errorf("%s for %d bytes, want %s", took, s.Usage().Bytes, want)
		}
	})
}
