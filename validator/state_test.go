package validator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

func TestStateComesBack(t *testing.T) {
	key := wallet.KeypairFromSeed([32]byte{1})
	p := progress{
		Block: 7, Steps: 2, Window: 1, Dropped: 3, Drop: drop{Period: 4, Before: time.Date(2026, 11, 21, 12, 0, 0, 7, time.UTC)}, Sent: 5,
		Commits: []commitment{{
			Weights: []chain.Weight{{UID: 1, Value: 65535}}, Salt: []uint16{0, 65535}, Version: 302, Hash: chain.Hash{7},
			Drawn: 4, Sent: 5, Block: 6, Epoch: 1, First: 360, Last: 720,
		}},
	}
	offer := receipt.Offer{Miner: key.Address(), Asker: key.Address(), Capacity: 9, Used: 8, Made: time.Unix(1, 0).UTC()}
	claim := &Claim{Offer: offer, Signature: make([]byte, wallet.SignatureSize), Block: 6, Most: 4, Refused: true}
	pass := incentive.Evidence{Passed: 12.5, Failed: 0.1}
	rows := []row{
		{Row: incentive.Row[wallet.Address]{Hotkey: "a", Score: 0.25, Failures: 2, Possession: incentive.Possession{Challenge: pass}}, Since: 77},
		{Row: incentive.Row[wallet.Address]{Hotkey: "b", Score: -0.005}, Claim: claim},
	}
	data, err := encodeState(p, rows)
	if err != nil {
		t.Fatal(err)
	}
	gotP, gotRows, err := decodeState(data)
	if err != nil || !reflect.DeepEqual(gotP, p) || !reflect.DeepEqual(gotRows, rows) {
		t.Errorf("%+v, %+v, %v", gotP, gotRows, err)
	}
}

// A state of before possession is read: all are newcomers to audits, and keep
// their scores, whenever they were registered.
func TestAStateOfVersion1IsRead(t *testing.T) {
	_, rows, err := decodeState([]byte(`{"v":1,"block":7,"steps":2,"window":1,"dropped":3,"uids":[{"hotkey":"a","score":0.25,"failures":2}]}`))
	if err != nil || len(rows) != 1 || rows[0].Row != (incentive.Row[wallet.Address]{Hotkey: "a", Score: 0.25, Failures: 2}) {
		t.Fatalf("%+v, %v", rows, err)
	}
	b := newBoard(incentive.DefaultRules())
	b.restore(rows)
	graph := []chain.Neuron{{Hotkey: "a", RegisteredAt: 9}}
	if all := b.handovers(graph); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	b.adopt(graph)
	if got := b.save(); got[0].Score != 0.25 || got[0].Since != 9 {
		t.Errorf("%+v", got)
	}
	graph[0].RegisteredAt = 10
	if all := b.handovers(graph); len(all) != 1 || all[0] != (handover{old: "a", now: "a", score: 0.25}) {
		t.Errorf("%+v", all)
	}
}

func FuzzStateIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"v":1,"block":7,"steps":2,"window":1,"dropped":3,"uids":[{"hotkey":"a","score":0.25,"failures":2}]}`))
	f.Add([]byte(`{"v":2,"sent":5,"uids":[{"hotkey":"a","score":1,"failures":0,"possession":{"challenge":{"passed":1,"failed":-1},"retrieve":{"passed":0,"failed":0}},"registered_at":4}]}`))
	f.Add([]byte(`{"v":3,"drop":{"period":4,"before":"2026-11-21T12:00:00.000000007Z"},"commits":[{"weights":[{"uid":1,"value":65535}],"salt":[1,2],` +
		`"version_key":302,"hash":"0x0700000000000000000000000000000000000000000000000000000000000000","drawn":4,"sent":5,"epoch":1,"first":3,"last":4}],"uids":[]}`))
	offer := base64.StdEncoding.EncodeToString(receipt.Offer{
		Miner: wallet.AddressOf([32]byte{1}), Asker: wallet.AddressOf([32]byte{2}), Capacity: 9, Made: time.Unix(1, 0),
	}.Encode())
	sig := base64.StdEncoding.EncodeToString(make([]byte, wallet.SignatureSize))
	f.Add([]byte(`{"v":3,"uids":[{"hotkey":"a","claim":{"offer":"` + offer + `","signature":"` + sig + `","block":6,"most":4,"refused":true}}]}`))
	f.Add([]byte(`{"v":3,"uids":[{"claim":{"offer":"","signature":"","block":6,"most":0}}]}`))
	f.Add([]byte(`{"v":4}`))
	f.Add([]byte(`{"v":1,"uids":[{"score":1e999}]}`))
	f.Add([]byte(`{"v":1,"uids":[{"failures":-1}]}`))
	f.Add([]byte(`{"v":1} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, rows, err := decodeState(data)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		again, err := encodeState(p, rows)
		if err != nil {
			t.Fatal(err)
		}
		p, rows, err = decodeState(again)
		if err != nil {
			t.Fatalf("%s became %s: %v", data, again, err)
		}
		if third, err := encodeState(p, rows); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%s became %s, then %s: %v", data, again, third, err)
		}
	})
}

// An unannounced change of a default fails here.
func TestDefaultsAreTheNetworks(t *testing.T) {
	got, err := json.MarshalIndent(map[string]any{"validator": DefaultConfig(), "fleet": fleet.DefaultConfig()}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/defaults.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, '\n'), want) {
		t.Errorf("defaults are now\n%s\nchange testdata/defaults.json if that is meant", got)
	}
	if filled := (Config{}).withDefaults(); !reflect.DeepEqual(filled, DefaultConfig()) {
		t.Errorf("a zero Config becomes %+v", filled)
	}
}
