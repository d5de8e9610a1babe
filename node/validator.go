package node

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/backup"
	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/repair"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
)

// APIConfig is what serving users needs.
type APIConfig struct {
	// Envelope is the key of the gateway's own layer of encryption.
	Envelope envelope.Key
	Gateway  gateway.Config
}

// ValidatorConfig is a validator's configuration.
type ValidatorConfig struct {
	Common
	// Index is what the validator knows. It is the caller's to close, after
	// Run has returned.
	Index     *index.Index
	Fleet     fleet.Config
	Validator validator.Config
	Repair    repair.Config
	// Backup has what the index knows of users' files be kept on the miners too; nil:
	// it is not. Of the processes over one index it is the validator that does it.
	Backup *backup.Config
	// Observe is told what each task of a step did; nil: nobody is.
	Observe func(validator.Event)
	// Events is the log that is kept of them; nil: none is.
	Events *events.Config
	// API serves users in the same process over the same index; nil: no.
	API *APIConfig
	// Axon has the validator serve miners that ask for their own record. One with
	// API does so anyway.
	Axon bool
}

// Validator is a running validator.
type Validator struct {
	*Node
	Role   *validator.Validator
	Backup *backup.Backup // nil if none is made
}

// NewValidator builds a validator. Nothing runs yet.
func NewValidator(c ValidatorConfig) (*Validator, error) {
	if err := c.leave(); err != nil {
		return nil, err
	}
	n, err := newNode(c.Common, "validator")
	if err != nil {
		return nil, err
	}
	f := n.newFleet(c.fleet(), c.Hotkey, c.Index)
	version := cmp.Or(c.Validator.WeightsVersion, validator.DefaultConfig().WeightsVersion)
	n.addCheck(startCheck{weights: !c.Validator.DisableWeights, version: version})
	saver := n.addBackup(c.Backup, f, c.Index)
	keeper := n.addRepair(c.Repair, f, c.Index, saver)
	role := validator.New(c.Validator, validator.Deps{
		Key: c.Hotkey, Chain: versioned{c.Chain, version}, Follower: n.follower, Fleet: f, Index: c.Index,
		Rand: rand.Reader, Now: time.Now, Log: n.log, Observe: n.logEvents(c), Lost: n.lost(keeper),
	})
	n.group.Add("steps", role.Run)
	views := n.newViewer(baseView(c, c.Index), role.Scores)
	n.serveMiners(views)
	n.serveExplain(views)
	n.serveAudits(c.Index)
	switch {
	case c.API != nil:
		err = n.addGateway(f, c.Index, *c.API)
	case c.Axon:
		err = n.addAxon()
	default:
		n.group.Add("readiness", n.readyWithoutAxon)
		return &Validator{Node: n, Role: role, Backup: saver}, nil
	}
	if err != nil {
		return nil, err
	}
	n.answerMiners(views)
	n.answerLeavers(keeper)
	return &Validator{Node: n, Role: role, Backup: saver}, nil
}

// fleet is the fleet's configuration; what miners may hold is the validator's rule.
func (c ValidatorConfig) fleet() fleet.Config {
	f, rules := c.Fleet, c.Validator.Rules
	if len(f.Tiers) == 0 {
		f.Tiers = rules.Tiers
	}
	f.Start = cmp.Or(f.Start, rules.Capacity.Start)
	return f
}

// newFleet gives a node the miners as it sees them, asked under a hotkey.
func (n *Node) newFleet(c fleet.Config, asker *wallet.Keypair, ix *index.Index) *fleet.Fleet {
	peers := n.newTransport(asker)
	return fleet.New(c, fleet.Deps{
		Transport: peers, Streams: peers, Index: ix, Metagraph: n.follower.Metagraph, Rand: rand.Reader,
		Now: time.Now, Log: n.log, Key: asker,
	})
}

// addGateway has the node serve users over a fleet and an index.
func (n *Node) addGateway(f *fleet.Fleet, ix *index.Index, c APIConfig) error {
	role := gateway.New(c.Gateway, gateway.Deps{
		Fleet: f, Index: ix, Key: c.Envelope, Rand: rand.Reader, Now: time.Now, Log: n.log, Metrics: n.metrics,
		Block: func() chain.Hash { return n.follower.Head().Hash },
	})
	if err := n.addAxon(); err != nil {
		return err
	}
	role.Register(n.server)
	role.RegisterStreams(n.streams)
	n.group.Add("gateway", role.Run)
	return nil
}

// GatewayConfig is the configuration of a gateway in a process of its own.
type GatewayConfig struct {
	Common
	APIConfig
	// Index is the one of the validator beside it: a Redis index where the
	// two are separate processes. It is the caller's to close.
	Index *index.Index
	// Asker is the validator's hotkey, under which miners are asked; nil
	// means Hotkey, which then has to be the validator's.
	Asker *wallet.Keypair
	Fleet fleet.Config
}

// Gateway is a running gateway.
type Gateway struct{ *Node }

// NewGateway builds a gateway. Nothing runs yet.
func NewGateway(c GatewayConfig) (*Gateway, error) {
	if c.Asker == nil {
		c.Asker = c.Hotkey
	}
	n, err := newNode(c.Common, "gateway")
	if err != nil {
		return nil, err
	}
	n.addCheck(startCheck{asker: c.Asker.Address()})
	n.serveMiners(n.newViewer(View{Index: c.Index, VpermitLimit: c.Fleet.VpermitLimit, Self: c.Asker.Address()}, nil))
	n.serveAudits(c.Index)
	f := n.newFleet(c.Fleet, c.Asker, c.Index)
	n.excludeLeavers(f, c.Index)
	if err := n.addGateway(f, c.Index, c.APIConfig); err != nil {
		return nil, errors.Join(fmt.Errorf("gateway: %w", err), n.group.Close())
	}
	return &Gateway{n}, nil
}
