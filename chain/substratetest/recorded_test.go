package substratetest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// What the node makes of the recorded storage is what the runtime made of it.
func TestAnswersOfRuntimeAPIs(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n := Start(t, Config{Runtime: spec, Recorded: true})
		rec, b := n.runtime[spec].rec, n.blocks[n.head]
		compared := 0
		for _, c := range rec.calls {
			var input hexBytes
			if err := json.Unmarshal(c.Params[1], &input); err != nil {
				t.Fatal(err)
			}
			got, err := b.api(c.Method, input)
			var want hexBytes
			if json.Unmarshal(c.Result, &want) != nil || len(want) == 0 || strings.HasSuffix(fmt.Sprint(err), c.Method) {
				continue // fails, or is not known here
			}
			if err != nil {
				t.Fatal(c.Method, err)
			}
			compared++
			if strings.HasSuffix(c.Method, "hyperparams") || strings.HasSuffix(c.Method, "get_metagraph") {
				compareFields(t, n.runtime[spec], c.Method, got, want)
			} else if string(got) != string(want) {
				t.Errorf("%s(%x) is %x, recorded %x", c.Method, input, got, want)
			}
		}
		if compared < 7 {
			t.Errorf("%d answers compared", compared)
		}
	})
}

// compareFields compares those fields whose storage was recorded.
func compareFields(t *testing.T, rt *runtime, method string, got, want []byte) {
	t.Helper()
	if len(want) == 1 {
		if string(got) != string(want) {
			t.Errorf("%s of no subnet is %x, recorded %x", method, got, want)
		}
		return
	}
	fields := map[string]scale.Value{}
	for i, raw := range [][]byte{got, want} {
		typ := rt.rules
		if rt.spec < typed {
			_, rest, err := scale.DecodeCompact(raw)
			if err != nil {
				t.Fatal(err)
			}
			raw = rest
		} else {
			api, err := rt.types.RuntimeAPI(method)
			if err != nil {
				t.Fatal(err)
			}
			typ = api.Output
		}
		v, err := rt.types.Decode(typ, raw)
		if err != nil {
			t.Fatal(method, err)
		}
		if inner, some, err := v.Option(); err == nil && some {
			v = inner
		}
		r, err := v.Record()
		if err != nil {
			t.Fatal(err)
		}
		for j, name := range r.Names {
			if i == 0 {
				fields[name] = r.Values[j]
			} else if !fields[name].Equal(r.Values[j]) && !unknown()[name] {
				t.Errorf("%s: %s is %v, recorded %v", method, name, fields[name], r.Values[j])
			}
		}
	}
}

// unknown are fields whose storage was not recorded, or that the node does not
// keep.
func unknown() map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(`min_difficulty max_difficulty bonds_moving_avg adjustment_alpha
		name symbol identity subnet_emission alpha_out_emission alpha_in_emission tao_in_emission pending_alpha_emission pending_root_emission
		subnet_volume moving_price tao_dividends_per_hotkey alpha_dividends_per_hotkey tao_stake total_stake`) {
		names[name] = true
	}
	return names
}

type recordedExtrinsic struct {
	Label     string
	Signer    string
	EraHash   chain.Hash `json:"era_block_hash"`
	Extrinsic hexBytes
	Result    struct {
		Number uint64 `json:"block_number"`
		Pool   struct{ Error *rpcError }
	}
}

// Every recorded signature verifies as the node verifies; the one that was
// refused does not.
func TestRecordedSignatures(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n := Start(t, Config{Runtime: spec, Recorded: true, Style: Chopsticks})
		var file struct{ Extrinsics []recordedExtrinsic }
		readJSON(t, filepath.Join(vectors(t), fmt.Sprintf("spec%d", spec), "extrinsics.json"), &file)
		b, verified := n.blocks[n.head], 0
		for _, rec := range file.Extrinsics {
			x, err := b.next.types.DecodeExtrinsic(rec.Extrinsic)
			if err != nil {
				t.Fatal(rec.Label, err)
			}
			p := &pooled{raw: rec.Extrinsic, x: x}
			if p.account, err = x.Account(); err != nil {
				t.Fatal(err)
			}
			if p.params, err = x.Params(); err != nil {
				t.Fatal(err)
			}
			at := *b
			at.number = max(rec.Result.Number, 1) - 1
			if !p.params.Era.Immortal() { // the block it begins with may not be recorded
				n.numbers[p.params.Era.Birth(at.number)] = rec.EraHash
			}
			err = n.verify(&at, p)
			if flipped := strings.Contains(rec.Label, "bit of the signature"); (err != nil) != flipped {
				t.Errorf("%s: %v", rec.Label, err)
			}
			verified++
		}
		if verified < 30 {
			t.Errorf("%d signatures", verified)
		}
	})
}

