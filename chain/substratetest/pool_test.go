package substratetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

func remark(t *testing.T, n *Node, text string) []byte {
	t.Helper()
	call, err := n.Metadata().Call("System", "remark", map[string]scale.Value{"remark": scale.Bytes([]byte(text))})
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// What is signed has to be what the chain knows.
func TestSignedExtensions(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n := Start(t, Config{Runtime: spec})
		n.Steps(20)
		c, alice := dial(t, n), Key(t, "Alice")
		submit := func(raw hexBytes) error { return c.try(nil, "author_submitExtrinsic", raw) }
		birth := func(number uint64) chain.Hash {
			hash, _ := n.at(number)
			return hash
		}
		for name, change := range map[string]func(*scale.TxParams){
			"spec version":        func(p *scale.TxParams) { p.SpecVersion++ },
			"transaction version": func(p *scale.TxParams) { p.TransactionVersion++ },
			"genesis":             func(p *scale.TxParams) { p.Genesis[0]++ },
			"checkpoint":          func(p *scale.TxParams) { p.Era, p.Checkpoint = scale.MortalEra(8, 20), birth(19) },
			"an era that is over": func(p *scale.TxParams) { p.Era, p.Checkpoint = scale.MortalEra(4, 12), birth(12) },
		} {
			if err := submit(n.transaction(t, alice, remark(t, n, name), change)); err == nil || !strings.Contains(err.Error(), "bad signature") {
				t.Errorf("%s: %v", name, err)
			}
		}
		raw := n.transaction(t, alice, remark(t, n, "whole"), func(p *scale.TxParams) {
			p.Era, p.Checkpoint, p.Tip = scale.MortalEra(8, 20), birth(20), 1000
		})
		before := n.Balance(Alice)
		if err := submit(raw); err != nil {
			t.Fatal(err)
		}
		if err := submit(raw); err == nil || !strings.HasPrefix(err.Error(), "1013") {
			t.Errorf("twice: %v", err)
		}
		other := n.transaction(t, alice, remark(t, n, "other"), func(p *scale.TxParams) { p.Nonce-- })
		if err := submit(other); err == nil || !strings.HasPrefix(err.Error(), "1014") {
			t.Errorf("another one of the same number: %v", err)
		}
		n.Step()
		if err := submit(raw); err == nil || !strings.Contains(err.Error(), "outdated") {
			t.Errorf("again: %v", err)
		}
		if err := submit(raw[:len(raw)-1]); err == nil || !strings.HasPrefix(err.Error(), "1001") {
			t.Errorf("cut short: %v", err)
		}
		if paid := before - n.Balance(Alice); paid != 1000 {
			t.Errorf("the tip was %d", paid)
		}
		poor := n.transaction(t, Key(t, "poor"), remark(t, n, ""), func(p *scale.TxParams) { p.Tip = 1 })
		if err := submit(poor); err == nil || !strings.Contains(err.Error(), "pay some fees") {
			t.Errorf("a tip of nobody's: %v", err)
		}
	})
}

// statuses reads a watched transaction's statuses up to one that begins so.
func (c *caller) statuses(until string) []string {
	c.t.Helper()
	for list := []string{}; ; {
		n := c.next()
		if n.Method != "author_extrinsicUpdate" {
			continue
		}
		text := string(n.Params.Result)
		list = append(list, text)
		if strings.HasPrefix(strings.Trim(text, `{"`), until) {
			return list
		}
	}
}

// A number too high waits for its turn, a block that is lost gives its
// transactions back.
func TestStatuses(t *testing.T) {
	for _, style := range []Style{Native, Chopsticks} {
		n := Start(t, Config{Style: style, FinalityLag: 2})
		c, alice := dial(t, n), Key(t, "Alice")
		late := n.transaction(t, alice, remark(t, n, "second"), func(p *scale.TxParams) { p.Nonce++ })
		early := n.transaction(t, alice, remark(t, n, "first"), nil)
		c.call(nil, "author_submitAndWatchExtrinsic", late)
		if got := c.statuses("future"); len(got) != 1 {
			t.Errorf("statuses %s", got)
		}
		n.Step()
		c.call(nil, "author_submitExtrinsic", early)
		n.Step()
		words := strings.Join(c.statuses("inBlock"), " ")
		if style == Native && !strings.HasPrefix(words, `"ready" {"broadcast":`) || style == Chopsticks && !strings.HasPrefix(words, `{"ready":null} {`) {
			t.Errorf("statuses %s", words)
		}
		lost := n.Head()
		n.Reorg(1, 2)
		words = strings.Join(c.statuses("inBlock"), " ")
		if !strings.HasPrefix(words, `{"retracted":"`+lost.Hash.String()) {
			t.Errorf("statuses %s", words)
		}
		n.Steps(2)
		list := c.statuses("finalized")
		var final struct{ Finalized chain.Hash }
		if err := json.Unmarshal([]byte(list[len(list)-1]), &final); err != nil {
			t.Fatal(err)
		}
		all := n.Submitted()
		if hash, _ := n.at(all[0].Block); hash != final.Finalized || all[0].Block != 3 || len(all) != 2 {
			t.Errorf("final in %s, the block is %s, %+v", final.Finalized, hash, all)
		}
		if again, _ := n.at(lost.Number); again == lost.Hash {
			t.Error("the lost block is still there")
		}
		n.Reorg(9, 1) // what is final stays
		if n.Head().Number != 4 {
			t.Errorf("the head is block %d", n.Head().Number)
		}
	}
}

