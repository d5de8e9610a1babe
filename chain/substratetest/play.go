package substratetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// Exchange is one request of a recorded session.
type Exchange struct {
	Method string
	Params json.RawMessage
	// Answer is the whole response as it was recorded, but for metadata, which
	// is put in where the recording refers to it.
	Answer json.RawMessage
	// Notes are the notifications that came after the answer and before the next
	// request, whole.
	Notes []json.RawMessage
}

// Session reads the recorded session of runtime 185, 218 or 300.
func Session(t testing.TB, spec uint32) []Exchange {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors(t), fmt.Sprintf("spec%d", spec), "rpc_session.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var session []Exchange
	asked := map[string]int{} // by id
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Dir string
			Msg json.RawMessage
		}
		var m struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
			Result json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(line.Msg, &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case line.Dir == "send":
			asked[string(m.ID)] = len(session)
			session = append(session, Exchange{Method: m.Method, Params: m.Params})
		case m.Method != "":
			last := &session[len(session)-1]
			last.Notes = append(last.Notes, line.Msg)
		default:
			if strings.Contains(string(m.Result), "metadata.json") {
				line.Msg = withMetadata(t, spec, m.ID)
			}
			session[asked[string(m.ID)]].Answer = line.Msg
		}
	}
	if len(session) < 20 {
		t.Fatalf("a session of %d requests", len(session))
	}
	return session
}

func withMetadata(t testing.TB, spec uint32, id json.RawMessage) json.RawMessage {
	t.Helper()
	text, err := response(id, loadRecording(t, spec).metadata, nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Play serves a recorded session to each connection until the test ends, and
// returns its URL. A request is answered as the first one recorded with its
// method and parameters that the connection has not made yet, and told what was
// told after that; one that was not recorded fails the test.
func Play(t testing.TB, spec uint32) (url string) {
	t.Helper()
	session := Session(t, spec)
	var players sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		players.Add(1)
		defer players.Done()
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // it has answered
		}
		defer ws.CloseNow()
		ws.SetReadLimit(maxRequest)
		made := make([]bool, len(session))
		for {
			_, text, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			for _, out := range reply(t, session, made, text) {
				if ws.Write(r.Context(), websocket.MessageText, out) != nil {
					return
				}
			}
		}
	}))
	t.Cleanup(func() { srv.Close(); players.Wait() })
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// reply is all that a request is answered with.
func reply(t testing.TB, session []Exchange, made []bool, text []byte) []json.RawMessage {
	var q struct {
		ID     json.RawMessage
		Method string
		Params json.RawMessage
	}
	if err := json.Unmarshal(text, &q); err != nil {
		t.Errorf("the request %.200s: %v", text, err)
		return nil
	}
	for i, e := range session {
		if made[i] || e.Method != q.Method || !sameJSON(e.Params, q.Params) {
			continue
		}
		made[i] = true
		var m map[string]json.RawMessage
		if err := json.Unmarshal(e.Answer, &m); err != nil {
			t.Error(err)
			return nil
		}
		m["id"] = q.ID
		answer, err := json.Marshal(m)
		if err != nil {
			t.Error(err)
		}
		return append([]json.RawMessage{answer}, e.Notes...)
	}
	t.Errorf("not recorded, or not so often: %s %.200s", q.Method, q.Params)
	refused, err := response(q.ID, nil, &rpcError{Code: -32603, Message: "not recorded"})
	if err != nil {
		t.Error(err)
	}
	return []json.RawMessage{refused}
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}
