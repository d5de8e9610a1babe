package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Store keeps a file for its owner and returns its CID, which is over data as
// handed in; payload is the user's own encryption payload, returned with the
// file ("" is envelope.NoPayload); ttl 0 is Config.TTL. It returns once every
// chunk is held by miners that have proved it and the index says so.
//
// Store takes data over and overwrites it. A file that is known is not stored
// again: its owner, payload and ttl are recorded, and where its chunks would be
// dropped too early their holders get them anew. Two calls with the same bytes
// at once are safe. After an error nothing of the file is left but what a miner
// could not be told to delete.
//
// Errors are *wire.Error: 400 for a payload or ttl that cannot be, 413, 503
// when too few miners take a chunk or the gateway is busy, 507 when the owner has no
// room left.
func (g *Gateway) Store(ctx context.Context, owner wallet.Address, data []byte, payload string, ttl time.Duration) (string, error) {
	own, err := g.claim(owner, data, payload, ttl)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.StoreTimeout)
	defer cancel()
	release, err := g.memory.take(ctx, int64(len(data)))
	if err != nil {
		return "", err
	}
	defer release()
	id := cid.Sum(data)
	unlock, err := g.files.lock(ctx, id)
	if err != nil {
		return "", fmt.Errorf("store %s: another request works on the file: %w", id, err)
	}
	defer unlock()
	done, err := g.reserveFile(ctx, id, own)
	if err != nil {
		return "", fmt.Errorf("store %s: %w", id, err)
	}
	defer done()
	if err := g.store(ctx, id, data, own); err != nil {
		return "", fmt.Errorf("store %s: %w", id, err)
	}
	g.log.Info("file stored", "cid", id, "owner", owner, "bytes", len(data))
	return id, nil
}

// claim checks what the user says of a file.
func (g *Gateway) claim(owner wallet.Address, data []byte, payload string, ttl time.Duration) (index.Ownership, error) {
	if payload == "" {
		payload = envelope.NoPayload
	}
	if ttl == 0 {
		ttl = g.cfg.TTL
	}
	switch {
	case int64(len(data)) > g.cfg.MaxFile:
		return index.Ownership{}, wire.TooLarge("a file of %d bytes; this gateway takes up to %d: store it in parts", len(data), g.cfg.MaxFile)
	case len(payload) > index.MaxPayload || !json.Valid([]byte(payload)):
		return index.Ownership{}, wire.BadRequest("encryption_payload of %d bytes: want JSON of up to %d, {} for none", len(payload), index.MaxPayload)
	case ttl < time.Second || ttl > g.cfg.MaxTTL:
		return index.Ownership{}, wire.BadRequest("ttl of %v: want 1 s to %v", ttl, g.cfg.MaxTTL)
	}
	return index.Ownership{
		Owner: owner, Payload: payload, Stored: g.deps.Now(), TTL: ttl, Takes: int64(len(data)) * int64(g.cfg.Redundancy),
	}, nil
}

// store does it under the file's lock.
func (g *Gateway) store(ctx context.Context, id string, data []byte, own index.Ownership) error {
	file, err := g.deps.Index.File(ctx, id)
	switch {
	case errors.Is(err, index.ErrNotFound):
		return g.storeNew(ctx, id, data, own)
	case err != nil:
		return err
	}
	held, err := g.renew(ctx, file, &own)
	if err != nil {
		return err
	}
	if held {
		held, err = g.own(ctx, file, own)
	}
	if err != nil || held {
		return err
	}
	return g.replace(ctx, file, data, own)
}

// own adds an owner to a known file. It is false when the file has gone since
// it was looked up, deleted by another gateway over this index: then its chunks
// are going too.
func (g *Gateway) own(ctx context.Context, file index.File, own index.Ownership) (bool, error) {
	err := g.deps.Index.AddOwner(ctx, file.CID, own)
	if errors.Is(err, index.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// storeNew stores a file that is not known.
func (g *Gateway) storeNew(ctx context.Context, id string, data []byte, own index.Ownership) error {
	file, err := g.seal(ctx, id, data, own.TTL)
	if err != nil {
		return err
	}
	return g.record(ctx, file, []index.Ownership{own})
}

// seal puts the gateway's layer around data and spreads it over miners. After
// an error it has taken back what it could.
func (g *Gateway) seal(ctx context.Context, id string, data []byte, ttl time.Duration) (index.File, error) {
	sealed, layer, err := envelope.Seal(g.deps.Rand, g.deps.Key, data)
	if err != nil {
		return index.File{}, err
	}
	file := index.File{CID: id, Size: int64(len(sealed)), Payload: layer, Stored: g.deps.Now()}
	if file.Chunks, err = g.spread(ctx, sealed, ttl); err != nil {
		g.discard(ctx, file.Chunks)
		return index.File{}, err
	}
	return file, nil
}

// record makes a file known. Its chunks are discarded if that fails, and if
// another gateway over this index was faster with the same file: then the
// owners, of whom the first is the one who waits, have that one's.
func (g *Gateway) record(ctx context.Context, file index.File, owners []index.Ownership) error {
	for _, own := range owners {
		if err := g.deps.Index.PutFile(ctx, file, own); err != nil {
			g.discard(ctx, file.Chunks) // as far as the file is not known all the same
			return err
		}
	}
	won, err := g.deps.Index.File(ctx, file.CID)
	if err != nil || won.Payload == file.Payload {
		return err
	}
	g.log.Info("another gateway has stored the same file meanwhile", "cid", file.CID)
	g.discard(ctx, file.Chunks)
	held, err := g.renew(ctx, won, &owners[0])
	if err == nil && !held {
		return wire.Conflict("another gateway works on the same file; try again")
	} else if err != nil {
		return err
	}
	return g.deps.Index.PutFile(ctx, won, owners[0])
}
