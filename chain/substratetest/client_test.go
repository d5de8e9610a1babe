package substratetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eachRuntime runs a test with each recorded runtime.
func eachRuntime(t *testing.T, test func(t *testing.T, spec uint32)) {
	for _, spec := range []uint32{185, 218, 300} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) { test(t, spec) })
	}
}

// caller is the least of a client.
type caller struct {
	t     *testing.T
	n     *Node
	ws    *websocket.Conn
	last  int
	notes []note
}

type note struct {
	Method string
	Params struct {
		Subscription string
		Result       json.RawMessage
	}
}

func dial(t *testing.T, n *Node) *caller {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), n.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(16 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &caller{t: t, n: n, ws: ws}
}

// try makes a request; notifications that come before the answer are kept.
func (c *caller) try(into any, method string, params ...any) error {
	c.t.Helper()
	if params == nil {
		params = []any{}
	}
	c.last++
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.last, "method": method, "params": params})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, text); err != nil {
		return err
	}
	for {
		var m struct {
			note
			ID     int
			Result json.RawMessage
			Error  *rpcError
		}
		_, text, err := c.ws.Read(c.t.Context())
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		switch {
		case m.Method != "":
			c.notes = append(c.notes, m.note)
			continue
		case m.ID != c.last:
			return fmt.Errorf("answer to %d, asked was %d", m.ID, c.last)
		case m.Error != nil:
			return m.Error
		case into == nil:
			return nil
		}
		return json.Unmarshal(m.Result, into)
	}
}

func (c *caller) call(into any, method string, params ...any) {
	c.t.Helper()
	if err := c.try(into, method, params...); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// next is the next notification.
func (c *caller) next() note {
	c.t.Helper()
	if len(c.notes) == 0 {
		_, text, err := c.ws.Read(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		var n note
		if err := json.Unmarshal(text, &n); err != nil || n.Method == "" {
			c.t.Fatalf("want a notification, got %s: %v", text, err)
		}
		c.notes = append(c.notes, n)
	}
	n := c.notes[0]
	c.notes = c.notes[1:]
	return n
}

// transaction signs a call, with what change does to it before.
func (n *Node) transaction(t *testing.T, key *wallet.Keypair, call []byte, change func(*scale.TxParams)) hexBytes {
	t.Helper()
	n.mu.Lock()
	rt := n.blocks[n.head].next
	p := scale.TxParams{
		Nonce: n.nextIndex(key.PublicKey()), SpecVersion: rt.spec, TransactionVersion: rt.tx, Genesis: n.genesis, Checkpoint: n.genesis,
	}
	n.mu.Unlock()
	if change != nil {
		change(&p)
	}
	message, err := rt.types.SigningPayload(call, p)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := key.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := rt.types.SignedExtrinsic(call, key.PublicKey(), [64]byte(sig), p)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// do makes a transaction, a block of it, and returns its failure's name. The
// pool's refusals come as errors.
func (c *caller) do(key *wallet.Keypair, pallet, name string, args map[string]scale.Value) (failure string, err error) {
	c.t.Helper()
	call, err := c.n.Metadata().Call(pallet, name, args)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.try(nil, "author_submitExtrinsic", c.n.transaction(c.t, key, call, nil)); err != nil {
		var refused *rpcError
		if !errors.As(err, &refused) {
			c.t.Fatal(err)
		}
		return "", err
	}
	b := c.n.Step()
	list := c.n.Submitted()
	last := list[len(list)-1]
	if last.Block != b.Number {
		c.t.Fatalf("%s.%s is in block %d, not %d", pallet, name, last.Block, b.Number)
	}
	return last.Failure, nil
}

// must is do for what shall succeed.
func (c *caller) must(key *wallet.Keypair, pallet, name string, args map[string]scale.Value) {
	c.t.Helper()
	if failure, err := c.do(key, pallet, name, args); failure != "" || err != nil {
		c.t.Fatalf("%s.%s: %s %v", pallet, name, failure, err)
	}
}

// fails is do for what shall not: by its error's name, or refused by the pool
// with these words.
func (c *caller) fails(want string, key *wallet.Keypair, pallet, name string, args map[string]scale.Value) {
	c.t.Helper()
	failure, err := c.do(key, pallet, name, args)
	var refused *rpcError
	if errors.As(err, &refused) {
		failure = fmt.Sprint(refused.Data)
	}
	if failure != want {
		c.t.Errorf("%s.%s: %q %v, want %q", pallet, name, failure, err, want)
	}
}
