package substrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/wallet"
)

func TestRegistrationsAreWhatWasRecorded(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		n := newNode(t, r)
		c := connect(t, Config{}, n)
		exists := r.storageOf("NetworksAdded", r.net)
		found := map[chain.UID]int{}
		for _, b := range r.blocks {
			n.blocks[b.Hash].storage[exists] = &hexBytes{1}
			got, err := c.Registrations(t.Context(), r.net, b.Number)
			if err != nil {
				t.Fatalf("block %d: %v", b.Number, err)
			}
			var want []chain.Registration
			for _, e := range b.Events {
				if e.Method == "NeuronRegistered" && e.Data[0] == float64(r.net) {
					want = append(want, chain.Registration{UID: chain.UID(e.Data[1].(float64)), Hotkey: wallet.Address(e.Data[2].(string))})
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("block %d has registrations %v, want %v", b.Number, got, want)
			}
			for _, e := range want {
				found[e.UID]++
			}
		}
		takeovers := 0
		for _, times := range found {
			takeovers += times - 1
		}
		if len(found) < 6 || takeovers != 1 {
			t.Errorf("the recording has registrations of UIDs %v", found)
		}
		if _, err := c.Registrations(t.Context(), r.net, 1_000_000); !errors.Is(err, chain.ErrNoBlock) {
			t.Errorf("registrations of a block to come: %v", err)
		}
	})
}

// storageOf is the storage key, in hex digits, that the recording has for an
// item of a subnet.
func (r *recording) storageOf(item string, net chain.NetUID) string {
	for _, e := range r.storage.Entries {
		if e.Item == item && len(e.Keys) == 1 && e.Keys[0] == float64(net) {
			return fmt.Sprintf("%x", []byte(e.Key))
		}
	}
	return ""
}

func TestEventsAreWhatWasRecorded(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		c := connect(t, Config{}, newNode(t, r))
		accounts, failures := 0, 0
		for _, b := range r.blocks {
			got, err := c.Events(t.Context(), b.Number)
			if err != nil {
				t.Fatalf("block %d: %v", b.Number, err)
			}
			if len(got) != len(b.Events) {
				t.Fatalf("block %d has %d events, want %d", b.Number, len(got), len(b.Events))
			}
			for i, want := range b.Events {
				if !strings.EqualFold(got[i].Pallet, want.Section) || got[i].Name != want.Method {
					t.Errorf("event %d of block %d is %s.%s, want %s.%s", i, b.Number, got[i].Pallet, got[i].Name, want.Section, want.Method)
				}
				if err := sameFields(t, got[i].Fields, want.Data); err != nil {
					t.Errorf("event %d of block %d, %s: %v in %s", i, b.Number, want.Method, err, got[i].Fields)
				}
				accounts += strings.Count(string(got[i].Fields), `"5`)
				failures += strings.Count(got[i].Name, "ExtrinsicFailed")
			}
		}
		if accounts < 50 || failures < 3 {
			t.Errorf("%d accounts and %d failures in the events", accounts, failures)
		}
	})
}

// sameFields compares fields by their place with what polkadot-js made of them,
// whose names and variants are spelled differently.
func sameFields(t *testing.T, got json.RawMessage, want []any) error {
	var list []any
	dec := json.NewDecoder(strings.NewReader(string(got)))
	dec.UseNumber()
	if got[0] == '{' {
		if _, err := dec.Token(); err != nil {
			return err
		}
		for dec.More() {
			var value any
			if _, err := dec.Token(); err != nil {
				return err
			}
			if err := dec.Decode(&value); err != nil {
				return err
			}
			list = append(list, value)
		}
	} else if err := dec.Decode(&list); err != nil {
		return err
	}
	if len(list) != len(want) {
		return fmt.Errorf("%d fields, want %d", len(list), len(want))
	}
	for i := range list {
		switch have := list[i].(type) {
		case json.Number:
			if have.String() != bigNumber(t, want[i]).String() {
				return fmt.Errorf("field %d: want %v", i, want[i])
			}
		case string, bool:
			if have != want[i] {
				return fmt.Errorf("field %d: want %v", i, want[i])
			}
		}
	}
	return nil
}

func TestBlocks(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		n := newNode(t, r)
		c := connect(t, Config{}, n)
		now := ""
		for _, e := range r.storage.Entries {
			if e.Pallet == "Timestamp" {
				now = fmt.Sprintf("%x", []byte(e.Key))
			}
		}
		for _, b := range r.blocks {
			n.blocks[b.Hash].storage[now] = &hexBytes{1, 0, 0, 0, 0, 0, 0, 0}
			got, err := c.BlockAt(t.Context(), b.Number)
			if err != nil {
				t.Fatal(err)
			}
			if got.Hash != b.Hash || got.Number != b.Number || got.Time.UnixMilli() != 1 {
				t.Errorf("block %d is %+v, want hash %s", b.Number, got, b.Hash)
			}
		}
		head, err := c.Head(t.Context())
		if err != nil || head.Hash != r.storage.Hash {
			t.Errorf("head is %+v, %v", head, err)
		}
		if _, err := c.BlockAt(t.Context(), 1_000_000); !errors.Is(err, chain.ErrNoBlock) {
			t.Errorf("a block to come: %v", err)
		}
	})
}

// A node that is no archive has thrown older states away: their blocks are still
// there, what happened in them is not.
func TestPrunedBlocks(t *testing.T) {
	r := loadRecording(t, "spec300")
	n := newNode(t, r)
	c := connect(t, Config{}, n)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	n.before = func(p *peer, q query) bool {
		if q.Method == "state_getRuntimeVersion" {
			p.send(`{"jsonrpc":"2.0","id":` + string(q.ID) + `,"error":{"code":4003,"message":"Client error: Api called for an unknown Block: State already discarded for 0x01"}}`)
		}
		return q.Method == "state_getRuntimeVersion"
	}
	n.mu.Unlock()
	old := r.blocks[5]
	b, err := c.BlockAt(t.Context(), old.Number)
	if err != nil || b.Hash != old.Hash || b.Time.UnixMilli() != 0x01a1fd603b5b {
		t.Errorf("%+v, %v", b, err)
	}
	_, eventsErr := c.Events(t.Context(), old.Number)
	_, registrationsErr := c.Registrations(t.Context(), r.net, old.Number)
	for _, err := range []error{eventsErr, registrationsErr} {
		if !errors.Is(err, chain.ErrNoBlock) || errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
}

// Who follows events can tell what to wait for from what no waiting mends.
func TestRetriable(t *testing.T) {
	n := living(t, substratetest.Config{StateKept: 3})
	n.Steps(10)
	c := client(t, n, nil)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"early": true, "pruned": false, "unreadable": false, "refused": true} {
		block := uint64(10)
		switch name {
		case "early":
			block = 11
		case "pruned":
			block = 2
		case "unreadable":
			n.Fail(substratetest.Fault{Kind: substratetest.LongLength, Method: "state_getStorage"})
		case "refused":
			n.Fail(substratetest.Fault{Kind: substratetest.Refuse, Method: "state_getStorage", Code: 4003, Message: "Client error: UnknownBlock: Header was not found"})
		}
		if _, err := c.Events(t.Context(), block); err == nil || chain.Retriable(err) != want {
			t.Errorf("%s: %v", name, err)
		}
		n.Heal()
	}
	if chain.Retriable(nil) || chain.Retriable(chain.ErrNoSubnet) {
		t.Error("what is no failure of the chain is retried")
	}
}
