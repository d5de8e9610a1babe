package index_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

func open(t testing.TB, dir string, o index.Options) *index.Index {
	t.Helper()
	x, err := index.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil && !errors.Is(err, index.ErrClosed) {
			t.Error(err)
		}
	})
	return x
}

func TestPebble(t *testing.T) {
	indextest.Run(t, func(t *testing.T) indextest.Store {
		dir := t.TempDir()
		return indextest.Store{Open: func(t *testing.T) *index.Index { return open(t, dir, index.Options{}) }}
	})
}

func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv("INDEX_DIR") != "" { // the other process
		_, err := index.Open(os.Getenv("INDEX_DIR"), index.Options{ReadOnly: os.Getenv("INDEX_READONLY") != ""})
		if !errors.Is(err, index.ErrLocked) {
			t.Fatalf("error %v, want %v", err, index.ErrLocked)
		}
		return
	}
	open(t, dir, index.Options{})
	if _, err := index.Open(dir, index.Options{}); !errors.Is(err, index.ErrLocked) {
		t.Fatalf("error %v, want %v", err, index.ErrLocked)
	}
	for _, readonly := range []string{"", "1"} {
		other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFolderInUse$")
		other.Env = append(os.Environ(), "INDEX_DIR="+dir, "INDEX_READONLY="+readonly)
		if out, err := other.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := index.Open(dir, index.Options{ReadOnly: true}); err == nil {
		t.Fatal("an index that is not there was opened for reading")
	}
	x := open(t, dir, index.Options{})
	if err := x.PutState(t.Context(), "a", []byte("b")); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, dir, index.Options{ReadOnly: true})
	if data, err := x.State(t.Context(), "a"); err != nil || string(data) != "b" {
		t.Fatalf("%q, %v", data, err)
	}
	if err := x.PutState(t.Context(), "a", nil); err == nil {
		t.Fatal("written to an index opened for reading")
	}
}

func BenchmarkPebble(b *testing.B) {
	indextest.Benchmark(b, open(b, b.TempDir(), index.Options{}))
}
