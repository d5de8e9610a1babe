package devchain

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// record is one block as it is kept: enough to make its state again from its
// parent's.
type record struct {
	Block         chain.Block
	Transactions  [][]byte
	Registrations []chain.Registration
	Events        []chain.Event `json:",omitempty"` // none in blocks kept before events were
}

// genesis is the state of block 0. Its hash covers everything in the
// configuration that has a consequence for later blocks.
func (c *Config) genesis(now time.Time) *state {
	h := &c.Hyperparameters
	b := []byte("FileTAO devchain genesis 1\n")
	b = binary.LittleEndian.AppendUint64(b, uint64(len(c.Seed)))
	b = append(b, c.Seed...)
	commitReveal := uint64(0)
	if h.CommitReveal {
		commitReveal = 1
	}
	for _, v := range []uint64{
		uint64(c.NetUID), uint64(c.BlockEmission), uint64(c.Kappa), uint64(c.ActivityCutoff),
		uint64(h.Tempo), uint64(h.ImmunityPeriod), uint64(h.MinAllowedWeights), uint64(h.MaxWeightsLimit),
		uint64(h.MaxUIDs), uint64(h.MaxValidators), h.WeightsVersion, h.WeightsRateLimit, h.ServingRateLimit,
		uint64(h.Burn), uint64(h.MinStake), commitReveal,
	} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	// Chains from before these rules keep their hashes.
	if h.RevealPeriod != 1 || h.CommitRevealVersion != 0 {
		b = append(b, "reveal"...)
		b = binary.LittleEndian.AppendUint64(b, h.RevealPeriod)
		b = binary.LittleEndian.AppendUint64(b, uint64(h.CommitRevealVersion))
	}
	for _, a := range slices.Sorted(maps.Keys(c.Genesis)) {
		b = append(b, a...)
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Genesis[a]))
	}
	return &state{
		Head:     chain.Block{Hash: blake2b.Sum256(b), Time: stamp(now)},
		Balances: maps.Clone(c.Genesis),
		Nonces:   map[wallet.Address]uint64{},
		Owners:   map[wallet.Address]wallet.Address{},
		Stakes:   map[wallet.Address]chain.Rao{},
	}
}

// stamp is a time as it survives being kept.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// advance makes the next block: the epoch if one is due, then the transactions
// in canonical order, then the permits. Transactions that fail are left out;
// their errors come back under their own index.
func (c *Config) advance(prev *state, txs []*transaction, now time.Time) (*state, record, []error) {
	s := prev.clone()
	s.Head = chain.Block{Number: prev.Head.Number + 1, Parent: prev.Head.Hash, Time: stamp(now)}
	if s.Pending+c.BlockEmission+s.Issued <= maxSupply {
		s.Pending += c.BlockEmission
	}
	if c.epochDue(s.Head.Number) {
		c.epoch(s)
	}
	order := make([]int, len(txs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(txs[a].signer, txs[b].signer), cmp.Compare(txs[a].nonce, txs[b].nonce))
	})
	errs := make([]error, len(txs))
	var rec record
	var included [][]byte
	for _, i := range order {
		if errs[i] = c.apply(s, txs[i]); errs[i] == nil {
			included = append(included, txs[i].body)
			rec.Transactions = append(rec.Transactions, txs[i].raw())
		}
	}
	s.permit(&c.Hyperparameters)
	s.Head.Hash = blockHash(s.Head, included)
	rec.Block, rec.Registrations, rec.Events = s.Head, s.registered, s.events
	return s, rec, errs
}

// blockHash covers parent, number and the included transactions without their
// signatures: those are randomised, and the same calls shall make the same
// chain. Through the parents it covers the genesis block and its seed.
func blockHash(b chain.Block, included [][]byte) chain.Hash {
	text := append([]byte("FileTAO devchain block 1\n"), b.Parent[:]...)
	text = binary.LittleEndian.AppendUint64(text, b.Number)
	for _, body := range included {
		sum := blake2b.Sum256(body)
		text = append(text, sum[:]...)
	}
	return blake2b.Sum256(text)
}

// replay makes the state of a kept block from its parent's and checks that it
// is the same block.
func (c *Config) replay(prev *state, rec record) (*state, error) {
	txs := make([]*transaction, len(rec.Transactions))
	for i, raw := range rec.Transactions {
		t, err := decode(raw)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", rec.Block.Number, err)
		}
		txs[i] = t
	}
	next, _, _ := c.advance(prev, txs, rec.Block.Time)
	if next.Head.Hash != rec.Block.Hash {
		return nil, fmt.Errorf("block %d: replay makes %s, kept is %s", rec.Block.Number, next.Head.Hash, rec.Block.Hash)
	}
	return next, nil
}
