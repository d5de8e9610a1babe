package validator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Every OfferBlocks a miner is asked how much it is willing to hold. What it signs
// is its claim, which lowers what it may be given (incentive.Rules.Room) and never
// raises it: that takes audits. A miner that makes no offers, or whose last one is
// old, claims nothing.
//
// Who refuses a datum for want of room, 507, although by its claim there was
// some, has shown that the claim is not true: until it signs a later one it
// claims what it held then. To have it claim nothing would give it more room.

// Claim is what a miner has last said of its room, and what that comes to.
type Claim struct {
	receipt.Offer
	Signature []byte
	// Block is when it came.
	Block uint64
	// Most is how many bytes of this validator's it can hold by that: what it held
	// of them then, and what it had room for. 1 is the least.
	Most int64
	// Refused says that it has refused data since, in spite of it.
	Refused bool
}

// claimJSON is a Claim as it is saved.
type claimJSON struct {
	Offer     []byte `json:"offer"`
	Signature []byte `json:"signature"`
	Block     uint64 `json:"block"`
	Most      int64  `json:"most"`
	Refused   bool   `json:"refused,omitempty"`
}

// MarshalJSON writes the form of the saved state.
func (c Claim) MarshalJSON() ([]byte, error) {
	return json.Marshal(claimJSON{c.Encode(), c.Signature, c.Block, c.Most, c.Refused})
}

// UnmarshalJSON reads what MarshalJSON wrote. It checks no signature: that was
// done when it came.
func (c *Claim) UnmarshalJSON(b []byte) error {
	var j claimJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return err
	}
	o, err := receipt.ParseOffer(j.Offer)
	if err == nil && (len(j.Signature) != wallet.SignatureSize || j.Most < 1) {
		err = fmt.Errorf("a claim of %d bytes with a signature of %d", j.Most, len(j.Signature))
	}
	*c = Claim{o, j.Signature, j.Block, j.Most, j.Refused}
	return err
}

// newClaim is that of a miner that holds so many bytes of ours.
func newClaim(o fleet.Offered, block uint64, held int64) *Claim {
	most := o.Capacity
	if room := o.Room(); held <= math.MaxInt64-room {
		most = min(most, held+room)
	}
	return &Claim{Offer: o.Offer, Signature: o.Signature, Block: block, Most: max(most, 1)}
}

// claimAge is for how many periods of OfferBlocks a claim counts: one that gets
// no answer twice has not changed its mind yet.
const claimAge = 4

// Claimed is what a claim lets a miner hold as of a block, for
// incentive.Rules.Room: 0, no claim, of nil and of one that is too old.
func (c Config) Claimed(cl *Claim, block uint64) int64 {
	if cl == nil || apart(cl.Block, block) >= claimAge*uint64(c.withDefaults().OfferBlocks) {
		return 0
	}
	return cl.Most
}

// apart is the distance of two blocks; the later one may be of a fork.
func apart(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// offers asks miners for their offers: those that were not asked for longest, and
// nobody before its time or while it owes an answer. No answer changes nothing.
func (v *Validator) offers(ctx context.Context, graph *chain.Metagraph, block uint64, owed debts) error {
	due := v.offersDue(graph, block, owed)
	var mu sync.Mutex // guards failed
	var failed error
	v.deps.Fleet.Each(due, func(_ int, n chain.Neuron) {
		o, err := v.deps.Fleet.Offer(ctx, n)
		switch {
		case err == nil:
			err = v.takeOffer(ctx, n, o, block)
		case errors.Is(err, fleet.ErrNoOffer):
			err = nil
		default:
			v.log.Debug("no offer", "uid", n.UID, "hotkey", n.Hotkey, "err", err)
			err = nil
		}
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		}
	})
	return failed
}

// offersDue are the miners to ask, and notes that they were.
func (v *Validator) offersDue(graph *chain.Metagraph, block uint64, owed debts) []chain.Neuron {
	v.mu.Lock()
	defer v.mu.Unlock()
	asked := map[wallet.Address]uint64{} // without those that are gone
	var due []chain.Neuron
	for _, n := range v.available(graph) {
		at, known := v.asked[n.Hotkey]
		if c := v.board.claim(n); !known && c != nil {
			at, known = c.Block, true
		}
		if known {
			asked[n.Hotkey] = at
		}
		if owed[n.Hotkey] == nil && (!known || apart(at, block) >= uint64(v.cfg.OfferBlocks)) {
			due = append(due, n)
		}
	}
	slices.SortStableFunc(due, func(a, b chain.Neuron) int { return cmp.Compare(asked[a.Hotkey], asked[b.Hotkey]) })
	due = due[:min(len(due), v.cfg.OfferSample)]
	for _, n := range due {
		asked[n.Hotkey] = block
	}
	v.asked = asked
	return due
}

// takeOffer makes an offer the miner's claim, unless it is no later than the one before.
func (v *Validator) takeOffer(ctx context.Context, n chain.Neuron, o fleet.Offered, block uint64) error {
	held, err := v.deps.Index.StoredBytes(ctx, n.Hotkey)
	if err != nil {
		return ours(ctx, fmt.Errorf("offer of UID %d: %w", n.UID, err))
	}
	if old := v.board.claim(n); old == nil || o.Made.After(old.Made) {
		v.board.setClaim(n, newClaim(o, block, held))
	}
	return nil
}

// refusals finds out who has refused data that it had claimed to have room for.
func (v *Validator) refusals(ctx context.Context, block uint64, batches []batch) error {
	for _, b := range batches {
		for _, r := range b.results {
			if b.task != TaskStore || r.Status() != wire.StatusFull {
				continue
			}
			n := chain.Neuron{UID: r.UID, Hotkey: r.Hotkey}
			c := v.board.claim(n)
			if v.cfg.Claimed(c, block) == 0 || c.Refused {
				continue
			}
			held, err := v.deps.Index.StoredBytes(ctx, r.Hotkey)
			if err != nil {
				return err
			}
			if held > c.Most-r.Bytes {
				continue // it had not claimed that much
			}
			broken := *c
			broken.Refused, broken.Most = true, max(held, 1)
			v.board.setClaim(n, &broken)
			v.log.Warn("a miner has no room for what it claimed to have: its claim is what it holds until it signs another",
				"uid", r.UID, "hotkey", r.Hotkey, "held", held, "refused", r.Bytes, "claimed", c.Most, "signed", c.Made.Format(time.RFC3339))
		}
	}
	return nil
}

// room is how many bytes a miner may hold as of a block, and whether it is its
// claim that says so.
func (v *Validator) room(n chain.Neuron, s incentive.Standing, block uint64, possession float64) (bytes int64, claimed bool) {
	claim := v.cfg.Claimed(v.board.claim(n), block)
	bytes = v.cfg.Rules.Room(s, claim, possession)
	return bytes, bytes == claim
}

// Claims are the last offers of miners as a validator has saved them with its
// scores, by miner; none where it has saved nothing. ErrState.
func Claims(ctx context.Context, ix *index.Index, validator wallet.Address) (map[wallet.Address]*Claim, error) {
	data, err := ix.State(ctx, stateName(validator))
	if errors.Is(err, index.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	_, rows, err := decodeState(data)
	claims := map[wallet.Address]*Claim{}
	for _, r := range rows {
		if r.Claim != nil {
			claims[r.Hotkey] = r.Claim
		}
	}
	return claims, err
}
