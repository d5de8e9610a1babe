package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// AskOptions say who is asked.
type AskOptions struct {
	// Timeout is how long one gateway may take; 0 is Config.Timeout.
	Timeout time.Duration
	// Gateways and UIDs name who is asked instead of gateways that the client
	// finds.
	Gateways []wallet.Address
	UIDs     []chain.UID
}

// Listed is a file that gateways have of the hotkey's.
type Listed struct {
	CID      string
	Size     int64            // sealed bytes
	Stored   time.Time        // or renewed
	Expires  time.Time        // zero for never
	Gateways []wallet.Address // who listed it
}

// List returns the files of our own format that the hotkey has at the gateways
// asked, by CID. Those of the reference's cannot be listed. It fails if no gateway
// answers: ErrNoGateway, what they said, ctx's.
func (c *Client) List(ctx context.Context, o AskOptions) ([]Listed, error) {
	all := map[string]*Listed{}
	var mu sync.Mutex
	err := c.everywhere(ctx, o, func(ctx context.Context, peer wire.Peer) error {
		list, err := c.listAt(ctx, peer, o.Timeout)
		mu.Lock()
		defer mu.Unlock()
		for _, l := range list {
			if known := all[l.CID]; known == nil {
				all[l.CID] = &l
			} else if known.Gateways = append(known.Gateways, peer.Hotkey); l.Expires.After(known.Expires) {
				known.Stored, known.Expires = l.Stored, l.Expires
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	list := make([]Listed, 0, len(all))
	for _, l := range all {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Listed) int { return strings.Compare(a.CID, b.CID) })
	return list, nil
}

// listPage is how many files are asked for at once.
const listPage = 1000

func (c *Client) listAt(ctx context.Context, peer wire.Peer, timeout time.Duration) (all []Listed, err error) {
	for after := ""; ; {
		msg := &wire.ListObjects{After: after, Limit: listPage}
		if err := c.call(ctx, peer, msg, timeout); err != nil {
			return nil, err
		}
		var page []struct {
			CID     string `json:"cid"`
			Size    int64  `json:"size"`
			Stored  int64  `json:"stored"`
			Expires int64  `json:"expires"`
		}
		if err := json.Unmarshal(msg.Objects, &page); err != nil || len(page) > listPage {
			return nil, errors.Join(fmt.Errorf("%w: a list of %d files", ErrWrongData, len(page)), err)
		}
		for _, f := range page {
			if cid.Parse(f.CID) != nil || f.CID <= after || f.Size < 0 {
				return nil, fmt.Errorf("%w: a list that goes from %.80q to %.80q", ErrWrongData, after, f.CID)
			}
			after = f.CID
			l := Listed{CID: f.CID, Size: f.Size, Stored: time.Unix(f.Stored, 0), Gateways: []wallet.Address{peer.Hotkey}}
			if f.Expires != 0 {
				l.Expires = time.Unix(f.Expires, 0)
			}
			all = append(all, l)
		}
		if len(page) < listPage {
			return all, nil
		}
	}
}

// Renew has a file kept for ttl from now on, or as long as it is already if that is
// longer; 0 is Config.TTL. All gateways are asked, since each may have one of its
// own. It returns when the file ends now.
//
// Files of the reference cannot be renewed: they are ErrNotFound. Other errors are
// those of Delete.
func (c *Client) Renew(ctx context.Context, id string, ttl time.Duration, o AskOptions) (time.Time, error) {
	return c.renew(ctx, &wire.RenewObject{CID: id}, ttl, o)
}

// Shorten is Renew that also has the file end earlier than it would.
func (c *Client) Shorten(ctx context.Context, id string, ttl time.Duration, o AskOptions) (time.Time, error) {
	return c.renew(ctx, &wire.RenewObject{CID: id, Shorten: true}, ttl, o)
}

func (c *Client) renew(ctx context.Context, ask *wire.RenewObject, ttl time.Duration, o AskOptions) (time.Time, error) {
	if err := cid.Parse(ask.CID); err != nil {
		return time.Time{}, fmt.Errorf("renew: %w", err)
	}
	if ttl == 0 {
		ttl = c.cfg.TTL
	}
	if err := checkTTL(ttl); err != nil {
		return time.Time{}, err
	}
	ask.TTL = int64(ttl / time.Second)
	var mu sync.Mutex
	var until time.Time
	err := c.everywhere(ctx, o, func(ctx context.Context, peer wire.Peer) error {
		msg := *ask
		if err := c.call(ctx, peer, &msg, o.Timeout); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if t := time.Unix(msg.Expires, 0); t.After(until) {
			until = t
		}
		return nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("renew: %w", notFound(err, ask.CID))
	}
	return until, nil
}

// Export returns all that is needed to get a file back from the miners alone,
// besides the key: see Recover. Where its shards are is true for now; an export is
// best made anew from time to time.
//
// Files of the reference have none: they are ErrNotFound. Other errors are those
// of GetTo.
func (c *Client) Export(ctx context.Context, id string, o AskOptions) (manifest.Export, error) {
	fail := func(err error) (manifest.Export, error) { return manifest.Export{}, fmt.Errorf("export: %w", err) }
	if err := cid.Parse(id); err != nil {
		return fail(err)
	}
	if !c.streams() {
		return fail(fmt.Errorf("%w: it needs streams", ErrNoGateway))
	}
	var e manifest.Export
	err := c.rounds(ctx, func(ctx context.Context) error {
		peers, err := c.peers(ctx, route{o.Gateways, o.UIDs})
		if err != nil {
			return err
		}
		found, err := hedged(ctx, peers, c.cfg.Hedge, func(ctx context.Context, peer wire.Peer) (manifest.Export, error) {
			return c.exportAt(ctx, peer, id, o.Timeout)
		}, func(manifest.Export) {})
		e = found
		return notFound(err, id)
	})
	if err != nil {
		return fail(err)
	}
	return e, nil
}

func (c *Client) exportAt(ctx context.Context, peer wire.Peer, id string, timeout time.Duration) (manifest.Export, error) {
	found, err := c.openAt(ctx, peer, id, timeout)
	if err != nil {
		return manifest.Export{}, err
	}
	e := manifest.Export{V: manifest.ExportVersion, Manifest: found.encoded, Signature: found.signature}
	for len(e.Placement.Segments) < len(found.m.Segments) {
		page, err := c.placesAt(ctx, peer, found, len(e.Placement.Segments), timeout)
		if err != nil {
			return e, err
		}
		e.Placement.Segments = append(e.Placement.Segments, page...)
	}
	if _, err = e.Verify(verifyOwner); err != nil {
		return e, fmt.Errorf("%w: %w", ErrWrongData, err)
	}
	return e, nil
}

// placesPage is of how many segments is asked at once where their shards are.
const placesPage = 256

// placesAt are where the shards of the next segments are, from one on.
func (c *Client) placesAt(ctx context.Context, peer wire.Peer, found opened, from int, timeout time.Duration) ([][]manifest.Place, error) {
	count := min(placesPage, len(found.m.Segments)-from)
	msg := &wire.OpenObject{CID: found.m.CID, From: int64(from), Count: int64(count)}
	if err := c.call(ctx, peer, msg, timeout); err != nil {
		return nil, err
	}
	if !bytes.Equal(msg.Signature, found.signature) {
		return nil, fmt.Errorf("%w: the file was stored again meanwhile", ErrWrongData)
	}
	page, err := manifest.ParsePlacement(msg.Placement)
	if err == nil && len(page.Segments) != count {
		err = fmt.Errorf("%d segments, asked for %d", len(page.Segments), count)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrongData, err)
	}
	return page.Segments, nil
}

func verifyOwner(owner [32]byte, text, sig []byte) error {
	return wallet.Verify(wallet.AddressOf(owner), text, sig)
}

// everywhere asks all gateways at once; it is done if one or more have done it.
func (c *Client) everywhere(ctx context.Context, o AskOptions, do func(context.Context, wire.Peer) error) error {
	if !c.streams() {
		return fmt.Errorf("%w: it needs streams", ErrNoGateway)
	}
	return c.rounds(ctx, func(ctx context.Context) error {
		peers, err := c.peers(ctx, route{o.Gateways, o.UIDs})
		if err != nil {
			return err
		}
		errs := make([]error, len(peers))
		var asked sync.WaitGroup
		for i, peer := range peers {
			asked.Go(func() { errs[i] = do(ctx, peer) })
		}
		asked.Wait()
		var failed failures
		for i, err := range errs {
			if err != nil {
				failed = append(failed, failure{peers[i].Hotkey, err})
			}
		}
		if len(failed) < len(peers) {
			return nil
		}
		return failed
	})
}
