package miner

import "github.com/filetao/filetao/wire"

// DoorServer is a Server that can let a message in by a door of its own;
// *synapse.Server and *stream.Server are.
type DoorServer interface {
	Server
	// HandleBehind is Handle for messages that have to pass another door than
	// the server's.
	HandleBehind(door *wire.Door, makeMsg func() wire.Message, h wire.Handler, maxBody int64)
}

// Doors is a server for Register that lets audits (Challenge, Tags and Audit) in
// by a door of their own, what ends, renews or lists shards (Delete, DropShard,
// RenewShard and ListShards) by that of ShardDoor, and everything else by the server's: a validator
// and a gateway of one hotkey then do not use up each other's rate.
func Doors(s DoorServer, audits, shards *wire.Door) Server { return doors{s, audits, shards} }

type doors struct {
	server         DoorServer
	audits, shards *wire.Door
}

func (d doors) Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64) {
	switch makeMsg().(type) {
	case *wire.Challenge, *wire.Tags, *wire.Audit:
		d.server.HandleBehind(d.audits, makeMsg, h, maxBody)
	case *wire.Delete, *wire.DropShard, *wire.RenewShard, *wire.ListShards:
		d.server.HandleBehind(d.shards, makeMsg, h, maxBody)
	default:
		d.server.Handle(makeMsg, h, maxBody)
	}
}

// recoveryRate is how many parts of shards a caller gets, and how often it is told
// where some are, in a window of wire.DefaultWindowBlocks blocks: one a second. Who has a validator permit asks
// for users, and has no limit but the workers.
const recoveryRate = 300

// RecoveryDoor says who may ask for shards: everybody, at a rate of their own.
// Owners of files have no UID; to know a shard's root or tag is what entitles them.
func RecoveryDoor() wire.DoorConfig {
	return wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: recoveryRate, PermitPerWindow: -1}
}

// ShardDoor is the door for shards that are brought and renewed: like c, but that
// who has a validator permit may do it as often as it likes, since one large file
// has thousands of them. What it brings is bounded by the store's room.
func ShardDoor(c wire.DoorConfig) wire.DoorConfig {
	c.PermitPerWindow = -1
	return c
}

// StreamDoorServer is a StreamServer that can let a message in by a door of its
// own; *stream.Server is one.
type StreamDoorServer interface {
	StreamServer
	// HandleStreamBehind is HandleStream for messages that have to pass another
	// door than the server's.
	HandleStreamBehind(door *wire.Door, makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64)
}

// StreamDoors is a server for RegisterStreams that lets who asks for shards (GetShard
// and FindShards) in by the door made of RecoveryDoor, and who brings some (PutShard)
// by that of ShardDoor.
func StreamDoors(s StreamDoorServer, recovery, shards *wire.Door) StreamServer {
	return streamDoors{s, recovery, shards}
}

type streamDoors struct {
	server           StreamDoorServer
	recovery, shards *wire.Door
}

func (d streamDoors) HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64) {
	door := d.shards
	switch makeMsg().(type) {
	case *wire.GetShard, *wire.FindShards:
		door = d.recovery
	}
	d.server.HandleStreamBehind(door, makeMsg, h, maxBody)
}
