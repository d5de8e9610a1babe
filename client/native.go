package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// call is an exchange over streams of a message without bodies.
func (c *Client) call(ctx context.Context, peer wire.Peer, msg wire.Message, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout(timeout, 0))
	defer cancel()
	a, err := c.deps.Streams.Open(ctx, peer, msg, wire.Body{})
	if err != nil {
		return err
	}
	if a.Size > 0 {
		err = fmt.Errorf("%w: %s with a body of %d bytes", ErrWrongData, msg.Name(), a.Size)
	}
	return errors.Join(err, a.Close())
}

// exchangeTimeout is how long one exchange with a body may go on, as long as it
// moves.
const exchangeTimeout = 4 * time.Hour

// exchange is one with bodies. The context is for all of it, until the answer is
// closed.
func (c *Client) exchange(ctx context.Context, peer wire.Peer, msg wire.Message, in wire.Body) (*wire.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	a, err := c.deps.Streams.Open(ctx, peer, msg, in)
	if err != nil {
		cancel()
		return nil, err
	}
	a.ReadCloser = &ending{a.ReadCloser, cancel}
	return a, nil
}

// ending ends a context when it is closed.
type ending struct {
	io.ReadCloser
	end context.CancelFunc
}

func (e *ending) Close() error {
	defer e.end()
	return e.ReadCloser.Close()
}

// streams says whether files of our own can be had.
func (c *Client) streams() bool { return c.deps.Streams != nil && c.deps.Hotkey != nil }

// heldSegment is a segment that a gateway has of an upload.
type heldSegment struct {
	Index int64  `json:"index"`
	Size  int64  `json:"size"`
	Root  string `json:"root"`
	Data  int    `json:"data"`
	Total int    `json:"total"`
}

// statePage is how many segments of an upload are asked for at once.
const statePage = 4096

// uploadState is what a gateway has of an upload, by index.
func (c *Client) uploadState(ctx context.Context, peer wire.Peer, upload [16]byte, timeout time.Duration) (map[int64]manifest.Segment, error) {
	held := map[int64]manifest.Segment{}
	for from := int64(0); ; {
		next, err := c.uploadPage(ctx, peer, &wire.UploadState{Upload: upload[:], From: from, Limit: statePage}, timeout, held)
		if err != nil || next == 0 {
			return held, err
		}
		from = next
	}
}

// uploadPage adds what one answer says, and returns where the next one begins; 0 if
// it was the last.
func (c *Client) uploadPage(ctx context.Context, peer wire.Peer, msg *wire.UploadState, timeout time.Duration, held map[int64]manifest.Segment) (next int64, err error) {
	if err := c.call(ctx, peer, msg, timeout); err != nil {
		return 0, err
	}
	var list []heldSegment
	if err := json.Unmarshal(msg.Segments, &list); err != nil {
		return 0, fmt.Errorf("%w: the state of the upload: %w", ErrWrongData, err)
	}
	if int64(len(list)) > msg.Limit || msg.Next != 0 && (msg.Next <= msg.From || msg.Next >= manifest.MaxSegments) {
		return 0, fmt.Errorf("%w: %d segments of the upload from %d on, the next at %d", ErrWrongData, len(list), msg.From, msg.Next)
	}
	for _, s := range list {
		root, err := erasure.ParseRoot(s.Root)
		scheme := erasure.Scheme{Data: s.Data, Total: s.Total}
		if err := errors.Join(err, scheme.Check()); err != nil {
			return 0, fmt.Errorf("%w: segment %d of the upload: %w", ErrWrongData, s.Index, err)
		}
		held[s.Index] = manifest.Segment{Size: s.Size, Root: root, Scheme: scheme}
	}
	return msg.Next, nil
}

// candidate is a gateway that speaks streams, and what it has of an upload.
type candidate struct {
	wire.Peer
	held map[int64]manifest.Segment
}

// candidates are those of the peers that speak streams, who has most of the upload
// first, and else in the same order. With none it returns why.
func (c *Client) candidates(ctx context.Context, peers []wire.Peer, upload [16]byte, timeout time.Duration) ([]candidate, failures) {
	list, errs := make([]candidate, len(peers)), make([]error, len(peers))
	var asked sync.WaitGroup
	for i, peer := range peers {
		asked.Go(func() {
			held, err := c.uploadState(ctx, peer, upload, timeout)
			list[i], errs[i] = candidate{peer, held}, err
		})
	}
	asked.Wait()
	var good []candidate
	var failed failures
	for i, err := range errs {
		if err != nil {
			failed = append(failed, failure{peers[i].Hotkey, err})
			continue
		}
		good = append(good, list[i])
	}
	slices.SortStableFunc(good, func(a, b candidate) int { return cmp.Compare(len(b.held), len(a.held)) })
	return good, failed
}

// noStreams says whether all failed because they know no streams, or none of this
// kind.
func noStreams(failed failures) bool { return failed.all(wire.StatusNotFound) }

// verifyManifest reads a manifest of ours, which is that of the file with that CID.
func (c *Client) verifyManifest(id string, encoded, signature []byte) (manifest.Manifest, error) {
	m, err := c.readManifest(id, encoded)
	if err == nil {
		err = c.verifySignature(m, signature)
	}
	return m, err
}

// readManifest reads what says to be that.
func (c *Client) readManifest(id string, encoded []byte) (manifest.Manifest, error) {
	m, err := manifest.Parse(encoded)
	switch {
	case err != nil:
		return m, fmt.Errorf("%w: %w", ErrWrongData, err)
	case m.CID != id:
		return m, fmt.Errorf("%w: asked for %s, got the manifest of %s", ErrWrongData, id, m.CID)
	case m.Owner != c.deps.Hotkey.PublicKey():
		return m, fmt.Errorf("%w: a manifest of %s, and the hotkey is %s", ErrWrongData, wallet.AddressOf(m.Owner), c.deps.Hotkey.Address())
	}
	return m, nil
}

func (c *Client) verifySignature(m manifest.Manifest, signature []byte) error {
	if err := wallet.Verify(c.deps.Hotkey.Address(), m.Text(), signature); err != nil {
		return fmt.Errorf("%w: the manifest's signature: %w", ErrWrongData, err)
	}
	return nil
}

// speaksForItself says whether nothing can come of a manifest but its file, whoever
// has written it: its sealed bytes are in it and have the CID that was asked for,
// and only the user's key opens them.
func speaksForItself(m manifest.Manifest) bool {
	_, sealed, err := envelope.ParsePayload2(m.Payload)
	return err == nil && sealed && len(m.Segments) == 0 && cid.Sum(m.Inline) == m.CID
}

// worthwhile says whether the same request may do better in a while.
func worthwhile(err error) bool {
	if errors.Is(err, ErrChanged) || errors.Is(err, context.Canceled) {
		return false
	}
	switch status := wire.StatusOf(err); {
	case errors.Is(err, ErrWrongData):
		return true
	case status == wire.StatusFull: // which passes when somebody deletes something
		return false
	default:
		return status == wire.StatusTimeout || status == wire.StatusTooMany || status == wire.StatusUnparsable || status >= wire.StatusInternal
	}
}

// wait is a pause that doubles each time.
func wait(ctx context.Context, d *time.Duration) error {
	timer := time.NewTimer(*d)
	defer timer.Stop()
	*d *= 2
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
