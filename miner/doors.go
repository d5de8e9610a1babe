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

// TwoDoors is a server for Register that lets audits (Challenge, Tags and Audit)
// in by a door of their own and everything else by the server's: a validator and a
// gateway of one hotkey then do not use up each other's rate.
func TwoDoors(s DoorServer, audits *wire.Door) Server { return twoDoors{s, audits} }

type twoDoors struct {
	server DoorServer
	audits *wire.Door
}

func (d twoDoors) Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64) {
	switch makeMsg().(type) {
	case *wire.Challenge, *wire.Tags, *wire.Audit:
		d.server.HandleBehind(d.audits, makeMsg, h, maxBody)
	default:
		d.server.Handle(makeMsg, h, maxBody)
	}
}

// recoveryRate is how many parts of shards a caller gets in a window of
// wire.DefaultWindowBlocks blocks: one a second.
const recoveryRate = 300

// RecoveryDoor says who may ask for shards: everybody, at a rate of their own.
// Owners of files have no UID; to know a shard's root is what entitles them.
func RecoveryDoor() wire.DoorConfig {
	return wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: recoveryRate}
}

// StreamDoorServer is a StreamServer that can let a message in by a door of its
// own; *stream.Server is one.
type StreamDoorServer interface {
	StreamServer
	// HandleStreamBehind is HandleStream for messages that have to pass another
	// door than the server's.
	HandleStreamBehind(door *wire.Door, makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64)
}

// StreamDoors is a server for RegisterStreams that lets who asks for shards
// (GetShard) in by the door made of RecoveryDoor and everything else by the
// server's.
func StreamDoors(s StreamDoorServer, recovery *wire.Door) StreamServer {
	return streamDoors{s, recovery}
}

type streamDoors struct {
	server   StreamDoorServer
	recovery *wire.Door
}

func (d streamDoors) HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64) {
	if _, ok := makeMsg().(*wire.GetShard); ok {
		d.server.HandleStreamBehind(d.recovery, makeMsg, h, maxBody)
		return
	}
	d.server.HandleStream(makeMsg, h, maxBody)
}
