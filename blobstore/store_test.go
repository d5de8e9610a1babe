package blobstore_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/blobstore/blobtest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

var (
	alice, bob = blobtest.Owner(1), blobtest.Owner(2)
	noon       = time.Unix(1_700_000_000, 0).UTC()
)

func hashOf(data []byte) string { return proof.Sum(data).String() }

func open(t *testing.T, c blobstore.Config, d blobstore.Deps) *blobstore.Store {
	t.Helper()
	if c.MinFree == 0 {
		c.MinFree = -1
	}
	s, err := blobstore.Open(c, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, blobstore.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *blobstore.Store, owner wallet.Address, data []byte, seed string, ttl time.Duration) {
	t.Helper()
	rec := blobstore.Record{Owner: owner, Hash: hashOf(data), Seed: seed, Stored: noon, TTL: ttl}
	if err := s.Put(t.Context(), rec, data); err != nil {
		t.Fatal(err)
	}
}

// contentFile is where data is in a store's folder.
func contentFile(dir string, data []byte) string {
	h := proof.Sum(data)
	return filepath.Join(dir, "content", hex.EncodeToString(h[:1]), hex.EncodeToString(h[:]))
}

func TestContentIsKeptOnceUntilItsLastOwnerLeaves(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	data := bytes.Repeat([]byte("data"), 50_000)
	put(t, s, alice, data, "a", time.Hour)
	put(t, s, bob, data, "b", time.Hour)
	put(t, s, alice, data, "again", 2*time.Hour)
	if u := s.Usage(); u.Bytes != 200_000 || u.Objects != 1 || u.Records != 2 || u.Free <= 0 || u.Capacity != u.Bytes+u.Free {
		t.Fatalf("usage %+v", u)
	}
	got, rec, err := s.Read(t.Context(), alice, hashOf(data))
	want := blobstore.Record{Owner: alice, Hash: hashOf(data), Size: 200_000, Seed: "again", Stored: noon, TTL: 2 * time.Hour}
	if err != nil || !bytes.Equal(got, data) || rec != want {
		t.Fatalf("read %d bytes, %+v, %v; want %+v", len(got), rec, err, want)
	}
	if err := s.SetSeed(t.Context(), bob, hashOf(data), "next"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), alice, hashOf(data)); err != nil {
		t.Fatal(err)
	}
	if rec, err := s.Stat(t.Context(), bob, hashOf(data)); err != nil || rec.Seed != "next" {
		t.Fatalf("after another owner left: %+v, %v", rec, err)
	}
	if err := s.Delete(t.Context(), bob, hashOf(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(contentFile(dir, data)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("content without owners: %v", err)
	}
	if u := s.Usage(); u.Bytes != 0 || u.Objects != 0 || u.Records != 0 {
		t.Fatalf("usage %+v", u)
	}
}

func TestWhatIsNotThereIsNotFoundAndWhatIsNoneIsInvalid(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	ctx, data := t.Context(), []byte("data")
	put(t, s, alice, data, "a", 0)
	calls := map[string]func(wallet.Address, string) error{
		"stat":   func(o wallet.Address, h string) error { _, err := s.Stat(ctx, o, h); return err },
		"read":   func(o wallet.Address, h string) error { _, _, err := s.Read(ctx, o, h); return err },
		"seed":   func(o wallet.Address, h string) error { return s.SetSeed(ctx, o, h, "s") },
		"delete": func(o wallet.Address, h string) error { return s.Delete(ctx, o, h) },
		"tag":    func(o wallet.Address, h string) error { return s.PutTags(ctx, o, h, []byte{1}) },
		"tags":   func(o wallet.Address, h string) error { _, err := s.Tags(ctx, o, h); return err },
		"open":   func(o wallet.Address, h string) error { _, err := s.OpenAt(ctx, o, h); return err },
	}
	for name, call := range calls {
		if err := call(bob, hashOf(data)); !errors.Is(err, blobstore.ErrNotFound) {
			t.Errorf("%s of another's data: %v", name, err)
		}
		if err := call("5bob", hashOf(data)); !errors.Is(err, blobstore.ErrInvalid) {
			t.Errorf("%s by nobody: %v", name, err)
		}
		if err := call(alice, "../../etc/passwd"); !errors.Is(err, blobstore.ErrInvalid) {
			t.Errorf("%s of no hash: %v", name, err)
		}
	}
	for name, rec := range map[string]blobstore.Record{
		"no seed":      {Owner: alice, Hash: hashOf(data)},
		"negative ttl": {Owner: alice, Hash: hashOf(data), Seed: "s", TTL: -1},
		"other length": {Owner: bob, Hash: hashOf(data), Seed: "s"},
	} {
		if err := s.Put(ctx, rec, []byte("longer data")); !errors.Is(err, blobstore.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.SetSeed(ctx, alice, hashOf(data), strings.Repeat("s", 257)); !errors.Is(err, blobstore.ErrInvalid) {
		t.Errorf("long seed: %v", err)
	}
}

func TestExpireRemovesWhatIsDueAndNothingElse(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	one, two, three := []byte("one"), []byte("two!"), []byte("three")
	put(t, s, alice, one, "s", time.Minute)
	put(t, s, bob, one, "s", time.Hour)
	put(t, s, alice, two, "s", time.Minute)
	put(t, s, alice, three, "s", 0)
	for _, step := range []struct {
		at    time.Duration
		n     int
		bytes int64
	}{
		{time.Minute - 1, 0, 0},
		{time.Minute, 2, 4},
		{time.Minute, 0, 0},
		{100 * 365 * 24 * time.Hour, 1, 3},
	} {
		n, freed, err := s.Expire(t.Context(), noon.Add(step.at))
		if err != nil || n != step.n || freed != step.bytes {
			t.Errorf("after %s: %d claims, %d bytes, %v; want %d, %d", step.at, n, freed, err, step.n, step.bytes)
		}
	}
	if u := s.Usage(); u.Bytes != 5 || u.Records != 1 {
		t.Errorf("usage %+v", u)
	}
}

func TestClockIsAskedWhenTheRecordHasNoTime(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{Now: func() time.Time { return noon }})
	rec := blobstore.Record{Owner: alice, Hash: hashOf(nil), Seed: "s"}
	if err := s.Put(t.Context(), rec, nil); err != nil {
		t.Fatal(err)
	}
	if data, rec, err := s.Read(t.Context(), alice, hashOf(nil)); err != nil || len(data) != 0 || rec.Stored != noon {
		t.Fatalf("%q, %+v, %v", data, rec, err)
	}
}

func TestFullStoreRefusesAndStaysUsable(t *testing.T) {
	mem := vfs.NewMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000})
	s := open(t, blobstore.Config{Dir: "d", Capacity: 100, MinFree: 950}, blobstore.Deps{FS: mem})
	full := func(data []byte) {
		t.Helper()
		err := s.Put(t.Context(), blobstore.Record{Owner: alice, Hash: hashOf(data), Seed: "s"}, data)
		if !errors.Is(err, blobstore.ErrFull) {
			t.Fatalf("%d bytes: %v", len(data), err)
		}
	}
	full(make([]byte, 51)) // the disk must keep 950 free
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 10000})
	put(t, s, alice, make([]byte, 90), "s", time.Minute)
	full(make([]byte, 11)) // over the capacity
	put(t, s, bob, make([]byte, 90), "s", time.Minute)
	put(t, s, bob, make([]byte, 10), "s", time.Minute)
	full([]byte{1})
	if u := s.Usage(); u.Bytes != 100 || u.Free != 0 || u.Capacity != 100 {
		t.Fatalf("usage %+v", u)
	}
	if _, _, err := s.Expire(t.Context(), noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	put(t, s, alice, make([]byte, 100), "s", 0)
}

