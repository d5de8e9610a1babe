package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// Shard opens an owner's shard for reading pieces of it, as OpenAt does, with its
// leaves: ErrNotFound, also if it is data and no shard, ErrInvalid, ErrClosed,
// ErrCorrupt.
func (s *Store) Shard(ctx context.Context, owner wallet.Address, hash string) (*Shard, error) {
	k, err := parseID(owner, hash)
	if err != nil {
		return nil, err
	}
	var r record
	shard, err := s.openShard(ctx, k.hash, func(content) (err error) {
		r, err = s.find(k)
		return err
	})
	if err == nil {
		shard.record = r.public(k)
	}
	return shard, err
}

// AnyShard is Shard for who knows the hash, whoever has claims on the shard. Its
// record has no owner.
func (s *Store) AnyShard(ctx context.Context, hash string) (*Shard, error) {
	h, err := proof.ParseDigest(hash)
	if err != nil {
		return nil, fmt.Errorf("%w: hash: %w", ErrInvalid, err)
	}
	return s.openShard(ctx, h, func(content) error { return nil })
}

func (s *Store) openShard(ctx context.Context, h proof.Digest, pass func(content) error) (*Shard, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var leaves erasure.Leaves
	var broken error
	c, f, err := s.openNamed(h, vfs.RandomReadsOption, func(c content) error {
		if err := pass(c); err != nil || c.owners == 0 {
			return err
		} else if !c.shard {
			return fmt.Errorf("%w: %s is no shard", ErrNotFound, h)
		}
		leaves, broken = s.leaves(h, c.size) // now, while nobody can delete them
		return nil
	})
	if err != nil {
		return nil, err
	}
	random, err := s.random(ctx, h, c.public(h), c, f)
	if err != nil {
		return nil, err
	}
	if broken != nil {
		s.setDamaged(h, broken)
		return nil, errors.Join(broken, random.Close())
	}
	return &Shard{random, leaves}, nil
}

// leaves are those of a shard; ErrCorrupt if they are not.
func (s *Store) leaves(h proof.Digest, size int64) (erasure.Leaves, error) {
	value, _, err := s.meta.get(leavesKey(h))
	leaves := erasure.Leaves(value)
	var root erasure.Root
	if err == nil {
		root, err = leaves.Root(size)
	}
	if err == nil && proof.Digest(root) != h {
		err = errors.New("they are another's")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: leaves: %w", ErrCorrupt, h, err)
	}
	return leaves, nil
}

// Shard reads pieces of a shard, unchecked: its leaves are for that. It is safe
// for concurrent use.
type Shard struct {
	*Random
	leaves erasure.Leaves
}

// Leaves are those of the whole shard; their root is its hash.
func (s *Shard) Leaves() erasure.Leaves { return s.leaves }

// Section opens n bytes from off on for reading them once, in order. It outlives
// the shard and the context, and is to be closed on its own. ErrInvalid if they
// are not all in the shard, ErrNotFound if that was deleted meanwhile.
func (s *Shard) Section(off, n int64) (*Section, error) {
	if off < 0 || n < 0 || off > s.record.Size-n {
		return nil, fmt.Errorf("%w: %d bytes from %d of %d", ErrInvalid, n, off, s.record.Size)
	}
	section := &Section{store: s.store, ctx: context.WithoutCancel(s.ctx), hash: s.hash, left: n}
	if value, ok := s.source.(valueSource); ok {
		section.file, section.from = value, io.NewSectionReader(value, off, n)
		return section, nil
	}
	if err := section.open(off, n); err != nil {
		return nil, err
	}
	return section, nil
}

// Section is a part of a shard, unchecked, for one goroutine. io.Copy of it to a
// TCP connection, or to net/http's ResponseWriter with a Content-Length, moves no
// byte through this process where the system can do that.
type Section struct {
	file  io.Closer
	store *Store
	ctx   context.Context // of the shard, without its end
	hash  proof.Digest
	from  io.Reader // stands at the next byte
	left  int64
}

// open opens the shard's file for the section alone: a real one as the *os.File
// that io.Copy can have the system send.
func (s *Section) open(off, n int64) error {
	path := s.store.contentPath(s.hash)
	if s.store.fs != vfs.Default {
		f, err := s.store.fs.Open(path, vfs.SequentialReadsOption)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		s.file, s.from = f, io.NewSectionReader(f, off, n)
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return errors.Join(fmt.Errorf("blobstore: %w", err), f.Close())
	}
	s.file, s.from = f, f
	return nil
}

// Close releases the file.
func (s *Section) Close() error { return s.file.Close() }

// Size is how many bytes are left.
func (s *Section) Size() int64 { return s.left }

// Read returns io.EOF after the last byte, or ErrCorrupt.
func (s *Section) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.from.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err != nil && s.left > 0 {
		return n, s.corrupt(err)
	}
	return n, nil
}

// WriteTo implements io.WriterTo with io.Copy from the file itself. It returns
// ErrCorrupt, or the writer's error.
func (s *Section) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, io.LimitReader(s.from, s.left))
	s.left -= n
	if err == nil && s.left > 0 {
		err = s.corrupt(io.ErrUnexpectedEOF)
	}
	return n, err
}

func (s *Section) corrupt(cause error) error {
	if errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF // must not pass for the end
	}
	err := fmt.Errorf("%w: %s: %d bytes before the end of a section: %w", ErrCorrupt, s.hash, s.left, cause)
	s.store.note(s.ctx, s.hash, err)
	return err
}
