package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// renewSlack is which part of its ttl a file that is handed in again may be
// kept shorter without its chunks being sent to their holders again: a day of
// thirty. The ownership then says the shorter time.
const renewSlack = 30

// renew makes a known file's miners keep it as long as own says, and cuts own
// to what they keep it if that is almost as long. It is false when too few live
// miners hold a chunk: then the file has to be stored anew.
func (g *Gateway) renew(ctx context.Context, file index.File, own *index.Ownership) (bool, error) {
	end := own.Stored.Add(own.TTL)
	soon, kept := end.Add(-own.TTL/renewSlack), end
	for i, c := range file.Chunks {
		holders, err := g.keepers(ctx, c.Hash)
		if err != nil {
			return false, err
		}
		var late []chain.Neuron
		for _, k := range holders {
			if k.until.Before(soon) {
				late = append(late, k.Neuron)
			} else if k.until.Before(kept) {
				kept = k.until
			}
		}
		again, err := g.storeAgain(ctx, c, fmt.Sprintf("chunk %d of %d", i+1, len(file.Chunks)), late, own.TTL)
		if err != nil {
			return false, err
		}
		sure, need := len(holders)-len(late)+again, min(g.cfg.MinReplicas, len(g.deps.Fleet.Available()))
		if sure < max(1, need) {
			g.log.Warn("too few miners hold a chunk of a known file: storing it anew", "cid", file.CID, "chunk", c.Hash, "holders", sure, "need", need)
			return false, nil
		}
	}
	own.TTL = kept.Sub(own.Stored)
	return true, nil
}

// keeper is a live miner that holds a chunk, and until when.
type keeper struct {
	chain.Neuron
	until time.Time
}

func (g *Gateway) keepers(ctx context.Context, hash string) ([]keeper, error) {
	addresses, err := g.deps.Index.Holders(ctx, hash)
	if err != nil {
		return nil, err
	}
	miners := g.miners()
	var known []chain.Neuron
	for _, a := range addresses {
		if n, ok := miners[a]; ok {
			known = append(known, n)
		}
	}
	var list []keeper
	for _, n := range g.deps.Fleet.Alive(ctx, known) {
		h, err := g.deps.Index.Holding(ctx, n.Hotkey, hash)
		if errors.Is(err, index.ErrNotFound) {
			continue // dropped meanwhile
		} else if err != nil {
			return nil, err
		}
		until := h.Stored.Add(h.TTL)
		if h.TTL == 0 {
			until = h.Stored.AddDate(1000, 0, 0) // for ever
		}
		list = append(list, keeper{n, until})
	}
	return list, nil
}

// miners are the available ones by hotkey.
func (g *Gateway) miners() map[wallet.Address]chain.Neuron {
	miners := map[wallet.Address]chain.Neuron{}
	for _, n := range g.deps.Fleet.Available() {
		miners[n.Hotkey] = n
	}
	return miners
}

// storeAgain sends a chunk to miners that have it, so that they keep it for
// ttl from now on, and says how many will. A chunk that cannot be had is none.
func (g *Gateway) storeAgain(ctx context.Context, c index.Chunk, name string, holders []chain.Neuron, ttl time.Duration) (int, error) {
	if len(holders) == 0 {
		return 0, nil
	}
	data, err := g.fetch(ctx, c, name)
	if err != nil {
		if wire.StatusOf(err) == wire.StatusUnavailable {
			err = nil
		}
		return 0, err
	}
	datum := fleet.NewDatum(data)
	var kept atomic.Int64
	g.deps.Fleet.Each(holders, func(_ int, n chain.Neuron) {
		if o := g.deps.Fleet.Store(ctx, n, datum, index.User, ttl); o.OK() {
			kept.Add(1)
		}
	})
	return int(kept.Load()), ctx.Err()
}

// replace stores a known file anew, because its chunks cannot be had any more,
// and gives all its owners the new one.
func (g *Gateway) replace(ctx context.Context, old index.File, data []byte, own index.Ownership) error {
	known, err := g.deps.Index.Owners(ctx, old.CID)
	if err != nil && !errors.Is(err, index.ErrNotFound) {
		return err
	}
	owners, ttl := []index.Ownership{own}, own.TTL
	for _, o := range known {
		if o.Owner != own.Owner {
			owners, ttl = append(owners, o), max(ttl, o.Stored.Add(o.TTL).Sub(own.Stored))
		}
	}
	file, err := g.seal(ctx, old.CID, data, ttl)
	if err != nil {
		return err
	}
	// A file never changes in the index: the old one goes with its last owner.
	// What a crash between here and the end loses is a file nobody could read.
	ctx = context.WithoutCancel(ctx)
	for _, o := range known {
		if _, err := g.deps.Index.RemoveOwner(ctx, old.CID, o.Owner); err != nil && !errors.Is(err, index.ErrNotFound) {
			g.discard(ctx, file.Chunks)
			return err
		}
	}
	if err := g.record(ctx, file, owners); err != nil {
		return err
	}
	g.discard(ctx, old.Chunks)
	return nil
}
