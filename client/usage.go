package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Used is what a hotkey's files take at a gateway, and what they may; 0 for what has
// no limit there. Gateways that work over one index say the same.
type Used struct {
	Gateway               wallet.Address
	Bytes, MaxBytes       int64 // on all disks: shards, and manifests with what is in them
	Objects, MaxObjects   int64
	Segments, MaxSegments int64
	Uploads, MaxUploads   int64 // begun and neither finished nor dropped
}

// Usage returns what the hotkey's files of our own format take at the gateways asked.
// Its errors are List's.
func (c *Client) Usage(ctx context.Context, o AskOptions) ([]Used, error) {
	var mu sync.Mutex // guards all
	var all []Used
	err := c.everywhere(ctx, o, func(ctx context.Context, peer wire.Peer) error {
		var m wire.Usage
		if err := c.call(ctx, peer, &m, o.Timeout); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		all = slices.DeleteFunc(all, func(u Used) bool { return u.Gateway == peer.Hotkey }) // of a round before
		all = append(all, Used{peer.Hotkey, m.Bytes, m.MaxBytes, m.Objects, m.MaxObjects, m.Segments, m.MaxSegments, m.Uploads, m.MaxUploads})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("usage: %w", err)
	}
	slices.SortFunc(all, func(a, b Used) int { return strings.Compare(string(a.Gateway), string(b.Gateway)) })
	return all, nil
}
