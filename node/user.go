package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire/synapse"
)

// UserConfig is what a user brings: a chain to find gateways on and a hotkey
// to ask them with. The hotkey need not be registered.
type UserConfig struct {
	Chain  chain.Chain
	NetUID chain.NetUID
	Hotkey *wallet.Keypair
	Client client.Config
	// Log may be nil.
	Log *slog.Logger
}

// User is a client with a connection of its own. Close it.
type User struct {
	*client.Client
	transport *synapse.Client
}

// Connect reads the subnet's metagraph once and makes a client that uses it.
func Connect(ctx context.Context, c UserConfig) (*User, error) {
	m, err := c.Chain.Metagraph(ctx, c.NetUID)
	if err != nil {
		return nil, fmt.Errorf("metagraph of subnet %d: %w", c.NetUID, err)
	}
	transport := synapse.NewClient(synapse.ClientConfig{Key: c.Hotkey}, synapse.ClientDeps{Log: c.Log})
	return &User{
		Client: client.New(c.Client, client.Deps{
			Transport: transport, Metagraph: func() *chain.Metagraph { return m }, Rand: rand.Reader, Log: c.Log,
		}),
		transport: transport,
	}, nil
}

// Close ends the user's connections.
func (u *User) Close() error { return u.transport.Close() }
