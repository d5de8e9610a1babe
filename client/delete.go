package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// ErrKept: some gateways have deleted the file and others, which the error names,
// may have it still.
var ErrKept = errors.New("not deleted everywhere")

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
// the file and have deleted it, and all others say that they have none. A gateway
// whose answer was lost is asked again, and has deleted it if it has none then.
//
// A gateway that was not named and does not let the hotkey in counts as one without
// the file, and so does one that knows no streams when a file of our own format was
// deleted, or when it answers at all.
//
// Errors: cid.ErrInvalid, ErrNoGateway, ErrNotFound, ErrKept (Delete it again), what
// the gateways said (wire.StatusOf), ctx's.
func (c *Client) Delete(ctx context.Context, id string, o DeleteOptions) error {
	if err := cid.Parse(id); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	d := deletion{c: c, id: id, o: o, at: map[wallet.Address]*deletedAt{}}
	if err := c.rounds(ctx, d.round); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// deletion is one call of Delete, and what has come of it at each gateway.
type deletion struct {
	c  *Client
	id string
	o  DeleteOptions
	at map[wallet.Address]*deletedAt
}

// deletedAt is what one gateway has done, after all that it was asked.
type deletedAt struct {
	deleted bool
	native  bool  // a file of our own format was deleted
	lost    bool  // an answer was lost that may have been that it has deleted it
	streams bool  // it speaks streams, or nobody knows
	err     error // what it said last; 404 is that it has none
}

// round asks the gateways that have not settled it.
func (d *deletion) round(ctx context.Context) error {
	peers, err := d.c.peers(ctx, route{d.o.Gateways, d.o.UIDs})
	if err != nil {
		return errors.Join(err, d.outcome())
	}
	var asked sync.WaitGroup
	for _, peer := range peers {
		at := d.at[peer.Hotkey]
		if at == nil {
			at = &deletedAt{}
			d.at[peer.Hotkey] = at
		} else if at.deleted || at.none() {
			continue
		}
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.c.timeout(d.o.Timeout, 0))
			defer cancel()
			at.err = at.ask(ctx, d, peer)
			at.deleted = at.deleted || at.lost && at.none()
		})
	}
	asked.Wait()
	return d.outcome()
}

func (a *deletedAt) none() bool { return a.err != nil && wire.StatusOf(a.err) == wire.StatusNotFound }

// ask asks one gateway for a file of our own format, and then for one of the
// reference's.
func (a *deletedAt) ask(ctx context.Context, d *deletion, peer wire.Peer) error {
	c := d.c
	a.streams = c.streams()
	if a.streams {
		msg := &wire.DeleteObject{CID: d.id}
		err := a.watch(ctx, func(ctx context.Context) error { return c.call(ctx, peer, msg, d.o.Timeout) })
		if msg.Deleted && err == nil {
			a.deleted, a.native = true, true
			return nil
		}
		if err != nil && wire.StatusOf(err) != wire.StatusNotFound {
			return err
		}
		a.streams = !errors.Is(err, wire.ErrNoStream)
	}
	msg := &wire.DeleteUser{DataHash: d.id}
	err := a.watch(ctx, func(ctx context.Context) error {
		_, err := c.deps.Transport.Call(ctx, peer, msg)
		return err
	})
	if a.deleted = msg.Deleted && err == nil; err == nil && !a.deleted {
		err = wire.NotFound("the gateway answered that nothing was deleted")
	}
	return err
}

// watch makes a call, and notes whether it may have arrived without an answer that
// says what came of it.
func (a *deletedAt) watch(ctx context.Context, call func(context.Context) error) error {
	var sent atomic.Bool
	err := call(wire.WithProgress(ctx, func(p wire.Progress) {
		if p.Sent > 0 {
			sent.Store(true)
		}
	}))
	switch status := wire.StatusOf(err); {
	case err == nil, !sent.Load():
	case status == wire.StatusTimeout, status == wire.StatusCancelled, status == wire.StatusUnparsable, status >= wire.StatusInternal:
		a.lost = true
	}
	return err
}

// outcome is what has come of it up to now.
func (d *deletion) outcome() error {
	var deleted, names []string
	native := false
	for hotkey, at := range d.at {
		if names = append(names, string(hotkey)); at.deleted {
			deleted, native = append(deleted, string(hotkey)), native || at.native
		}
	}
	slices.Sort(names)
	slices.Sort(deleted)
	var open, without failures
	for _, name := range names {
		switch at := d.at[wallet.Address(name)]; {
		case at.deleted:
		case at.none(), len(deleted) > 0 && d.without(at, native):
			without = append(without, failure{wallet.Address(name), at.err})
		default:
			open = append(open, failure{wallet.Address(name), at.err})
		}
	}
	switch {
	case len(open) > 0 && len(deleted) > 0:
		return fmt.Errorf("%w: %s deleted it; to be asked again: %w", ErrKept, strings.Join(deleted, ", "), open)
	case len(open) > 0:
		return open
	case len(deleted) > 0:
		d.c.log.Debug("file deleted", "cid", d.id, "gateways", deleted, "gateways without it", without)
		return nil
	case len(without) > 0:
		return notFound(without, d.id)
	}
	return nil
}

// without says whether a gateway counts as one without the file, which others have
// deleted, though it did not say so.
func (d *deletion) without(at *deletedAt, native bool) bool {
	switch status := wire.StatusOf(at.err); {
	case status == wire.StatusForbidden && len(d.o.Gateways)+len(d.o.UIDs) == 0:
		return true
	case at.streams:
		return false
	default: // it cannot have one of our own format
		return native || status != wire.StatusTimeout && status != wire.StatusUnavailable && status != wire.StatusTooMany
	}
}
