package gateway

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// Access says which users are let in.
type Access struct {
	// Open lets everybody in, registered or not: for testing only.
	Open bool
	// Whitelist are the users of a gateway that is not open; Blacklist is
	// refused in any case.
	Whitelist, Blacklist []wallet.Address
}

// Door turns it into the front door's terms: by default nobody is let in but
// those on the whitelist, who need not be registered. Users have no rate limit: a
// folder has thousands of files. What they ask for is bounded by the gateway's
// memory and workers.
func (a Access) Door() wire.DoorConfig {
	return wire.DoorConfig{
		RequestsPerWindow: -1,
		Whitelist:         a.Whitelist, Blacklist: a.Blacklist,
		OnlyWhitelisted: !a.Open, AllowUnregistered: a.Open,
	}
}

// smallBody is the limit in bytes of requests that carry no file.
const smallBody = 64 << 10

// Register has a server answer users with this gateway. The server's door says
// who gets that far.
func (g *Gateway) Register(s *synapse.Server) {
	largest := synapse.BodySize(g.cfg.MaxFile)
	s.Handle(func() wire.Message { return &wire.StoreUser{} }, g.StoreUser, largest)
	s.Handle(func() wire.Message { return &wire.RetrieveUser{} }, g.RetrieveUser, smallBody)
	s.Handle(func() wire.Message { return &wire.DeleteUser{} }, g.DeleteUser, smallBody)
}

// StoreUser answers wire.StoreUser with Store, for the caller's hotkey.
func (g *Gateway) StoreUser(ctx context.Context, from wire.Caller, msg wire.Message) error {
	m, ok := msg.(*wire.StoreUser)
	if !ok {
		return unexpected(msg)
	}
	size := len(m.EncryptedData)
	err := func() (err error) {
		var ttl time.Duration
		if m.TTL != nil {
			if ttl, err = g.ttl(*m.TTL); err != nil {
				return err
			}
		}
		data := m.EncryptedData
		m.EncryptedData = nil // Store's from here on
		m.DataHash, err = g.Store(ctx, from.Hotkey, data, m.EncryptionPayload, ttl)
		return err
	}()
	return g.answered("store", from, size, err)
}

// RetrieveUser answers wire.RetrieveUser with Retrieve, for the caller's
// hotkey.
func (g *Gateway) RetrieveUser(ctx context.Context, from wire.Caller, msg wire.Message) error {
	m, ok := msg.(*wire.RetrieveUser)
	if !ok {
		return unexpected(msg)
	}
	var err error
	m.EncryptedData, m.EncryptionPayload, err = g.Retrieve(ctx, from.Hotkey, m.DataHash)
	return g.answered("retrieve", from, len(m.EncryptedData), err)
}

// DeleteUser answers wire.DeleteUser with Delete, for the caller's hotkey.
func (g *Gateway) DeleteUser(ctx context.Context, from wire.Caller, msg wire.Message) error {
	m, ok := msg.(*wire.DeleteUser)
	if !ok {
		return unexpected(msg)
	}
	err := g.Delete(ctx, from.Hotkey, m.DataHash)
	m.Deleted = err == nil
	return g.answered("delete", from, 0, err)
}

func unexpected(msg wire.Message) error {
	return fmt.Errorf("gateway: no handler for %T", msg)
}

// ttl is a message's, in seconds.
func (g *Gateway) ttl(seconds int64) (time.Duration, error) {
	if limit := int64(g.cfg.MaxTTL / time.Second); seconds < 1 || seconds > limit {
		return 0, wire.BadRequest("ttl of %d: want 1 to %d seconds", seconds, limit)
	}
	return time.Duration(seconds) * time.Second, nil
}

// answered counts a request and makes its error one for the caller.
func (g *Gateway) answered(task string, from wire.Caller, size int, err error) error {
	err = full(err)
	status := wire.StatusOf(err)
	g.metrics.requests.WithLabelValues(task, strconv.Itoa(status)).Inc()
	switch {
	case err == nil:
		g.metrics.bytes.WithLabelValues(task).Add(float64(size))
	case status == wire.StatusTimeout:
		return wire.Timeout("the %s took too long; try again, with a longer timeout for a large file: %w", task, err)
	case status == wire.StatusInternal:
		return fmt.Errorf("%s for %s: %w", task, from.Hotkey, err)
	}
	return err
}
