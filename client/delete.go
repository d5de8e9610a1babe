package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// DeleteOptions say where a file is deleted.
type DeleteOptions struct {
	// Timeout is how long one gateway may take; 0 is Config.Timeout.
	Timeout time.Duration
	// Gateways and UIDs name who is asked instead of gateways that the client
	// finds.
	Gateways []wallet.Address
	UIDs     []chain.UID
}

// Delete deletes the file with that CID, be it of our own format or of the
// reference's: all gateways are asked, and it is done when one or more of them had
// the file and has deleted it.
//
// Errors: cid.ErrInvalid, ErrNoGateway, ErrNotFound, what the gateways said
// (wire.StatusOf), ctx's.
func (c *Client) Delete(ctx context.Context, id string, o DeleteOptions) error {
	if err := cid.Parse(id); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	err := c.rounds(ctx, func(ctx context.Context) error {
		peers, err := c.peers(ctx, route{o.Gateways, o.UIDs})
		if err != nil {
			return err
		}
		errs := make([]error, len(peers))
		var asked sync.WaitGroup
		for i, peer := range peers {
			asked.Go(func() { errs[i] = c.deleteAt(ctx, peer, id, c.timeout(o.Timeout, 0)) })
		}
		asked.Wait()
		var failed failures
		for i, err := range errs {
			if err != nil {
				failed = append(failed, failure{peers[i].Hotkey, err})
			}
		}
		if len(failed) < len(peers) {
			c.log.Debug("file deleted", "cid", id, "gateways without it", failed)
			return nil
		}
		return notFound(failed, id)
	})
	if err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

func (c *Client) deleteAt(ctx context.Context, peer wire.Peer, id string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.streams() {
		msg := &wire.DeleteObject{CID: id}
		if err := c.call(ctx, peer, msg, timeout); msg.Deleted || err != nil && wire.StatusOf(err) != wire.StatusNotFound {
			return err
		}
	}
	msg := &wire.DeleteUser{DataHash: id}
	if _, err := c.deps.Transport.Call(ctx, peer, msg); err != nil {
		return err
	}
	if !msg.Deleted {
		return wire.NotFound("the gateway answered that nothing was deleted")
	}
	return nil
}
