package substrate

import (
	"context"
	"encoding/json"
	"errors"
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
	if len(text) > maxSmall {
		return header{}, fmt.Errorf("%w: %w: a header of %d bytes", chain.ErrUnavailable, errProtocol, len(text))
	}
	var h *header
	if err := json.Unmarshal(text, &h); err != nil {
		return header{}, fmt.Errorf("%w: %w: header: %w", chain.ErrUnavailable, errProtocol, err)
	}
	if h == nil || h.Number > 1<<32-1 {
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

// block names a header's block, without its time.
func (h header) block(s *session) chain.Block {
	b := chain.Block{Number: uint64(h.Number), Hash: h.hash(), Parent: h.Parent}
	if b.Number == 0 {
		b.Hash = s.genesis // Chopsticks has a made-up one
	}
	return b
}

// date fills in the time that a block's maker put into it. Block 0 has none.
func (c *Client) date(ctx context.Context, s *session, b *chain.Block) error {
	v, err := c.viewOf(ctx, s, *b)
	var ms uint64
	if err == nil {
		now := number(&ms, "Now")
		now.pallet = "Timestamp"
		err = v.read(ctx, now)
	}
	if errors.Is(err, chain.ErrPruned) {
		ms, err = c.timeInBody(ctx, s, b.Hash)
	}
	if ms > 0 && ms < 1<<53 {
		b.Time = time.UnixMilli(int64(ms)).UTC()
	}
	return err
}

// timeInBody is the time in a block's first transactions, which nodes keep when
// they throw the state away; 0 if there is none. The block's own runtime cannot
// be had: what is no time by today's does not count.
func (c *Client) timeInBody(ctx context.Context, s *session, hash chain.Hash) (uint64, error) {
	rt, err := s.runtimes.at(ctx, s, s.newest.Load().Hash)
	if err != nil {
		return 0, err
	}
	var b *signedBlock
	if err := s.call(ctx, &b, "chain_getBlock", hash); err != nil || b == nil {
		return 0, err
	}
	for _, raw := range b.Block.Extrinsics[:min(2, len(b.Block.Extrinsics))] {
		x, err := rt.DecodeExtrinsic(raw)
		if err != nil || x.Signed || x.Call.Pallet != "Timestamp" {
			continue
		}
		if now, err := x.Call.Args.Get("now"); err == nil {
			return now.Uint64()
		}
	}
	return 0, nil
}

// hash asks for the hash of a block that is there: without one the node is at
// fault.
func (s *session) hash(ctx context.Context, method string, params ...any) (chain.Hash, error) {
	var hash *chain.Hash
	if err := s.call(ctx, &hash, method, params...); err != nil {
		return chain.Hash{}, err
	}
	if hash == nil {
		return chain.Hash{}, fmt.Errorf("%s: %w: %w: no block %v", method, chain.ErrUnavailable, errProtocol, params)
	}
	return *hash, nil
}

// blockAt is the block of that number on the node's best chain, without its
// time.
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
	b := h.block(s)
	if b.Number != number || b.Hash != *hash {
		return chain.Block{}, fmt.Errorf("%w: %w: the header of block %d with hash %s is that of block %d with hash %s",
			chain.ErrUnavailable, errProtocol, number, *hash, b.Number, b.Hash)
	}
	return b, nil
}
