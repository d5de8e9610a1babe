package substrate

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// node answers over a real WebSocket from a recording.
type node struct {
	t   testing.TB
	rec *recording
	url string
	// before sees every request first; true means that it has dealt with it.
	before func(p *peer, q query) bool

	mu      sync.Mutex // guards all below
	blocks  map[chain.Hash]*testBlock
	numbers map[uint64]chain.Hash
	head    chain.Hash
	peers   []*peer
	asked   map[string]int // requests by method
	missed  []string       // storage keys that were not recorded
}

type testBlock struct {
	rec        *recording
	header     json.RawMessage
	hash       chain.Hash
	number     uint64
	extrinsics []hexBytes
	storage    map[string]*hexBytes // by hex digits
	old        *recording           // of the runtime that made it, if that is another
}

// query is a request as it came.
type query struct {
	ID     json.RawMessage
	Method string
	Params []json.RawMessage
}

// peer is one connection to the node.
type peer struct {
	node *node
	conn *websocket.Conn
	ctx  context.Context
	subs []string // that follow heads
}

// newNode serves a recording with its last block as head.
func newNode(t testing.TB, rec *recording) *node {
	n := &node{t: t, rec: rec, blocks: map[chain.Hash]*testBlock{}, numbers: map[uint64]chain.Hash{0: rec.genesis}, asked: map[string]int{}}
	n.add(rec)
	srv := httptest.NewServer(http.HandlerFunc(n.serve))
	t.Cleanup(srv.Close)
	n.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	return n
}

// add makes the blocks of a recording known; the last one is the head.
func (n *node) add(rec *recording) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := hex.EncodeToString(rec.eventsKey())
	for _, b := range rec.blocks {
		block := &testBlock{rec: rec, header: b.Header, hash: b.Hash, number: b.Number, extrinsics: b.Extrinsics, storage: map[string]*hexBytes{key: &b.EventsRaw}}
		if b.Hash == rec.storage.Hash {
			for _, e := range rec.storage.Entries {
				block.storage[hex.EncodeToString(e.Key)] = e.Value
			}
		}
		n.blocks[b.Hash], n.numbers[b.Number] = block, b.Hash
	}
	n.head = rec.storage.Hash
}

func (r *recording) eventsKey() []byte {
	entry, err := r.types.Storage("System", "Events")
	if err != nil {
		panic(err)
	}
	key, err := entry.Key()
	if err != nil {
		panic(err)
	}
	return key
}

// grow adds a block of no consequence on the head and tells everybody.
func (n *node) grow() *testBlock {
	n.mu.Lock()
	parent := n.blocks[n.head]
	n.mu.Unlock()
	h := header{Parent: parent.hash, Number: hexNumber(parent.number + 1)}
	text := fmt.Appendf(nil, `{"parentHash":%q,"number":"%#x","stateRoot":%q,"extrinsicsRoot":%q,"digest":{"logs":[]}}`,
		h.Parent, uint64(h.Number), h.State, h.Extrinsic)
	b := &testBlock{rec: parent.rec, header: text, hash: h.hash(), number: uint64(h.Number), storage: parent.storage}
	n.mu.Lock()
	n.blocks[b.hash], n.numbers[b.number] = b, b.hash
	n.mu.Unlock()
	n.setHead(b.hash)
	return b
}

func (n *node) setHead(hash chain.Hash) {
	n.mu.Lock()
	n.head = hash
	text := n.blocks[hash].header
	peers := slices.Clone(n.peers)
	n.mu.Unlock()
	for _, p := range peers {
		for _, id := range p.subs {
			p.notify("chain_newHead", id, text)
		}
	}
}

// drop breaks all connections.
func (n *node) drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.peers {
		_ = p.conn.CloseNow()
	}
	n.peers = nil
}

func (n *node) count(method string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[method]
}

func (n *node) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(8 << 20)
	p := &peer{node: n, conn: conn, ctx: r.Context()}
	for {
		_, text, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		var q query
		if err := json.Unmarshal(text, &q); err != nil {
			n.t.Errorf("a request %.200s: %v", text, err)
			return
		}
		n.mu.Lock()
		n.asked[q.Method]++
		n.mu.Unlock()
		n.mu.Lock()
		before := n.before
		n.mu.Unlock()
		if before != nil && before(p, q) {
			continue
		}
		p.respond(q)
	}
}

func (p *peer) send(text string) { _ = p.conn.Write(p.ctx, websocket.MessageText, []byte(text)) }

func (p *peer) notify(method, id string, result json.RawMessage) {
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":{"result":%s,"subscription":%q}}`, method, result, id))
}

