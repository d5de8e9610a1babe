package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
)

// feed is where the sealed bytes of a file come from.
type feed interface {
	// open gives length bytes from offset on, all of which are there. They may be
	// wrong.
	open(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	// failed says that what was opened last broke off, or was wrong.
	failed()
}

// download is a file on its way here.
type download struct {
	c    *Client
	o    GetFileOptions
	m    manifest.Manifest
	feed feed

	key  *envelope.FileKey // nil: the file is in the open
	ours bool              // the manifest was made with this key, as far as one can see
	size int64             // bytes of the file
	pos  int64             // sealed bytes: what comes next
	end  int64             // and where it ends
	sum  *sumOf            // nil: not all of the file comes
	out  window
}

// window lets a part of what is written pass.
type window struct {
	w          io.Writer
	skip, left int64
	tell       func(n int)
}

func (w *window) Write(p []byte) (int, error) {
	n := len(p)
	skipped := min(w.skip, int64(len(p)))
	w.skip -= skipped
	p = p[skipped:]
	p = p[:min(w.left, int64(len(p)))]
	w.left -= int64(len(p))
	if _, err := w.w.Write(p); err != nil {
		return 0, err
	}
	w.tell(len(p))
	return n, nil
}

// run fetches what is wanted; from bytes of the file are in the target's part
// already, as far as that is known.
func (d *download) run(ctx context.Context, to target, from int64) (Got, error) {
	if err := d.unlock(); err != nil {
		return Got{}, err
	}
	if to.have != nil {
		return d.compare(ctx, to.have)
	}
	start, end, err := d.o.Range.within(d.size)
	if err != nil {
		return Got{}, err
	}
	from, err = d.resume(ctx, to, from)
	if err != nil {
		return Got{}, err
	}
	d.aim(start, end, from)
	done := from
	tell := func(n int) {
		done += int64(n)
		progressFunc(d.o.Progress).tell(Progress{Stage: StageFetching, Bytes: end - start, Done: done, Resumed: from})
	}
	d.out = window{to.w, d.out.skip, end - start - from, tell}
	if err := d.reseal(ctx, to, from); err != nil {
		return Got{}, err
	}
	tell(0)
	if err := d.transfer(ctx); err != nil {
		return Got{}, err
	}
	if d.sum != nil && d.sum.CID() != d.m.CID {
		if from == 0 {
			return Got{}, fmt.Errorf("%w: all that came is as its manifest says, and has %s", ErrWrongData, d.sum.CID())
		}
		d.c.log.Warn("what an earlier get had left is not right; starting over", "cid", d.m.CID)
		return d.run(ctx, to, 0)
	}
	tell(0)
	progressFunc(d.o.Progress).tell(Progress{Stage: StageDone, Bytes: end - start, Done: end - start, Resumed: from})
	return Got{Size: end - start, Resumed: from}, nil
}

// unlock finds out what opens the file.
func (d *download) unlock() error {
	d.size = d.m.Size
	if d.m.Payload == "" || d.m.Payload == envelope.NoPayload {
		if !d.o.Plain {
			return fmt.Errorf("%w: its manifest says so", ErrNotEncrypted)
		}
		return nil
	}
	salt, ok, err := envelope.ParsePayload2(d.m.Payload)
	if err != nil || !ok {
		return errors.Join(fmt.Errorf("%w: a payload that this version does not know", ErrWrongData), err)
	}
	if d.size, err = envelope.PlainSize(d.m.Size); err != nil {
		return fmt.Errorf("%w: %w", ErrWrongData, err)
	}
	if d.key != nil {
		return nil
	}
	user, err := d.o.Keys.user()
	if err != nil {
		return err
	}
	keys, err := sealedKeys(user, salt)
	d.key, d.ours = keys.file, keys.secret == d.m.Secret
	return err
}

// aim says which sealed bytes are needed.
func (d *download) aim(start, end, from int64) {
	d.sum, d.pos, d.end, d.out.skip = nil, 0, 0, 0
	unit := d.m.SegmentSize
	switch {
	case d.o.Range == nil:
		d.sum, d.pos, d.end = &sumOf{}, d.sealedBefore(from), d.m.Size
	case start == end:
	case d.key != nil:
		_, offset, length, skip := envelope.Pieces(start, end-start, d.size)
		d.pos, d.end, d.out.skip = offset, offset+length, skip
	case unit == 0: // inline
		d.end, d.out.skip = d.m.Size, start
	default:
		d.pos, d.end = start/unit*unit, min((end+unit-1)/unit*unit, d.m.Size)
		d.out.skip = start - d.pos
	}
}

// sealedBefore is how many sealed bytes the first bytes of a file have: all, or a
// whole number of blocks.
func (d *download) sealedBefore(from int64) int64 {
	switch {
	case d.key == nil:
		return from
	case from == d.size && from > 0:
		return d.m.Size
	}
	return from / contentBlock * sealedBlock
}

// resume is how many bytes in the part are taken over.
func (d *download) resume(ctx context.Context, to target, from int64) (int64, error) {
	unit := int64(contentBlock)
	if d.key == nil {
		unit = max(d.m.SegmentSize, 1)
	}
	switch {
	case to.part == nil:
		return 0, nil
	case from > d.size || d.o.Range != nil:
		from = 0
	case from < d.size:
		from = from / unit * unit
	}
	return from, to.part.keep(from)
}

// reseal tells the CID's hash of what is here already.
func (d *download) reseal(ctx context.Context, to target, from int64) error {
	if from == 0 {
		return nil
	}
	progressFunc(d.o.Progress).tell(Progress{Stage: StageReading, Bytes: d.size, Resumed: from})
	return d.hash(to.part.f, d.sealedBefore(from), while{ctx})
}

// hash gives the CID's hash, and w, so many sealed bytes of a file that is here.
func (d *download) hash(f *os.File, sealed int64, w io.Writer) error {
	w = io.MultiWriter(d.sum, w)
	if d.key == nil {
		_, err := io.Copy(w, io.NewSectionReader(f, 0, sealed))
		return err
	}
	s, err := sealContent(&content{at: f, size: d.size}, d.key)
	if err != nil {
		return err
	}
	_, err = s.part(0, sealed).WriteTo(w)
	return err
}

// transfer has one goroutine fetch and verify while this one hashes and writes.
func (d *download) transfer(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	units, ended := make(chan *unit), make(chan error, 1)
	free := make(chan *unit, unitsAhead)
	for range unitsAhead {
		free <- &unit{}
	}
	go func() {
		err := d.fetch(ctx, units, free)
		close(units)
		ended <- err
	}()
	var err error
	for u := range units {
		if err == nil {
			if err = u.pass(d.sum, &d.out); err != nil {
				cancel()
			}
		}
		u.drop()
		free <- u
	}
	cancel()
	return errors.Join(err, ignoreCancelled(<-ended, err))
}

// ignoreCancelled leaves out what only follows from another error.
func ignoreCancelled(err, cause error) error {
	if cause != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// unitsAhead is how many units are in memory at a time.
const unitsAhead = 3

// unit is what is verified at once: a block of pieces, or a segment.
type unit struct {
	sealed, plain []byte
	spool         *spool // instead of both, for a segment in the open
}

// pass hands a unit on.
func (u *unit) pass(sum *sumOf, w io.Writer) error {
	if sum == nil {
		sum = &sumOf{}
	}
	if u.spool != nil {
		_, err := io.Copy(io.MultiWriter(sum, w), u.spool.reader())
		return err
	}
	_, _ = sum.Write(u.sealed) // never fails
	_, err := w.Write(u.plain)
	return err
}

func (u *unit) drop() {
	if u.spool != nil {
		_ = u.spool.Close() // it was read only
		u.spool = nil
	}
}

// fetch gives all units in order. It goes on by itself where its feed breaks off,
// as long as that gives something in between.
func (d *download) fetch(ctx context.Context, units chan<- *unit, free chan *unit) error {
	pause, tries := d.c.cfg.Backoff, 0
	for d.pos < d.end {
		before := d.pos
		err := d.fetchFrom(ctx, units, free)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if d.pos > before {
			pause, tries = d.c.cfg.Backoff, 0
		}
		if tries++; !mendable(err) || tries >= d.c.cfg.Tries {
			return err
		}
		d.feed.failed()
		d.c.log.Info("a get broke off; going on", "cid", d.m.CID, "offset", d.pos, "wait", pause, "err", err)
		if err := wait(ctx, &pause); err != nil {
			return err
		}
	}
	return nil
}

// errLocal says that something failed on this machine.
var errLocal = errors.New("on this machine")

func mendable(err error) bool {
	var list failures
	if errors.As(err, &list) {
		return passing(err)
	}
	return !errors.Is(err, ErrWrongKey) && !errors.Is(err, errLocal) && worthwhile(err)
}

func (d *download) fetchFrom(ctx context.Context, units chan<- *unit, free chan *unit) error {
	var r io.ReadCloser
	var err error
	if len(d.m.Segments) == 0 { // then its owner has signed its bytes
		r = io.NopCloser(bytes.NewReader(d.m.Inline[d.pos:d.end]))
	} else if r, err = d.feed.open(ctx, d.pos, d.end-d.pos); err != nil {
		return err
	}
	defer r.Close() // what was read has been verified
	for d.pos < d.end {
		u := <-free
		n, err := d.verified(u, r)
		if err == nil {
			select {
			case units <- u:
				d.pos += n
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		u.drop()
		free <- u
		return err
	}
	return nil
}

// verified reads the next unit.
func (d *download) verified(u *unit, r io.Reader) (n int64, err error) {
	switch {
	case d.key != nil:
		return d.opened(u, r)
	case len(d.m.Segments) == 0:
		u.sealed, u.plain = d.m.Inline, d.m.Inline
		return d.m.Size, nil
	}
	return d.segment(u, r)
}

// opened reads and opens a block of pieces.
func (d *download) opened(u *unit, r io.Reader) (int64, error) {
	n := min(sealedBlock, d.end-d.pos)
	if u.sealed == nil {
		u.sealed, u.plain = make([]byte, min(sealedBlock, d.m.Size)), make([]byte, min(contentBlock, d.m.Size))
	}
	u.sealed = u.sealed[:n]
	if _, err := io.ReadFull(r, u.sealed); err != nil {
		return 0, brokeOff(err)
	}
	pieces := (n + envelope.SealedPieceSize - 1) / envelope.SealedPieceSize
	u.plain = u.plain[:n-pieces*(envelope.SealedPieceSize-envelope.PieceSize)]
	open := envelope.NewOpener(*d.key, d.m.Size, bytes.NewReader(u.sealed), d.pos/envelope.SealedPieceSize)
	_, err := io.ReadFull(open, u.plain)
	if len(u.plain) == 0 { // the one piece of an empty file
		_, err = open.Read(make([]byte, 1))
		err = notEOF(err)
	}
	switch {
	case err == nil:
		return n, nil
	case d.ours:
		return 0, fmt.Errorf("%w: %w", ErrWrongData, err)
	}
	return 0, fmt.Errorf("%w: it was stored with another coldkey: %w", ErrWrongKey, err)
}

// segment reads a segment in the open to its end and compares its root.
func (d *download) segment(u *unit, r io.Reader) (int64, error) {
	s := d.m.Segments[d.pos/d.m.SegmentSize]
	var err error
	if u.spool, err = newSpool(""); err != nil {
		return 0, fmt.Errorf("%w: %w", errLocal, err)
	}
	root := erasure.NewHasher()
	to := &localWriter{w: u.spool.File}
	if u.spool.size, err = io.CopyN(io.MultiWriter(root, to), r, s.Size); to.err != nil {
		return 0, fmt.Errorf("%w: %w", errLocal, room(to.err))
	} else if err != nil {
		return 0, brokeOff(err)
	}
	if root.Root() != s.Root {
		return 0, fmt.Errorf("%w: segment %d has another root than its manifest says", ErrWrongData, d.pos/d.m.SegmentSize)
	}
	return s.Size, nil
}

// localWriter remembers its error.
type localWriter struct {
	w   io.Writer
	err error
}

func (l *localWriter) Write(p []byte) (n int, err error) {
	n, l.err = l.w.Write(p)
	return n, l.err
}

// notEOF is nil for the end.
func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// brokeOff has an answer that ends too early be an error.
func brokeOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
