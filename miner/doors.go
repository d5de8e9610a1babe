package miner

import (
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// TwoDoors is a server for Register that lets audits (Challenge, Tags and Audit)
// in by a door of their own and everything else by the server's: a validator and a
// gateway of one hotkey then do not use up each other's rate.
func TwoDoors(s *synapse.Server, audits *wire.Door) Server { return twoDoors{s, audits} }

type twoDoors struct {
	server *synapse.Server
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
