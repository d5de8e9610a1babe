package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// UserConfig is what a user brings: a chain to find gateways on and a hotkey
// to ask them with. The hotkey need not be registered. Without a chain nobody is
// found: such a user recovers exported files from miners, and no more.
type UserConfig struct {
	Chain  chain.Chain
	NetUID chain.NetUID
	Hotkey *wallet.Keypair
	Client client.Config
	// Log may be nil.
	Log *slog.Logger
}

// User is a client with connections of its own. Close it.
type User struct {
	*client.Client
	synapse *synapse.Client
	stream  *stream.Client
}

// Connect reads the subnet's metagraph once and makes a client that uses it.
func Connect(ctx context.Context, c UserConfig) (*User, error) {
	var m *chain.Metagraph
	if c.Chain != nil {
		var err error
		if m, err = c.Chain.Metagraph(ctx, c.NetUID); err != nil {
			return nil, fmt.Errorf("metagraph of subnet %d: %w", c.NetUID, err)
		}
	}
	u := &User{
		synapse: synapse.NewClient(synapse.ClientConfig{Key: c.Hotkey}, synapse.ClientDeps{Log: c.Log}),
		stream:  stream.NewClient(stream.ClientConfig{Key: c.Hotkey}, stream.ClientDeps{Log: c.Log}),
	}
	peers := stream.NewNegotiator(u.synapse, u.stream)
	u.Client = client.New(c.Client, client.Deps{
		Transport: peers, Streams: peers, Hotkey: c.Hotkey,
		Metagraph: func() *chain.Metagraph { return m }, Rand: rand.Reader, Log: c.Log,
	})
	return u, nil
}

// Close ends the user's connections.
func (u *User) Close() error { return errors.Join(u.stream.Close(), u.synapse.Close()) }
