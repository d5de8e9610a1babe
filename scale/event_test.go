package scale_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filetao/filetao/scale"
)

type eventRecord struct {
	Phase           any
	Section, Method string
	Data            []json.RawMessage
	Topics          []hexBytes
}

type blockRecord struct {
	Number     uint64 `json:"block_number"`
	Extrinsics []hexBytes
	EventsRaw  hexBytes `json:"events_raw"`
	Events     []eventRecord
}

func blocks(t testing.TB, dir string) []blockRecord {
	t.Helper()
	var file struct{ Blocks []blockRecord }
	vectors(t, filepath.Join(dir, "events.json"), &file)
	if len(file.Blocks) < 30 {
		t.Fatalf("%d blocks", len(file.Blocks))
	}
	return file.Blocks
}

func TestEvents(t *testing.T) {
	eachRuntime(t, func(t *testing.T, dir string, m *scale.Metadata) {
		registered := 0
		for _, block := range blocks(t, dir) {
			events, err := m.DecodeEvents(block.EventsRaw)
			if err != nil || len(events) != len(block.Events) || len(events) == 0 {
				t.Fatalf("block %d: %d events, want %d, %v", block.Number, len(events), len(block.Events), err)
			}
			for i, e := range events {
				if err := checkEvent(m, e, block.Events[i]); err != nil {
					t.Errorf("block %d: event %d: %v", block.Number, i, err)
				}
				if e.Pallet == "SubtensorModule" && e.Name == "NeuronRegistered" {
					registered++
				}
			}
			back, err := m.EncodeEvents(events)
			if err != nil || !bytes.Equal(back, block.EventsRaw) {
				t.Errorf("block %d: %x, want %x, %v", block.Number, back, block.EventsRaw, err)
			}
		}
		if registered < 5 {
			t.Errorf("%d neurons registered", registered)
		}
		if events, err := m.DecodeEvents(nil); events != nil || err != nil {
			t.Errorf("no bytes: %v, %v", events, err)
		}
	})
}

func checkEvent(m *scale.Metadata, e scale.Event, want eventRecord) error {
	if plain(e.Pallet) != plain(want.Section) || e.Name != want.Method {
		return fmt.Errorf("%s.%s, want %s.%s", e.Pallet, e.Name, want.Section, want.Method)
	}
	phase := any("Initialization")
	switch e.Phase {
	case scale.Initialization:
	case scale.Finalization:
		phase = "Finalization"
	default:
		phase = map[string]any{"ApplyExtrinsic": float64(e.Phase)}
	}
	if fmt.Sprint(phase) != fmt.Sprint(want.Phase) {
		return fmt.Errorf("phase %v, want %v", phase, want.Phase)
	}
	if len(e.Topics) != len(want.Topics) || len(e.Fields.Values) != len(want.Data) {
		return fmt.Errorf("%d topics and %d fields", len(e.Topics), len(e.Fields.Values))
	}
	p, _ := m.Pallet(e.Pallet)
	t, err := m.Type(p.Events)
	if err != nil {
		return err
	}
	for _, alt := range t.Variants {
		for i := 0; i < len(alt.Fields) && alt.Name == e.Name; i++ {
			v, err := e.Fields.At(i)
			if err != nil {
				return err
			}
			if err := sameJSON(m, alt.Fields[i].Type, v, want.Data[i]); err != nil {
				return fmt.Errorf("%s.%s: field %d: %w", e.Pallet, e.Name, i, err)
			}
		}
	}
	return nil
}

func TestDispatchError(t *testing.T) {
	eachRuntime(t, func(t *testing.T, dir string, m *scale.Metadata) {
		inside := 0
		failed := make(map[string]string) // by block and extrinsic: what failed
		for _, block := range blocks(t, dir) {
			events, err := m.DecodeEvents(block.EventsRaw)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				v, ok := failure(e)
				if !ok {
					continue
				}
				why, err := m.DispatchError(v)
				if err != nil {
					t.Fatal(err)
				}
				if e.Name == "Sudid" {
					inside++
					continue
				}
				failed[fmt.Sprint(block.Number, e.Phase)] = strings.TrimSuffix(why.Error(), ".")
			}
		}
		want := 0
		for _, x := range extrinsics(t, dir) {
			if x.Result.Error == nil {
				continue
			}
			d := x.Result.Error.Decoded
			got := failed[fmt.Sprint(x.Result.Block, x.Result.Index)]
			if want++; plain(got) != plain(strings.TrimSuffix(d.Section+"."+d.Name+": "+d.Docs, ".")) {
				t.Errorf("%s: %q, want %s.%s: %s", x.Label, got, d.Section, d.Name, d.Docs)
			}
		}
		if want < 3 || len(failed) < want || inside == 0 {
			t.Errorf("%d failures recorded, %d found, %d inside sudo", want, len(failed), inside)
		}
	})
}

// failure is the dispatch error in an event, if it holds one.
func failure(e scale.Event) (scale.Value, bool) {
	v, err := e.Fields.At(0)
	if err != nil {
		return scale.Value{}, false
	}
	switch e.Name {
	case "ExtrinsicFailed":
		return v, true
	case "Sudid":
		if result, err := v.Variant(); err == nil && result.Name == "Err" {
			inner, err := result.Fields.At(0)
			return inner, err == nil
		}
	}
	return scale.Value{}, false
}

func TestDispatchErrorKinds(t *testing.T) {
	m := parse(t, "spec300/metadata.json")
	module := func(pallet uint8, code []byte) scale.Value {
		return scale.Enum("Module", scale.Record(map[string]scale.Value{
			"index": scale.Uint(pallet), "error": scale.Bytes(code),
		}))
	}
	for _, c := range []struct {
		v    scale.Value
		want string
		err  error
	}{
		{scale.Enum("BadOrigin"), "BadOrigin", nil},
		{scale.Enum("Token", scale.Enum("FundsUnavailable")), "Token.FundsUnavailable", nil},
		{scale.Enum("Module", scale.Record(map[string]scale.Value{"index": scale.Uint(uint8(12)), "error": scale.Uint(uint8(0))})),
			"Sudo.RequireSudo: Sender must be the Sudo account.", nil},
		{module(12, []byte{0, 0, 0, 0}), "Sudo.RequireSudo: Sender must be the Sudo account.", nil},
		{module(12, []byte{250, 0, 0, 0}), "", scale.ErrUnknown},
		{module(251, []byte{0, 0, 0, 0}), "", scale.ErrUnknown},
		{module(12, nil), "", scale.ErrValue},
		{scale.Enum("Module", scale.None()), "", scale.ErrValue},
		{scale.Uint(uint8(3)), "", scale.ErrValue},
	} {
		got, err := m.DispatchError(c.v)
		if !errors.Is(err, c.err) || err == nil && got.Error() != c.want {
			t.Errorf("%v: %v, %v", c.v, got, err)
		}
	}
}
