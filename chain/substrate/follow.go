package substrate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/filetao/filetao/chain"
)

// farAhead is how far a head may be beyond the newest block seen before its
// node has to show what it was built on.
const farAhead = 8

// lag is for how long no node has had the newest block seen.
type lag struct {
	since time.Time // zero: one has it
	lost  int       // endpoints lost since then
}

// feed is what a node tells of its blocks.
type feed struct {
	*session
	sub   *subscription
	heard time.Time // when it told of one, or had no newer one to tell of
}

// follow makes a connection ready and passes its blocks on.
func (c *Client) follow(ctx context.Context, s *session, endpoint string) error {
	if err := c.greet(ctx, s); err != nil {
		return err
	}
	method := "chain_subscribeNewHeads"
	if c.cfg.Finalized {
		method = "chain_subscribeFinalizedHeads"
	}
	sub, err := s.subscribe(ctx, method)
	if err != nil {
		return err
	}
	f := &feed{s, sub, time.Now()}
	for up := false; ; {
		if err := c.nextHead(ctx, f); err != nil {
			return err
		}
		serves, err := c.advance(ctx, s, endpoint)
		if err != nil {
			return err
		}
		if up || !serves { // nobody shall see time go back
			continue
		}
		up = true
		c.log.Info("chain connected", "endpoint", endpoint, "block", s.newest.Load().Number)
		c.mu.Lock()
		c.publish(s)
		c.mu.Unlock()
	}
}

// advance makes the node's newest block that of all, and says whether it is as
// new as any seen. A node that stays behind is left for the next; if all do,
// what was seen was no block, or the chain was begun anew: then time goes back.
func (c *Client) advance(ctx context.Context, s *session, endpoint string) (serves bool, err error) {
	b := *s.newest.Load()
	known, any := c.heads.Latest()
	if !any || b.Number >= known.Number {
		c.heads.Set(b)
		c.lag = lag{}
		return true, nil
	}
	if c.lag.since.IsZero() {
		c.lag.since = time.Now()
		c.log.Warn("chain endpoint is behind, waiting for it", "endpoint", endpoint, "block", b.Number, "seen", known.Number)
	}
	if time.Since(c.lag.since) < c.cfg.StallTimeout {
		return false, nil
	}
	if c.lag.lost < len(c.cfg.Endpoints)-1 {
		return false, fmt.Errorf("%w: the node is at block %d, seen was %d", chain.ErrUnavailable, b.Number, known.Number)
	}
	if syncing, err := c.syncing(ctx, s); err != nil || syncing {
		c.lag.since = time.Now()
		return false, err
	}
	c.log.Error("the chain has gone back: no endpoint has the newest block seen", "endpoint", endpoint, "block", b.Number, "seen", known.Number,
		"hash", known.Hash, "waited", c.cfg.StallTimeout)
	c.heads.Reset(b)
	c.lag = lag{}
	c.mu.Lock()
	close(c.back)
	c.back = make(chan struct{})
	c.mu.Unlock()
	return true, nil
}

// nextHead waits for the node's next newest block, or until it is time to see
// how far behind it is. A node that tells of no block for Config.StallTimeout
// is asked: one that has a newer block is given up, and so is one that has none
// if there are other endpoints.
func (c *Client) nextHead(ctx context.Context, f *feed) error {
	until := f.heard.Add(c.cfg.StallTimeout)
	if late := c.lag.since.Add(c.cfg.StallTimeout); f.newest.Load() != nil && !c.lag.since.IsZero() && late.Before(until) {
		until = late
	}
	note, err := f.within(ctx, time.Until(until))
	if err != nil {
		return err
	}
	if note == nil && time.Since(f.heard) < c.cfg.StallTimeout {
		return nil
	}
	if note == nil {
		if note, err = c.overdue(ctx, f); note == nil {
			return err
		}
	}
	h, err := parseHeader(note)
	if err != nil {
		return err
	}
	b := h.block(f.session)
	if err := c.plausible(ctx, f.session, b); err != nil {
		return err
	}
	if err := c.date(ctx, f.session, &b); err != nil {
		return err
	}
	// An upgrade is noticed here, so that nobody waits for the metadata later.
	if _, err := f.runtimes.at(ctx, f.session, b.Hash); err != nil {
		return err
	}
	f.newest.Store(&b)
	f.heard = time.Now()
	return nil
}

// within waits for a notification; nil if none came in time.
func (f *feed) within(ctx context.Context, patience time.Duration) (json.RawMessage, error) {
	inner, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	note, err := f.sub.next(inner)
	if err != nil && ctx.Err() == nil && inner.Err() != nil {
		return nil, nil
	}
	return note, err
}

// overdue asks a silent node for its newest block. Without error and
// notification the chain itself stands still.
func (c *Client) overdue(ctx context.Context, f *feed) (json.RawMessage, error) {
	h, err := c.newest(ctx, f.session)
	if err != nil {
		return nil, err
	}
	told := f.newest.Load()
	switch {
	case told == nil || uint64(h.Number) > told.Number:
		// Perhaps it has come just now.
		note, err := f.within(ctx, c.cfg.RequestTimeout)
		if note == nil && err == nil {
			err = fmt.Errorf("%w: the node has block %d and does not tell of it", chain.ErrUnavailable, h.Number)
		}
		return note, err
	case len(c.cfg.Endpoints) > 1:
		return nil, fmt.Errorf("%w: no new block within %s", chain.ErrUnavailable, c.cfg.StallTimeout)
	}
	f.heard = time.Now()
	return nil, nil
}

// plausible has a node whose head is far ahead of all seen show that it is
// built on a block of the number before it.
func (c *Client) plausible(ctx context.Context, s *session, b chain.Block) error {
	if known, any := c.heads.Latest(); !any || b.Number <= known.Number+farAhead {
		return nil
	}
	var hash *chain.Hash
	if err := s.call(ctx, &hash, "chain_getBlockHash", b.Number-1); err != nil {
		return err
	}
	if hash == nil || *hash != b.Parent {
		return fmt.Errorf("%w: %w: the node tells of block %d, but not of its parent", chain.ErrUnavailable, errProtocol, b.Number)
	}
	var text json.RawMessage
	if err := s.call(ctx, &text, "chain_getHeader", b.Parent); err != nil {
		return err
	}
	h, err := parseHeader(text)
	if err == nil && (uint64(h.Number) != b.Number-1 || h.hash() != b.Parent) {
		err = fmt.Errorf("%w: %w: the parent of block %d is block %d", chain.ErrUnavailable, errProtocol, b.Number, h.Number)
	}
	return err
}
