package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/commits"
	"github.com/filetao/filetao/wallet"
)

const (
	// freshness is how far ahead of its own time a peer lets a request's be, in
	// Bittensor one block; wire/synapse does as well.
	freshness = 12 * time.Second
	// dialTimeout bounds the attempt to reach our own axon.
	dialTimeout = 5 * time.Second
)

// startCheck is what a role needs beside a registered hotkey.
type startCheck struct {
	// asker is the hotkey miners are asked under; empty when it is the node's.
	asker wallet.Address
	// weights: it sets weights, with this version key.
	weights bool
	version uint64
}

// addCheck has the node say at its start what keeps it from working, in words.
// What waiting may mend is a warning, everything else ends the node. That the
// node's own hotkey is registered and its axon announced is announce's.
func (n *Node) addCheck(c startCheck) {
	n.group.Add("check", func(ctx context.Context) error { return n.check(ctx, c) })
}

func (n *Node) check(ctx context.Context, c startCheck) error {
	blocks := n.follower.Blocks(ctx)
	rules, err := n.rules(ctx)
	if errors.Is(err, chain.ErrNoSubnet) {
		return err
	}
	select {
	case <-n.follower.Ready():
	case <-ctx.Done():
		return nil
	}
	if err != nil { // the chain was not there at first
		if rules, err = n.rules(ctx); err != nil {
			n.log.Warn("cannot check the subnet's rules", "err", err)
			return nil
		}
	}
	graph := n.follower.Metagraph()
	if c.asker != "" {
		if _, ok := graph.ByHotkey(c.asker); !ok {
			return fmt.Errorf("%w: %s on subnet %d, under which miners are asked; register it with `filetao chain register`", ErrNotRegistered, c.asker, n.common.NetUID)
		}
	}
	if own, ok := graph.ByHotkey(n.Hotkey()); ok && c.weights {
		if err := n.checkWeights(own, rules, c.version); err != nil {
			return err
		}
	}
	n.checkClock(blocks)
	return nil
}

func (n *Node) rules(ctx context.Context) (chain.Hyperparameters, error) {
	return n.common.Chain.Hyperparameters(ctx, n.common.NetUID)
}

// checkWeights says why the chain would take no weights. Too little stake ends
// the node unless it has a permit nevertheless, as a subnet's owner may.
func (n *Node) checkWeights(own chain.Neuron, h chain.Hyperparameters, version uint64) error {
	net := n.common.NetUID
	if version < h.WeightsVersion {
		n.log.Warn("no weights will be set: " + oldVersion(net, version, h.WeightsVersion).Error())
	}
	if err := commits.Timelocked(net, h); err != nil {
		n.log.Warn("no weights will be set: " + err.Error())
	}
	if own.Stake < h.MinStake && !own.ValidatorPermit {
		return fmt.Errorf("%w: %s has %s, and subnet %d takes weights from %s on; add stake with `filetao chain stake`, or run without weights: --neuron.disable_set_weights",
			chain.ErrStakeTooLow, own.Hotkey, own.Stake, net, h.MinStake)
	}
	if !own.ValidatorPermit {
		head := n.follower.Head().Number
		next := chain.FirstBlockOf(chain.EpochOf(head, net, h.Tempo)+1, net, h.Tempo)
		n.log.Warn(fmt.Sprintf("no weights will be set yet: the hotkey has no validator permit on subnet %d; the %d highest stakes get one when an epoch ends, the next time in %d blocks, and this one has %s",
			net, h.MaxValidators, next-head, own.Stake))
	}
	return nil
}

func oldVersion(net chain.NetUID, ours, wanted uint64) error {
	return fmt.Errorf("%w: this program's is %d, subnet %d wants %d or later; update filetao", chain.ErrVersionKey, ours, net, wanted)
}

// checkClock compares our clock with the first two blocks that are made while we
// look. Behind a node that is catching up blocks are old when they come, and each
// is less so than the one before: then it waits until that is over.
func (n *Node) checkClock(blocks <-chan chain.Block) {
	known, last, behind := n.follower.Head().Number, time.Duration(0), false
	for b := range blocks {
		if b.Number <= known {
			continue
		}
		offset := time.Since(b.Time).Round(time.Millisecond)
		before := last
		last = offset
		switch {
		case offset.Abs() <= freshness:
			return
		case before == 0: // the next block tells whose fault it is
		case before-offset > freshness/2:
			if !behind {
				behind = true
				n.log.Warn(fmt.Sprintf("the chain's node is behind: its newest block is %v old, and it is catching up", offset), "block", b.Number)
			}
		default:
			n.wrongClock(offset, b.Number)
			return
		}
	}
}

func (n *Node) wrongClock(offset time.Duration, block uint64) {
	than := "ahead of"
	if offset < 0 {
		than = "behind"
	}
	n.log.Warn(fmt.Sprintf("this machine's clock is %v %s the chain's newest block; nodes refuse requests that are more than %v off: set the clock, for example with NTP",
		offset.Abs(), than, freshness), "block", block)
}

// checkAxon tries the address that the chain has of us.
func (n *Node) checkAxon(ctx context.Context, at netip.AddrPort) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", at.String())
	if err == nil {
		err = conn.Close()
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("the axon's address on the chain does not answer from here. Unless only this network cannot reach its own outer address, nobody can: "+
			"open the port, or say with --axon.external_ip and --axon.external_port what the others see", "axon", at, "err", err)
	}
}

// versioned is a chain that is sent no weights once it wants those of a newer
// program: it would refuse them, and committed ones as late as at the reveal.
type versioned struct {
	chain.Chain
	version uint64
}

func (v versioned) current(ctx context.Context, net chain.NetUID) error {
	h, err := v.Hyperparameters(ctx, net)
	if err == nil && v.version < h.WeightsVersion {
		err = oldVersion(net, v.version, h.WeightsVersion)
	}
	return err
}

// SetWeights implements chain.Chain.
func (v versioned) SetWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, weights []chain.Weight, versionKey uint64) error {
	if err := v.current(ctx, net); err != nil {
		return err
	}
	return v.Chain.SetWeights(ctx, hotkey, net, weights, versionKey)
}

// CommitWeights implements chain.Chain.
func (v versioned) CommitWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, commit chain.Hash) error {
	if err := v.current(ctx, net); err != nil {
		return err
	}
	return v.Chain.CommitWeights(ctx, hotkey, net, commit)
}
