package blobstore

import (
	"bytes"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
)

// source is where content is read: its file or its value.
type source interface {
	io.Reader
	io.ReaderAt
	io.Closer
	// length is how many bytes there are.
	length() (int64, error)
}

type fileSource struct{ vfs.File }

func (f fileSource) length() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

type valueSource struct{ *bytes.Reader }

func (v valueSource) length() (int64, error) { return v.Size(), nil }
func (valueSource) Close() error             { return nil }

// openFile opens a content file; ErrCorrupt if it cannot.
func (s *Store) openFile(h proof.Digest, how vfs.OpenOption) (source, error) {
	f, err := s.fs.Open(s.contentPath(h), how)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, h, err)
	}
	return fileSource{f}, nil
}

// openValue reads content that is a value; ErrCorrupt if it cannot.
func (s *Store) openValue(h proof.Digest) (source, error) {
	value, found, err := s.meta.get(valueKey(h))
	if err == nil && !found {
		err = fmt.Errorf("no value")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, h, err)
	}
	return valueSource{bytes.NewReader(value)}, nil
}

// sum is the hash by which content is named, over what was written so far.
type sum struct {
	state *proof.State    // of data
	tree  *erasure.Hasher // of a shard
}

func newSum(shard bool) sum {
	if shard {
		return sum{tree: erasure.NewHasher()}
	}
	return sum{state: proof.NewState()}
}

func (s sum) write(p []byte) {
	if s.tree != nil {
		_, _ = s.tree.Write(p)
		return
	}
	_, _ = s.state.Write(p)
}

func (s sum) hash() proof.Digest {
	if s.tree != nil {
		return proof.Digest(s.tree.Root())
	}
	return s.state.Hash()
}
