package substrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
)

// notes keeps what was logged.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *notes) count(text string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(n.text.String(), text)
}

// logged has a client write into notes.
func (c *Client) logged() *notes {
	n := new(notes)
	c.log = slog.New(slog.NewTextHandler(n, nil))
	c.library.log = c.log
	return n
}

// A node's metadata is for what it says itself: 185 has the fields of axons in
// another order, so that those of 300 would be read wrongly without an error.
func TestFalseMetadata(t *testing.T) {
	r, old := loadRecording(t, "spec300"), loadRecording(t, "spec185")
	liar, good := newNode(t, r), newNode(t, r)
	liar.before = func(p *peer, q query) bool {
		var function string
		q.param(0, &function)
		var says hexBytes
		switch {
		case q.Method == "state_getMetadata":
			says = old.metadata14
		case function == "Metadata_metadata_at_version":
			says = hexBytes{0}
		default:
			return false
		}
		text, _ := json.Marshal(says)
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, text))
		return true
	}
	want, err := connect(t, Config{}, good).Metagraph(t.Context(), r.net)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Endpoints: []string{liar.url, good.url}, MinBackoff: 1, MaxBackoff: 1}
	c, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	log := c.logged()
	run(t, c)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	liar.mu.Lock()
	lie := liar.before
	liar.before = func(p *peer, q query) bool {
		if q.Method == "chain_getBlockHash" { // it does not come back
			_ = p.conn.CloseNow()
			return true
		}
		return lie(p, q)
	}
	liar.mu.Unlock()
	liar.drop()
	await(t, "the good node", func() bool { return good.count("chain_subscribeNewHeads") > 1 })
	got, err := c.Metagraph(t.Context(), r.net)
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, want)
	}
	if log.count("nodes describe a runtime differently") == 0 {
		t.Error("nobody was warned")
	}
}

// Metadata that a node's own answers do not fit is asked for again.
func TestDoubtfulMetadata(t *testing.T) {
	n := living(t, substratetest.Config{})
	n.Fail(substratetest.Fault{Kind: substratetest.Say, Method: "state_call", Data: "0x00", Times: 1}) // metadata 14 only
	c := client(t, n, nil)
	if _, err := c.Metagraph(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	n.Fail(substratetest.Fault{Kind: substratetest.LongLength, Method: "state_queryStorageAt", Times: 1})
	if _, err := c.Hyperparameters(t.Context(), 1); !errors.Is(err, chain.ErrUnavailable) {
		t.Fatal(err)
	}
	before := n.Asked("state_call")
	if _, err := c.Hyperparameters(t.Context(), 1); err != nil || n.Asked("state_call") == before {
		t.Errorf("%v, the metadata was not asked for again", err)
	}
}

func TestTheNameOfARuntimeIsBounded(t *testing.T) {
	n := living(t, substratetest.Config{})
	n.Fail(substratetest.Fault{Kind: substratetest.Say, Method: "state_getRuntimeVersion",
		Data: map[string]any{"specName": strings.Repeat("a", maxSpecName+1), "specVersion": 300, "transactionVersion": 1}})
	_, err := Dial(t.Context(), Config{Endpoints: []string{n.URL()}}, Deps{})
	if !errors.Is(err, errProtocol) {
		t.Error(err)
	}
}