func TestDiskThatIsFullAfterAllIsErrFull(t *testing.T) {
	mem := vfs.NewMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30})
	s := open(t, blobstore.Config{Dir: "d"}, blobstore.Deps{FS: noSpace{mem}})
	data := make([]byte, blobstore.MaxInline+1)
	err := s.Put(t.Context(), blobstore.Record{Owner: alice, Hash: hashOf(data), Seed: "s"}, data)
	if !errors.Is(err, blobstore.ErrFull) {
		t.Fatal(err)
	}
}

// noSpace is a disk without room for temporary files.
type noSpace struct{ vfs.FS }

func (fs noSpace) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.Contains(name, "/tmp/") {
		return nil, &os.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
	}
	return fs.FS.Create(name, c)
}

func TestStoreIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	if _, err := blobstore.Open(blobstore.Config{Dir: dir}, blobstore.Deps{}); !errors.Is(err, blobstore.ErrInUse) {
		t.Fatalf("opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), alice, hashOf(nil)); !errors.Is(err, blobstore.ErrClosed) {
		t.Fatalf("call after Close: %v", err)
	}
	if err := s.Close(); !errors.Is(err, blobstore.ErrClosed) {
		t.Fatalf("second Close: %v", err)
	}
}

func TestFolderCanBeMovedWhileClosed(t *testing.T) {
	parent := t.TempDir()
	before, after := filepath.Join(parent, "deep", "before"), filepath.Join(parent, "after")
	s := open(t, blobstore.Config{Dir: before}, blobstore.Deps{})
	put(t, s, alice, []byte("data"), "s", 0)
	if err := errors.Join(s.Close(), os.Rename(before, after)); err != nil {
		t.Fatal(err)
	}
	s = open(t, blobstore.Config{Dir: after}, blobstore.Deps{})
	if data, _, err := s.Read(t.Context(), alice, hashOf([]byte("data"))); err != nil || string(data) != "data" {
		t.Fatalf("%q, %v", data, err)
	}
}

func TestStartDoesNotLookThroughTheContent(t *testing.T) {
	mem := vfs.NewMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30})
	s := open(t, blobstore.Config{Dir: "d"}, blobstore.Deps{FS: mem})
	for i := range 300 {
		put(t, s, alice, []byte{byte(i), byte(i >> 8)}, "s", 0)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, blobstore.Config{Dir: "d"}, blobstore.Deps{FS: noWalk{mem, t}})
	if u := s.Usage(); u.Objects != 300 || u.Bytes != 600 {
		t.Fatalf("usage %+v", u)
	}
}

// noWalk complains when content is listed or looked at.
type noWalk struct {
	vfs.FS
	t *testing.T
}

func (fs noWalk) List(dir string) ([]string, error) {
	if strings.Contains(dir, "content") {
		fs.t.Errorf("listed %s", dir)
	}
	return fs.FS.List(dir)
}

func (fs noWalk) Stat(name string) (vfs.FileInfo, error) {
	if len(filepath.Base(name)) == 64 {
		fs.t.Errorf("looked at %s", name)
	}
	return fs.FS.Stat(name)
}

func TestReaderOutlivesDeletion(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	data := bytes.Repeat([]byte("data"), 50000)
	put(t, s, alice, data, "s", 0)
	r, err := s.Reader(t.Context(), alice, hashOf(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), alice, hashOf(data)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if r.State().Hash() != proof.Sum(data) {
		t.Fatal("state is not over the data")
	}
}
