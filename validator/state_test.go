package validator

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/wallet"
)

func TestStateComesBack(t *testing.T) {
	p := progress{Block: 7, Steps: 2, Window: 1, Dropped: 3, Sent: 5}
	pass := incentive.Evidence{Passed: 12.5, Failed: 0.1}
	rows := []row{
		{Row: incentive.Row[wallet.Address]{Hotkey: "a", Score: 0.25, Failures: 2, Possession: incentive.Possession{Challenge: pass}}, Since: 77},
		{Row: incentive.Row[wallet.Address]{Hotkey: "b", Score: -0.005}},
	}
	data, err := encodeState(p, rows)
	if err != nil {
		t.Fatal(err)
	}
	gotP, gotRows, err := decodeState(data)
	if err != nil || gotP != p || !reflect.DeepEqual(gotRows, rows) {
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
		p2, rows2, err := decodeState(again)
		if err != nil || p2 != p || len(rows2) != len(rows) {
			t.Fatalf("%s became %s: %v", data, again, err)
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
