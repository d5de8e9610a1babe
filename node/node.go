// Package node builds the object graphs: one function makes a miner, a
// validator or a gateway out of its parts, and Run gives the parts one life.
// The command line, the devnet and the tests all go through it, so that what
// is tested is what runs. It holds no rules of the network itself. Enter at
// NewMiner, NewValidator and NewGateway.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/internal/lifecycle"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// ErrNotRegistered says that the node's hotkey has no UID on its subnet.
var ErrNotRegistered = errors.New("hotkey is not registered on the subnet")

// Common is what every kind of node needs.
type Common struct {
	// Chain is a connected chain; NetUID the subnet on it.
	Chain  chain.Chain
	NetUID chain.NetUID
	// Hotkey is the node's identity on the chain and on the wire.
	Hotkey *wallet.Keypair
	// Listen is the axon's address, for example "127.0.0.1:8091"; port 0
	// takes a free one. External is what is announced on the chain; its
	// unset parts are taken from the address that Listen got.
	Listen   string
	External netip.AddrPort
	// Dir is the folder of everything the node keeps on disk. It must exist.
	Dir string
	// Status is the address of the status page ("127.0.0.1:0"); "" means none.
	Status string
	// Door says who is let in; see wire.DoorConfig.
	Door wire.DoorConfig
	// Log may be nil.
	Log *slog.Logger
}

// Node is one running participant. Its parts start in Run and end with it.
type Node struct {
	common   Common
	log      *slog.Logger
	group    *lifecycle.Group
	follower *chain.Follower
	server   *synapse.Server
	streams  *stream.Server // beside server, at the same address
	status   *statusServer
	metrics  *prometheus.Registry
	ready    chan struct{}
}

// newNode makes the parts all nodes share. They are added to the group in the
// order in which they must be up: chain first, the axon last (addAxon).
func newNode(c Common, role string) (*Node, error) {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("role", role, "hotkey", string(c.Hotkey.Address()))
	n := &Node{
		common: c, log: log, group: lifecycle.New(log), metrics: prometheus.NewRegistry(),
		ready: make(chan struct{}),
	}
	n.follower = chain.NewFollower(chain.FollowerConfig{NetUID: c.NetUID}, chain.FollowerDeps{Chain: c.Chain, Log: log})
	n.group.Add("chain follower", n.follower.Run)
	if c.Status != "" {
		status, err := newStatusServer(c.Status, filepath.Join(c.Dir, statusFile), role, n)
		if err != nil {
			return nil, errors.Join(err, n.group.Close())
		}
		n.status = status
		n.group.Add("status page", status.Run)
	}
	return n, nil
}

// addAxon gives the node its server behind its front door, and the part that
// announces it on the chain. What is registered at the server is answered over
// streams too; what has bodies is registered at streams.
func (n *Node) addAxon() error {
	door := wire.NewDoor(n.common.Door, n.doorDeps())
	taken, err := n.openTaken()
	if err != nil {
		return errors.Join(fmt.Errorf("axon: %w", err), n.group.Close())
	}
	server, err := synapse.NewServer(synapse.ServerConfig{
		Key: n.common.Hotkey, Listen: n.common.Listen, NonceFile: filepath.Join(n.common.Dir, "nonces"),
	}, synapse.ServerDeps{Door: door, Taken: taken, Log: n.log})
	if err != nil {
		return errors.Join(fmt.Errorf("axon: %w", err), n.group.Close())
	}
	streams, err := stream.NewServer(stream.ServerConfig{Key: n.common.Hotkey}, stream.ServerDeps{Door: door, Taken: taken, Log: n.log})
	if err != nil {
		return errors.Join(fmt.Errorf("axon: %w", err), n.group.Close())
	}
	server.Mount(wire.StreamPath, streams)
	server.Also(streams)
	n.server, n.streams = server, streams
	n.group.Add("axon", server.Run)
	n.group.Add("announcement", n.announce)
	return nil
}

// takenFile is where the node keeps when the requests that it let in were signed.
const takenFile = "taken"

// openTaken reads what earlier processes let in, and says so if that is why
// requests will be refused for longer than a restart takes.
func (n *Node) openTaken() (*replay.Taken, error) {
	path, now := filepath.Join(n.common.Dir, takenFile), time.Now()
	taken, err := replay.Open(path, now)
	if err != nil {
		return nil, err
	}
	n.group.AddCloser("times of requests", taken.Close)
	if until := taken.RefusesUntil(now); until.After(now.Add(time.Minute)) {
		n.log.Warn("requests are refused: some with such times were let in before. Either the clock is behind now, or it was ahead then. "+
			"If it is right now, wait, or stop the node, remove the file and start it again", "until", until, "file", path)
	}
	return taken, nil
}

// newTransport gives the node the means to ask others under a hotkey: over streams
// where they speak them, and as Bittensor does where they do not.
func (n *Node) newTransport(asker *wallet.Keypair) *stream.Negotiator {
	plain := synapse.NewClient(synapse.ClientConfig{Key: asker}, synapse.ClientDeps{Log: n.log})
	fast := stream.NewClient(stream.ClientConfig{Key: asker}, stream.ClientDeps{Log: n.log})
	n.group.AddCloser("connections to others", plain.Close)
	n.group.AddCloser("streams to others", fast.Close)
	return stream.NewNegotiator(plain, fast)
}

// doorDeps are what a front door decides by.
func (n *Node) doorDeps() wire.DoorDeps {
	return wire.DoorDeps{Standing: n.standing, Height: func() uint64 { return n.follower.Head().Number }}
}

// Run starts the node and blocks until ctx ends or a part fails.
func (n *Node) Run(ctx context.Context) error { return n.group.Run(ctx) }

// Ready is closed when the node serves and the chain says so.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addr is the address of the node's axon; the zero value without one.
func (n *Node) Addr() netip.AddrPort {
	if n.server == nil {
		return netip.AddrPort{}
	}
	return n.server.Addr()
}

// Hotkey is the node's identity.
func (n *Node) Hotkey() wallet.Address { return n.common.Hotkey.Address() }

// StatusAddr is the address of the status page; the zero value without one.
func (n *Node) StatusAddr() netip.AddrPort {
	if n.status == nil {
		return netip.AddrPort{}
	}
	return n.status.addr
}

// Metagraph is the node's latest view of the subnet; nil before the first
// block.
func (n *Node) Metagraph() *chain.Metagraph { return n.follower.Metagraph() }

// standing is the metagraph as the front door sees it.
func (n *Node) standing(a wallet.Address) (wire.Standing, error) {
	m := n.follower.Metagraph()
	if m == nil {
		return wire.Standing{}, errors.New("the metagraph has not been read yet")
	}
	neuron, ok := m.ByHotkey(a)
	if !ok {
		return wire.Standing{}, nil
	}
	return wire.Standing{
		Registered: true, UID: uint16(neuron.UID), Stake: uint64(neuron.Stake),
		ValidatorPermit: neuron.ValidatorPermit,
	}, nil
}
