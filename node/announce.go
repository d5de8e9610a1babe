package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wire/synapse"
)

// announce keeps the axon record on the chain equal to where the node really
// listens: at the start, after a restart on another port, after the hotkey was
// replaced and registered anew. It ends only on what waiting does not mend.
func (n *Node) announce(ctx context.Context) error {
	blocks := n.follower.Blocks(ctx)
	select {
	case <-n.follower.Ready():
	case <-ctx.Done():
		return nil
	}
	want := n.external()
	ready, lost := false, false
	n.sayIfElsewhere(want)
	var sent attempts
	for {
		served, err := n.served(want)
		switch {
		case errors.Is(err, ErrNotRegistered) && !ready:
			return fmt.Errorf("%w: %s on subnet %d; register it with `filetao chain register`", err, n.Hotkey(), n.common.NetUID)
		case err != nil && !lost:
			lost = true
			n.log.Warn("no longer registered; waiting to be registered again", "err", err)
		case err != nil:
		case lost:
			lost = false
			n.log.Info("registered again", "block", n.follower.Head().Number)
			continue
		case served && !ready:
			ready = true
			n.log.Info("serving", "axon", want, "block", n.follower.Head().Number)
			close(n.ready)
			n.checkAxon(ctx, want)
		case !served && n.follower.Head().Number >= sent.next:
			if err := n.serveAxon(ctx, want, &sent); err != nil {
				return err
			}
		}
		select {
		case _, ok := <-blocks:
			if !ok {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// sayIfElsewhere tells that the chain has another address of this hotkey: that
// of an earlier start, or of another process with the same hotkey.
func (n *Node) sayIfElsewhere(want netip.AddrPort) {
	if own, ok := n.follower.Metagraph().ByHotkey(n.Hotkey()); ok && own.Axon.Serving() && own.Axon.AddrPort() != want {
		n.log.Warn("the chain has another address of this hotkey's axon and will be told the new one; two processes must not share a hotkey",
			"chain", own.Axon.AddrPort(), "since_block", own.Axon.Block, "axon", want)
	}
}

// served says whether the chain names our address.
func (n *Node) served(want netip.AddrPort) (bool, error) {
	neuron, ok := n.follower.Metagraph().ByHotkey(n.Hotkey())
	if !ok {
		return false, ErrNotRegistered
	}
	return neuron.Axon.AddrPort() == want, nil
}

// attempts are those to tell the chain our address.
type attempts struct {
	next   uint64 // none before this block
	failed int    // in a row
}

// maxPause is the longest pause between such attempts, in blocks.
const maxPause = 8

// serveAxon makes an attempt. It fails where the chain will never take the
// address.
func (n *Node) serveAxon(ctx context.Context, at netip.AddrPort, sent *attempts) error {
	err := n.common.Chain.ServeAxon(ctx, n.common.Hotkey, n.common.NetUID, chain.Axon{
		Version: synapse.Version, IP: at.Addr(), Port: at.Port(), Protocol: 4,
	})
	now := n.follower.Head().Number
	switch {
	case err == nil: // our view may be behind what we did
		head, _ := n.common.Chain.Head(ctx) // the next block is a good guess too
		*sent = attempts{next: max(now+1, head.Number)}
	case errors.Is(err, chain.ErrAxon):
		return fmt.Errorf("the chain takes no axon at %s: %w; say with --axon.external_ip and --axon.external_port what the others see", at, err)
	case ctx.Err() == nil:
		pause := uint64(min(1<<min(sent.failed, maxPause), maxPause))
		*sent = attempts{next: now + pause, failed: sent.failed + 1}
		n.log.Warn("the chain did not take the axon's address; trying again", "axon", at, "in_blocks", pause, "err", err)
	}
	return nil
}

// external is the address to announce: the configured one, completed by the
// one that the socket got.
func (n *Node) external() netip.AddrPort {
	bound := n.server.Addr()
	ip, port := n.common.External.Addr(), n.common.External.Port()
	if !ip.IsValid() {
		ip = bound.Addr()
	}
	if port == 0 {
		port = bound.Port()
	}
	return netip.AddrPortFrom(ip, port)
}

// readyWithoutAxon stands in for announce on a node that serves nobody: it is
// ready when it is registered and sees the chain.
func (n *Node) readyWithoutAxon(ctx context.Context) error {
	select {
	case <-n.follower.Ready():
	case <-ctx.Done():
		return nil
	}
	if _, ok := n.follower.Metagraph().ByHotkey(n.Hotkey()); !ok {
		return fmt.Errorf("%w: %s on subnet %d; register it with `filetao chain register`", ErrNotRegistered, n.Hotkey(), n.common.NetUID)
	}
	close(n.ready)
	return nil
}
