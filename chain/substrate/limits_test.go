package substrate

import (
	"encoding/json"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
)

// cost is what fn allocates in all, in bytes.
func cost(fn func()) uint64 {
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	fn()
	goruntime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Very many very small items cost little more than their text, whatever they
// are items of.
func TestListsAreBounded(t *testing.T) {
	many := "[" + strings.Repeat(`"0x",`, 3<<20) + `"0x"]`
	pairs := "[" + strings.Repeat(`["0x","0x"],`, 1<<20) + `["0x","0x"]]`
	sets := "[" + strings.Repeat(`{"changes":[]},`, 1<<20) + `{}]`
	for name, read := range map[string]func() error{
		"transactions": func() error {
			return json.Unmarshal([]byte(`{"block":{"extrinsics":`+many+`}}`), new(*signedBlock))
		},
		"keys":    func() error { return json.Unmarshal([]byte(many), new(keyPage)) },
		"changes": func() error { return json.Unmarshal([]byte(`[{"changes":`+pairs+`}]`), new(changeSets)) },
		"sets":    func() error { return json.Unmarshal([]byte(sets), new(changeSets)) },
		"logs": func() error {
			_, err := parseHeader(json.RawMessage(`{"digest":{"logs":` + many + `}}`))
			return err
		},
		"statuses": func() error {
			_, err := parseStatus(json.RawMessage(`{"a":1` + strings.Repeat(`,"a":1`, 1<<20) + `}`))
			return err
		},
	} {
		var err error
		spent := cost(func() { err = read() })
		if err == nil || spent > 64<<20 {
			t.Errorf("%s: %d MiB, %v", name, spent>>20, err)
		}
	}
	for text, want := range map[string]int{"[]": 0, "null": 0, `["0x","0x01"]`: 2} {
		if got, err := list[hexBytes]([]byte(text), 2); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "{}", "7", `"0x"`, `["0x",`, `["0x"`, `[7]`, `["0x","0x","0x"]`} {
		if got, err := list[hexBytes]([]byte(bad), 2); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

// Answers and notifications that are too long for what they are.
func TestLongAnswers(t *testing.T) {
	n := living(t, substratetest.Config{})
	n.Step()
	c := client(t, n, nil)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("ab", maxSmall/2)
	header := json.RawMessage(fmt.Sprintf(`{"parentHash":%q,"number":"0x2","stateRoot":%[1]q,"extrinsicsRoot":%[1]q,"digest":{"logs":["0x%s"]}}`, chain.Hash{}, long))
	for method, answer := range map[string]any{
		"chain_getHeader": header, "chain_getBlockHash": json.RawMessage(`"` + long + `"`),
	} {
		n.Fail(substratetest.Fault{Kind: substratetest.Say, Method: method, Data: answer})
		_, err := c.BlockAt(t.Context(), 1)
		if !errors.Is(err, errProtocol) || !errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("%s: %v", method, err)
		}
		n.Heal()
	}
	if maxAnswer("chain_getBlock") != maxBody || maxAnswer("anything") != maxSmall {
		t.Error("the limits of answers have changed")
	}
	n.Fail(substratetest.Fault{Kind: substratetest.Say, Method: "chain_newHead", Data: header, Times: 1})
	n.Step()
	until(t, c, "the block", func(b chain.Block) bool { return b == n.Head() })
	if n.Asked("chain_subscribeNewHeads") != 2 {
		t.Errorf("connected %d times", n.Asked("chain_subscribeNewHeads"))
	}
}

// What was taken waits no longer.
func TestNotificationsThatWait(t *testing.T) {
	c := &conn{cfg: Config{MaxMessage: 4096}, subs: map[string]*subscription{}}
	s := &subscription{id: json.RawMessage(`"s"`), notes: make(chan json.RawMessage, maxNotes), conn: c}
	c.subs[`"s"`] = s
	note := []byte(`{"jsonrpc":"2.0","method":"x","params":{"subscription":"s","result":"` + strings.Repeat("a", 1000) + `"}}`)
	for range 100 {
		if err := c.receive(note); err != nil {
			t.Fatal(err)
		}
		if _, err := s.next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		if err := c.receive(note); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.receive(note); !errors.Is(err, errProtocol) {
		t.Errorf("the fifth: %v", err)
	}
}

// A node that always has more keys, or one of any length, is no node.
func TestKeysWithoutEnd(t *testing.T) {
	r := loadRecording(t, "spec300")
	n := newNode(t, r)
	c := connect(t, Config{}, n)
	for _, tail := range []int{16, maxKey} {
		var given, pages int
		n.mu.Lock()
		n.before = func(p *peer, q query) bool {
			if q.Method != "state_getKeysPaged" {
				return false
			}
			var prefix string
			q.param(0, &prefix)
			keys := make([]string, keysPerRequest)
			for i := range keys {
				keys[i] = fmt.Sprintf("%s%0*x", prefix, 2*tail, given)
				given++
			}
			pages++
			text, _ := json.Marshal(keys)
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, text))
			return true
		}
		n.mu.Unlock()
		if _, err := c.Weights(t.Context(), r.net); !errors.Is(err, errProtocol) || pages > maxKeys/keysPerRequest+1 {
			t.Errorf("%d pages of keys: %v", pages, err)
		}
	}
}

// A block that is there has a hash.
func TestNullHashes(t *testing.T) {
	n := living(t, substratetest.Config{Instant: true})
	n.Steps(21)
	c := client(t, n, func(cfg *Config) { cfg.Mortality = 1 << 16 }) // such eras begin in every 16th block only
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"chain_getFinalizedHead", "chain_getBlockHash"} {
		n.Fail(substratetest.Fault{Kind: substratetest.Say, Method: method})
		if err := c.AddStake(t.Context(), devKey(t, "Alice"), 1, devKey(t, "Bob").Address(), chain.TAO); !errors.Is(err, errProtocol) || len(n.Submitted()) > 0 {
			t.Errorf("%s: %v, sent %d", method, err, len(n.Submitted()))
		}
		n.Heal()
	}
	if err := c.AddStake(t.Context(), devKey(t, "Alice"), 1, devKey(t, "Bob").Address(), chain.TAO); err != nil {
		t.Error(err)
	}
	n.Fail(substratetest.Fault{Kind: substratetest.Say, Method: "chain_getBlockHash"})
	if _, err := Dial(t.Context(), Config{Endpoints: []string{n.URL()}}, Deps{}); !errors.Is(err, errProtocol) {
		t.Errorf("a chain without genesis: %v", err)
	}
}
