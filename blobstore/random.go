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

// OpenAt opens an owner's data or shard for reading pieces of it, which are not checked
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
	return s.random(ctx, k.hash, r.public(k), c, f)
}

// random is for reading content that was opened, if it seems to be right; else
// it is closed.
func (s *Store) random(ctx context.Context, h proof.Digest, r Record, c content, f source) (*Random, error) {
	if c.damaged {
		err := fmt.Errorf("%w: %s: found before", ErrCorrupt, h)
		return nil, errors.Join(err, f.Close())
	}
	length, err := f.length()
	if err == nil && length < r.Size {
		err = fmt.Errorf("%d bytes of %d", length, r.Size)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrCorrupt, h, err)
		s.setDamaged(h, err)
		return nil, errors.Join(err, f.Close())
	}
	return &Random{ctx: ctx, store: s, hash: h, record: r, source: f}, nil
}

// Random reads pieces of data, unchecked. It is safe for concurrent use.
type Random struct {
	ctx    context.Context // the call it belongs to
	store  *Store
	hash   proof.Digest
	record Record
	source source
}

// Record is the claim under which the data was opened.
func (r *Random) Record() Record { return r.record }

// Close releases the file.
func (r *Random) Close() error { return r.source.Close() }

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
	n, err := r.source.ReadAt(want, at)
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
