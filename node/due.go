package node

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// Why a question should not have been put.
var (
	errNotDue     = errors.New("the block's hash does not draw this miner")
	errOtherBlock = errors.New("the chain has another block of that number")
	errSecond     = errors.New("another question of this asker named the same block")
	errOften      = errors.New("who was drawn then is not known here, and this asker was believed within the last hour")
)

// DueConfig is what a miner takes to be the validators' settings; zero values are
// the network's.
type DueConfig struct {
	// Sample is how many miners they challenge a step, VpermitLimit the stake above
	// which they do not ask a validator.
	Sample       int
	VpermitLimit chain.Rao
}

const (
	// newerBlocks is by how much an asker's metagraph may be newer than the block
	// of its question.
	newerBlocks = 25
	// knownBlocks is how far back a question is judged: two days. Its memory and
	// that of who could be drawn are bounded by maxAsked and maxSets.
	knownBlocks = 1 << 14
	maxAsked    = 1 << 16
	maxSets     = 1 << 10
	// recentBlocks are those whose hashes need not be asked for.
	recentBlocks = 64
	// blockPatience is how long a question about a block waits that is not known
	// here yet, and believeEvery how often an asker is believed.
	blockPatience = 3 * time.Second
	believeEvery  = time.Hour
	maxBelieved   = 1 << 12
)

// selections is whom the latest blocks have drawn: a node's miner.Selections.
type selections struct {
	cfg     DueConfig
	self    wallet.Address
	head    func() chain.Block
	graph   func() *chain.Metagraph
	wait    func(context.Context, uint64) error // until head has that number
	blockAt func(context.Context, uint64) (chain.Block, error)
	now     func() time.Time

	mu       sync.Mutex // guards all below
	recent   [recentBlocks]chain.Block
	sets     []drawnFrom // ascending; maxSets at most
	asked    map[putAt][32]byte
	order    []putAt // of asked, the oldest first; maxAsked at most
	believed map[wallet.Address]time.Time
}

// drawnFrom is who could be drawn by the metagraphs of some blocks in a row.
type drawnFrom struct {
	from, to uint64
	uids     []chain.UID
	self     chain.UID // this miner's, if registered
	in       bool      // it is
}

// putAt is where a question was put: one a block.
type putAt struct {
	asker wallet.Address
	block uint64
}

func (n *Node) newSelections(c DueConfig) *selections {
	c.Sample = cmp.Or(c.Sample, validator.DefaultConfig().ChallengeSample)
	c.VpermitLimit = cmp.Or(c.VpermitLimit, fleet.DefaultConfig().VpermitLimit)
	return &selections{
		cfg: c, self: n.Hotkey(), head: n.follower.Head, graph: n.follower.Metagraph, wait: n.follower.WaitBlock,
		blockAt: n.common.Chain.BlockAt, now: time.Now, asked: map[putAt][32]byte{}, believed: map[wallet.Address]time.Time{},
	}
}

// run takes note of the blocks until ctx ends.
func (s *selections) run(blocks func(context.Context) <-chan chain.Block) func(context.Context) error {
	return func(ctx context.Context) error {
		for range blocks(ctx) {
			s.look()
		}
		return nil
	}
}

