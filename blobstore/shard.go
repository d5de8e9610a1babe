package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
)

// PutShard keeps a shard of so many bytes for an owner, read from r, and returns
// its root when it is on disk with its leaves and tags. Room for it is reserved
// before a byte is read; of the bytes no more than a buffer is in memory. Once
// all are there, and before anything is kept, finish is called with their root:
// it returns what is to be put beside the claim, or why not to keep the shard.
//
// A shard known already is read all the same. If the owner has it already, time
// and ttl are replaced unless it would end sooner then: who brings it again may not
// know of who counts on it for longer. rec.Hash, rec.Size and rec.Seed are ignored; a zero
// rec.Stored means when finish has returned.
//
// It returns ErrFull, ErrInvalid, ErrClosed, ErrBroken, io.ErrUnexpectedEOF,
// ctx's error, or that of r, of finish or of the file system. Then nothing has
// changed, except after ErrBroken.
func (s *Store) PutShard(ctx context.Context, rec Record, size int64, r io.Reader, finish func(erasure.Root) (Beside, error)) (erasure.Root, error) {
	pub, err := rec.Owner.PublicKey()
	if err != nil {
		return erasure.Root{}, fmt.Errorf("%w: owner %.60q: %w", ErrInvalid, string(rec.Owner), err)
	}
	if size < 1 || size > erasure.MaxSegment || rec.TTL < 0 {
		return erasure.Root{}, fmt.Errorf("%w: a shard of %d bytes, ttl %s", ErrInvalid, size, rec.TTL)
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return erasure.Root{}, err
	}
	defer leave()
	release, err := s.reserve(size)
	if err != nil {
		return erasure.Root{}, err
	}
	defer release()

	up := &upload{store: s, buffer: s.buffers.Get().(*[bufferSize]byte), tree: erasure.NewHasher()}
	defer up.end()
	if err := up.receive(ctx, size, r); err != nil {
		return erasure.Root{}, err
	}
	root := up.tree.Root()
	d := deposit{id: id{pub, proof.Digest(root)}}
	if d.Beside, err = finish(root); err != nil {
		return root, err
	}
	if err := s.takes(d.Beside); err != nil {
		return root, err
	}
	rec.Shard, rec.Seed = true, ""
	if d.record, err = s.record(rec, size); err != nil {
		return root, err
	}
	if done, err := s.tryPut(d); err != nil || done {
		return root, err
	}
	if err := up.flush(); err != nil {
		return root, err
	}
	d.fresh, d.value, d.temp, d.leaves = true, up.value, up.file.path, up.tree.Leaves()
	_, err = s.tryPut(d)
	return root, err
}

// takes says whether that can be put beside a claim.
func (s *Store) takes(b Beside) error {
	if b.Find != nil && len(b.Find.Note) > MaxNote {
		return fmt.Errorf("%w: a note of %d bytes", ErrInvalid, len(b.Find.Note))
	}
	if b.Tags == nil {
		return nil
	}
	return errors.Join(checkTags(b.Tags), s.spare(int64(len(b.Tags))))
}

// upload is a shard on its way.
type upload struct {
	store  *Store
	buffer *[bufferSize]byte
	tree   *erasure.Hasher
	value  []byte // all of it, in the buffer, if it is to be a value,
	file   temp   // or else the file with it; open while File is set
}

// receive reads the shard.
func (u *upload) receive(ctx context.Context, size int64, r io.Reader) (err error) {
	if size > MaxInline {
		if u.file, err = u.store.createTemp("shard"); err != nil {
			return err
		}
	}
	for left := size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := u.buffer[:min(left, bufferSize)]
		if _, err := io.ReadFull(r, part); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("blobstore: reading a shard: %w", err)
		}
		_, _ = u.tree.Write(part)
		left -= int64(len(part))
		if size <= MaxInline {
			u.value = part
		} else if _, err := u.file.Write(part); err != nil {
			return writeError(err)
		}
	}
	return nil
}

// flush puts the file on disk.
func (u *upload) flush() error {
	if u.file.File == nil {
		return nil
	}
	err := u.file.finish(true)
	u.file.File = nil
	return writeError(err)
}

// end gives back what the upload used, and removes its file if it was not taken.
func (u *upload) end() {
	if u.file.File != nil {
		_ = u.file.Close() // it is removed
	}
	if u.file.path != "" {
		u.store.discard(u.file.path)
	}
	u.store.buffers.Put(u.buffer)
}