// A transaction that is in a recorded block is refused as the recorded node
// refused one.
func TestRecordedRefusals(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n := Start(t, Config{Runtime: spec, Recorded: true, Style: Chopsticks})
		c := dial(t, n)
		var file struct{ Extrinsics []recordedExtrinsic }
		readJSON(t, filepath.Join(vectors(t), fmt.Sprintf("spec%d", spec), "extrinsics.json"), &file)
		refused := 0
		for _, rec := range file.Extrinsics {
			want := rec.Result.Pool.Error
			if want == nil || strings.Contains(rec.Label, "FAIL") {
				continue // what a hotkey may do has changed since
			}
			err := c.try(nil, "author_submitExtrinsic", rec.Extrinsic)
			if err == nil || err.Error() != want.Error() {
				t.Errorf("%s: %v, recorded %v", rec.Label, err, want)
			}
			refused++
		}
		if refused != 2 {
			t.Errorf("%d refusals", refused)
		}
	})
}

// Recorded blocks and values come as they were.
func TestRecordedReads(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n := Start(t, Config{Runtime: spec, Recorded: true, Style: Chopsticks})
		c, rec := dial(t, n), n.runtime[spec].rec
		for _, b := range rec.blocks {
			var hash chain.Hash
			var header json.RawMessage
			c.call(&hash, "chain_getBlockHash", b.Number)
			c.call(&header, "chain_getHeader", hash)
			var events hexBytes
			c.call(&events, "state_getStorage", hexBytes(n.eventsKey()), hash)
			if hash != b.Hash || string(header) != string(compact(t, b.Header)) || string(events) != string(b.Events) {
				t.Errorf("block %d is %s with %s", b.Number, hash, header)
			}
		}
		for _, v := range rec.storage {
			var got *hexBytes
			c.call(&got, "state_getStorage", v.Key)
			if (got == nil) != (v.Value == nil) || got != nil && string(*got) != string(*v.Value) {
				t.Errorf("%x is %v, recorded %v", []byte(v.Key), got, v.Value)
			}
		}
		var paged struct {
			Pages []struct {
				Params []any
				Result []hexBytes
			} `json:"keys_paged"`
		}
		readJSON(t, filepath.Join(vectors(t), fmt.Sprintf("spec%d", spec), "storage.json"), &paged)
		if len(paged.Pages) == 0 {
			t.Fatal("no pages")
		}
		for _, page := range paged.Pages {
			var got []hexBytes
			c.call(&got, "state_getKeysPaged", page.Params...)
			if fmt.Sprint(got) != fmt.Sprint(page.Result) {
				t.Errorf("page %v has %d keys, recorded %d", page.Params, len(got), len(page.Result))
			}
		}
	})
}

func compact(t *testing.T, text json.RawMessage) json.RawMessage {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (n *Node) eventsKey() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, key := n.blocks[n.head].state.entry("System", "Events", nil)
	return []byte(key)
}

// The call vector of the specification, and a chain that goes on from the
// recorded block.
func TestLifeGoesOn(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n := Start(t, Config{Runtime: spec, Recorded: true})
		c, rec := dial(t, n), n.runtime[spec].rec
		before := n.Head().Number
		call, err := n.Metadata().Call(pallet, "set_weights", map[string]scale.Value{
			"netuid": scale.Int(1), "dests": scale.Uints([]uint16{1, 2, 3}), "weights": scale.Uints([]uint16{65535, 32768, 100}), "version_key": scale.Int(302),
		})
		if err != nil || hex.EncodeToString(call) != "070001000c0100020003000cffff008064002e01000000000000" {
			t.Errorf("the call is %x, %v", call, err)
		}
		hotkey := Key(t, "newcomer").PublicKey()
		c.must(Key(t, "Alice"), pallet, "burned_register", map[string]scale.Value{"netuid": scale.Uint(rec.net), "hotkey": account(hotkey)})
		if n.Head().Number != before+1 {
			t.Errorf("the head is %d after %d", n.Head().Number, before)
		}
		uid, ok := n.UID(rec.net, wallet.AddressOf(hotkey))
		if !ok || int(uid) >= 7 {
			t.Errorf("the newcomer has UID %d, %v", uid, ok)
		}
	})
}