// look takes note of the newest block and metagraph.
func (s *selections) look() {
	b, m := s.head(), s.graph()
	if m == nil {
		return
	}
	set := drawnFrom{from: m.Block.Number, to: m.Block.Number}
	for _, n := range fleet.Available(m, s.cfg.VpermitLimit, "") {
		set.uids = append(set.uids, n.UID)
	}
	if n, ok := m.ByHotkey(s.self); ok {
		set.self, set.in = n.UID, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent[b.Number%recentBlocks] = b
	if n := len(s.sets); n > 0 {
		switch last := &s.sets[n-1]; {
		case set.from <= last.to:
			return
		case last.self == set.self && last.in == set.in && slices.Equal(last.uids, set.uids):
			last.to = set.to
			return
		}
	}
	if s.sets = append(s.sets, set); len(s.sets) > maxSets {
		s.sets = slices.Delete(s.sets, 0, len(s.sets)-maxSets)
	}
}

// Due says whether a question was this miner's to be asked: nil, or why it was not.
// The same question again is. What cannot be told is believed, but of each asker
// once an hour.
func (s *selections) Due(ctx context.Context, q receipt.Question) error {
	at, digest := putAt{q.Asker, q.Epoch}, q.Digest()
	if same, known := s.put(at, digest); known {
		return same
	}
	hash, found := s.hash(ctx, q.Epoch)
	if found && hash != q.Block {
		return errOtherBlock
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	due, known := false, false
	if found && q.Epoch+knownBlocks > s.head().Number {
		due, known = s.drawn(q)
	}
	switch old, again := s.asked[at]; {
	case again && old != digest: // in the meantime
		return errSecond
	case known && !due:
		return errNotDue
	case !due && !s.believe(q.Asker):
		return errOften
	case !again:
		s.remember(at, digest)
	}
	return nil
}

// remember keeps a question, for the oldest if they are too many. s.mu is held.
func (s *selections) remember(at putAt, digest [32]byte) {
	if len(s.order) >= maxAsked {
		delete(s.asked, s.order[0])
		s.order = s.order[1:]
	}
	s.asked[at], s.order = digest, append(s.order, at)
}

// believe says whether an asker may be believed now, and notes that it was. Those
// that it has no room to note are not. s.mu is held.
func (s *selections) believe(asker wallet.Address) bool {
	now := s.now()
	if at, ok := s.believed[asker]; ok && now.Sub(at) < believeEvery {
		return false
	}
	maps.DeleteFunc(s.believed, func(_ wallet.Address, at time.Time) bool { return now.Sub(at) >= believeEvery })
	if len(s.believed) >= maxBelieved {
		return false
	}
	s.believed[asker] = now
	return true
}

// put says whether the asker has put a question at a block, and if so whether this
// is the same.
func (s *selections) put(at putAt, digest [32]byte) (same error, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.asked[at]
	if known && old != digest {
		return errSecond, true
	}
	return nil, known
}

// hash is that of a block, for which it waits if it is about to come; false when
// that is not known.
func (s *selections) hash(ctx context.Context, number uint64) (hash chain.Hash, found bool) {
	ctx, cancel := context.WithTimeout(ctx, blockPatience)
	defer cancel()
	if number > s.head().Number && s.wait(ctx, number) != nil {
		return hash, false
	}
	s.look()
	s.mu.Lock()
	b := s.recent[number%recentBlocks]
	s.mu.Unlock()
	if b.Number != number {
		var err error
		if b, err = s.blockAt(ctx, number); err != nil {
			return hash, false
		}
	}
	return b.Hash, true
}

// drawn says whether a block draws this miner from any that could be drawn from
// then on, as far as newerBlocks later; known is false when it does not, and
// they are not all known. s.mu is held.
func (s *selections) drawn(q receipt.Question) (due, known bool) {
	missed, until := false, q.Epoch+newerBlocks
	for i, set := range s.sets {
		if i > 0 && set.from > q.Epoch && s.sets[i-1].to < until && set.from > s.sets[i-1].to+1 {
			missed = true // what came between the two
		}
		if set.to < q.Epoch || set.from > until {
			continue
		}
		known = known || set.from <= q.Epoch
		if s.draws(set, q) {
			return true, true
		}
	}
	return false, known && !missed
}

// draws says whether a block draws this miner from a set, without the asker or,
// should it not have been in it then, with it.
func (s *selections) draws(set drawnFrom, q receipt.Question) bool {
	if !set.in {
		return false
	}
	var all, others []chain.Neuron
	asker, _ := s.graph().ByHotkey(q.Asker)
	for _, uid := range set.uids {
		n := chain.Neuron{UID: uid}
		if all = append(all, n); uid != asker.UID || asker.Hotkey == "" {
			others = append(others, n)
		}
	}
	me := func(n chain.Neuron) bool { return n.UID == set.self }
	return slices.ContainsFunc(fleet.Draw(q.Block, others, s.cfg.Sample), me) ||
		len(all) > len(others) && slices.ContainsFunc(fleet.Draw(q.Block, all, s.cfg.Sample), me)
}
