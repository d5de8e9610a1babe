package substratetest

import "github.com/filetao/filetao/chain"

// Pretend tells everybody of a block of that number on the head, which no such
// block can be on; the chain goes on without it. A thorough liar also has a
// block for the number before it, and both by their numbers: it tells of the
// same one again.
func (n *Node) Pretend(number uint64, thorough bool) chain.Block {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	hash, told := n.at(number)
	b := n.blocks[hash]
	if !told {
		parent := n.blocks[n.head]
		if thorough {
			parent = n.invent(number-1, parent)
			n.numbers[number-1] = parent.hash
		}
		if b = n.invent(number, parent); thorough {
			n.numbers[number] = b.hash
		}
	}
	n.tellHead("chain_newHead", b)
	n.tellHead("chain_finalizedHead", b)
	return b.name()
}

func (n *Node) invent(number uint64, parent *block) *block {
	n.slot++
	b := &block{number: number, parent: parent.hash, state: parent.state, next: parent.next}
	if err := b.seal(n.cfg.Style, n.slot); err != nil {
		n.t.Errorf("substratetest: %v", err)
	}
	n.blocks[b.hash] = b
	return b
}

// Anew begins the chain anew from its genesis, which stays the same, and breaks
// all connections, as a node does whose database was deleted.
func (n *Node) Anew() {
	n.mu.Lock()
	zero := n.blocks[n.genesis]
	n.blocks, n.numbers = map[chain.Hash]*block{n.genesis: zero}, map[uint64]chain.Hash{0: n.genesis}
	n.head, n.final, n.pool = n.genesis, 0, nil
	n.mu.Unlock()
	n.DropAll()
}

// Forget throws away the transactions that wait, as a node's end does.
func (n *Node) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pool = nil
}
