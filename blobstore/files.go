package blobstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/proof"
)

const (
	fileCategory = "filetao-content" // names our writes in Pebble's disk statistics
	writeStep    = 1 << 20           // bytes of data written at a time
	bufferSize   = 256 << 10         // bytes of a shard read and written at a time
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
	t, err := s.createTemp(hex.EncodeToString(h[:]))
	if err != nil {
		return "", err
	}
	buf := make([]byte, min(len(data), writeStep)) // a vfs.File may change what it is given
	for len(data) > 0 && err == nil {
		if err = ctx.Err(); err == nil {
			var n int
			n, err = t.Write(buf[:copy(buf, data)])
			data = data[n:]
		}
	}
	if err = errors.Join(err, t.finish(err == nil)); err != nil {
		s.discard(t.path)
		return "", writeError(err)
	}
	return t.path, nil
}

// temp is a temporary file that is being written.
type temp struct {
	vfs.File
	path string
}

// createTemp makes a temporary file whose name begins with name.
func (s *Store) createTemp(name string) (temp, error) {
	path := s.path("tmp", fmt.Sprintf("%s.%d", name, s.temps.Add(1)))
	f, err := s.fs.Create(path, fileCategory)
	return temp{f, path}, writeError(err)
}

// finish closes the file, flushed if so wanted.
func (t temp) finish(flush bool) error {
	var err error
	if flush {
		err = t.Sync()
	}
	return errors.Join(err, t.Close())
}

// discard removes a temporary file, if it is there.
func (s *Store) discard(path string) {
	if err := s.unlink(path); err != nil {
		s.log.Warn("a temporary file stays until the next start", "err", err)
	}
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
