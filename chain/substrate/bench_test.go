package substrate

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

const many = 256

// key is account number i of a big subnet.
func bigKey(i int) scale.Value {
	b := make([]byte, 32)
	b[0], b[31] = byte(i), byte(i>>8)
	return scale.Bytes(b)
}

// enlarge puts a subnet of many neurons into the state of the newest block.
func (n *node) enlarge(net chain.NetUID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	storage, subnet := n.blocks[n.head].storage, scale.Uint(net)
	put := func(item string, v scale.Value, keys ...scale.Value) {
		entry, err := n.rec.types.Storage(pallet, item)
		if err != nil {
			n.t.Fatal(err)
		}
		key, err := entry.Key(keys...)
		if err != nil {
			n.t.Fatal(err)
		}
		raw, err := entry.Encode(v)
		if err != nil {
			n.t.Fatal(err)
		}
		storage[hex.EncodeToString(key)] = (*hexBytes)(&raw)
	}
	put("SubnetworkN", scale.Uint(uint16(many)), subnet)
	wide, flags := make([]scale.Value, many), make([]scale.Value, many)
	for i := range many {
		wide[i], flags[i] = scale.Uint(uint16(65000+i)), scale.Bool(i%2 == 0)
	}
	for _, item := range []string{"ValidatorTrust", "Trust", "Consensus", "Incentive", "Dividends", "Emission", "LastUpdate"} {
		put(item, scale.List(wide...), subnet)
	}
	put("Active", scale.List(flags...), subnet)
	put("ValidatorPermit", scale.List(flags...), subnet)
	for i := range many {
		key := bigKey(i)
		put("Keys", key, subnet, scale.Uint(uint16(i)))
		put("BlockAtRegistration", scale.Uint(uint64(1e6+i)), subnet, scale.Uint(uint16(i)))
		put("Owner", bigKey(i+1000), key)
		put("TotalHotkeyAlpha", scale.Uint(uint64(i)*1e9), key, subnet)
		axon := map[string]scale.Value{"block": scale.Uint(uint64(1e6 + i)), "version": scale.Uint(uint32(722)), "ip": scale.Uint(uint32(0x7f000002)),
			"port": scale.Uint(uint16(8091)), "ip_type": scale.Uint(uint8(4)), "protocol": scale.Uint(uint8(4)),
			"placeholder1": scale.Uint(uint8(0)), "placeholder2": scale.Uint(uint8(0))}
		put("Axons", scale.Record(axon), subnet, key)
	}
	n.enlargeAnswer()
}

// enlargeAnswer makes every list of the recorded get_metagraph as long.
func (n *node) enlargeAnswer() {
	call, err := n.rec.types.RuntimeAPI(getMetagraph)
	if err != nil {
		return // metadata 14
	}
	for i, c := range n.rec.calls {
		if c.Method != getMetagraph {
			continue
		}
		v, err := call.Decode(*c.Result)
		if err != nil {
			n.t.Fatal(err)
		}
		inner, _, err := v.Option()
		if err != nil {
			n.t.Fatal(err)
		}
		f, err := inner.Record()
		if err != nil {
			n.t.Fatal(err)
		}
		whole := map[string]scale.Value{}
		for at, name := range f.Names {
			whole[name] = f.Values[at]
			if items, err := f.Values[at].Items(); err == nil && len(items) == 7 {
				whole[name] = scale.List(slices.Repeat(items, many/7+1)[:many]...)
			}
		}
		raw, err := n.rec.types.Encode(call.Output, scale.Some(scale.Record(whole)))
		if err != nil {
			n.t.Fatal(err)
		}
		n.rec.calls[i].Result = (*hexBytes)(&raw)
	}
}

// remember answers what was asked before from memory, so that the node costs
// little beside the client.
func (n *node) remember() {
	var mu sync.Mutex
	known := map[string][]byte{}
	n.before = func(p *peer, q query) bool {
		key := fmt.Sprint(q.Method, len(q.Params))
		for _, param := range q.Params {
			key += string(param[:min(len(param), 400)])
		}
		mu.Lock()
		defer mu.Unlock()
		text, ok := known[key]
		if !ok && (q.Method == "state_queryStorageAt" || q.Method == "state_call") {
			result, _ := n.answer(q)
			text, _ = json.Marshal(result)
			known[key] = text
			ok = true
		}
		if ok {
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, text))
		}
		return ok
	}
}

// A subnet of 256 neurons, read from storage and from get_metagraph. The node is
// in the same process: its part is counted in.
func BenchmarkMetagraph(b *testing.B) {
	for _, metadata := range []string{"storage", "get_metagraph"} {
		b.Run(metadata, func(b *testing.B) {
			rec := loadRecording(b, "spec300")
			if metadata == "storage" {
				rec.metadata15 = nil
			}
			n := newNode(b, rec)
			n.enlarge(rec.net)
			n.remember()
			c := connect(b, Config{}, n)
			if m, err := c.Metagraph(b.Context(), rec.net); err != nil || len(m.Neurons) != many {
				b.Fatalf("%v: %d neurons", err, len(m.Neurons))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if _, err := c.Metagraph(b.Context(), rec.net); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAMetagraphOf256Neurons(t *testing.T) {
	for _, metadata := range []string{"storage", "get_metagraph"} {
		rec := loadRecording(t, "spec300")
		if metadata == "storage" {
			rec.metadata15 = nil
		}
		n := newNode(t, rec)
		n.enlarge(rec.net)
		m, err := connect(t, Config{}, n).Metagraph(t.Context(), rec.net)
		if err != nil || len(m.Neurons) != many || m.Neurons[many-1].UID != many-1 || !m.Neurons[1].Axon.Serving() {
			t.Errorf("%s: %v", metadata, err)
		}
	}
}
