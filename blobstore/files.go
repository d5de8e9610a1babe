package blobstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/filetao/filetao/proof"
)

const (
	fileCategory = "filetao-content" // names our writes in Pebble's disk statistics
	writeStep    = 1 << 20           // bytes written at a time
)

func (s *Store) path(elem ...string) string {
	return s.fs.PathJoin(append([]string{s.config.Dir}, elem...)...)
}

func (s *Store) contentDir(first byte) string {
	return s.path("content", hex.EncodeToString([]byte{first}))
}

func (s *Store) contentPath(h proof.Digest) string {
	return s.fs.PathJoin(s.contentDir(h[0]), hex.EncodeToString(h[:]))
}

// makeDirs makes the folders that are missing, so that they survive a crash.
func (s *Store) makeDirs() error {
	dirs := []string{s.path("tmp")}
	for i := range stripes {
		dirs = append(dirs, s.contentDir(byte(i)))
	}
	dirty := map[string]bool{}
	for _, dir := range dirs {
		if err := s.makeDir(dir, dirty); err != nil {
			return fmt.Errorf("blobstore: %w", err)
		}
	}
	for dir := range dirty {
		if err := s.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a folder and its parents, and notes the folders to flush.
func (s *Store) makeDir(dir string, dirty map[string]bool) error {
	_, err := s.fs.Stat(dir)
	parent := s.fs.PathDir(dir)
	if err == nil || parent == dir {
		return err
	}
	if err := s.makeDir(parent, dirty); err != nil {
		return err
	}
	dirty[parent] = true
	return s.fs.MkdirAll(dir, 0o700)
}

func (s *Store) syncDir(dir string) error {
	d, err := s.fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("blobstore: flushing a folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("blobstore: flushing folder %s: %w", dir, err)
	}
	return nil
}

// emptyTemp removes what puts left that a crash ended.
func (s *Store) emptyTemp() error {
	dir := s.path("tmp")
	names, err := s.fs.List(dir)
	if err != nil {
		return fmt.Errorf("blobstore: %w", err)
	}
	for _, name := range names {
		if err := s.unlink(s.fs.PathJoin(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// writeTemp writes and flushes data into a new temporary file.
func (s *Store) writeTemp(ctx context.Context, h proof.Digest, data []byte) (path string, err error) {
	path = s.path("tmp", fmt.Sprintf("%s.%d", hex.EncodeToString(h[:]), s.temps.Add(1)))
	f, err := s.fs.Create(path, fileCategory)
	if err != nil {
		return "", writeError(err)
	}
	defer func() {
		if err = writeError(errors.Join(err, f.Close())); err != nil {
			err = errors.Join(err, s.unlink(path))
		}
	}()
	buf := make([]byte, min(len(data), writeStep)) // a vfs.File may change what it is given
	for len(data) > 0 {
		if err := ctx.Err(); err != nil {
			return path, err
		}
		n, err := f.Write(buf[:copy(buf, data)])
		if err != nil {
			return path, err
		}
		data = data[n:]
	}
	return path, f.Sync()
}

// writeError makes ErrFull of what a full disk or quota says.
func writeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("blobstore: writing: %w", err)
}

// unlink removes a file; one that is gone already is no error.
func (s *Store) unlink(path string) error {
	if err := s.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blobstore: removing: %w", err)
	}
	return nil
}
