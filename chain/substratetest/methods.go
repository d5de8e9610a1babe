package substratetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// maxPage is how many keys one page may have.
const maxPage = 1000

// result is what a request is answered with, and what is to be done after that.
func (n *Node) result(s *socket, q query) (result any, after func(), refused *rpcError) {
	switch q.Method {
	case "chain_subscribeNewHeads", "chain_subscribeNewHead":
		sub := n.subscribe(s, "chain_newHead")
		return sub.id, func() { n.notify(sub, n.blocks[n.head].header) }, nil
	case "chain_subscribeFinalizedHeads":
		sub := n.subscribe(s, "chain_finalizedHead")
		hash, _ := n.at(n.final)
		return sub.id, func() { n.notify(sub, n.blocks[hash].header) }, nil
	case "state_subscribeRuntimeVersion":
		sub := n.subscribe(s, "state_runtimeVersion")
		return sub.id, func() { n.notify(sub, n.blocks[n.head].next.rec.version) }, nil
	case "state_subscribeStorage":
		sub := n.subscribe(s, "state_storage")
		refused = q.param(0, &sub.keys)
		return sub.id, func() { n.notify(sub, n.blocks[n.head].changes(sub.keys)) }, refused
	case "state_unsubscribeRuntimeVersion", "state_unsubscribeStorage", "chain_unsubscribeNewHeads", "chain_unsubscribeNewHead",
		"chain_unsubscribeFinalizedHeads", "author_unwatchExtrinsic":
		var id string
		if refused = q.param(0, &id); refused != nil {
			return nil, nil, refused
		}
		_, known := s.subs[id]
		delete(s.subs, id)
		return known, nil, nil
	case "author_submitExtrinsic", "author_submitAndWatchExtrinsic":
		return n.author(s, q)
	}
	result, refused = n.chainResult(q)
	return result, nil, refused
}

// author takes a transaction.
func (n *Node) author(s *socket, q query) (any, func(), *rpcError) {
	var raw hexBytes
	if refused := q.param(0, &raw); refused != nil {
		return nil, nil, refused
	}
	p, err := n.submit(raw)
	if err != nil {
		return nil, nil, n.cfg.Style.refusal(err)
	}
	waits := p.params.Nonce > n.blocks[n.head].state.nonce(p.account) && n.nextIndex(p.account) <= p.params.Nonce
	after := func() {
		if waits {
			n.tell(p, "future", nil)
			return
		}
		n.ready(p)
		if n.cfg.Instant {
			n.step(true)
		}
	}
	if q.Method == "author_submitExtrinsic" {
		return p.hash, after, nil
	}
	sub := n.subscribe(s, "author_extrinsicUpdate")
	p.watch = append(p.watch, sub)
	return sub.id, after, nil
}

// block finds the block that a parameter names; the head without one.
func (n *Node) block(q query, i int) (*block, *rpcError) {
	hash := n.head
	if refused := q.param(i, &hash); refused != nil {
		return nil, refused
	}
	b := n.blocks[hash]
	if b == nil {
		return nil, &rpcError{Code: 4003, Message: "Client error: UnknownBlock: Header was not found in the database: " + hash.String()}
	}
	return b, nil
}

// kept is block where the state is still there.
func (n *Node) kept(q query, i int) (*block, *rpcError) {
	b, refused := n.block(q, i)
	if refused == nil && b.state == nil {
		return nil, &rpcError{Code: 4003, Message: "Client error: UnknownBlock: State already discarded for " + b.hash.String()}
	}
	return b, refused
}

func (n *Node) chainResult(q query) (any, *rpcError) {
	switch q.Method {
	case "chain_getBlockHash":
		return n.hashOf(q)
	case "chain_getFinalizedHead":
		hash, _ := n.at(n.final)
		return hash, nil
	case "chain_getHeader", "chain_getBlock":
		b, refused := n.block(q, 0)
		switch {
		case refused != nil && refused.Code == 4003, refused == nil && b.header == nil:
			return nil, nil
		case refused != nil:
			return nil, refused
		case q.Method == "chain_getHeader":
			return b.header, nil
		}
		extrinsics := append([]hexBytes{}, b.extrinsics...)
		return map[string]any{"block": map[string]any{"header": b.header, "extrinsics": extrinsics}, "justifications": nil}, nil
	case "author_pendingExtrinsics":
		list := make([]hexBytes, len(n.pool))
		for i, p := range n.pool {
			list[i] = p.raw
		}
		return list, nil
	case "system_accountNextIndex":
		var address wallet.Address
		if refused := q.param(0, &address); refused != nil {
			return nil, refused
		}
		key, err := address.PublicKey()
		if err != nil {
			return nil, badParams(err)
		}
		return n.nextIndex(key), nil
	}
	if strings.HasPrefix(q.Method, "state_") {
		return n.stateResult(q)
	}
	if fixed, known := n.blocks[n.head].next.rec.answers[q.Method]; known {
		return fixed, nil
	}
	return nil, &rpcError{Code: -32601, Message: "Method not found: " + q.Method}
}

