package synapse

import (
	"context"
	"testing"

	"github.com/filetao/filetao/wire"
)

// TestAlso: what is added after Also is added to both, behind the same doors.
func TestAlso(t *testing.T) {
	first, other := unserved(t), unserved(t)
	pass := func(context.Context, wire.Caller, wire.Message) error { return nil }
	first.Handle(func() wire.Message { return &wire.Store{} }, pass, 1)
	first.Also(other)
	first.Handle(func() wire.Message { return &wire.Delete{} }, pass, 2)
	door := openDoor()
	first.HandleBehind(door, func() wire.Message { return &wire.Audit{} }, pass, 3)
	if len(first.routes) != 4 || len(other.routes) != 3 || other.routes["Delete"].maxBody != 2 || other.routes["Audit"].door != door {
		t.Errorf("%d and %d routes", len(first.routes), len(other.routes))
	}
}

// unserved is a server that does not run.
func unserved(t *testing.T) *Server {
	s, stop := runServer(t, ServerConfig{}, ServerDeps{}, nil)
	stop()
	return s
}