// Blocks of one parent differ, and both can be asked for.
func TestReorg(t *testing.T) {
	n := Start(t, Config{FinalityLag: 5})
	n.Steps(3)
	c, before := dial(t, n), n.Head()
	var id string
	c.call(&id, "chain_subscribeNewHeads")
	c.next() // the head
	n.Reorg(1, 1)
	if after := n.Head(); after.Number != before.Number || after.Parent != before.Parent || after.Hash == before.Hash || after.Time.Before(before.Time) {
		t.Errorf("%+v became %+v", before, after)
	}
	var header struct{ ParentHash chain.Hash }
	if err := json.Unmarshal(c.next().Params.Result, &header); err != nil || header.ParentHash != before.Parent {
		t.Errorf("told of a child of %s, %v", header.ParentHash, err)
	}
	var old, now json.RawMessage
	c.call(&old, "chain_getHeader", before.Hash)
	c.call(&now, "chain_getHeader", n.Head().Hash)
	if string(old) == "null" || string(old) == string(now) {
		t.Errorf("headers %s and %s", old, now)
	}
}

// What the old runtime has stored is what the new one reads.
func TestUpgrade(t *testing.T) {
	n, c := subnet(t, 185, nil)
	charlie := Key(t, "Charlie")
	c.must(charlie, pallet, "serve_axon", axonArguments("0x7f000002", 4, 8091))
	for _, spec := range []uint32{218, 300, 185} {
		var before, after struct{ SpecVersion uint32 }
		axon := func() string {
			v, _ := n.Storage(pallet, "Axons", scale.Int(1), account(charlie.PublicKey()))
			r := scale.NewReader(v)
			text, err := json.Marshal([]any{r.Big("ip"), r.Uint64("port"), r.Uint64("block")})
			if err != nil || r.Err() != nil {
				t.Fatal(err, r.Err())
			}
			return string(text)
		}
		was := axon()
		c.call(&before, "state_getRuntimeVersion")
		n.Upgrade(spec)
		b := n.Step()
		c.call(&after, "state_getRuntimeVersion", b.Hash)
		if after.SpecVersion != spec || before.SpecVersion == spec {
			t.Errorf("from %d to %d, not %d", before.SpecVersion, after.SpecVersion, spec)
		}
		n.Step()
		if now := axon(); now != was {
			t.Errorf("the axon was %s, is %s", was, now)
		}
		if got := n.Stake(1, Key(t, "Bob").Address()); got != 100*chain.TAO {
			t.Errorf("under %d the stake is %s", spec, got)
		}
		c.must(Key(t, "Alice"), pallet, "burned_register", c.registering(Key(t, "new"+string(rune('a'+spec%26)))))
	}
}

// Whoever follows storage or the runtime is told of what changes.
func TestStateSubscriptions(t *testing.T) {
	n, c := subnet(t, 218, nil)
	_, key := n.blocks[n.head].state.entry(pallet, "Tempo", []scale.Value{scale.Int(1)})
	var storage, version string
	c.call(&storage, "state_subscribeStorage", []hexBytes{hexBytes(key)})
	c.next()
	c.call(&version, "state_subscribeRuntimeVersion")
	c.next()
	n.Step() // nothing changes
	n.Upgrade(300)
	n.Step()
	if got := c.next(); got.Params.Subscription != version || !strings.Contains(string(got.Params.Result), `"specVersion":300`) {
		t.Errorf("told %s", got.Params.Result)
	}
	tempo, err := n.Metadata().CallValue("AdminUtils", "sudo_set_tempo", arguments{"netuid": scale.Int(1), "tempo": scale.Int(77)})
	if err != nil {
		t.Fatal(err)
	}
	c.must(Key(t, "Alice"), "Sudo", "sudo", arguments{"call": tempo})
	if got := c.next(); got.Params.Subscription != storage || !strings.Contains(string(got.Params.Result), `"0x4d00"`) {
		t.Errorf("told %s", got.Params.Result)
	}
	c.call(nil, "state_unsubscribeStorage", storage)
}

// A node that is no archive forgets states.
func TestStatesAreForgotten(t *testing.T) {
	n := Start(t, Config{StateKept: 3})
	n.Steps(5)
	c := dial(t, n)
	for number, kept := range []bool{true, false, false, true, true, true} {
		if number == 0 {
			continue // nobody looks there
		}
		hash, _ := n.at(uint64(number))
		err := c.try(nil, "state_getStorage", hexBytes(n.eventsKey()), hash)
		if kept && err != nil || !kept && (err == nil || !strings.Contains(err.Error(), "already discarded")) {
			t.Errorf("block %d: %v", number, err)
		}
		c.call(nil, "chain_getBlock", hash)
	}
}
