package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// PutOptions say how a file is stored.
type PutOptions struct {
	// Encrypt is the key the file is sealed with, derived once from the
	// coldkey (envelope.DeriveKey). Required unless Plain.
	Encrypt *envelope.Key
	// Plain stores the bytes as they are: every gateway and whoever it gives
	// them to can read them. It excludes Encrypt.
	Plain bool
	// TTL is how long the file is kept, from a second to MaxTTL; 0 is Config.TTL.
	TTL time.Duration
	// Timeout is how long one gateway may take; 0 is Config.Timeout.
	Timeout time.Duration
	// Gateways and UIDs name who is tried, in this order, instead of gateways
	// that the client finds.
	Gateways []wallet.Address
	UIDs     []chain.UID
	// Progress may be nil.
	Progress func(Progress)
}

// Stored is a file that a gateway has taken.
type Stored struct {
	CID      string           // over the bytes that were sent: sealed unless Plain
	Size     int64            // bytes
	Gateways []wallet.Address // who has it: remember them, see Book
	Segments int              // that it consists of; 0 for one that is inline
	Resumed  int64            // bytes that an earlier, broken put had sent already
	// Reference says that the file was stored the reference's way.
	Reference bool
}

// MaxTTL is the longest time for which a file is kept without being renewed: ten
// years.
const MaxTTL = 10 * 365 * 24 * time.Hour

func checkTTL(ttl time.Duration) error {
	if ttl < time.Second || ttl > MaxTTL {
		return fmt.Errorf("a file cannot be kept for %v: from a second to %v", ttl, MaxTTL)
	}
	return nil
}

// Put stores data and returns once a gateway says that miners hold all of it.
//
// Put takes data over: it is encrypted in its own memory, to which the caller
// must not look any more.
//
// Gateways are tried one at a time, so that a file is not stored several times;
// one that failed late may all the same have stored it. Errors: ErrNoKey,
// ErrNoGateway, ErrWrongData, what the gateways said (wire.StatusOf), ctx's.
func (c *Client) Put(ctx context.Context, data []byte, o PutOptions) (Stored, error) {
	tell := progressFunc(o.Progress)
	ttl := o.TTL
	if ttl == 0 {
		ttl = c.cfg.TTL
	}
	if err := checkTTL(ttl); err != nil {
		return Stored{}, err
	}
	size := int64(len(data))
	tell.tell(Progress{Stage: StageEncrypting, Bytes: size})
	sealed, payload, err := c.seal(data, o)
	if err != nil {
		return Stored{}, err
	}
	up := upload{
		data: sealed, payload: payload, cid: cid.Sum(sealed), ttl: int64(ttl / time.Second),
		timeout: c.timeout(o.Timeout, size), tell: tell,
	}
	var stored Stored
	err = c.rounds(ctx, func(ctx context.Context) error {
		tell.tell(Progress{Stage: StageFinding, Bytes: size})
		peers, err := c.peers(ctx, route{o.Gateways, o.UIDs})
		if err != nil {
			return err
		}
		if len(o.Gateways)+len(o.UIDs) == 0 {
			peers = peers[:min(len(peers), c.cfg.Ask)]
		}
		gateway, err := c.putAtOne(ctx, peers, up)
		stored = Stored{CID: up.cid, Size: size, Gateways: []wallet.Address{gateway}}
		return err
	})
	if err != nil {
		return Stored{}, fmt.Errorf("put: %w", err)
	}
	stored.Reference = true
	tell.tell(Progress{Stage: StageDone, Gateway: stored.Gateways[0], Bytes: size})
	return stored, nil
}

func (c *Client) seal(data []byte, o PutOptions) (sealed []byte, payload string, err error) {
	switch {
	case o.Plain && o.Encrypt != nil:
		return nil, "", errors.New("put: both a key and storing in the open were asked for")
	case o.Plain:
		return data, envelope.NoPayload, nil
	case o.Encrypt == nil:
		return nil, "", fmt.Errorf("put: %w: give one or ask for plain storage", ErrNoKey)
	}
	sealed, payload, err = envelope.Seal(c.deps.Rand, *o.Encrypt, data)
	if err != nil {
		return nil, "", fmt.Errorf("put: encrypt: %w", err)
	}
	return sealed, payload, nil
}

func (c *Client) timeout(asked time.Duration, size int64) time.Duration {
	if asked > 0 {
		return asked
	}
	return c.cfg.Timeout + time.Duration(size/sendRate)*time.Second
}

// upload is a file on its way.
type upload struct {
	data         []byte
	payload, cid string
	ttl          int64 // seconds
	timeout      time.Duration
	tell         progressFunc
}

// putAtOne stores at the first of the peers that takes the file.
func (c *Client) putAtOne(ctx context.Context, peers []wire.Peer, up upload) (wallet.Address, error) {
	var failed failures
	for _, peer := range peers {
		up.tell.tell(Progress{Stage: StageAsking, Gateway: peer.Hotkey, Bytes: int64(len(up.data))})
		err := c.putAt(ctx, peer, up)
		if err == nil {
			return peer.Hotkey, nil
		}
		if ctx.Err() != nil {
			return "", errors.Join(ctx.Err(), err)
		}
		c.log.Warn("gateway did not store the file", "gateway", peer.Hotkey, "cid", up.cid, "err", err)
		failed = append(failed, failure{peer.Hotkey, err})
	}
	return "", failed
}

func (c *Client) putAt(ctx context.Context, peer wire.Peer, up upload) error {
	ctx, cancel := context.WithTimeout(ctx, up.timeout)
	defer cancel()
	msg := &wire.StoreUser{EncryptedData: up.data, EncryptionPayload: up.payload, TTL: &up.ttl}
	if _, err := c.deps.Transport.Call(ctx, peer, msg); err != nil {
		return err
	}
	if msg.DataHash != up.cid {
		return fmt.Errorf("%w: stored as %.80q, want %s", ErrWrongData, msg.DataHash, up.cid)
	}
	return nil
}
