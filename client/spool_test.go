package client

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// TestAFullSpoolIsNamed: the user is told which folder is full, unless it is the
// source's.
func TestAFullSpoolIsNamed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	full := &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	if err := room(full); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "TMPDIR names another folder") {
		t.Errorf("error %v", err)
	}
	for _, err := range []error{fmt.Errorf("%w: %w", errSource, full), errors.New("other")} {
		if got := room(err); got != err {
			t.Errorf("error %v, want %v", got, err)
		}
	}
	t.Setenv("TMPDIR", t.TempDir()+"/none")
	if _, err := newSpool(""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
