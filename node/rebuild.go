package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/recovery"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// RebuildConfig says where an index is lost, and where what was in it can be found.
type RebuildConfig struct {
	Chain  chain.Chain
	NetUID chain.NetUID
	// Asker is the hotkey under which everything was stored.
	Asker     *wallet.Keypair
	Fleet     fleet.Config
	Index     *index.Index
	Manifests iter.Seq[recovery.Document] // nil: none
	Progress  func(recovery.Report)       // nil: nobody is told
	// Log may be nil.
	Log *slog.Logger
}

// RebuildIndex builds an index anew: see recovery.Rebuild. No node runs for it.
func RebuildIndex(ctx context.Context, c RebuildConfig) (r recovery.Report, err error) {
	m, err := c.Chain.Metagraph(ctx, c.NetUID)
	if err != nil {
		return r, fmt.Errorf("metagraph of subnet %d: %w", c.NetUID, err)
	}
	plain := synapse.NewClient(synapse.ClientConfig{Key: c.Asker}, synapse.ClientDeps{Log: c.Log})
	fast := stream.NewClient(stream.ClientConfig{Key: c.Asker}, stream.ClientDeps{Log: c.Log})
	defer func() { err = errors.Join(err, fast.Close(), plain.Close()) }()
	peers := stream.NewNegotiator(plain, fast)
	f := fleet.New(c.Fleet, fleet.Deps{
		Transport: peers, Streams: peers, Index: c.Index, Metagraph: func() *chain.Metagraph { return m },
		Rand: rand.Reader, Now: time.Now, Log: c.Log, Key: c.Asker,
	})
	return recovery.Rebuild(ctx, recovery.Deps{
		Fleet: f, Index: c.Index, Key: c.Asker, Manifests: c.Manifests, Now: time.Now, Log: c.Log, Progress: c.Progress,
	})
}
