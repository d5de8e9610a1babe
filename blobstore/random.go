package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// OpenAt opens an owner's data for reading pieces of it, which are not checked
// against the hash: only reading all of it (Reader) can find a wrong byte. It
// returns ErrNotFound, ErrInvalid, ErrClosed, or ErrCorrupt if the content is
// missing, cut short or known to be damaged. The data can be read on when it is
// deleted meanwhile. ctx ends the reading.
func (s *Store) OpenAt(ctx context.Context, owner wallet.Address, hash string) (*Random, error) {
	k, err := parseID(owner, hash)
	if err != nil {
		return nil, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, c, f, err := s.openContent(k, vfs.RandomReadsOption)
	if err != nil {
		return nil, err
	}
	if c.damaged {
		err = fmt.Errorf("%w: %s: found before", ErrCorrupt, k.hash)
		return nil, errors.Join(err, f.Close())
	}
	random := &Random{ctx: ctx, store: s, hash: k.hash, record: r.public(k), file: f}
	info, err := f.Stat()
	if err == nil && info.Size() < r.size {
		err = fmt.Errorf("%d bytes of %d", info.Size(), r.size)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrCorrupt, k.hash, err)
		s.setDamaged(k.hash, err)
		return nil, errors.Join(err, f.Close())
	}
	return random, nil
}

// Random reads pieces of data, unchecked. It is safe for concurrent use.
type Random struct {
	ctx    context.Context // the call it belongs to
	store  *Store
	hash   proof.Digest
	record Record
	file   vfs.File
}

// Record is the claim under which the data was opened.
func (r *Random) Record() Record { return r.record }

// Close releases the file.
func (r *Random) Close() error { return r.file.Close() }

// ReadAt implements io.ReaderAt over the data's recorded size. Beside io.EOF
// it returns ErrCorrupt, ErrInvalid for an offset below 0, or ctx's error.
func (r *Random) ReadAt(p []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	left := r.record.Size - at
	switch {
	case at < 0:
		return 0, fmt.Errorf("%w: offset %d", ErrInvalid, at)
	case left <= 0:
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), left)]
	n, err := r.file.ReadAt(want, at)
	switch {
	case n < len(want):
		return n, r.corrupt(at+int64(n), err)
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

func (r *Random) corrupt(at int64, cause error) error {
	if cause == nil || errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF // must not pass for the end of the data
	}
	err := fmt.Errorf("%w: %s: at byte %d: %w", ErrCorrupt, r.hash, at, cause)
	r.store.note(r.ctx, r.hash, err)
	return err
}