// hashOf answers chain_getBlockHash: of one number, of a list, or of the head.
func (n *Node) hashOf(q query) (any, *rpcError) {
	if len(q.Params) == 0 || string(q.Params[0]) == "null" {
		return n.head, nil
	}
	var list []json.RawMessage
	one := json.Unmarshal(q.Params[0], &list) != nil
	if one {
		list = q.Params[:1]
	}
	out := make([]*chain.Hash, len(list))
	for i, text := range list {
		number, err := blockNumber(text)
		if err != nil {
			return nil, badParams(err)
		}
		if hash, known := n.at(number); known {
			out[i] = &hash
		}
	}
	if one {
		return out[0], nil
	}
	return out, nil
}

// blockNumber reads a number that is one, or hex digits.
func blockNumber(text json.RawMessage) (number uint64, err error) {
	var digits string
	if json.Unmarshal(text, &digits) == nil {
		_, err = fmt.Sscanf(digits, "0x%x", &number)
		return number, err
	}
	return number, json.Unmarshal(text, &number)
}

// stateResult answers the methods of the state.
func (n *Node) stateResult(q query) (any, *rpcError) {
	switch q.Method {
	case "state_getRuntimeVersion", "state_getMetadata":
		b, refused := n.kept(q, 0)
		switch {
		case refused != nil:
			return nil, refused
		case q.Method == "state_getMetadata":
			return b.next.rec.metadata, nil
		}
		return b.next.rec.version, nil
	case "state_call":
		return n.call(q)
	case "state_getStorage", "state_getStorageAt":
		var key hexBytes
		if refused := q.param(0, &key); refused != nil {
			return nil, refused
		}
		b, refused := n.kept(q, 1)
		if refused != nil {
			return nil, refused
		}
		return b.value(key), nil
	case "state_queryStorageAt":
		return n.queryStorage(q)
	case "state_getKeysPaged":
		return n.page(q)
	}
	return nil, &rpcError{Code: -32601, Message: "Method not found: " + q.Method}
}

// value is what is stored under a key; nil becomes null.
func (b *block) value(key hexBytes) any {
	if raw, stored := b.state.values[string(key)]; stored {
		return hexBytes(raw)
	}
	return nil
}

func (n *Node) queryStorage(q query) (any, *rpcError) {
	var keys []hexBytes
	if refused := q.param(0, &keys); refused != nil {
		return nil, refused
	}
	b, refused := n.kept(q, 1)
	if refused != nil {
		return nil, refused
	}
	return []any{b.changes(keys)}, nil
}

// changes are the values under keys, as the answers and notifications have them.
func (b *block) changes(keys []hexBytes) any {
	changes := make([][2]any, len(keys))
	for i, key := range keys {
		changes[i] = [2]any{key, b.value(key)}
	}
	return map[string]any{"block": b.hash, "changes": changes}
}

func (n *Node) page(q query) (any, *rpcError) {
	var prefix, after hexBytes
	count := 0
	for i, into := range []any{&prefix, &count, &after} {
		if refused := q.param(i, into); refused != nil {
			return nil, refused
		}
	}
	if count > maxPage || count < 0 {
		return nil, &rpcError{Code: 4002, Message: fmt.Sprintf("count exceeds maximum value. value: %d, max: %d", count, maxPage)}
	}
	b, refused := n.kept(q, 3)
	if refused != nil {
		return nil, refused
	}
	keys := []hexBytes{}
	for _, key := range b.state.under(string(prefix), string(after), count) {
		keys = append(keys, hexBytes(key))
	}
	return keys, nil
}

// call answers state_call: as recorded at a recorded block, else from storage.
func (n *Node) call(q query) (any, *rpcError) {
	var function string
	var input hexBytes
	if refused := q.param(0, &function); refused != nil {
		return nil, refused
	}
	if refused := q.param(1, &input); refused != nil {
		return nil, refused
	}
	b, refused := n.kept(q, 2)
	if refused != nil {
		return nil, refused
	}
	if b.recorded {
		for _, c := range b.next.rec.calls {
			if c.Method == function && slices.EqualFunc(c.Params[1:2], q.Params[1:2], func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
				if c.Error != nil {
					return nil, c.Error
				}
				return c.Result, nil
			}
		}
	}
	if function == "Metadata_metadata_at_version" {
		return b.next.metadataAt(input), nil
	}
	answer, err := b.api(function, input)
	if err != nil {
		return nil, &rpcError{Code: 4003, Message: "Client error: Execution failed: " + err.Error()}
	}
	return hexBytes(answer), nil
}

// metadataAt is Option<Vec<u8>>.
func (rt *runtime) metadataAt(input hexBytes) hexBytes {
	raw := rt.rec.metadata
	switch {
	case string(input) == "\x0f\x00\x00\x00" && rt.rec.metadata15 != nil:
		raw = rt.rec.metadata15
	case string(input) != "\x0e\x00\x00\x00":
		return hexBytes{0}
	}
	return append(scale.AppendCompact([]byte{1}, uint64(len(raw))), raw...)
}
