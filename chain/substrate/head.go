package substrate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// header is a block's header as a node writes it.
type header struct {
	Parent    chain.Hash `json:"parentHash"`
	Number    hexNumber  `json:"number"`
	State     chain.Hash `json:"stateRoot"`
	Extrinsic chain.Hash `json:"extrinsicsRoot"`
	Digest    struct {
		Logs []hexBytes `json:"logs"`
	} `json:"digest"`
}

// parseHeader reads a header and refuses one no block can have.
func parseHeader(text json.RawMessage) (header, error) {
	var h *header
	if err := json.Unmarshal(text, &h); err != nil {
		return header{}, fmt.Errorf("%w: %w: header: %w", chain.ErrUnavailable, errProtocol, err)
	}
	if h == nil || h.Number > 1<<32-1 || len(h.Digest.Logs) > 1<<14 {
		return header{}, fmt.Errorf("%w: %w: header %.200s", chain.ErrUnavailable, errProtocol, text)
	}
	return *h, nil
}

// hash is the block's hash: blake2b-256 of the header's SCALE encoding.
func (h header) hash() chain.Hash {
	b := append([]byte(nil), h.Parent[:]...)
	b = scale.AppendCompact(b, uint64(h.Number))
	b = append(b, h.State[:]...)
	b = append(b, h.Extrinsic[:]...)
	b = scale.AppendCompact(b, uint64(len(h.Digest.Logs)))
	for _, log := range h.Digest.Logs {
		b = append(b, log...) // each is encoded already
	}
	return blake2b.Sum256(b)
}

// dated is the block of a header, with the time its maker put into it. Block 0
// has none.
func (c *Client) dated(ctx context.Context, s *session, h header) (chain.Block, error) {
	b := chain.Block{Number: uint64(h.Number), Hash: h.hash(), Parent: h.Parent}
	if b.Number == 0 {
		b.Hash = s.genesis
	}
	v, err := c.viewOf(ctx, s, b)
	if err != nil {
		return b, err
	}
	var ms uint64
	now := number(&ms, "Now")
	now.pallet = "Timestamp"
	err = v.read(ctx, now)
	if ms > 0 && ms < 1<<53 {
		b.Time = time.UnixMilli(int64(ms)).UTC()
	}
	return b, err
}

// blockAt is the block of that number which the node's best chain has.
func (c *Client) blockAt(ctx context.Context, s *session, number uint64) (chain.Block, error) {
	if newest := s.newest.Load(); number > newest.Number {
		return chain.Block{}, fmt.Errorf("%w: %d, the newest is %d", chain.ErrNoBlock, number, newest.Number)
	}
	var hash *chain.Hash
	if err := s.call(ctx, &hash, "chain_getBlockHash", number); err != nil {
		return chain.Block{}, err
	}
	if hash == nil {
		return chain.Block{}, fmt.Errorf("%w: %d", chain.ErrNoBlock, number)
	}
	var text json.RawMessage
	if err := s.call(ctx, &text, "chain_getHeader", *hash); err != nil {
		return chain.Block{}, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return chain.Block{}, err
	}
	if uint64(h.Number) != number || number > 0 && h.hash() != *hash {
		return chain.Block{}, fmt.Errorf("%w: %w: the header of block %d with hash %s is that of block %d with hash %s",
			chain.ErrUnavailable, errProtocol, number, *hash, h.Number, h.hash())
	}
	return c.dated(ctx, s, h)
}
