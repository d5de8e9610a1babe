package devchain

import (
	"fmt"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// maxCommits is how many commitments of a hotkey may wait, as on subtensor.
const maxCommits = 10

// timelocked is the first version of commit-reveal without hashes.
const timelocked = 3

// commit is a commitment to weights that were not revealed yet.
type commit struct {
	Hash  chain.Hash
	Block uint64 // in which it was made
}

// epochs says how many epochs ago a block was.
func (c *Config) epochs(s *state, block uint64) uint64 {
	tempo := c.Hyperparameters.Tempo
	return chain.EpochOf(s.Head.Number, c.NetUID, tempo) - chain.EpochOf(block, c.NetUID, tempo)
}

// waiting are the hotkey's commitments that can still be revealed: a list of its
// own.
func (c *Config) waiting(s *state, hotkey wallet.Address) []commit {
	return slices.DeleteFunc(slices.Clone(s.Commits[hotkey]), func(w commit) bool {
		return c.epochs(s, w.Block) > c.Hyperparameters.RevealPeriod
	})
}

func (s *state) keepCommits(hotkey wallet.Address, list []commit) {
	if s.Commits == nil {
		s.Commits = map[wallet.Address][]commit{}
	}
	if s.Commits[hotkey] = list; len(list) == 0 {
		delete(s.Commits, hotkey)
	}
}

// applyCommit checks what subtensor does: the permit only at the reveal.
func (c *Config) applyCommit(s *state, hotkey wallet.Address, call commitWeights) error {
	h := &c.Hyperparameters
	if err := c.subnet(call.net); err != nil {
		return err
	}
	switch {
	case !h.CommitReveal:
		return fmt.Errorf("%w: commit-reveal is off on subnet %d", chain.ErrReveal, call.net)
	case h.CommitRevealVersion >= timelocked:
		return fmt.Errorf("%w: version %d", chain.ErrTimelock, h.CommitRevealVersion)
	}
	uid, err := s.find(hotkey)
	if err != nil {
		return err
	}
	if stake := s.Stakes[hotkey]; stake < h.MinStake {
		return fmt.Errorf("%w: %s of %s", chain.ErrStakeTooLow, stake, h.MinStake)
	}
	n := &s.Neurons[uid]
	if s.tooSoon(n, h) {
		return rateLimited(n, h)
	}
	list := c.waiting(s, hotkey)
	if len(list) >= maxCommits {
		return fmt.Errorf("%w: %d commitments wait for their reveal", chain.ErrRateLimit, len(list))
	}
	s.keepCommits(hotkey, append(list, commit{call.hash, s.Head.Number}))
	n.LastUpdate = s.Head.Number
	s.happened("WeightsCommitted", hotkey, call.net, call.hash)
	return nil
}

// applyReveal takes weights in the epoch RevealPeriod after their commitment.
// Older commitments end with it.
func (c *Config) applyReveal(s *state, hotkey wallet.Address, call revealWeights) error {
	h := &c.Hyperparameters
	if err := c.subnet(call.net); err != nil {
		return err
	}
	if !h.CommitReveal {
		return fmt.Errorf("%w: commit-reveal is off on subnet %d", chain.ErrReveal, call.net)
	}
	hash, err := chain.CommitHash(hotkey, call.net, call.weights, call.salt, call.version)
	if err != nil {
		return err
	}
	list := c.waiting(s, hotkey)
	at := slices.IndexFunc(list, func(w commit) bool { return w.Hash == hash })
	if at < 0 {
		return fmt.Errorf("%w: no commitment to these weights waits", chain.ErrReveal)
	}
	if first, last := chain.RevealWindow(list[at].Block, call.net, *h); s.Head.Number < first {
		return fmt.Errorf("%w: committed at block %d, to be revealed in blocks %d to %d", chain.ErrReveal, list[at].Block, first, last)
	}
	if _, err := c.replaceRow(s, hotkey, setWeights{call.net, call.weights, call.version}); err != nil {
		return err
	}
	s.keepCommits(hotkey, list[at+1:])
	s.happened("WeightsRevealed", hotkey, call.net, hash)
	return nil
}
