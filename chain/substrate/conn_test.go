package substrate

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
)

// rawNode accepts WebSockets by hand and then writes whatever it likes: answer
// gets the connection after the first request's bytes came.
func rawNode(t *testing.T, answer func(w net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
				fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
					base64.StdEncoding.EncodeToString(sum[:]))
				if _, err := io.ReadAtLeast(c, make([]byte, 4096), 20); err == nil {
					answer(c)
				}
			}()
		}
	}()
	return "ws://" + l.Addr().String()
}

// frame is a text message as it travels, up to 65535 bytes.
func frame(text string) []byte {
	return append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
}

// Whatever a node sends ends in an error within bounds, and the connection is
// given up.
func TestNodesThatBreakTheProtocol(t *testing.T) {
	note := `{"jsonrpc":"2.0","method":"x","params":{"subscription":"s","result":1}}`
	heavy := strings.Replace(note, "1}", `"`+strings.Repeat("a", 1000)+`"}`, 1)
	for name, sent := range map[string][]byte{
		"no JSON":                       frame("hello"),
		"half an object":                frame(`{"jsonrpc":"2.0","id":1,"resu`),
		"a number":                      frame(`7`),
		"a batch":                       frame(`[{"jsonrpc":"2.0","id":1,"result":"0x"}]`),
		"an id not asked for":           frame(`{"jsonrpc":"2.0","id":2,"result":"0x"}`),
		"an id of text":                 frame(`{"jsonrpc":"2.0","id":"1","result":"0x"}`),
		"an id below 0":                 frame(`{"jsonrpc":"2.0","id":-1,"result":"0x"}`),
		"no id":                         frame(`{"jsonrpc":"2.0","result":"0x"}`),
		"an error for nobody":           frame(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`),
		"parameters of a strange shape": frame(`{"jsonrpc":"2.0","method":"x","params":[1,2]}`),
		"a binary message":              {0x82, 1, 0},
		"more than allowed":             frame(`{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("a", 5000) + `"}`),
		"a reserved opcode":             {0x83, 0},
		"a masked message":              {0x81, 0x81, 1, 2, 3, 4, 5},
		"the end in a message":          frame(`{"jsonrpc":"2.0","id":1,"result":"0x00"}`)[:20],
		"the end":                       {},
		"a close":                       {0x88, 2, 3, 0xe8},
		"heavy notifications":           append(frame(`{"jsonrpc":"2.0","id":1,"result":"s"}`), strings.Repeat(string(frame(heavy)), 5)...),
		"many notifications":            []byte(strings.Repeat(string(frame(note)), maxNotes+1)),
	} {
		t.Run(name, func(t *testing.T) {
			url := rawNode(t, func(w net.Conn) {
				_, _ = w.Write(sent)
				w.Close()
			})
			cfg := testConfig(t, url)
			cfg.MaxMessage = 4096
			c := open(t, url, cfg)
			if _, err := c.subscribe(t.Context(), "anything"); name != "heavy notifications" && (!errors.Is(err, errLost) || !errors.Is(err, chain.ErrUnavailable)) {
				t.Errorf("got %v", err)
			}
			<-c.done
			if err := c.call(t.Context(), new(any), "again"); !errors.Is(err, errLost) || !errors.Is(err, errUnsent) {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// A node that announces more than it sends keeps its connection until a ping
// tells.
func TestNodesThatStopInAMessage(t *testing.T) {
	for name, sent := range map[string][]byte{
		"a short message":   frame(`{"jsonrpc":"2.0","id":1,"result":"0x00"}`)[:20],
		"a message of 2^60": {0x81, 127, 0x10, 0, 0, 0, 0, 0, 0, 0, '{'},
		"nothing":           {},
	} {
		t.Run(name, func(t *testing.T) {
			url := rawNode(t, func(w net.Conn) { _, _ = w.Write(sent) })
			cfg := testConfig(t, url)
			cfg.PingEvery, cfg.RequestTimeout = 20*time.Millisecond, 200*time.Millisecond
			c := open(t, url, cfg)
			if err := c.call(t.Context(), new(any), "anything"); !errors.Is(err, chain.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			<-c.done
		})
	}
}

// Answers that are JSON-RPC but not what the method answers do not cost the
// connection.
func TestOddAnswers(t *testing.T) {
	for answer, want := range map[string]error{
		`{"jsonrpc":"2.0","id":1,"result":"0x0102"}`:                                        nil,
		`{"jsonrpc":"2.0","id":1,"result":"0x0102","error":null}`:                           nil,
		`{"jsonrpc":"2.0","id":1}`:                                                          chain.ErrUnavailable,
		`{"jsonrpc":"2.0","id":1,"result":"0x012"}`:                                         errProtocol,
		`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`:                                         errProtocol,
		`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no","data":{"why":[]}}}`: chain.ErrUnavailable,
	} {
		c := open(t, rawNode(t, func(w net.Conn) { _, _ = w.Write(frame(answer)) }), testConfig(t, "ws://unused"))
		var got hexBytes
		if err := c.call(t.Context(), &got, "anything"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", answer, err, want)
		}
		select {
		case <-c.done:
			t.Errorf("%s cost the connection", answer)
		default:
		}
	}
}

// An answer that comes when nobody waits any more is no answer to nobody.
func TestLateAnswers(t *testing.T) {
	asked, late := make(chan struct{}), make(chan struct{})
	url := rawNode(t, func(w net.Conn) {
		close(asked)
		<-late
		_, _ = w.Write(frame(`{"jsonrpc":"2.0","id":1,"result":"late"}`))
		_, _ = w.Write(frame(`{"jsonrpc":"2.0","id":2,"result":"in time"}`))
	})
	c := open(t, url, testConfig(t, url))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.subscribe(ctx, "slow"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ex, err := c.begin(t.Context(), nil, "quick", nil)
	if err != nil {
		t.Fatal(err)
	}
	close(late)
	if result, err := c.finish(t.Context(), ex); err != nil || string(result) != `"in time"` {
		t.Errorf("%s, %v", result, err)
	}
	if len(c.subs) != 0 || len(c.pending) != 0 {
		t.Errorf("%d subscriptions and %d requests are left", len(c.subs), len(c.pending))
	}
}

func TestUnansweredRequestsAreBounded(t *testing.T) {
	url := rawNode(t, func(w net.Conn) { _, _ = io.Copy(io.Discard, w) })
	c := open(t, url, testConfig(t, url))
	for range maxOutstanding {
		if _, err := c.begin(t.Context(), nil, "quick", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.begin(t.Context(), nil, "quick", nil); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("one more: %v", err)
	}
}

func TestHexNumber(t *testing.T) {
	for text, want := range map[string]uint64{"0x0": 0, "0x3a": 0x3a, "0x0000003a": 0x3a, "0xffffffffffffffff": 1<<64 - 1, "0x00ffffffffffffffff": 1<<64 - 1, "0xabc": 0xabc} {
		var n hexNumber
		if err := n.UnmarshalText([]byte(text)); err != nil || uint64(n) != want {
			t.Errorf("%s is %d, %v", text, n, err)
		}
	}
	for _, bad := range []string{"", "0x", "12", "0xg", "0x1ffffffffffffffff", "-0x1", "0x 1"} {
		var n hexNumber
		if err := n.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

// Headers, statuses, hex and messages from a node never make it panic.
func FuzzNodeTexts(f *testing.F) {
	f.Add(`{"parentHash":"0x00","number":"0x1","digest":{"logs":["0x06"]}}`)
	f.Add(`{"inBlock":"0x01"}`)
	f.Add(`"ready"`)
	f.Add(`{"jsonrpc":"2.0","id":1,"result":null}`)
	f.Add(`{"jsonrpc":"2.0","method":"x","params":{"subscription":1,"result":null}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := parseHeader(json.RawMessage(text)); err == nil && h.Number > 1<<32-1 {
			t.Errorf("block %d", h.Number)
		}
		if s, err := parseStatus(json.RawMessage(text)); err == nil && s.name == "" {
			t.Error("a status without a name")
		}
		ex := &exchange{id: 1, answer: make(chan message, 1), sub: &subscription{notes: make(chan json.RawMessage, maxNotes)}}
		c := &conn{cfg: Config{MaxMessage: 1 << 20}, subs: map[string]*subscription{}, pending: map[uint64]*exchange{1: ex}, subscribing: 1}
		_ = c.receive([]byte(text))
		_ = c.receive([]byte(`{"jsonrpc":"2.0","id":1,"result":"s"}`))
		if err := poolRefusal(&rpcError{Code: codeInvalid, Message: text, Data: json.RawMessage(text)}, 300); err == nil {
			t.Error("no refusal")
		}
	})
}
