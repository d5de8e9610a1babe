package client

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// opened is a file as a gateway knows it.
type opened struct {
	peer      wire.Peer
	m         manifest.Manifest
	signed    bool   // the signature was verified
	encoded   []byte // the manifest
	signature []byte
	body      io.ReadCloser // all of the file; nil unless asked for
}

func (o opened) drop() {
	if o.body != nil {
		_ = o.body.Close() // nobody wants it
	}
}

// open asks gateways for what a file is, and, if whole, for its bytes with it. The
// next one is asked beside one that does not begin within Config.Hedge.
func (c *Client) open(ctx context.Context, peers []wire.Peer, id string, whole bool, timeout time.Duration) (opened, error) {
	return hedged(ctx, peers, c.cfg.Hedge, func(inner context.Context, peer wire.Peer) (opened, error) {
		if !whole {
			return c.openAt(inner, peer, id, timeout)
		}
		return c.beginAt(ctx, inner, peer, id)
	}, opened.drop)
}

// openAt asks what a file is.
func (c *Client) openAt(ctx context.Context, peer wire.Peer, id string, timeout time.Duration) (opened, error) {
	msg := &wire.OpenObject{CID: id}
	if err := c.call(ctx, peer, msg, timeout); err != nil {
		return opened{}, err
	}
	m, err := c.verifyManifest(id, msg.Manifest, msg.Signature)
	return opened{peer, m, err == nil, msg.Manifest, msg.Signature, nil}, err
}

// beginAt asks for all of a file. Until it begins, inner ends it; then ctx does.
func (c *Client) beginAt(ctx, inner context.Context, peer wire.Peer, id string) (_ opened, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	settled := context.AfterFunc(inner, cancel)
	msg := &wire.GetObject{CID: id}
	answer, err := c.exchange(ctx, peer, msg, wire.Body{})
	if err != nil {
		return opened{}, err
	}
	b := &begun{answer: answer, end: cancel}
	m, err := c.readManifest(id, msg.Manifest)
	signed := err == nil && !speaksForItself(m)
	if signed { // else it is left: it takes longer than all else that is done for a small file
		err = c.verifySignature(m, msg.Signature)
	}
	if err == nil && (answer.Size != m.Size || msg.Size != m.Size) {
		err = fmt.Errorf("%w: a body of %d bytes, and %d said, of %d", ErrWrongData, answer.Size, msg.Size, m.Size)
	}
	if err == nil && answer.Size > 0 {
		_, err = io.ReadFull(answer, b.first[:])
		b.ahead = b.first[:]
	}
	if err == nil && !settled() {
		err = context.Canceled
	}
	if err != nil {
		_ = b.Close() // the error is what counts
		return opened{}, err
	}
	return opened{peer: peer, m: m, signed: signed, encoded: msg.Manifest, signature: msg.Signature, body: b}, nil
}

// begun is an answer's body of which the first byte has been read.
type begun struct {
	answer io.ReadCloser
	end    func()
	first  [1]byte
	ahead  []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.ahead) > 0 && len(p) > 0 {
		n := copy(p, b.ahead)
		b.ahead = b.ahead[n:]
		return n, nil
	}
	return b.answer.Read(p)
}

func (b *begun) Close() error {
	defer b.end()
	return b.answer.Close()
}

// gatewayFeed asks gateways, staying with one as long as it does.
type gatewayFeed struct {
	c     *Client
	id    string
	size  int64
	peers []wire.Peer
	first io.ReadCloser // the whole, begun already; nil once it was used
}

func newGatewayFeed(c *Client, id string, first opened, peers []wire.Peer) *gatewayFeed {
	f := &gatewayFeed{c: c, id: id, size: first.m.Size, peers: slices.Clone(peers), first: first.body}
	for f.peers[0] != first.peer {
		f.failed()
	}
	return f
}

// open implements feed.
func (f *gatewayFeed) open(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	if first := f.first; first != nil {
		f.first = nil
		if offset == 0 && length == f.size {
			return first, nil
		}
		_ = first.Close() // it is of no use
	}
	var failed failures
	for range f.peers {
		peer := f.peers[0]
		msg := &wire.GetObject{CID: f.id, Offset: offset, Length: length}
		answer, err := f.c.exchange(ctx, peer, msg, wire.Body{})
		if err == nil && answer.Size == length && msg.Size == f.size {
			return answer, nil
		}
		if err == nil {
			_ = answer.Close() // it is of no use
			err = fmt.Errorf("%w: %d bytes of %d, asked for %d of %d", ErrWrongData, answer.Size, msg.Size, length, f.size)
		}
		failed = append(failed, failure{peer.Hotkey, err})
		f.failed()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// failed implements feed: the next gateway is asked first.
func (f *gatewayFeed) failed() { f.peers = append(f.peers[1:], f.peers[0]) }

// close ends what was begun and not used.
func (f *gatewayFeed) close() {
	if f.first != nil {
		_ = f.first.Close() // it is of no use
	}
}
