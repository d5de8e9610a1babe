package gateway

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// errDamaged says that what the index and the miners have of a file is not the
// file. Every chunk was checked, so it is our index or our key.
var errDamaged = errors.New("the file does not come out as it went in")

// Retrieve returns a file as its owner handed it in, checked against its CID,
// and the owner's own encryption payload. To anybody else the file does not
// exist.
//
// Errors are *wire.Error (404 not this owner's, 503 naming a chunk no holder
// gives back, or the gateway is busy), ctx's, or the gateway's own.
func (g *Gateway) Retrieve(ctx context.Context, owner wallet.Address, id string) (data []byte, payload string, err error) {
	own, err := g.owned(ctx, owner, id)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.RetrieveTimeout)
	defer cancel()
	file, err := g.deps.Index.File(ctx, id)
	if errors.Is(err, index.ErrNotFound) {
		return nil, "", notFound(id) // deleted meanwhile
	} else if err != nil {
		return nil, "", err
	}
	if data, err = g.retrieve(ctx, file); err != nil {
		return nil, "", fmt.Errorf("retrieve %s: %w", id, err)
	}
	g.log.Info("file retrieved", "cid", id, "owner", owner, "bytes", len(data))
	return data, own.Payload, nil
}

// owned is the owner's record of a file, or 404.
func (g *Gateway) owned(ctx context.Context, owner wallet.Address, id string) (index.Ownership, error) {
	if err := cid.Parse(id); err != nil {
		return index.Ownership{}, wire.BadRequest("data_hash: %w", err)
	}
	own, err := g.deps.Index.Ownership(ctx, id, owner)
	if errors.Is(err, index.ErrNotFound) {
		return own, notFound(id)
	}
	return own, err
}

func notFound(id string) error {
	return wire.NotFound("no file %s of yours is stored here: check the CID and which wallet stored it", id)
}

func (g *Gateway) retrieve(ctx context.Context, file index.File) ([]byte, error) {
	if file.Size > g.cfg.MaxFile || sum(file.Chunks) != file.Size {
		return nil, fmt.Errorf("%w: %d bytes in chunks of %d", errDamaged, file.Size, sum(file.Chunks))
	}
	// The answer first: whoever holds memory of ours must not wait for the
	// server's.
	if err := wire.Reserve(ctx, file.Size); err != nil {
		return nil, err
	}
	release, err := g.memory.take(ctx, file.Size+min(file.Size, g.cfg.InFlight))
	if err != nil {
		return nil, err
	}
	defer release()
	sealed, err := g.gather(ctx, file.Chunks, file.Size)
	if err != nil {
		return nil, err
	}
	data, err := envelope.Open(g.deps.Key, sealed, file.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: the gateway's key is another one than it was stored with, or the index is damaged: %w", errDamaged, err)
	}
	if got := cid.Sum(data); got != file.CID {
		return nil, fmt.Errorf("%w: its CID is %s", errDamaged, got)
	}
	return data, nil
}

// gather fetches chunks and joins them by position. A chunk that comes again
// is fetched once.
func (g *Gateway) gather(ctx context.Context, chunks []index.Chunk, size int64) ([]byte, error) {
	type piece struct {
		index.Chunk
		first   int     // its first position in the file
		offsets []int64 // of every position, in bytes
	}
	var pieces []*piece
	known := map[string]*piece{}
	offset := int64(0)
	for i, c := range chunks {
		p := known[c.Hash]
		if p == nil {
			p = &piece{Chunk: c, first: i}
			known[c.Hash], pieces = p, append(pieces, p)
		}
		if p.Size != c.Size {
			return nil, fmt.Errorf("%w: chunk %s of %d and %d bytes", errDamaged, c.Hash, p.Size, c.Size)
		}
		p.offsets = append(p.offsets, offset)
		offset += c.Size
	}
	whole := make([]byte, size, size+envelopeRoom)
	inFlight := semaphore.NewWeighted(g.cfg.InFlight)
	work, inner := errgroup.WithContext(ctx)
	work.SetLimit(maxChunks)
	for _, p := range pieces {
		weight := min(p.Size, g.cfg.InFlight)
		if inFlight.Acquire(inner, weight) != nil {
			break // a chunk has failed or ctx has ended: Wait tells
		}
		work.Go(func() error {
			defer inFlight.Release(weight)
			data, err := g.fetch(inner, p.Chunk, fmt.Sprintf("chunk %d of %d", p.first+1, len(chunks)))
			if err != nil {
				return err
			}
			for _, at := range p.offsets {
				copy(whole[at:at+p.Size], data)
			}
			return nil
		})
	}
	if err := errors.Join(work.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	return whole, nil
}

// envelopeRoom is spare capacity with which envelope.Open needs no copy.
const envelopeRoom = 16

// fetch has a chunk, called name, from whichever holder gives it back whole.
func (g *Gateway) fetch(ctx context.Context, c index.Chunk, name string) ([]byte, error) {
	data, outcomes, err := g.deps.Fleet.Fetch(ctx, c)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fleet.ErrMissing):
		return nil, &wire.Error{
			Status: wire.StatusUnavailable,
			Text:   fmt.Sprintf("%s (%s) is missing: none of %d holders asked gives it back; try again later", name, c.Hash, len(outcomes)),
			Err:    err,
		}
	case err != nil:
		return nil, err
	case int64(len(data)) != c.Size:
		return nil, fmt.Errorf("%w: %s (%s) has %d bytes, not %d", errDamaged, name, c.Hash, len(data), c.Size)
	}
	return data, nil
}
