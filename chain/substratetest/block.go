package substratetest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// block is one block and, while it is kept, the state after it.
type block struct {
	number     uint64
	hash       chain.Hash
	parent     chain.Hash
	header     json.RawMessage
	extrinsics []hexBytes
	// state is nil once it is thrown away. Its runtime made the block.
	state *state
	// next is the runtime in the state: it makes the next block and answers
	// state_call.
	next *runtime
	// recorded: state_call answers from the recording.
	recorded bool
	sent     []*pooled // transactions, in order
}

// seal makes a block's header and hash. The slot makes every block another one,
// also two of the same height.
func (b *block) seal(style Style, slot uint64) error {
	type digest struct {
		Logs []hexBytes `json:"logs"`
	}
	var root [32]byte // not a trie's, but it depends on the transactions
	for _, x := range b.extrinsics {
		root = blake2b.Sum256(append(root[:], x...))
	}
	log := append([]byte{6, 'a', 'u', 'r', 'a', 32}, binary.LittleEndian.AppendUint64(nil, slot)...)
	var logs digest
	logs.Logs = []hexBytes{log}
	number := fmt.Sprintf("%#x", b.number)
	if style == Chopsticks {
		number = fmt.Sprintf("0x%08x", b.number)
	}
	text, err := json.Marshal(struct {
		Parent     chain.Hash `json:"parentHash"`
		Number     string     `json:"number"`
		State      chain.Hash `json:"stateRoot"`
		Extrinsics chain.Hash `json:"extrinsicsRoot"`
		Digest     digest     `json:"digest"`
	}{b.parent, number, chain.Hash{}, root, logs})
	if err != nil {
		return err
	}
	raw := scale.AppendCompact(append([]byte(nil), b.parent[:]...), b.number)
	raw = append(raw, make([]byte, 32)...)
	raw = append(raw, root[:]...)
	raw = scale.AppendCompact(raw, 1)
	raw = append(raw, log...)
	b.header, b.hash = text, blake2b.Sum256(raw)
	return nil
}
