package miner

import (
	"context"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/wire"
)

// TaskListShards is to say which shards are kept.
const TaskListShards Task = "list_shards"

// listShards answers ListShards: with shards of the caller's, and nobody else's.
// What is kept of one in a form that is not known is left out.
func (m *Miner) listShards(ctx context.Context, from wire.Caller, msg *wire.ListShards) error {
	if msg.Limit < 1 || msg.Limit > wire.MaxListed {
		return wire.BadRequest("A list of %d shards; want 1 to %d.", msg.Limit, wire.MaxListed)
	}
	if err := wire.Reserve(ctx, 2*msg.Limit*keptHead); err != nil { // as read and as sent
		return err
	}
	q := blobstore.ShardQuery{After: msg.After, Limit: int(msg.Limit), Head: keptHead, Damaged: msg.Damaged}
	var list []wire.ListedShard
	for len(list) == 0 {
		page, err := m.store.Shards(ctx, from.Hotkey, q)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, l := range page {
			q.After = l.Hash
			if k, err := parseKeptHead(l.Tags); err == nil && k.Pledge.Hash.String() == l.Hash {
				list = append(list, wire.ListedShard{Damaged: l.Damaged, Pledge: k.Pledge.Encode(), Asked: k.Asker, Receipt: k.Miner, Label: k.Label})
			}
		}
	}
	var err error
	msg.Shards, err = wire.EncodeShardList(list)
	return err
}
