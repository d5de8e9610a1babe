package repair

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// luck is how often a random holding is drawn until one is of users' data.
const luck = 32

// Distribute moves one shard or chunk, drawn at random, to a miner that holds none of
// its segment or chunk, so that data does not stay with the same miners for ever. It
// does nothing as long as anything is to be repaired.
func (e *Engine) Distribute(ctx context.Context) error {
	if !e.queue.idle() || !e.census.ready() {
		return nil
	}
	holders, err := e.holders(ctx)
	if err != nil {
		return err
	}
	holders = slices.DeleteFunc(holders, func(a wallet.Address) bool { return !e.health.reachable(a) })
	for range luck {
		if len(holders) == 0 {
			return nil
		}
		h, err := e.deps.Index.RandomHolding(ctx, holders[rand.IntN(len(holders))], rand.Uint64())
		switch {
		case errors.Is(err, index.ErrNotFound) || err == nil && h.Kind == index.Random:
			continue
		case err != nil:
			return err
		}
		return e.distribute(ctx, h)
	}
	return nil
}

// distribute moves a holding, if it is a healthy part of something that is whole.
func (e *Engine) distribute(ctx context.Context, h index.Holding) error {
	if e.health.of(h) != sound || !e.queue.claim(thing{h.Kind, h.Hash}) {
		return nil
	}
	defer e.queue.unclaim(thing{h.Kind, h.Hash})
	if h.Kind == index.User {
		size, s, needed, err := e.chunk(ctx, h.Hash)
		if err != nil || !needed || s.due() {
			return err
		}
		if err := e.spread(ctx, index.Chunk{Hash: h.Hash, Size: size}, s, 1); err != nil {
			return unlessStuck(err)
		}
		return e.end(ctx, h)
	}
	seg, s, err := e.segment(ctx, h.Hash)
	if errors.Is(err, index.ErrNotFound) || err == nil && s.due() {
		return nil
	} else if err != nil {
		return err
	}
	until, needed, err := e.neededUntil(ctx, h.Hash, s)
	if err != nil || !needed {
		return err
	}
	if err := e.move(ctx, seg, h, until); err != nil {
		return unlessStuck(err)
	}
	return e.end(ctx, h)
}

// unlessStuck is err, but nil when there is nobody to move something to.
func unlessStuck(err error) error {
	if errors.Is(err, errStuck) {
		return nil
	}
	return err
}
