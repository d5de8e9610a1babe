package substrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/chain"
)

// errOutdated is a transaction that a node does not take because it was made
// for another block or runtime than the node is at, or with a wrong signature:
// nodes do not tell these apart.
var errOutdated = fmt.Errorf("%w", chain.ErrTransaction)

// transaction is one that was signed.
type transaction struct {
	raw []byte
	on  *view    // the state it was made for, on the node it goes to
	rt  *runtime // that makes the next block there
	// birth is the block before the first that can have it, death the first that
	// no longer can.
	birth, death uint64
}

// send gives a transaction to its node and follows it to its end. again says
// that it is in no block and never will be, and that another may fare better.
func (c *Client) send(ctx context.Context, x transaction) (again bool, err error) {
	inner, cancel := context.WithTimeout(ctx, c.cfg.TransactionTimeout)
	defer cancel()
	sub, err := x.on.s.subscribe(ctx, "author_submitAndWatchExtrinsic", hexBytes(x.raw))
	taken := err == nil
	switch {
	case taken:
		err = c.watch(ctx, inner, sub, x.raw)
	case errors.Is(err, errUnsent) && ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, errUnsent):
		return errors.Is(err, errLost), err
	case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
		err = poolRefusal(err, x.rt.Spec)
	}
	switch {
	case !taken && errors.Is(err, chain.ErrNonce):
		return true, err
	case !taken && errors.Is(err, errOutdated):
		return c.outdated(ctx, x), err
	case errors.Is(err, chain.ErrInFlight) && (!taken || errors.Is(err, errLost)):
		err = c.trace(ctx, inner, x, err)
	}
	if errors.Is(err, chain.ErrInFlight) || err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = &chain.InFlightError{Transaction: blake2b.Sum256(x.raw), Until: x.death, Err: err}
	}
	return false, err
}

// outdated says whether the node is at another block or runtime than a
// transaction was made for, and waits until the client has heard of it.
func (c *Client) outdated(ctx context.Context, x transaction) bool {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	v, err := x.on.s.version(ctx)
	if err != nil {
		return false
	}
	h, err := c.newest(ctx, x.on.s)
	if err != nil {
		return false
	}
	want := uint64(h.Number)
	switch {
	case v != x.rt.version: // which a block makes known, or its finality
		want = max(want, x.on.block.Number+1)
	case h.hash() == x.on.block.Hash:
		return false
	}
	_, err = c.heads.Wait(ctx, want)
	return err == nil
}

// newest is the header of the newest block that this client could follow.
func (c *Client) newest(ctx context.Context, s *session) (header, error) {
	var params []any
	if c.cfg.Finalized {
		final, err := s.hash(ctx, "chain_getFinalizedHead")
		if err != nil {
			return header{}, err
		}
		params = append(params, final)
	}
	var text json.RawMessage
	if err := s.call(ctx, &text, "chain_getHeader", params...); err != nil {
		return header{}, err
	}
	return parseHeader(text)
}

// trace looks for a transaction that nobody tells of any more in the blocks that
// can have it, as they come. When the last of these is final without it, it has
// not happened. inner ends the search, with why as the error.
func (c *Client) trace(ctx, inner context.Context, x transaction, why error) error {
	c.log.Warn("a transaction is looked for in the blocks", "transaction", chain.Hash(blake2b.Sum256(x.raw)), "until", x.death, "err", why)
	var seen, final uint64
	for from := x.birth + 1; ; {
		var found *chain.Hash
		before := seen
		err := c.read(inner, func(ctx context.Context, s *session) (err error) {
			seen = s.newest.Load().Number
			if final, err = s.finalNumber(ctx); err == nil {
				found, err = s.search(ctx, x.raw, from, min(seen, x.death-1))
			}
			return err
		})
		switch {
		case err == nil && found != nil:
			return c.outcome(ctx, *found, x.raw)
		case err == nil && min(seen, final)+1 >= x.death:
			return fmt.Errorf("%w: the transaction was sent, but is in no block up to %d, which is final, and is no longer valid", chain.ErrUnavailable, x.death-1)
		case err == nil:
			from = max(from, min(seen, final)+1)
		}
		next := seen + 1
		if known, _ := c.heads.Latest(); seen == before { // a node that is behind, or fails
			next = max(next, known.Number+1)
		}
		if _, err := c.heads.Wait(inner, next); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return why
		}
	}
}

// finalNumber is the number of the newest final block.
func (s *session) finalNumber(ctx context.Context) (uint64, error) {
	final, err := s.hash(ctx, "chain_getFinalizedHead")
	if err != nil {
		return 0, err
	}
	var text json.RawMessage
	if err := s.call(ctx, &text, "chain_getHeader", final); err != nil {
		return 0, err
	}
	h, err := parseHeader(text)
	return uint64(h.Number), err
}

// search finds a transaction in the blocks from one number to another.
func (s *session) search(ctx context.Context, raw []byte, from, to uint64) (*chain.Hash, error) {
	for number := from; number <= to; number++ {
		hash, err := s.hash(ctx, "chain_getBlockHash", number)
		if err != nil {
			return nil, err
		}
		var b *signedBlock
		if err := s.call(ctx, &b, "chain_getBlock", hash); err != nil {
			return nil, err
		}
		if b == nil || b.Block.Header.hash() != hash {
			return nil, fmt.Errorf("%w: %w: the body of block %d is not that of %s", chain.ErrUnavailable, errProtocol, number, hash)
		}
		if b.index(raw) >= 0 {
			return &hash, nil
		}
	}
	return nil, nil
}
