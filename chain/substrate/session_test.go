package substrate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// line is one message of a recorded session.
type line struct {
	Dir string
	Msg json.RawMessage
}

func loadSession(t *testing.T, dir string) (lines []line) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../testdata/vectors/chain", dir, "rpc_session.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) < 50 {
		t.Fatalf("a session of %d messages", len(lines))
	}
	return lines
}

// serveSession plays the node's half of a session to whoever plays the other,
// message by message.
func serveSession(t *testing.T, lines []line) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for _, l := range lines {
			if l.Dir == "recv" {
				_ = conn.Write(r.Context(), websocket.MessageText, l.Msg)
				continue
			}
			_, text, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			if !sameJSON(t, text, l.Msg) {
				t.Errorf("the client says %s, want %s", text, l.Msg)
			}
		}
		_, _, _ = conn.Read(r.Context())
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Error(err)
	}
	return reflect.DeepEqual(x, y)
}

func testConfig(t *testing.T, endpoints ...string) Config {
	t.Helper()
	cfg, err := Config{Endpoints: endpoints, RequestTimeout: 5 * time.Second, MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond}.complete()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// open dials and runs a connection until the test ends.
func open(t *testing.T, url string, cfg Config) *conn {
	t.Helper()
	c, err := dial(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

// The recorded sessions, whose notifications come among the answers.
func TestRecordedSessions(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		lines := loadSession(t, r.dir)
		c := open(t, serveSession(t, lines), testConfig(t, "ws://unused"))
		answers, notes, subs := map[uint64]json.RawMessage{}, map[string][]json.RawMessage{}, map[string]*subscription{}
		for _, l := range lines {
			if l.Dir != "recv" {
				continue
			}
			var m message
			if err := json.Unmarshal(l.Msg, &m); err != nil {
				t.Fatal(err)
			}
			if m.Method != "" {
				id := string(m.Params.Subscription)
				notes[id] = append(notes[id], m.Params.Result)
			} else {
				var a struct{ ID uint64 }
				if err := json.Unmarshal(l.Msg, &a); err != nil {
					t.Fatal(err)
				}
				answers[a.ID] = l.Msg
			}
		}
		for _, l := range lines {
			if l.Dir == "send" {
				replay(t, c, l.Msg, answers, subs)
			}
		}
		received := 0
		for id, want := range notes {
			for _, note := range want {
				got, err := subs[id].next(t.Context())
				if err != nil || !sameJSON(t, got, note) {
					t.Fatalf("subscription %s notified %s, %v, want %s", id, got, err, note)
				}
				if strings.Contains(string(note), "parentHash") {
					if _, err := parseHeader(got); err != nil {
						t.Error(err)
					}
				} else if _, err := parseStatus(got); err != nil {
					t.Error(err)
				}
				received++
			}
		}
		if received < 8 {
			t.Errorf("%d notifications", received)
		}
	})
}

// replay makes one recorded request and compares the answer.
func replay(t *testing.T, c *conn, text json.RawMessage, answers map[uint64]json.RawMessage, subs map[string]*subscription) {
	t.Helper()
	var q struct {
		ID     uint64
		Method string
		Params []any
	}
	if err := json.Unmarshal(text, &q); err != nil {
		t.Fatal(err)
	}
	var want message
	if err := json.Unmarshal(answers[q.ID], &want); err != nil {
		t.Fatalf("no answer to %s: %v", text, err)
	}
	if strings.Contains(q.Method, "_subscribe") || q.Method == "author_submitAndWatchExtrinsic" {
		s, err := c.subscribe(t.Context(), q.Method, q.Params...)
		if err != nil {
			t.Fatal(err)
		}
		subs[string(s.id)] = s
		return
	}
	var got json.RawMessage
	err := c.call(t.Context(), &got, q.Method, q.Params...)
	var refused *rpcError
	switch {
	case want.Error != nil && (!errors.As(err, &refused) || refused.Code != want.Error.Code || refused.Message != want.Error.Message):
		t.Errorf("%s: %v, want %v", q.Method, err, want.Error)
	case want.Error == nil && (err != nil || !sameJSON(t, got, want.Result)):
		t.Errorf("%s: %s, %v, want %s", q.Method, got, err, want.Result)
	}
}
