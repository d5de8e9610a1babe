package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/proof"
)

const (
	scrubBatch = 256      // contents looked up at a time
	scrubStep  = 64 << 20 // bytes after which the place is noted
)

// Scrub reads all content once, so many bytes a second (0: as fast as it can),
// and checks it against its hash. It goes on where one that was interrupted, by
// ctx or by a crash, stopped. Damage is noted, so that reads give ErrCorrupt at
// once and storing the content again mends it; found is called with each content
// that is damaged (hash, kind and size, whoever has claims on it) and ErrCorrupt.
// Noted damage that is not there is taken back. It returns how many bytes it has
// read, and nil only at the end of the pass.
func (s *Store) Scrub(ctx context.Context, bytesPerSecond int64, found func(Record, error)) (read int64, err error) {
	p := &scrub{store: s, pace: pace{rate: bytesPerSecond}, found: found}
	from, err := p.start(ctx)
	if err != nil {
		return 0, err
	}
	for {
		hashes, err := p.next(ctx, from)
		if err == nil && len(hashes) == 0 {
			return p.read, p.mark(ctx, nil)
		}
		for i := 0; err == nil && i < len(hashes); i++ {
			if err = p.check(ctx, hashes[i]); err == nil {
				from = append(contentKey(hashes[i]), 0)
			}
			if p.unmarked >= scrubStep {
				err = errors.Join(err, p.mark(ctx, from))
			}
		}
		// The place is noted also when ctx has ended.
		if err = errors.Join(err, p.mark(context.WithoutCancel(ctx), from)); err != nil {
			return p.read, err
		}
	}
}

// scrub is Scrub under way.
type scrub struct {
	store          *Store
	pace           pace
	found          func(Record, error)
	read, unmarked int64 // bytes; since the place was noted
}

// start is the key to begin at.
func (p *scrub) start(ctx context.Context) ([]byte, error) {
	leave, err := p.store.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	from, found, err := p.store.meta.get([]byte{tagCursor})
	if err == nil && !found {
		from = []byte{tagContent}
	}
	return from, err
}

// mark notes the key to go on at; nil: from the beginning.
func (p *scrub) mark(ctx context.Context, from []byte) error {
	leave, err := p.store.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	p.unmarked = 0
	b := p.store.meta.db.NewBatch()
	if from == nil {
		b.Delete([]byte{tagCursor}, nil)
	} else {
		b.Set([]byte{tagCursor}, from, nil)
	}
	return p.store.meta.commitLater(b, totals{})
}

// next are the names of some contents from a key on.
func (p *scrub) next(ctx context.Context, from []byte) ([]proof.Digest, error) {
	leave, err := p.store.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	keys, err := p.store.meta.keys(from, []byte{tagContent + 1}, scrubBatch)
	hashes := make([]proof.Digest, len(keys))
	for i, key := range keys {
		if len(key) != 1+len(hashes[i]) {
			return nil, fmt.Errorf("%w: content key of %d bytes", errFormat, len(key))
		}
		copy(hashes[i][:], key[1:])
	}
	return hashes, err
}

// check reads one content. Damage is no error.
func (p *scrub) check(ctx context.Context, h proof.Digest) error {
	c, f, err := p.open(ctx, h)
	if err == nil && f != nil {
		err = errors.Join(p.compare(ctx, h, c, f), f.Close())
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return nil // deleted meanwhile
	case errors.Is(err, ErrCorrupt):
		p.found(c.public(h), err)
		if !c.damaged { // else it may have been mended meanwhile
			p.store.note(ctx, h, err)
		}
		return nil
	case err == nil && c.damaged:
		p.store.note(ctx, h, nil)
	}
	return err
}

// open opens content, and checks a shard's leaves.
func (p *scrub) open(ctx context.Context, h proof.Digest) (c content, f source, err error) {
	leave, err := p.store.enter(ctx)
	if err != nil {
		return c, nil, err
	}
	defer leave()
	c, f, err = p.store.openNamed(h, vfs.SequentialReadsOption, func(content) error { return nil })
	if err == nil && c.shard {
		if _, err = p.store.leaves(h, c.size); err != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return c, f, err
}

// compare reads all of the content and holds it against its name.
func (p *scrub) compare(ctx context.Context, h proof.Digest, c content, f source) error {
	buffer := p.store.buffers.Get().(*[bufferSize]byte)
	defer p.store.buffers.Put(buffer)
	sum := newSum(c.shard)
	for left := c.size; left > 0; {
		part := buffer[:min(left, bufferSize)]
		if err := p.pace.wait(ctx, len(part)); err != nil {
			return err
		}
		n, err := io.ReadFull(f, part)
		p.read, p.unmarked = p.read+int64(n), p.unmarked+int64(n)
		if err != nil {
			return fmt.Errorf("%w: %s: %d bytes before the end: %w", ErrCorrupt, h, left-int64(n), err)
		}
		sum.write(part)
		left -= int64(n)
	}
	if sum.hash() != h {
		return fmt.Errorf("%w: %s: it has another hash", ErrCorrupt, h)
	}
	return nil
}

// pace spreads bytes over time.
type pace struct {
	rate int64     // bytes a second; 0 or less: no limit
	due  time.Time // of the next byte
}

// wait returns when so many bytes more are due, or with ctx's error. Time that
// was lost is not made up for.
func (p *pace) wait(ctx context.Context, bytes int) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.due.Before(now) {
		p.due = now
	}
	wait := p.due.Sub(now)
	p.due = p.due.Add(time.Duration(int64(bytes) * int64(time.Second) / p.rate))
	if wait < 10*time.Millisecond { // of small contents many make one wait
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
