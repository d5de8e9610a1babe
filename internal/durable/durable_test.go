package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/filetao/filetao/internal/durable"
)

func TestWriteFileReplacesWholeFileWithMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	for _, text := range []string{"the first, longer text", "second"} {
		if err := durable.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Fatalf("got %q, %v; want %q", got, err, text)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", info.Mode(), err)
	}
	onlyFile(t, dir, "key")
}

func TestWriteFileLeavesOldContentOnFailure(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "folder") // a folder cannot be replaced by a file
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(target, []byte("x"), 0o600); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	onlyFile(t, dir, "folder")
	if err := durable.WriteFile(filepath.Join(dir, "missing", "f"), nil, 0o600); err == nil {
		t.Fatal("a file was written into a folder that is not there")
	}
}

func TestSyncDirNamesTheFolder(t *testing.T) {
	if err := durable.SyncDir(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Fatal("no error for a missing folder")
	}
}

func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Fatalf("folder holds %v, %v; want only %s", entries, err, name)
	}
}
