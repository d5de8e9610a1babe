package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Range is a part of a file.
type Range struct {
	Offset int64 // bytes, up to the file's size
	Length int64 // bytes; what is beyond the file does not count. Negative: all that follows
}

// GetFileOptions say how GetFile and GetTo fetch a file.
type GetFileOptions struct {
	// Keys open it; they are asked for once it turns out that they are needed.
	Keys Keys
	// Plain also accepts a file that was stored in the open.
	Plain bool
	// Range, if set, is the part that is wanted.
	Range *Range
	// Anew has GetFile throw away what an earlier call has left behind.
	Anew bool
	// Existing says what GetFile does where there is something at its path already.
	Existing Existing
	// Timeout is how long a gateway may take over a request that moves no large
	// body; 0 is Config.Timeout. Bodies have no limit as long as they move. For
	// files of the reference it is for all of the file; 0 is Config.GetTimeout.
	Timeout time.Duration
	// Gateways and UIDs name who is asked, in this order, instead of gateways
	// that the client finds.
	Gateways []wallet.Address
	UIDs     []chain.UID
	// Progress may be nil.
	Progress func(Progress)
}

// Got is what a get has given.
type Got struct {
	CID     string
	Size    int64          // bytes that were wanted and are there now
	Resumed int64          // of them, bytes that an earlier get had left
	Gateway wallet.Address // who answered first; empty for Recover
	// Reference says that the file was stored the reference's way.
	Reference bool
	// There says that all of it was there already: nothing was fetched or written.
	There bool
}

// GetTo writes the file with that CID, or a part of it, to w as it comes, in some
// megabytes of memory. Every byte is verified before it is written: with the
// file's key, or, in a file that was stored in the open, with the roots of its
// segments, which wait in a temporary file for that. The whole is checked against
// the CID at its end. A get that breaks off goes on where it is, there or at
// another gateway.
//
// Files of the reference are fetched as by Get, whole and in memory.
//
// Errors: cid.ErrInvalid, ErrNoKey, ErrNotEncrypted, ErrWrongKey, ErrNoGateway,
// ErrNotFound, ErrWrongData, ErrRange, w's, what the gateways said
// (wire.StatusOf), ctx's.
func (c *Client) GetTo(ctx context.Context, id string, w io.Writer, o GetFileOptions) (Got, error) {
	got, err := c.get(ctx, id, o, target{w: w})
	if err != nil {
		return Got{}, fmt.Errorf("get %s: %w", id, err)
	}
	return got, nil
}

// GetFile is GetTo into a file, which is replaced when all of it is there. What
// has come stands beside it until then, in path.part, and a further call for
// the same file goes on from there. What is there already is up to
// GetFileOptions.Existing; a file that was stored the reference's way has to come
// to be compared with it. Besides GetTo's errors there are ErrBusy and ErrExists.
func (c *Client) GetFile(ctx context.Context, id, path string, o GetFileOptions) (Got, error) {
	fail := func(err error) (Got, error) { return Got{}, fmt.Errorf("get %s: %w", id, err) }
	if err := cid.Parse(id); err != nil {
		return fail(err)
	}
	got, err := intoFile(path, id, o, func(to target) (Got, error) { return c.get(ctx, id, o, to) })
	if errors.Is(err, ErrExists) {
		return Got{}, err // it names the path
	} else if err != nil {
		return fail(err)
	}
	return got, nil
}

// target is where a file goes.
type target struct {
	w    io.Writer
	part *part    // nil: w is no file
	have *os.File // if set, what may be all of it: nothing is fetched, and w is nil
}

func (c *Client) get(ctx context.Context, id string, o GetFileOptions, to target) (Got, error) {
	if err := cid.Parse(id); err != nil {
		return Got{}, err
	}
	if o.Keys.User == nil && o.Keys.Reference == nil && !o.Plain {
		return Got{}, fmt.Errorf("%w: give one or accept plain files", ErrNoKey)
	}
	o.Progress = serialised(o.Progress)
	if !c.streams() {
		return c.getReference(ctx, id, o, to)
	}
	progressFunc(o.Progress).tell(Progress{Stage: StageFinding})
	from := to.part.left()
	var first opened
	var peers []wire.Peer
	err := c.rounds(ctx, func(ctx context.Context) (err error) {
		if peers, err = c.peers(ctx, route{o.Gateways, o.UIDs}); err != nil {
			return err
		}
		first, err = c.open(ctx, peers, id, from == 0 && o.Range == nil && to.have == nil, o.Timeout)
		return err
	})
	var failed failures
	if errors.As(err, &failed) && failed.any(wire.StatusNotFound) {
		got, refErr := c.getReference(ctx, id, o, to)
		if errors.Is(refErr, ErrNotFound) && !failed.all(wire.StatusNotFound) {
			return Got{}, failed // who did not answer may have it
		}
		return got, refErr
	} else if err != nil {
		return Got{}, err
	}
	got, err := c.download(ctx, id, o, to, first, peers)
	if errors.Is(err, ErrWrongKey) && !first.signed && c.verifySignature(first.m, first.signature) != nil {
		if first, err = c.open(ctx, peers, id, false, o.Timeout); err == nil { // a signed one
			got, err = c.download(ctx, id, o, to, first, peers)
		}
	}
	return got, err
}

// download is the rest of get once it is known what the file is.
func (c *Client) download(ctx context.Context, id string, o GetFileOptions, to target, first opened, peers []wire.Peer) (Got, error) {
	feed := newGatewayFeed(c, id, first, peers)
	defer feed.close()
	d := &download{c: c, o: o, m: first.m, feed: feed}
	got, err := d.run(ctx, to, to.part.left())
	got.CID, got.Gateway = id, first.peer.Hotkey
	return got, err
}

// any says whether a gateway answered with that status.
func (f failures) any(status int) bool {
	for _, one := range f {
		if wire.StatusOf(one.err) == status {
			return true
		}
	}
	return false
}

// getReference fetches a file that was stored the reference's way.
func (c *Client) getReference(ctx context.Context, id string, o GetFileOptions, to target) (Got, error) {
	ref := GetOptions{Plain: o.Plain, Timeout: o.Timeout, Gateways: o.Gateways, UIDs: o.UIDs, Progress: o.Progress}
	if o.Keys.Reference != nil || !o.Plain {
		ref.Unlock = func() (envelope.Key, error) { return o.Keys.reference() }
	}
	data, err := c.Get(ctx, id, ref)
	if err != nil {
		return Got{}, err
	}
	size := int64(len(data))
	if to.have != nil {
		return Got{CID: id, Size: size, Resumed: size, Reference: true, There: true}, sameBytes(to.have, data)
	}
	if o.Range != nil {
		from, end, err := o.Range.within(size)
		if err != nil {
			return Got{}, err
		}
		data = data[from:end]
	}
	if to.part != nil {
		if err := to.part.keep(0); err != nil {
			return Got{}, err
		}
	}
	_, err = to.w.Write(data)
	return Got{CID: id, Size: int64(len(data)), Reference: true}, err
}

// within is what of a range a file of that size has.
func (r *Range) within(size int64) (from, end int64, err error) {
	if r == nil {
		return 0, size, nil
	}
	if r.Offset < 0 || r.Offset > size {
		return 0, 0, fmt.Errorf("%w: offset %d in %d bytes", ErrRange, r.Offset, size)
	}
	end = size
	if r.Length >= 0 && r.Length < size-r.Offset {
		end = r.Offset + r.Length
	}
	return r.Offset, end, nil
}
