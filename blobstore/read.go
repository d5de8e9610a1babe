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

// Read returns an owner's data, checked against its hash, and its record.
// It returns the errors of Reader and of reading from it.
func (s *Store) Read(ctx context.Context, owner wallet.Address, hash string) ([]byte, Record, error) {
	r, err := s.Reader(ctx, owner, hash)
	if err != nil {
		return nil, Record{}, err
	}
	data, err := r.ReadAll()
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, Record{}, err
	}
	return data, r.Record(), nil
}

// Reader opens an owner's data or shard for reading it once, in order. It returns
// ErrNotFound, ErrInvalid, ErrClosed, or ErrCorrupt if the content is missing.
// The data can be read on when it is deleted meanwhile. ctx ends the reading.
func (s *Store) Reader(ctx context.Context, owner wallet.Address, hash string) (*Reader, error) {
	k, err := parseID(owner, hash)
	if err != nil {
		return nil, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, c, f, err := s.openContent(k, vfs.SequentialReadsOption)
	if err != nil {
		return nil, err
	}
	return &Reader{
		ctx: ctx, store: s, hash: k.hash, record: r.public(k), damaged: c.damaged, source: f, left: r.size, sum: newSum(r.shard),
	}, nil
}

// openContent opens what a record is about, and notes when it is missing.
func (s *Store) openContent(k id, how vfs.OpenOption) (r record, c content, f source, err error) {
	c, f, err = s.openNamed(k.hash, how, func(content) (err error) {
		r, err = s.find(k)
		return err
	})
	return r, c, f, err
}

// openNamed opens content that pass, which is called with the stripe held, has
// nothing against, and notes when it is missing. It returns ErrNotFound,
// ErrCorrupt, or pass's error.
func (s *Store) openNamed(h proof.Digest, how vfs.OpenOption, pass func(content) error) (c content, f source, err error) {
	release := s.hold(h)
	c, found, err := s.meta.content(h)
	if err == nil {
		err = pass(c)
	}
	switch {
	case err != nil:
	case !found:
		err = fmt.Errorf("%w: %s", ErrNotFound, h)
	case c.inline:
		f, err = s.openValue(h)
	default:
		f, err = s.openFile(h, how)
	}
	release()
	if errors.Is(err, ErrCorrupt) {
		s.setDamaged(h, err)
	}
	return c, f, err
}

// Reader reads data and checks its hash on the way. The last bytes come only
// once the hash was found right, ErrCorrupt in their place if it is not. It is
// for one goroutine.
type Reader struct {
	ctx     context.Context // the call the reader belongs to
	store   *Store
	hash    proof.Digest
	record  Record
	damaged bool // as noted when it was opened
	source  source
	left    int64
	sum     sum
	end     error // what every further Read returns
}

// Record is the claim under which the data was opened.
func (r *Reader) Record() Record { return r.record }

// State is the hash state over what was read: after the last byte over all of
// the data. It belongs to the reader. There is none of a shard: nil.
func (r *Reader) State() *proof.State { return r.sum.state }

// Close releases the file.
func (r *Reader) Close() error { return r.source.Close() }

// ReadAll reads what is left of the data into memory. It returns the errors of
// Read but io.EOF.
func (r *Reader) ReadAll() ([]byte, error) {
	data := make([]byte, r.left)
	if len(data) == 0 { // the hash is still to be checked
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return nil, err
		}
		return data, nil
	}
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return data, nil
}

// Read returns io.EOF after the last byte, ErrCorrupt, or ctx's error.
func (r *Reader) Read(p []byte) (n int, err error) {
	if r.end != nil || len(p) == 0 {
		return 0, r.end
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.left > 0 {
		n, err = r.source.Read(p[:min(int64(len(p)), r.left)])
		r.sum.write(p[:n])
		r.left -= int64(n)
	}
	switch {
	case err != nil && r.left > 0: // io.EOF too: the file is too short
		return 0, r.corrupt(fmt.Errorf("%d bytes before the end: %w", r.left, err))
	case r.left > 0:
		return n, nil
	case r.sum.hash() != r.hash:
		return 0, r.corrupt(errors.New("it has another hash"))
	}
	r.end = io.EOF
	if r.damaged {
		r.store.note(r.ctx, r.hash, nil)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *Reader) corrupt(cause error) error {
	if errors.Is(cause, io.EOF) {
		cause = errors.New(cause.Error()) // must not pass for the end of the data
	}
	r.end = fmt.Errorf("%w: %s: %w", ErrCorrupt, r.hash, cause)
	r.store.note(r.ctx, r.hash, r.end)
	return r.end
}