func (p *peer) respond(q query) {
	if strings.HasSuffix(q.Method, "subscribeNewHeads") || strings.HasSuffix(q.Method, "subscribeFinalizedHeads") {
		p.subscribe(q)
		return
	}
	result, refused := p.node.answer(q)
	text, err := json.Marshal(result)
	if err != nil {
		p.node.t.Error(err)
	}
	if refused != nil {
		text, _ = json.Marshal(refused)
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","error":%s,"id":%s}`, text, q.ID))
		return
	}
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","result":%s,"id":%s}`, text, q.ID))
}

func (p *peer) subscribe(q query) {
	n := p.node
	if strings.HasPrefix(q.Method, "chain_un") {
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","result":true,"id":%s}`, q.ID))
		return
	}
	n.mu.Lock()
	text := n.blocks[n.head].header
	p.subs = append(p.subs, "heads")
	n.peers = append(n.peers, p)
	n.mu.Unlock()
	p.notify("chain_newHead", "heads", text) // before the answer: that is allowed
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","result":"heads","id":%s}`, q.ID))
}

// param reads a parameter, which stays as it is when there is none.
func (q query) param(i int, into any) {
	if i < len(q.Params) {
		_ = json.Unmarshal(q.Params[i], into)
	}
}

func (n *node) answer(q query) (any, *rpcError) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.head
	block := func(i int) *testBlock {
		q.param(i, &at)
		return n.blocks[at]
	}
	switch q.Method {
	case "system_health":
		return map[string]bool{"isSyncing": false}, nil
	case "chain_getBlockHash":
		number := uint64(0)
		q.param(0, &number)
		if hash, known := n.numbers[number]; known {
			return hash, nil
		}
		return nil, nil
	case "chain_getFinalizedHead":
		return n.head, nil
	case "chain_getHeader":
		if b := block(0); b != nil {
			return b.header, nil
		}
		return nil, nil
	case "chain_getBlock":
		if b := block(0); b != nil {
			return map[string]any{"block": map[string]any{"header": b.header, "extrinsics": b.extrinsics}}, nil
		}
		return nil, nil
	case "state_getRuntimeVersion":
		return n.runtime(block(0), at).version, nil
	case "state_getMetadata":
		return n.runtime(block(0), at).metadata14, nil
	case "state_call":
		block(2)
		return n.call(q, at)
	}
	return n.state(q, block)
}

// runtime is that in the state after a block, which may be one before those
// recorded.
func (n *node) runtime(b *testBlock, hash chain.Hash) *recording {
	if b != nil {
		return b.rec
	}
	for _, b := range n.blocks {
		var h header
		if json.Unmarshal(b.header, &h) == nil && h.Parent == hash && b.old != nil {
			return b.old
		} else if h.Parent == hash {
			return b.rec
		}
	}
	return n.rec
}

func (n *node) call(q query, at chain.Hash) (any, *rpcError) {
	var function string
	q.param(0, &function)
	rec := n.runtime(n.blocks[at], at)
	if function == "Metadata_metadata_at_version" {
		if rec.metadata15 == nil {
			return hexBytes{0}, nil
		}
		wrapped := scale.AppendCompact([]byte{1}, uint64(len(rec.metadata15)))
		return hexBytes(append(wrapped, rec.metadata15...)), nil
	}
	for _, c := range rec.calls {
		if c.Method == function && string(c.Params[1]) == string(q.Params[1]) {
			if c.Error != nil {
				return nil, c.Error
			}
			return c.Result, nil
		}
	}
	n.t.Errorf("%s of %s was not recorded", function, q.Params[1])
	return nil, &rpcError{Code: -32603, Message: "not recorded"}
}

func (n *node) state(q query, block func(int) *testBlock) (any, *rpcError) {
	value := func(b *testBlock, key string) any {
		v, known := b.storage[strings.TrimPrefix(key, "0x")]
		if !known {
			n.missed = append(n.missed, key)
		}
		if v == nil {
			return nil
		}
		return *v
	}
	switch q.Method {
	case "state_getStorage":
		var key string
		q.param(0, &key)
		if b := block(1); b != nil {
			return value(b, key), nil
		}
	case "state_queryStorageAt":
		var keys []string
		q.param(0, &keys)
		if b := block(1); b != nil {
			changes := make([][2]any, len(keys))
			for i, key := range keys {
				changes[i] = [2]any{key, value(b, key)}
			}
			return []any{map[string]any{"block": b.hash, "changes": changes}}, nil
		}
	case "state_getKeysPaged":
		var prefix, after string
		limit := 0
		q.param(0, &prefix)
		q.param(1, &limit)
		q.param(2, &after)
		if b := block(3); b != nil {
			return b.keys(prefix, after, limit), nil
		}
	default:
		return nil, &rpcError{Code: codeNoMethod, Message: "Method not found: " + q.Method}
	}
	return nil, &rpcError{Code: 4003, Message: "Unknown block"}
}

func (b *testBlock) keys(prefix, after string, limit int) []string {
	keys := []string{}
	for key, value := range b.storage {
		if key = "0x" + key; value != nil && strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys[:min(limit, len(keys))]
}
