package substratetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/filetao/filetao/scale"
)

func TestFaults(t *testing.T) {
	const method = "state_getRuntimeVersion"
	for _, kind := range Faults() {
		t.Run(kind.String(), func(t *testing.T) {
			n := Start(t, Config{})
			c := dial(t, n)
			n.Fail(Fault{Kind: kind, Method: method, Skip: 1, Times: 1, Size: 1 << 16, Code: 7, Message: "no"})
			c.call(nil, method)
			c.call(nil, "system_chain") // another method's
			if kind == Stall {
				n.Steps(1)
				text := []byte(`{"jsonrpc":"2.0","id":9,"method":"` + method + `","params":[]}`)
				if err := c.ws.Write(t.Context(), websocket.MessageText, text); err != nil {
					t.Fatal(err)
				}
				c.call(nil, method) // the next one is answered
				return
			}
			var version json.RawMessage
			err := c.try(&version, method)
			if well := kind == LongLength || kind == Oversize; well != (err == nil) {
				t.Errorf("the answer is %s, %v", version, err)
			}
			if kind == Drop || kind == Truncate {
				c = dial(t, n)
			}
			c.call(nil, method)
		})
	}
}

func TestALengthThatIsNotThere(t *testing.T) {
	n := Start(t, Config{})
	n.Step()
	c, key := dial(t, n), hexBytes(n.eventsKey())
	n.Fail(Fault{Kind: LongLength})
	var value hexBytes
	c.call(&value, "state_getStorage", key)
	if string(value[:4]) != "\xfe\xff\xff\xff" {
		t.Errorf("the value is %x", []byte(value))
	}
	var sets []struct{ Changes [][2]hexBytes }
	c.call(&sets, "state_queryStorageAt", []hexBytes{key})
	if got := sets[0].Changes[0]; string(got[0]) != string(key) || string(got[1]) != string(value) {
		t.Errorf("the change is %x", got)
	}
	n.Heal()
	c.call(&value, "state_getStorage", key)
	if string(value[:4]) == "\xfe\xff\xff\xff" {
		t.Error("not healed")
	}
}

// A connection that breaks while it is told of blocks.
func TestDroppedSubscription(t *testing.T) {
	n := Start(t, Config{})
	c := dial(t, n)
	c.call(nil, "chain_subscribeNewHeads")
	n.Fail(Fault{Kind: Drop, Method: "chain_newHead", Skip: 2, Times: 1})
	n.Steps(4)
	for heard := 0; ; heard++ {
		if _, _, err := c.ws.Read(t.Context()); err != nil {
			if heard > 3 {
				t.Errorf("it broke after %d", heard)
			}
			return
		}
	}
}

// A block comes for each transaction.
func TestInstant(t *testing.T) {
	n := Start(t, Config{Instant: true})
	c, alice := dial(t, n), Key(t, "Alice")
	late := n.transaction(t, alice, remark(t, n, "late"), func(p *scale.TxParams) { p.Nonce++ })
	first := n.transaction(t, alice, remark(t, n, "first"), nil)
	c.call(nil, "author_submitExtrinsic", late)
	c.call(nil, "author_submitAndWatchExtrinsic", first)
	if got := c.statuses("inBlock"); len(got) != 3 || n.Head().Number != 1 || n.Submitted()[0].Block != 1 {
		t.Errorf("statuses %s, %+v", got, n.Submitted())
	}
}

// Blocks come by themselves when a test wants it so.
func TestTicks(t *testing.T) {
	ticks := make(chan time.Time)
	n := Start(t, Config{Ticks: ticks})
	c := dial(t, n)
	c.call(nil, "chain_subscribeNewHeads")
	c.next()
	for range 3 {
		ticks <- time.Time{}
		c.next()
	}
	if n.Head().Number != 3 || n.Asked("chain_subscribeNewHeads") != 1 {
		t.Errorf("the head is %+v", n.Head())
	}
}
