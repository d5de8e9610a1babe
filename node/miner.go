package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wire"
)

// MinerConfig is a miner's configuration.
type MinerConfig struct {
	Common
	// Data is the folder of the stored bytes; "" means Dir/data.
	Data string
	// Capacity is how many bytes the miner may keep (0: what the disk has)
	// and MinFree how many it leaves free on the disk.
	Capacity, MinFree int64
	// FS is the file system of the stored bytes; nil means the real one. Tests
	// let it crash.
	FS    vfs.FS
	Miner miner.Config
	// Due is how the miner tells which native audits were due.
	Due DueConfig
}

// Miner is a running miner.
type Miner struct {
	*Node
	role *miner.Miner
}

// Stats says what the miner keeps and what it was asked.
func (m *Miner) Stats() miner.Stats { return m.role.Stats() }

// NewMiner opens the miner's store and builds the miner. Nothing runs yet.
func NewMiner(c MinerConfig) (*Miner, error) {
	n, err := newNode(c.Common, "miner")
	if err != nil {
		return nil, err
	}
	if c.Data == "" {
		c.Data = filepath.Join(c.Dir, "data")
	}
	store, err := blobstore.Open(blobstore.Config{Dir: c.Data, Capacity: c.Capacity, MinFree: c.MinFree},
		blobstore.Deps{Now: time.Now, Log: n.log, FS: c.FS})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("miner's store: %w", err), n.group.Close())
	}
	n.group.AddCloser("miner's store", store.Close)
	due := n.newSelections(c.Due)
	n.group.Add("selections", due.run(n.follower.Blocks))
	role := miner.New(c.Miner, miner.Deps{
		Key: c.Hotkey, Store: store, Log: n.log, Now: time.Now, Rand: rand.Reader, Metrics: n.metrics, Selections: due,
	})
	n.group.Add("expiry", role.Run)
	if err := n.addAxon(); err != nil {
		return nil, err
	}
	n.addCheck(startCheck{})
	shards := wire.NewDoor(miner.ShardDoor(c.Door), n.doorDeps())
	role.Register(miner.Doors(n.server, wire.NewDoor(c.Door, n.doorDeps()), shards))
	role.RegisterStreams(miner.StreamDoors(n.streams, wire.NewDoor(miner.RecoveryDoor(), n.doorDeps()), shards))
	return &Miner{Node: n, role: role}, nil
}
