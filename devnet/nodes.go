package devnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/internal/lifecycle"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// runNodes takes the network from a bare chain to running nodes and keeps them
// running until ctx ends.
func (d *Devnet) runNodes(ctx context.Context) (err error) {
	var gatewayKey envelope.Key
	setup, sctx := errgroup.WithContext(ctx)
	setup.Go(func() error { return d.register(sctx) })
	setup.Go(func() error { gatewayKey = d.cfg.Keys(d.users.gatewayLayer.PrivateKeyHex()); return nil })
	if err := setup.Wait(); err != nil {
		return err
	}
	nodes := lifecycle.New(d.log)
	if err := d.build(nodes, gatewayKey); err != nil {
		return errors.Join(err, nodes.Close())
	}
	nodes.Add("readiness", d.waitReady)
	return nodes.Run(ctx)
}

// register registers every node's hotkey, a coldkey each, and stakes what
// validators and gateways need; all side by side, so that it takes three blocks.
// What an earlier run on the same folder did is left as it is.
func (d *Devnet) register(ctx context.Context) error {
	m, err := d.dev.Metagraph(ctx, NetUID)
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	for _, id := range d.users.nodes {
		work.Go(func() error {
			if _, ok := m.ByHotkey(id.hotkey.Address()); ok {
				return nil
			}
			if err := d.fund(ctx, id); err != nil {
				return err
			}
			if err := d.dev.Register(ctx, id.coldkey, NetUID, id.hotkey.Address(), 0); err != nil {
				return fmt.Errorf("register %s: %w", id.name, err)
			}
			if id.stake == 0 {
				return nil
			}
			if err := d.dev.AddStake(ctx, id.coldkey, NetUID, id.hotkey.Address(), id.stake); err != nil {
				return fmt.Errorf("stake %s: %w", id.name, err)
			}
			return nil
		})
	}
	return work.Wait()
}

// fund gives a node's coldkey, out of the genesis account, what its
// registration and stake cost.
func (d *Devnet) fund(ctx context.Context, id identity) error {
	alice, err := wallet.KeypairFromURI("//Alice")
	if err != nil {
		return err
	}
	if err := d.dev.Transfer(ctx, alice, id.coldkey.Address(), id.stake+100*chain.TAO); err != nil {
		return fmt.Errorf("fund %s: %w", id.name, err)
	}
	return nil
}

// build makes the nodes and adds them to the group.
func (d *Devnet) build(group *lifecycle.Group, key envelope.Key) error {
	for i := range d.cfg.Miners {
		id := d.users.nodes[minerName(i)]
		c, err := d.common(id)
		if err != nil {
			return err
		}
		c.Door.RequestsPerWindow = -1 // the windows are counted in blocks, and a devnet's blocks are short
		var link *Link
		if i < d.cfg.Links {
			if link, err = addLink(group, id.name); err != nil {
				return err
			}
		}
		s, err := newSlot(id.name, node.MinerConfig{Common: c, FS: d.disk(filepath.Join(c.Dir, "data"))}, link)
		if err != nil {
			return err
		}
		d.miners = append(d.miners, s)
		group.Add(id.name, s.run)
	}
	for i := range d.cfg.Validators {
		if err := d.buildValidator(group, i, key); err != nil {
			return err
		}
	}
	for i := 1; i < d.cfg.Gateways; i++ {
		if err := d.buildGateway(group, i, key); err != nil {
			return err
		}
	}
	return nil
}

