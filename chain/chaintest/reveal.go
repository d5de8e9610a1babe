package chaintest

import (
	"errors"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// rows reads weights back as the chain keeps them: the largest is 65535.
func (s *subject) rows() {
	s.newNeuron(0)
	s.newNeuron(0)
	validator := s.newNeuron(s.rules().MinStake)
	v, _ := s.neuron(validator.Address())
	s.wait(int(s.rules().WeightsRateLimit) + 1)
	if rows := s.row(v.UID); rows != nil {
		s.Fatalf("before it set any its weights are %v", rows)
	}
	s.ok(s.Chain.SetWeights(s.Context(), validator, s.NetUID, []chain.Weight{{UID: 0, Value: 2}, {UID: 1, Value: 1}}, 0))
	if row := s.row(v.UID); !slices.Equal(row, []chain.Weight{{UID: 0, Value: 65535}, {UID: 1, Value: 32768}}) {
		s.Errorf("2 : 1 is kept as %v", row)
	}
}

func (s *subject) row(uid chain.UID) []chain.Weight {
	s.Helper()
	rows, err := s.Chain.Weights(s.Context(), s.NetUID)
	s.ok(err)
	return rows[uid]
}

func (s *subject) revealOff() {
	ctx, key := s.Context(), s.newNeuron(s.rules().MinStake)
	if s.rules().CommitReveal {
		s.Fatal("commit-reveal is on")
	}
	s.wait(int(s.rules().WeightsRateLimit) + 1)
	s.refused(s.Chain.CommitWeights(ctx, key, s.NetUID, chain.Hash{1}), chain.ErrReveal)
	s.refused(s.Chain.RevealWeights(ctx, key, s.NetUID, []chain.Weight{{UID: 0, Value: 1}}, nil, 0), chain.ErrReveal)
}

func (s *subject) commitRefused() {
	ctx, c := s.Context(), s.Chain
	row := []chain.Weight{{UID: 0, Value: 1}}
	if h := s.rules(); !h.CommitReveal || h.RevealPeriod < 1 || h.CommitRevealVersion > 2 {
		s.Fatalf("the rules are %+v", h)
	}
	s.refused(c.CommitWeights(ctx, s.newKey(), s.NetUID, chain.Hash{1}), chain.ErrNotRegistered)
	poor := s.newNeuron(s.rules().MinStake - 1)
	rich := s.newNeuron(s.rules().MinStake)
	s.wait(int(s.rules().WeightsRateLimit) + 1)
	s.refused(c.CommitWeights(ctx, poor, s.NetUID, chain.Hash{1}), chain.ErrStakeTooLow)
	s.refused(c.SetWeights(ctx, rich, s.NetUID, row, 0), chain.ErrCommitReveal)
	s.refused(c.RevealWeights(ctx, rich, s.NetUID, row, nil, 0), chain.ErrReveal)
	s.ok(c.CommitWeights(ctx, rich, s.NetUID, chain.Hash{1}))
	s.refused(c.CommitWeights(ctx, rich, s.NetUID, chain.Hash{2}), chain.ErrRateLimit)
	s.refused(c.RevealWeights(ctx, rich, s.NetUID, row, nil, 0), chain.ErrReveal)
}

// reveal commits and reveals. A test machine may be too slow for an epoch: then
// it tries again.
func (s *subject) reveal() {
	miner := s.newNeuron(0)
	validator := s.newNeuron(s.rules().MinStake)
	m, _ := s.neuron(miner.Address())
	v, _ := s.neuron(validator.Address())
	row := []chain.Weight{{UID: m.UID, Value: 65535}}
	for range 5 {
		s.wait(int(s.rules().WeightsRateLimit) + 1)
		if s.revealed(validator, v.UID, row) {
			return
		}
	}
	s.Fatal("in five epochs no reveal came in time")
}

// until reads blocks up to the first that is right.
func (s *subject) until(blocks <-chan chain.Block, right func(number uint64) bool) {
	s.Helper()
	for !right(s.next(blocks).Number) {
	}
}

// revealed is false when the epoch was over too soon.
func (s *subject) revealed(validator *wallet.Keypair, uid chain.UID, row []chain.Weight) bool {
	ctx, h, salt := s.Context(), s.rules(), []uint16{1, 65535, 7}
	hash, err := chain.CommitHash(validator.Address(), s.NetUID, row, salt, 9)
	s.ok(err)
	blocks, err := s.Chain.Subscribe(ctx)
	s.ok(err)
	s.until(blocks, func(number uint64) bool { // an epoch is young: there is time to be too early
		next := chain.FirstBlockOf(chain.EpochOf(number, s.NetUID, h.Tempo)+1, s.NetUID, h.Tempo)
		return next-number > uint64(h.Tempo)/2
	})
	before := s.row(uid)
	s.ok(s.Chain.CommitWeights(ctx, validator, s.NetUID, hash))
	n, _ := s.neuron(validator.Address())
	committed := n.LastUpdate
	if !s.event("WeightsCommitted", hash.String(), committed, committed) {
		s.Fatalf("no event WeightsCommitted of %s in block %d", hash, committed)
	}
	reveal := func(salt []uint16) error {
		return s.Chain.RevealWeights(ctx, validator, s.NetUID, row, salt, 9)
	}
	first, last := chain.RevealWindow(committed, s.NetUID, h)
	if err = reveal(salt); err == nil && s.head().Number >= first {
		return false
	}
	s.refused(err, chain.ErrReveal)
	if after := s.row(uid); !slices.Equal(before, after) {
		s.Fatalf("refused weights are in the row %v", after)
	}
	s.until(blocks, func(number uint64) bool { return number+1 >= first })
	s.refused(reveal([]uint16{1, 65535, 8}), chain.ErrReveal)
	err = reveal(salt)
	head := s.head().Number
	if errors.Is(err, chain.ErrReveal) && head >= last {
		return false
	}
	s.ok(err)
	if got := s.row(uid); !slices.Equal(got, row) {
		s.Errorf("the row is %v, revealed was %v", got, row)
	}
	if n, _ = s.neuron(validator.Address()); n.LastUpdate != committed {
		s.Errorf("committed at block %d, the update was at %d", committed, n.LastUpdate)
	}
	if !s.event("WeightsRevealed", hash.String(), first, head) {
		s.Errorf("no event WeightsRevealed of %s in blocks %d to %d", hash, first, head)
	}
	s.refused(reveal(salt), chain.ErrReveal) // once
	return true
}
