package miner

import (
	"context"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/wire"
)

// TaskFindShards is to say which shards there are under tags.
const TaskFindShards Task = "find_shards"

// findShards answers FindShards, whoever asks and whoever brought the shards.
func (m *Miner) findShards(ctx context.Context, _ wire.Caller, msg *wire.FindShards, _ wire.Body) (wire.Body, error) {
	tags := msg.Tags
	n := len(tags) / wire.TagSize
	if n < 1 || n > wire.MaxFindTags || len(tags)%wire.TagSize != 0 {
		return wire.Body{}, wire.BadRequest("Tags of %d bytes; want 1 to %d of %d bytes each.", len(tags), wire.MaxFindTags, wire.TagSize)
	}
	if err := wire.Reserve(ctx, 2*int64(n)*wire.MaxFoundList/wire.MaxFindTags); err != nil { // as found and as sent
		return wire.Body{}, err
	}
	var list []wire.FoundShard
	for i := range n {
		found, err := m.store.FindShards(ctx, [wire.TagSize]byte(tags[i*wire.TagSize:]), wire.MaxFound)
		if err != nil {
			return wire.Body{}, err
		}
		for _, f := range found {
			if s, ok := noted(f); ok {
				s.Tag = i
				list = append(list, s)
			}
		}
	}
	var err error
	msg.Tags = nil // the answer is without them
	msg.Found, err = wire.EncodeFound(list)
	return wire.Body{}, err
}

// noted is what delivery.beside has noted of a shard.
func noted(f blobstore.FoundShard) (wire.FoundShard, bool) {
	if len(f.Note) != 1+wire.VoucherSize {
		return wire.FoundShard{}, false
	}
	return wire.FoundShard{Number: int(f.Note[0]), Root: f.Hash, Size: f.Size, Voucher: [wire.VoucherSize]byte(f.Note[1:])}, true
}
