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

// Reader opens an owner's data for reading it once, in order. It returns
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
		ctx: ctx, store: s, hash: k.hash, record: r.public(k), damaged: c.damaged, file: f, left: r.size, state: proof.NewState(),
	}, nil
}

// openContent opens what a record is about, and notes when it is missing.
func (s *Store) openContent(k id, how vfs.OpenOption) (r record, c content, f vfs.File, err error) {
	release := s.hold(k.hash)
	if r, err = s.find(k); err == nil {
		c, _, err = s.meta.content(k.hash)
	}
	if err == nil {
		if f, err = s.fs.Open(s.contentPath(k.hash), how); err != nil {
			err = fmt.Errorf("%w: %s: %w", ErrCorrupt, k.hash, err)
		}
	}
	release()
	if errors.Is(err, ErrCorrupt) {
		s.setDamaged(k.hash, err)
	}
	return r, c, f, err
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
	file    vfs.File
	left    int64
	state   *proof.State
	end     error // what every further Read returns
}

// Record is the claim under which the data was opened.
func (r *Reader) Record() Record { return r.record }

// State is the hash state over what was read: after the last byte over all of
// the data. It belongs to the reader.
func (r *Reader) State() *proof.State { return r.state }

// Close releases the file.
func (r *Reader) Close() error { return r.file.Close() }

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
		n, err = r.file.Read(p[:min(int64(len(p)), r.left)])
		_, _ = r.state.Write(p[:n])
		r.left -= int64(n)
	}
	switch {
	case err != nil && r.left > 0: // io.EOF too: the file is too short
		return 0, r.corrupt(fmt.Errorf("%d bytes before the end: %w", r.left, err))
	case r.left > 0:
		return n, nil
	case r.state.Hash() != r.hash:
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

// note is setDamaged for a reader, which may outlive the store.
func (s *Store) note(ctx context.Context, h proof.Digest, damage error) {
	if leave, err := s.enter(ctx); err == nil {
		defer leave()
		s.setDamaged(h, damage)
	}
}

// setDamaged notes the damage, so that the next Put of the data writes its
// content anew, or, for nil, that the content was found right after all.
func (s *Store) setDamaged(h proof.Digest, damage error) {
	release := s.hold(h)
	defer release()
	c, found, err := s.meta.content(h)
	if err != nil || !found || c.damaged == (damage != nil) {
		return // known, or deleted meanwhile; a broken database says so itself
	}
	if damage != nil {
		s.log.Error("stored data is damaged; storing it again mends it", "err", damage)
	} else {
		s.log.Info("stored data was noted as damaged and is right", "hash", h)
	}
	c.damaged = damage != nil
	b := s.meta.db.NewBatch()
	b.Set(contentKey(h), c.encode(), nil)
	if err := s.meta.commitLater(b, totals{}); err != nil {
		s.log.Warn("damage was not noted", "err", err)
	}
}
