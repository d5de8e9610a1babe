package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// GetOptions say how a file is fetched.
type GetOptions struct {
	// Key opens the file. Unlock, if Key is nil, is called for it once the
	// file has come and turns out to be encrypted.
	Key    *envelope.Key
	Unlock func() (envelope.Key, error)
	// Plain also accepts a file that was stored in the open. Without it a
	// gateway cannot pass sealed bytes off as the file.
	Plain bool
	// Timeout is how long one gateway may take; 0 is Config.GetTimeout.
	Timeout time.Duration
	// Gateways and UIDs name who is asked, in this order, instead of gateways
	// that the client finds.
	Gateways []wallet.Address
	UIDs     []chain.UID
	// Progress may be nil.
	Progress func(Progress)
}

// Get fetches the file with that CID, checks it and decrypts it. Gateways are
// asked in turn until one returns bytes with that CID; one that takes longer
// than Config.Hedge has the next asked beside it.
//
// Errors: cid.ErrInvalid, ErrNoKey, ErrNotEncrypted, ErrWrongKey, ErrNoGateway,
// ErrNotFound, ErrWrongData, what the gateways said (wire.StatusOf), ctx's.
func (c *Client) Get(ctx context.Context, id string, o GetOptions) ([]byte, error) {
	if err := cid.Parse(id); err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	if o.Key == nil && o.Unlock == nil && !o.Plain {
		return nil, fmt.Errorf("get: %w: give one or accept plain files", ErrNoKey)
	}
	tell := serialised(o.Progress)
	if o.Timeout <= 0 {
		o.Timeout = c.cfg.GetTimeout
	}
	var got sealedFile
	err := c.rounds(ctx, func(ctx context.Context) error {
		tell.tell(Progress{Stage: StageFinding})
		peers, err := c.peers(ctx, route{o.Gateways, o.UIDs})
		if err != nil {
			return err
		}
		got, err = hedged(ctx, peers, c.cfg.Hedge, func(ctx context.Context, peer wire.Peer) (sealedFile, error) {
			tell.tell(Progress{Stage: StageAsking, Gateway: peer.Hotkey})
			return c.getAt(ctx, peer, id, o.Timeout)
		}, func(sealedFile) {})
		return notFound(err, id)
	})
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	data, err := got.open(o, tell)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", id, err)
	}
	tell.tell(Progress{Stage: StageDone, Gateway: got.gateway, Bytes: int64(len(data))})
	return data, nil
}

// sealedFile is a file as the user handed it in, checked against its CID.
type sealedFile struct {
	data    []byte
	payload string
	gateway wallet.Address
}

func (c *Client) getAt(ctx context.Context, peer wire.Peer, id string, timeout time.Duration) (sealedFile, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	msg := &wire.RetrieveUser{DataHash: id}
	if _, err := c.deps.Transport.Call(ctx, peer, msg); err != nil {
		return sealedFile{}, err
	}
	if sum := cid.Sum(msg.EncryptedData); sum != id {
		c.log.Warn("gateway returned something else than was asked for", "gateway", peer.Hotkey, "asked", id, "got", sum)
		return sealedFile{}, fmt.Errorf("%w: asked for %s, got %d bytes with %s", ErrWrongData, id, len(msg.EncryptedData), sum)
	}
	return sealedFile{msg.EncryptedData, msg.EncryptionPayload, peer.Hotkey}, nil
}

func (f sealedFile) open(o GetOptions, tell progressFunc) ([]byte, error) {
	plain := f.payload == "" || f.payload == envelope.NoPayload
	switch {
	case plain && o.Plain:
		return f.data, nil
	case plain:
		return nil, fmt.Errorf("%w: gateway %s says it was stored in the open", ErrNotEncrypted, f.gateway)
	case o.Key == nil && o.Unlock == nil:
		return nil, fmt.Errorf("%w: the file is encrypted", ErrNoKey)
	}
	if o.Key == nil {
		key, err := o.Unlock()
		if err != nil {
			return nil, fmt.Errorf("unlock: %w", err)
		}
		o.Key = &key
	}
	tell.tell(Progress{Stage: StageDecrypting, Gateway: f.gateway, Bytes: int64(len(f.data))})
	data, err := envelope.Open(*o.Key, f.data, f.payload)
	if err != nil {
		return nil, fmt.Errorf("%w: it was stored with another coldkey, or gateway %s returned another file's payload: %w", ErrWrongKey, f.gateway, err)
	}
	return data, nil
}

// notFound adds ErrNotFound to an error if every gateway answered 404.
func notFound(err error, id string) error {
	var list failures
	if errors.As(err, &list) && list.all(wire.StatusNotFound) {
		return fmt.Errorf("%w: %s: %w", ErrNotFound, id, err)
	}
	return err
}

// serialised lets several goroutines tell progress, never two at a time.
func serialised(tell func(Progress)) progressFunc {
	if tell == nil {
		return nil
	}
	var mu sync.Mutex
	return func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		tell(p)
	}
}
