package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
)

// Recover writes the file of an export to w like GetTo, from the miners alone: no
// gateway is asked. They are reached where the metagraph says, and else where the
// export does. What its placement names and is not there any more is looked for at
// all miners, so that the placement may be as old as it likes, or empty. The hotkey
// need not be the owner's, as long as the key opens the file. Of the options Keys,
// Plain, Range, Existing and Progress count.
//
// Errors: manifest.ErrManifest, manifest.ErrPlacement, ErrLost, and GetTo's but
// those of gateways.
func (c *Client) Recover(ctx context.Context, e manifest.Export, w io.Writer, o GetFileOptions) (Got, error) {
	got, err := c.recover(ctx, e, o, target{w: w})
	if err != nil {
		return Got{}, fmt.Errorf("recover: %w", err)
	}
	return got, nil
}

// RecoverFile is Recover into a file, as GetFile is GetTo.
func (c *Client) RecoverFile(ctx context.Context, e manifest.Export, path string, o GetFileOptions) (Got, error) {
	fail := func(err error) (Got, error) { return Got{}, fmt.Errorf("recover: %w", err) }
	m, err := e.Verify(verifyOwner)
	if err != nil {
		return fail(err)
	}
	got, err := intoFile(path, m.CID, o, func(to target) (Got, error) { return c.recover(ctx, e, o, to) })
	if errors.Is(err, ErrExists) {
		return Got{}, err // it names the path
	} else if err != nil {
		return fail(err)
	}
	return got, nil
}

func (c *Client) recover(ctx context.Context, e manifest.Export, o GetFileOptions, to target) (Got, error) {
	m, err := e.Verify(verifyOwner)
	if err != nil {
		return Got{}, err
	}
	if c.deps.Streams == nil {
		return Got{}, fmt.Errorf("%w: miners are asked over streams, and there are none", ErrLost)
	}
	o.Progress = serialised(o.Progress)
	d := &download{c: c, o: o, m: m, feed: newMinerFeed(c, m, e.Placement)}
	got, err := d.run(ctx, to, to.part.left())
	got.CID = m.CID
	return got, err
}

// minerFeed puts a file together from shards.
type minerFeed struct {
	c     *Client
	m     manifest.Manifest
	where manifest.Placement
	find  *finder
	last  *shardReader // the one that was opened last
	// failures counts by miner what it did not give and was not known to lack.
	failures map[wallet.Address]int
}

func newMinerFeed(c *Client, m manifest.Manifest, where manifest.Placement) *minerFeed {
	f := &minerFeed{c: c, m: m, where: where, failures: map[wallet.Address]int{}}
	f.find = &finder{feed: f}
	return f
}

// open implements feed.
func (f *minerFeed) open(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	f.last = &shardReader{feed: f, ctx: ctx, cancel: cancel, parts: f.m.Locate(offset, length)}
	return f.last, nil
}

// failed implements feed. What miners gave was what the placement or a voucher says:
// if that came to something wrong, the placement is wrong.
func (f *minerFeed) failed() {
	f.find.retry()
	if !f.last.failed {
		f.c.log.Warn("the export's placement is wrong; looking for the shards", "cid", f.m.CID)
		f.where = manifest.Placement{}
	}
}

// shardReader reads parts of segments, one after the other.
type shardReader struct {
	feed   *minerFeed
	ctx    context.Context
	cancel context.CancelFunc
	parts  []manifest.Range
	failed bool // it has returned an error
	now    *segmentRows
	rest   []byte
}

// Read implements io.Reader.
func (r *shardReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if len(r.parts) == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			r.failed = true
			return 0, fmt.Errorf("segment %d: %w", r.parts[0].Segment, err)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next makes what is wanted of the next row.
func (r *shardReader) next() (err error) {
	part := &r.parts[0]
	if r.now == nil {
		if r.now, err = r.feed.rows(part.Segment); err != nil {
			return err
		}
		r.now.row = part.Offset / r.now.rowSize()
	}
	begin := r.now.row * r.now.rowSize()
	data, err := r.now.read(r.ctx)
	if err != nil {
		return err
	}
	from := part.Offset - begin
	r.rest = data[from:min(from+part.Length, int64(len(data)))]
	part.Offset += int64(len(r.rest))
	if part.Length -= int64(len(r.rest)); part.Length == 0 {
		r.now.close()
		r.now, r.parts = nil, r.parts[1:]
	}
	return nil
}

// Close implements io.Closer.
func (r *shardReader) Close() error {
	r.cancel()
	if r.now != nil {
		r.now.close()
	}
	return nil
}
