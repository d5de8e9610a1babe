package substratetest

import (
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// Step makes the next block with all transactions that wait, and tells
// everybody.
func (n *Node) Step() chain.Block {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.step(true).name()
}

// Steps makes that many blocks.
func (n *Node) Steps(count int) {
	for range count {
		n.Step()
	}
}

// Reorg throws the newest blocks away, depth of them but none that is final,
// and makes others on what is left, count of them (Config.FinalityLag says how
// deep that can be); only the last of these takes
// transactions. Those of the lost blocks wait again.
func (n *Node) Reorg(depth, count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var back []*pooled
	for range depth {
		b := n.blocks[n.head]
		if b.number <= n.final {
			break
		}
		for _, p := range b.sent {
			p.ready = false
			n.submitted[p.entry].Block = 0
			n.tell(p, "retracted", b.hash.String())
		}
		back = append(append([]*pooled{}, b.sent...), back...)
		delete(n.numbers, b.number)
		n.head = b.parent
	}
	n.pool = append(back, n.pool...)
	for i := range count {
		n.step(i == count-1)
	}
}

// Upgrade makes the next block one that replaces the runtime, by 185, 218 or
// 300: its own state is still the old one's, the block after it moves storage
// over.
func (n *Node) Upgrade(spec uint32) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.upgrade = n.load(spec)
}

// step makes a block on the head.
func (n *Node) step(take bool) *block {
	parent := n.blocks[n.head]
	n.slot++
	x := &execution{state: parent.state.as(parent.next).clone(), number: parent.number + 1, phase: scale.Initialization}
	b := &block{number: x.number, parent: parent.hash, state: x.state, next: parent.next}
	x.set("System", "Number", scale.Uint(x.number))
	x.set("System", "ParentHash", hashValue(parent.hash))
	x.begin()
	n.fill(b, parent, x, take)
	if n.upgrade != nil {
		x.phase = scale.Phase(0)
		b.next, n.upgrade = n.upgrade, nil
		x.emit("System", "CodeUpdated")
	}
	n.finish(b, x)
	return b
}

// fill puts the time and the transactions that wait into a block.
func (n *Node) fill(b, parent *block, x *execution, take bool) {
	now := n.cfg.Now()
	if before := parent.name().Time; !now.After(before) {
		now = before.Add(1_000_000) // a millisecond
	}
	x.phase = 0
	first, err := x.inherent(uint64(now.UnixMilli()))
	if err != nil {
		n.t.Errorf("substratetest: %v", err)
	}
	b.extrinsics = append(b.extrinsics, first)
	if !take {
		return
	}
	// One of a number too high waits, one whose turn has come may free it.
	for again := true; again; {
		again = false
		for _, p := range slices.Clone(n.pool) {
			if x.nonce(p.account) < p.params.Nonce {
				continue
			}
			n.pool = slices.DeleteFunc(n.pool, func(q *pooled) bool { return q == p })
			if err := n.valid(parent, p, true); err != nil || x.nonce(p.account) != p.params.Nonce {
				n.tell(p, "invalid", nil)
				continue
			}
			again = true
			x.phase = scale.Phase(len(b.extrinsics))
			n.submitted[p.entry].Failure = x.apply(p)
			n.submitted[p.entry].Index = len(b.extrinsics)
			b.extrinsics = append(b.extrinsics, p.raw)
			b.sent = append(b.sent, p)
		}
	}
}

// finish seals a block, makes it the head and tells everybody.
func (n *Node) finish(b *block, x *execution) {
	raw, err := x.rt.types.EncodeEvents(x.events)
	x.fail(err)
	_, key := x.entry("System", "Events", nil)
	x.values[key] = raw
	if err := b.seal(n.cfg.Style, n.slot); err != nil {
		x.fail(err)
	}
	if x.err != nil {
		n.t.Errorf("substratetest: block %d: %v", b.number, x.err)
	}
	n.blocks[b.hash], n.numbers[b.number], n.head = b, b.hash, b.hash
	if b.number > n.cfg.StateKept {
		if hash, known := n.at(b.number - n.cfg.StateKept); known {
			n.blocks[hash].state = nil
		}
	}
	n.tellHead("chain_newHead", b)
	n.tellState(b, n.blocks[b.parent])
	for _, p := range b.sent {
		n.submitted[p.entry].Block = b.number
		n.ready(p)
		n.tell(p, "inBlock", b.hash.String())
	}
	n.finalize(b.number)
}

// finalize makes blocks final up to the lag.
func (n *Node) finalize(head uint64) {
	for n.final+n.cfg.FinalityLag < head {
		n.final++
		hash, known := n.at(n.final)
		if !known {
			continue
		}
		b := n.blocks[hash]
		n.tellHead("chain_finalizedHead", b)
		for _, p := range b.sent {
			n.tell(p, "finalized", b.hash.String())
			p.watch = nil
		}
	}
}
