package validator

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"

	"github.com/filetao/filetao/fleet"
)

func TestStateComesBack(t *testing.T) {
	p := progress{Block: 7, Steps: 2, Window: 1, Dropped: 3}
	rows := []row{{Hotkey: "a", Score: 0.25, Failures: 2}, {Hotkey: "b", Score: -0.005}}
	data, err := encodeState(p, rows)
	if err != nil {
		t.Fatal(err)
	}
	gotP, gotRows, err := decodeState(data)
	if err != nil || gotP != p || !reflect.DeepEqual(gotRows, rows) {
		t.Errorf("%+v, %+v, %v", gotP, gotRows, err)
	}
}

func FuzzStateIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"v":1,"block":7,"steps":2,"window":1,"dropped":3,"uids":[{"hotkey":"a","score":0.25,"failures":2}]}`))
	f.Add([]byte(`{"v":2}`))
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
