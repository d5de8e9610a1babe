package fleettest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"slices"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Open implements wire.Streamer without sockets.
func (n *Net) Open(ctx context.Context, to wire.Peer, msg wire.Message, in wire.Body) (*wire.Answer, error) {
	for _, m := range n.Miners {
		if m.Hotkey() != to.Hotkey {
			continue
		}
		out, err := m.stream(ctx, msg, in)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, wire.Timeout("no answer in time")
		} else if err != nil {
			return nil, &wire.Error{Status: wire.StatusOf(err), Text: "failed", Err: err}
		}
		body := out.Reader
		if body == nil {
			body = bytes.NewReader(nil)
		}
		return &wire.Answer{ReadCloser: io.NopCloser(body), Size: out.Size}, nil
	}
	return nil, wire.Unavailable("nobody there")
}

func (m *Miner) stream(ctx context.Context, msg wire.Message, in wire.Body) (wire.Body, error) {
	m.mu.Lock()
	m.asked[msg.Name()]++
	as := m.as[msg.Name()]
	m.mu.Unlock()
	switch as {
	case Silent:
		<-ctx.Done()
		return wire.Body{}, ctx.Err()
	case Stuck:
		if in.Size > 0 {
			if _, err := io.ReadFull(in.Reader, make([]byte, min(in.Size, erasure.Block))); err != nil {
				return wire.Body{}, err
			}
			<-ctx.Done()
			return wire.Body{}, ctx.Err()
		}
	case Failing:
		return wire.Body{}, errors.New("broken")
	case Busy:
		return wire.Body{}, wire.Unavailable("busy")
	case Reference:
		return wire.Body{}, wire.NotFound("no message %s", msg.Name())
	}
	switch msg := msg.(type) {
	case *wire.PutShard:
		err := m.putShard(msg, in)
		if err == nil && as == Liar {
			msg.Receipt[0] ^= 1
		}
		return wire.Body{}, err
	case *wire.GetShard:
		return m.getShard(ctx, msg, as)
	}
	return wire.Body{}, wire.NotFound("no message %s", msg.Name())
}

// putShard reads a shard and what comes behind it, and signs for it.
func (m *Miner) putShard(msg *wire.PutShard, in wire.Body) error {
	left := in.Size
	read := func(n int64) []byte {
		b := make([]byte, n)
		left -= n
		if _, err := io.ReadFull(in.Reader, b); err != nil {
			return nil
		}
		return b
	}
	data, tags := read(msg.Size), read(por.TagsSize(msg.Size))
	pledge, sig := read(receipt.PledgeSize), read(wallet.SignatureSize)
	label := read(min(max(left, 0), wire.MaxLabel))
	p, err := receipt.ParsePledge(pledge)
	if err == nil {
		err = p.VerifyAsker(sig)
	}
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	hash := erasure.NewHasher()
	hash.Write(data)
	if root := hash.Root(); !p.Shard || p.Hash != proof.Digest(root) || p.Size != msg.Size || p.Miner != m.Hotkey() || p.Tags != sha256.Sum256(tags) {
		return wire.BadRequest("the pledge is of something else")
	}
	if msg.Receipt, err = p.Sign(m.key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stored[p.Hash.String()] = &stored{data: data, ttl: msg.TTL, pledge: pledge, tags: tags, asked: sig, receipt: bytes.Clone(msg.Receipt), label: label}
	return nil
}

// getShard gives a part of a shard. A Liar's has a wrong byte, and one that is
// Stuck breaks off after a block.
func (m *Miner) getShard(ctx context.Context, msg *wire.GetShard, as Behaviour) (wire.Body, error) {
	m.mu.Lock()
	s := m.stored[msg.Hash]
	m.mu.Unlock()
	if s == nil {
		return wire.Body{}, wire.NotFound("no such shard")
	}
	hash := erasure.NewHasher()
	hash.Write(s.data)
	msg.Size, msg.Leaves = int64(len(s.data)), hash.Leaves()
	part := s.data[min(msg.Offset, msg.Size):]
	if msg.Length > 0 {
		part = part[:min(msg.Length, int64(len(part)))]
	}
	size := int64(len(part))
	if as == Liar {
		part = bytes.Clone(part)
		part[len(part)-1] ^= 1
	}
	var body io.Reader = bytes.NewReader(part)
	if as == Stuck {
		body = io.MultiReader(io.LimitReader(body, erasure.Block), untilDone{ctx})
	}
	return wire.Body{Size: size, Reader: body}, nil
}

// untilDone gives nothing and ends with a context.
type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

func (m *Miner) renewShard(msg *wire.RenewShard) error {
	p, err := receipt.ParsePledge(msg.Pledge)
	if err == nil {
		err = p.VerifyAsker(msg.Signature)
	}
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	s := m.stored[p.Hash.String()]
	if s == nil {
		return wire.NotFound("no such shard")
	}
	msg.Receipt, err = p.Sign(m.key)
	s.pledge, s.asked, s.receipt = bytes.Clone(msg.Pledge), bytes.Clone(msg.Signature), bytes.Clone(msg.Receipt)
	return err
}

// listShards lists the shards after a root, by ascending root.
func (m *Miner) listShards(msg *wire.ListShards) error {
	number := func(s string) *big.Int {
		n, _ := new(big.Int).SetString(s, 10)
		return n
	}
	var hashes []string
	for hash, s := range m.stored {
		if p, err := receipt.ParsePledge(s.pledge); err == nil && p.Shard && (msg.After == "" || number(hash).Cmp(number(msg.After)) > 0) &&
			(s.damaged || !msg.Damaged) {
			hashes = append(hashes, hash)
		}
	}
	slices.SortFunc(hashes, func(a, b string) int { return number(a).Cmp(number(b)) })
	var list []wire.ListedShard
	for _, hash := range hashes[:min(int(msg.Limit), len(hashes))] {
		s := m.stored[hash]
		list = append(list, wire.ListedShard{Damaged: s.damaged, Pledge: s.pledge, Asked: s.asked, Receipt: s.receipt, Label: s.label})
	}
	var err error
	msg.Shards, err = wire.EncodeShardList(list)
	return err
}

// Damage has the miner say of a shard that it has lost it.
func (m *Miner) Damage(hash string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stored[hash].damaged = true
}
