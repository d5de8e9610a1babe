package substratetest

import (
	"encoding/json"
	"testing"

	"github.com/coder/websocket"
)

// A client that asks as it was recorded hears what was recorded.
func TestPlay(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		ws, _, err := websocket.Dial(t.Context(), Play(t, spec), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		ws.SetReadLimit(16 << 20)
		notes := 0
		for i, e := range Session(t, spec) {
			text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1000 + i, "method": e.Method, "params": e.Params})
			if err != nil {
				t.Fatal(err)
			}
			if err := ws.Write(t.Context(), websocket.MessageText, text); err != nil {
				t.Fatal(err)
			}
			for _, want := range append([]json.RawMessage{e.Answer}, e.Notes...) {
				_, got, err := ws.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !sameJSON(withoutID(t, got), withoutID(t, want)) {
					t.Errorf("%s: %.300s, recorded %.300s", e.Method, got, want)
				}
			}
			notes += len(e.Notes)
		}
		if notes < 8 {
			t.Errorf("%d notifications", notes)
		}
	})
}

func withoutID(t *testing.T, text json.RawMessage) json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "id")
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