func (d *Devnet) buildValidator(group *lifecycle.Group, i int, key envelope.Key) error {
	id := d.users.nodes[validatorName(i)]
	c, err := d.common(id)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.Dir, "index")
	ix, err := index.Open(dir, index.Options{Log: d.log, FS: d.disk(dir)})
	if err != nil {
		return fmt.Errorf("%s: %w", id.name, err)
	}
	d.indexes = append(d.indexes, ix)
	group.AddCloser(id.name+"'s index", ix.Close)
	log := events.DefaultConfig(filepath.Join(c.Dir, events.FileName))
	vc := node.ValidatorConfig{Common: c, Index: ix, Fleet: d.cfg.Fleet, Validator: d.cfg.Validator, Repair: d.cfg.Repair, Backup: &d.cfg.Backup, Observe: d.seen.observe, Events: &log}
	if i == 0 {
		if err := d.addEntry(group, &vc.Common, id.name); err != nil {
			return err
		}
		vc.Door = d.userDoor()
		vc.API = &node.APIConfig{Envelope: key, Gateway: d.cfg.Gateway}
	}
	v, err := node.NewValidator(vc)
	if err != nil {
		return fmt.Errorf("%s: %w", id.name, err)
	}
	if i == 0 {
		d.lead(0, v.Addr())
	}
	d.validators = append(d.validators, v)
	group.Add(id.name, v.Run)
	return nil
}

func (d *Devnet) buildGateway(group *lifecycle.Group, i int, key envelope.Key) error {
	id := d.users.nodes[gatewayName(i)]
	c, err := d.common(id)
	if err != nil {
		return err
	}
	c.Door = d.userDoor()
	if err := d.addEntry(group, &c, id.name); err != nil {
		return err
	}
	g, err := node.NewGateway(node.GatewayConfig{
		Common: c, Index: d.indexes[0], Fleet: d.cfg.Fleet, Asker: d.users.nodes[validatorName(0)].hotkey,
		APIConfig: node.APIConfig{Envelope: key, Gateway: d.cfg.Gateway},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", id.name, err)
	}
	d.lead(i, g.Addr())
	d.gateways = append(d.gateways, g)
	group.Add(id.name, g.Run)
	return nil
}

// addEntry makes the next gateway's link, if it is to have one.
func (d *Devnet) addEntry(group *lifecycle.Group, c *node.Common, name string) (err error) {
	var link *Link
	if d.cfg.GatewayLink {
		if link, err = addLink(group, name); err != nil {
			return err
		}
		c.External = link.Addr()
	}
	d.entries = append(d.entries, link)
	return nil
}

// lead has a gateway's link lead to it.
func (d *Devnet) lead(gateway int, to netip.AddrPort) {
	if link := d.entries[gateway]; link != nil {
		link.lead(to)
	}
}

// disk is the file system of a folder; nil is the real one.
func (d *Devnet) disk(dir string) vfs.FS {
	if d.cfg.Disk == nil {
		return nil
	}
	return d.cfg.Disk(dir)
}

func (d *Devnet) userDoor() wire.DoorConfig {
	door := gateway.Access{Whitelist: []wallet.Address{d.users.user.hotkey.Address()}}.Door()
	door.RequestsPerWindow = -1
	return door
}

func (d *Devnet) common(id identity) (node.Common, error) {
	c := node.Common{
		Chain: d.dev, NetUID: NetUID, Hotkey: id.hotkey, Listen: "127.0.0.1:0",
		Dir: filepath.Join(d.dir, "nodes", id.name), Log: d.log.With("node", id.name),
	}
	if d.cfg.Status {
		c.Status = "127.0.0.1:0"
	}
	return c, os.MkdirAll(c.Dir, 0o700)
}

// waitReady closes d.ready when every node serves.
func (d *Devnet) waitReady(ctx context.Context) error {
	for _, m := range d.miners {
		if !closedOrDone(ctx, m.current().Ready()) {
			return ctx.Err()
		}
	}
	for _, v := range d.validators {
		if !closedOrDone(ctx, v.Ready()) {
			return ctx.Err()
		}
	}
	for _, g := range d.gateways {
		if !closedOrDone(ctx, g.Ready()) {
			return ctx.Err()
		}
	}
	close(d.ready)
	return nil
}

func closedOrDone(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// stakes of the devnet's nodes: more than what makes a neuron a validator in
// the askers' eyes (500 TAO).
const (
	validatorStake = 5000 * chain.TAO
	gatewayStake   = 1000 * chain.TAO
)
