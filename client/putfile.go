package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
)

// PutFileOptions say how PutFile stores a file.
type PutFileOptions struct {
	// Keys seal it. Required unless Plain.
	Keys Keys
	// Plain stores the bytes as they are, for every gateway and miner to read.
	Plain bool
	// Reference stores the file the reference's way also where streams are
	// spoken: whole in memory, up to MaxReference bytes.
	Reference bool
	// TTL is how long the file is kept, from a second to MaxTTL; 0 is Config.TTL. One
	// that the same content already has is not cut short: see Shorten.
	TTL time.Duration
	// Timeout is how long a gateway may take over a request that moves no large
	// body; 0 is Config.Timeout. Bodies have no limit as long as they move.
	Timeout time.Duration
	// Gateways and UIDs name who is tried, in this order, instead of gateways
	// that the client finds.
	Gateways []wallet.Address
	UIDs     []chain.UID
	// Progress may be nil.
	Progress func(Progress)
}

// MaxReference is the largest file, in bytes, that can be stored the reference's
// way.
const MaxReference = 2 << 30

// PutFile stores a file of any size and returns once a gateway has committed it:
// until then the file is not there. It goes in segments, in some megabytes of
// memory.
//
// A put of a FileSource that was broken off, be it that this process was killed,
// goes on when the same content is put again by the same user: what a gateway has
// acknowledged is not sent again. A segment that fails is sent again, up to
// Config.Tries times.
//
// Where no gateway speaks streams the file is stored the reference's way.
//
// Errors: ErrNoKey, ErrNoGateway, ErrChanged, ErrTooLarge, ErrWrongData, the
// source's, what the gateways said (wire.StatusOf), ctx's.
func (c *Client) PutFile(ctx context.Context, src Source, o PutFileOptions) (Stored, error) {
	if o.TTL == 0 {
		o.TTL = c.cfg.TTL
	}
	if err := checkTTL(o.TTL); err != nil {
		return Stored{}, err
	}
	switch {
	case !o.Plain && o.Keys.User == nil && o.Keys.Reference == nil:
		return Stored{}, fmt.Errorf("put: %w: give one or ask for plain storage", ErrNoKey)
	case src.stream == nil && envelope.SealedSize(src.size) > manifest.MaxSegments*c.cfg.SegmentSize:
		return Stored{}, fmt.Errorf("put: %w: %d bytes", ErrTooLarge, src.size)
	}
	o.Progress = serialised(o.Progress)
	if o.Reference || !c.streams() {
		return c.putReference(ctx, src, o)
	}
	put := c.putContent
	if src.stream != nil {
		put = c.putStream
	}
	stored, err := put(ctx, src, o)
	switch {
	case errors.Is(err, errNoneStreams):
		c.log.Info("no gateway speaks streams; storing the file the reference's way", "err", err)
		return c.putReference(ctx, src, o)
	case err != nil:
		return Stored{}, fmt.Errorf("put: %w", err)
	}
	tell := progressFunc(o.Progress)
	tell.tell(Progress{Stage: StageDone, Gateway: stored.Gateways[0], Bytes: stored.Size, Done: stored.Size, Resumed: stored.Resumed})
	return stored, nil
}

// errNoneStreams says that every gateway is one of the reference's.
var errNoneStreams = errors.New("no gateway speaks streams")

// putContent stores a file that can be read many times.
func (c *Client) putContent(ctx context.Context, src Source, o PutFileOptions) (Stored, error) {
	t := &transfer{c: c, o: o, size: src.size}
	t.stage(StageReading)
	f, err := readContent(ctx, src.at, src.size, t.moved)
	if err != nil {
		return Stored{}, err
	}
	hash := f.hash()
	if t.keys, err = c.keysOf(o, &hash); err != nil {
		return Stored{}, err
	}
	if t.content, err = sealContent(f, t.keys.file); err != nil {
		return Stored{}, err
	}
	if t.content.size <= manifest.MaxInline {
		if t.inline, err = io.ReadAll(t.content.part(0, t.content.size)); err != nil {
			return Stored{}, err
		}
		t.cid.Write(t.inline)
	} else {
		t.segments = make([]segment, (t.content.size+c.cfg.SegmentSize-1)/c.cfg.SegmentSize)
	}
	err = c.rounds(ctx, func(ctx context.Context) error {
		t.stage(StageFinding)
		peers, err := c.peers(ctx, route{o.Gateways, o.UIDs})
		if err != nil {
			return err
		}
		return t.anywhere(ctx, peers)
	})
	return t.stored(), err
}

// putReference stores a file the reference's way.
func (c *Client) putReference(ctx context.Context, src Source, o PutFileOptions) (Stored, error) {
	r := src.stream
	if r == nil {
		r = io.NewSectionReader(src.at, 0, src.size)
	}
	if src.stream == nil && src.size > MaxReference {
		return Stored{}, fmt.Errorf("put: %w: %d bytes, and the reference's way takes %d", ErrTooLarge, src.size, MaxReference)
	}
	ref := PutOptions{Plain: o.Plain, TTL: o.TTL, Timeout: o.Timeout, Gateways: o.Gateways, UIDs: o.UIDs, Progress: o.Progress}
	if !o.Plain {
		key, err := o.Keys.reference()
		if err != nil {
			return Stored{}, fmt.Errorf("put: %w", err)
		}
		ref.Encrypt = &key
	}
	data := make([]byte, 0, max(src.size+envelope.Overhead, 64<<10))
	buf := bytes.NewBuffer(data)
	if _, err := io.Copy(buf, io.LimitReader(r, MaxReference+1)); err != nil {
		return Stored{}, fmt.Errorf("put: %w", err)
	}
	if buf.Len() > MaxReference {
		return Stored{}, fmt.Errorf("put: %w: the reference's way takes %d bytes", ErrTooLarge, MaxReference)
	}
	return c.Put(ctx, buf.Bytes(), ref)
}
