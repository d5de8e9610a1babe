package validator

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
)

// Where the subnet asks for it, weights are committed to by their hash and
// revealed an epoch or more later, so that nobody can copy them in time. What it
// takes to reveal them is saved before the commitment is sent. Sent does not mean
// in a block: the chain's LastUpdate, which every commitment moves, says whether
// and in which. Until it does, the same commitment is sent again when it cannot
// come any more, and no other one; in one epoch of the chain there is never more
// than one.

// commitment is a row of weights that is announced and not revealed yet.
type commitment struct {
	Weights []chain.Weight `json:"weights"`
	Salt    []uint16       `json:"salt"`
	Version uint64         `json:"version_key"`
	Hash    chain.Hash     `json:"hash"`
	Drawn   uint64         `json:"drawn"`           // block at which it was made
	Sent    uint64         `json:"sent"`            // block at which it was last about to be sent
	Block   uint64         `json:"block,omitempty"` // the one that has it; 0 is not known
	// Epoch of the chain in which it was made, and the first and the last block
	// that can reveal it; as expected until Block is known.
	Epoch uint64 `json:"epoch"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

const (
	// maxCommits is how many commitments wait at most; the chain takes no more.
	maxCommits = 10
	// saltLength is that of a salt: 256 bits, which nobody finds by trying.
	saltLength = 16
	// maxRevealBackoff is the longest pause between attempts to reveal, in blocks.
	maxRevealBackoff = 8
)

// place is where a commitment in a block can be revealed.
func (c commitment) place(block uint64, net chain.NetUID, rules chain.Hyperparameters) commitment {
	c.Epoch = chain.EpochOf(block, net, rules.Tempo)
	c.First, c.Last = chain.RevealWindow(block, net, rules)
	return c
}

// commits are the commitments, oldest first. The list is never changed.
func (v *Validator) commits() []commitment {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.progress.Commits
}

// setCommits replaces the list, in memory and in the saved state.
func (v *Validator) setCommits(ctx context.Context, block uint64, list []commitment) error {
	v.mu.Lock()
	v.progress.Commits = list
	v.mu.Unlock()
	return v.save(ctx, block)
}

// commitWeights commits to weights: to those of a commitment that is not in a
// block, else to new ones. It reports whether it was time to.
func (v *Validator) commitWeights(ctx context.Context, view *chain.Metagraph, rules chain.Hyperparameters, weights []chain.Weight, block uint64) (bool, error) {
	list := v.commits()
	if n := len(list); n > 0 && list[n-1].Block == 0 && block < list[n-1].Drawn+uint64(v.cfg.EpochBlocks) {
		return true, v.sendCommitment(ctx, view.NetUID, rules, list[:n-1], list[n-1], block)
	}
	self, _ := view.ByHotkey(v.deps.Key.Address())
	epoch := chain.EpochOf(self.LastUpdate, view.NetUID, rules.Tempo)
	for _, c := range list {
		epoch = max(epoch, c.Epoch)
	}
	if chain.EpochOf(block+1, view.NetUID, rules.Tempo) <= epoch {
		return false, nil
	}
	switch {
	case len(list) >= maxCommits:
		return true, fmt.Errorf("%w: %d commitments wait to be revealed", chain.ErrRateLimit, len(list))
	case v.cfg.WeightsVersion < rules.WeightsVersion: // the chain would say so at the reveal only
		return true, fmt.Errorf("%w: %d, the subnet wants %d", chain.ErrVersionKey, v.cfg.WeightsVersion, rules.WeightsVersion)
	}
	drawn, err := v.drawCommitment(view.NetUID, weights, block)
	if err != nil {
		return true, err
	}
	err = v.sendCommitment(ctx, view.NetUID, rules, list, drawn, block)
	if declined(err) {
		err = errors.Join(err, v.setCommits(ctx, block, list))
	}
	return true, err
}

// drawCommitment commits to weights under a new salt.
func (v *Validator) drawCommitment(net chain.NetUID, weights []chain.Weight, block uint64) (commitment, error) {
	var random [2 * saltLength]byte
	if _, err := io.ReadFull(v.deps.Rand, random[:]); err != nil {
		return commitment{}, fmt.Errorf("salt: %w", err)
	}
	c := commitment{Weights: weights, Version: v.cfg.WeightsVersion, Drawn: block}
	for at := 0; at < len(random); at += 2 {
		c.Salt = append(c.Salt, binary.LittleEndian.Uint16(random[at:]))
	}
	var err error
	c.Hash, err = chain.CommitHash(v.deps.Key.Address(), net, c.Weights, c.Salt, c.Version)
	return c, err
}

// declined says that the chain has not taken a transaction, and will not.
func declined(err error) bool {
	return slices.ContainsFunc([]error{
		chain.ErrNotRegistered, chain.ErrStakeTooLow, chain.ErrNoPermit, chain.ErrRateLimit, chain.ErrReveal, chain.ErrTimelock, chain.ErrNoSubnet,
	}, func(sentinel error) bool { return errors.Is(err, sentinel) })
}

// sendCommitment saves what reveals a commitment, and sends it.
func (v *Validator) sendCommitment(ctx context.Context, net chain.NetUID, rules chain.Hyperparameters, older []commitment, c commitment, block uint64) error {
	c.Sent = block
	c = c.place(block+1, net, rules)
	v.mu.Lock()
	v.progress.Sent = block
	v.mu.Unlock()
	if err := v.setCommits(ctx, block, append(slices.Clip(older), c)); err != nil {
		return err
	}
	if err := v.deps.Chain.CommitWeights(ctx, v.deps.Key, net, c.Hash); err != nil {
		return err
	}
	v.log.Info("weights committed", "block", block, "uids", len(c.Weights), "hash", c.Hash, "reveal_from", c.First, "reveal_until", c.Last)
	return nil
}

// reveal reveals what it is time to reveal, and gives up what it is too late
// for. It reports whether it did reveal something.
func (v *Validator) reveal(ctx context.Context, view *chain.Metagraph, block uint64) (bool, error) {
	list := v.commits()
	if len(list) == 0 {
		return false, nil
	}
	self, registered := view.ByHotkey(v.deps.Key.Address())
	if open := list[len(list)-1]; open.Block == 0 && registered && self.LastUpdate > open.Drawn && v.mayReveal(block) {
		err := v.found(ctx, view.NetUID, self.LastUpdate, block)
		if v.triedReveal(block, err); err != nil {
			return false, err
		}
		list = v.commits()
	}
	c := list[0]
	if c.Block != 0 { // the subnet's owner may have changed the tempo since
		rules, err := v.deps.Chain.Hyperparameters(ctx, view.NetUID)
		if err != nil {
			return false, fmt.Errorf("when to reveal weights: %w", err)
		}
		c = c.place(c.Block, view.NetUID, rules)
	}
	switch {
	case block >= c.Last:
		return false, v.missed(ctx, view.NetUID, self.UID, block, c)
	case c.Block == 0 || block+1 < c.First || !v.mayReveal(block):
		return false, nil
	}
	start := v.deps.Now()
	err := v.deps.Chain.RevealWeights(ctx, v.deps.Key, view.NetUID, c.Weights, c.Salt, c.Version)
	if errors.Is(err, chain.ErrReveal) && v.inForce(ctx, view.NetUID, self.UID, c) {
		err = nil // it was revealed before, and the answer lost
	}
	v.triedReveal(block, err)
	if err != nil {
		return false, fmt.Errorf("reveal the weights committed in block %d: %w", c.Block, err)
	}
	v.log.Info("weights revealed", "block", block, "committed", c.Block, "uids", len(c.Weights))
	e := Event{Task: TaskWeights, Block: block, StepLength: v.deps.Now().Sub(start).Seconds()}
	for _, w := range c.Weights {
		e.UIDs, e.SetWeights = append(e.UIDs, w.UID), append(e.SetWeights, w.Value)
	}
	err = v.setCommits(ctx, block, list[1:])
	v.tell(v.complete(e))
	return true, err
}

// found notes the block that has the newest commitment.
func (v *Validator) found(ctx context.Context, net chain.NetUID, at, block uint64) error {
	rules, err := v.deps.Chain.Hyperparameters(ctx, net)
	if err != nil {
		return fmt.Errorf("when to reveal weights: %w", err)
	}
	list := slices.Clone(v.commits())
	c := list[len(list)-1].place(at, net, rules)
	c.Block = at
	list[len(list)-1] = c
	v.attempted(at, nil)
	return v.setCommits(ctx, block, list)
}

// missed gives up the oldest commitment, whose time is over.
func (v *Validator) missed(ctx context.Context, net chain.NetUID, uid chain.UID, block uint64, c commitment) error {
	switch {
	case c.Block == 0:
		v.log.Error("a commitment to weights came into no block; the next ones are committed as ever", "block", block, "sent", c.Sent, "hash", c.Hash)
	case v.inForce(ctx, net, uid, c):
		v.log.Info("weights were revealed before the restart", "block", block, "committed", c.Block)
	default:
		v.log.Error("committed weights were not revealed in their time and count for nothing: was the validator or its chain node away? "+
			"The next ones are committed and revealed as ever", "block", block, "committed", c.Block, "reveal_from", c.First, "reveal_until", c.Last)
	}
	v.triedReveal(block, nil)
	return v.setCommits(ctx, block, v.commits()[1:])
}

// inForce says whether the chain has the weights of a commitment as our row.
// When it does not say, they are not.
func (v *Validator) inForce(ctx context.Context, net chain.NetUID, uid chain.UID, c commitment) bool {
	rows, err := v.deps.Chain.Weights(ctx, net)
	if err != nil {
		v.log.Debug("no rows of weights", "err", err)
		return false
	}
	byUID := func(row []chain.Weight) []chain.Weight {
		row = slices.DeleteFunc(slices.Clone(row), func(w chain.Weight) bool { return w.Value == 0 })
		slices.SortFunc(row, func(a, b chain.Weight) int { return cmp.Compare(a.UID, b.UID) })
		return row
	}
	return slices.Equal(byUID(rows[uid]), byUID(c.Weights))
}

func (v *Validator) mayReveal(block uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return block >= v.reveals.next
}

// triedReveal notes how an attempt to reveal went: after a failure the next one
// waits for a block, then two, four, up to maxRevealBackoff.
func (v *Validator) triedReveal(block uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.reveals = attempts{}
		return
	}
	v.reveals.backoff = min(max(1, 2*v.reveals.backoff), maxRevealBackoff)
	v.reveals.next = block + v.reveals.backoff
}

// weightsOf are the weights for the scores of all UIDs, as the chain takes them.
func weightsOf(scores []float64, rules chain.Hyperparameters) (weights []chain.Weight) {
	for _, w := range incentive.Weights(scores, incentive.Limits{
		MinAllowed: int(rules.MinAllowedWeights), Max: rules.MaxWeightsLimit,
	}) {
		weights = append(weights, chain.Weight{UID: chain.UID(w.UID), Value: w.Value})
	}
	return weights
}
