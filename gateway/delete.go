package gateway

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// Delete takes a file from its owner. With its last owner the file is gone:
// first from the index, then its chunks from the miners that hold them, as far
// as no other file has the same chunk. A miner that cannot be told keeps bytes
// nobody can open until their ttl is over; the index forgets them at once.
//
// Errors are *wire.Error (404 not this owner's), ctx's, or the index's.
func (g *Gateway) Delete(ctx context.Context, owner wallet.Address, id string) error {
	if _, err := g.owned(ctx, owner, id); err != nil {
		return err
	}
	unlock, err := g.files.lock(ctx, id)
	if err != nil {
		return fmt.Errorf("delete %s: another request works on the file: %w", id, err)
	}
	defer unlock()
	gone, err := g.deps.Index.RemoveOwner(ctx, id, owner)
	if gone != nil {
		g.discard(ctx, gone.Chunks) // also when references were left behind: the file is gone
	}
	switch {
	case errors.Is(err, index.ErrNotFound):
		return notFound(id)
	case err != nil && gone == nil:
		return fmt.Errorf("delete %s: %w", id, err)
	case err != nil:
		g.log.Warn("the index has references to a deleted file left", "cid", id, "err", err)
	}
	g.log.Info("file deleted", "cid", id, "owner", owner, "last owner", gone != nil)
	return nil
}

// discard deletes chunks that no file refers to from index and miners. It does
// its best whatever becomes of ctx: miners are told within CleanupTimeout, and
// the index forgets their holdings either way.
func (g *Gateway) discard(ctx context.Context, chunks []index.Chunk) {
	ctx = context.WithoutCancel(ctx)
	tell, cancel := context.WithTimeout(ctx, g.cfg.CleanupTimeout)
	defer cancel()
	miners := g.miners()
	done := map[string]bool{}
	var work errgroup.Group // of functions that do not fail
	work.SetLimit(maxDeletions)
	for _, c := range chunks {
		if done[c.Hash] {
			continue
		}
		done[c.Hash] = true
		holders, err := g.orphaned(ctx, c.Hash)
		if err != nil {
			g.log.Warn("a chunk cannot be discarded", "chunk", c.Hash, "err", err)
			continue
		}
		for _, holder := range holders {
			work.Go(func() error {
				err := errNotThere
				if n, ok := miners[holder]; ok {
					err = g.deps.Fleet.Delete(tell, n, c.Hash).Err
				}
				if err != nil {
					g.metrics.unreached.Inc()
					forgotten := g.deps.Index.DropHolding(ctx, holder, c.Hash)
					g.log.Warn("a miner could not be told to delete a chunk", "chunk", c.Hash, "miner", holder, "err", errors.Join(err, forgotten))
				}
				return nil
			})
		}
	}
	_ = work.Wait()
}

// maxDeletions is how many miners are told to delete at a time.
const maxDeletions = 16

var errNotThere = errors.New("it is not on the network at present")

// orphaned are the holders of a chunk if no file needs it.
func (g *Gateway) orphaned(ctx context.Context, hash string) ([]wallet.Address, error) {
	files, err := g.deps.Index.ChunkFiles(ctx, hash)
	if err != nil || len(files) > 0 {
		return nil, err
	}
	return g.deps.Index.Holders(ctx, hash)
}
