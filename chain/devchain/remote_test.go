package devchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/filetao/filetao/chain"
)

// Every refusal survives the journey, with its text.
func TestErrorsTravel(t *testing.T) {
	for number, want := range custom() {
		err := fmt.Errorf("%w: because", want)
		var back *rpcError
		text, jsonErr := json.Marshal(rpcErrorOf(err))
		if jsonErr == nil {
			jsonErr = json.Unmarshal(text, &back)
		}
		if jsonErr != nil || back.Custom != number || !errors.Is(back, want) || back.Error() != err.Error() {
			t.Errorf("%v came back as %+v (%v)", err, back, jsonErr)
		}
	}
	for _, unknown := range []*rpcError{{codeInternal, "x", 3}, {codeRefused, "x", 999}, {codeParams, "x", 0}} {
		if !errors.Is(unknown, chain.ErrUnavailable) {
			t.Errorf("%+v is %v", unknown, errors.Unwrap(unknown))
		}
	}
}

func TestDialRefuses(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:9944", "ftp://127.0.0.1", "ws://", "wsx://h", "httpws://h", "://"} {
		if r, err := Dial(t.Context(), bad); err == nil {
			r.Close()
			t.Errorf("%q was dialled", bad)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := Dial(t.Context(), "ws://"+l.Addr().String()); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("nobody answers: %v", err)
	}
}

// Servers that are no devchain, or none that works.
func TestStrangeServers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"status":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"no JSON":    func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") },
		"no result":  func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"jsonrpc":"2.0","id":1}`) },
		"wrong type": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":[]}`) },
		"hangs up":   func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"is silent":  func(w http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() },
	} {
		s := httptest.NewServer(answer)
		cfg := RemoteConfig{Endpoint: s.URL, RequestTimeout: 100 * time.Millisecond}
		if _, err := DialRemote(t.Context(), cfg); !errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		s.CloseClientConnections()
		s.Close()
	}
}

func TestTransactionTimeout(t *testing.T) {
	d := openTest(t, testConfig()) // makes no block
	s := serve(t, d, ServerConfig{})
	r := dial(t, RemoteConfig{Endpoint: s.URL(), TransactionTimeout: 50 * time.Millisecond})
	alice := key(t, "//Alice")
	if err := r.Transfer(t.Context(), alice, bob, 1); !errors.Is(err, chain.ErrInFlight) {
		t.Errorf("without blocks: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := d.Transfer(ctx, alice, bob, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without blocks, by context: %v", err)
	}
	// As promised, they may still be included.
	step(t, d)
	if got, err := r.Balance(t.Context(), bob); err != nil || got != 2 {
		t.Errorf("//Bob has %s, %v", got, err)
	}
}

// A transaction may wait longer than a client may take to send a request.
func TestSlowBlocks(t *testing.T) {
	d := openTest(t, testConfig())
	s := serve(t, d, ServerConfig{ReadTimeout: 30 * time.Millisecond})
	r := dial(t, RemoteConfig{Endpoint: s.URL()})
	result := make(chan error, 1)
	go func() { result <- r.Transfer(t.Context(), key(t, "//Alice"), bob, 1) }()
	select {
	case err := <-result:
		t.Fatalf("before there was a block: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	step(t, d)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// Several processes may use one account at a time.
func TestOneAccountFromManyPlaces(t *testing.T) {
	d := openTest(t, testConfig())
	running(t, d.Run)
	s := serve(t, d, ServerConfig{})
	alice := key(t, "//Alice")
	const places, each = 4, 5
	results := make(chan error, places*each)
	for range places {
		r := dial(t, RemoteConfig{Endpoint: s.URL()})
		for range each {
			go func() { results <- r.Transfer(t.Context(), alice, bob, 1) }()
		}
	}
	for range places * each {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if got, err := d.Balance(t.Context(), bob); err != nil || got != places*each {
		t.Errorf("//Bob has %d, %v", got, err)
	}
}

// sieve serves a chain but notifies of every third block only.
func sieve(t *testing.T, d *Devchain) *httptest.Server {
	whole, err := NewServer(d, ServerConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { whole.Close() })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			whole.ServeHTTP(w, r)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		if _, _, err := conn.Read(r.Context()); err != nil {
			return
		}
		ctx := conn.CloseRead(r.Context())
		blocks, err := d.Subscribe(ctx)
		if err != nil {
			return
		}
		send := func(text string) { _ = conn.Write(ctx, websocket.MessageText, []byte(text)) }
		send(`{"jsonrpc":"2.0","id":1,"result":"1"}`)
		send(`{"jsonrpc":"2.0","id":99,"result":"an answer to nothing"}`)
		for b := range blocks {
			if b.Number%3 == 0 {
				text, err := json.Marshal(b)
				if err != nil {
					return
				}
				send(`{"jsonrpc":"2.0","method":"chain_newHead","params":{"subscription":"1","result":` + string(text) + `}}`)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestRemoteFillsGaps(t *testing.T) {
	d := openTest(t, testConfig())
	s := sieve(t, d)
	r := dial(t, RemoteConfig{Endpoint: s.URL})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blocks, err := r.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		step(t, d)
	}
	var last chain.Block
	for range 20 {
		b := <-blocks
		if last.Number != 0 && (b.Number != last.Number+1 || b.Parent != last.Hash) {
			t.Fatalf("after %+v came %+v", last, b)
		}
		last = b
	}
}

// A peer that is gone without a word is found out.
func TestRemoteNoticesADeadPeer(t *testing.T) {
	d := openTest(t, testConfig())
	whole := serve(t, d, ServerConfig{})
	gone := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			whole.ServeHTTP(w, r)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":1,"result":"1"}`))
		<-gone // reads nothing, so answers no ping
	}))
	defer s.Close()
	defer close(gone)
	r := dial(t, RemoteConfig{Endpoint: s.URL, PingEvery: 10 * time.Millisecond, RequestTimeout: 100 * time.Millisecond})
	blocks, err := r.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, open := <-blocks; open {
		t.Error("a block of a dead peer")
	}
}

func TestClosedRemote(t *testing.T) {
	d := openTest(t, testConfig())
	s := serve(t, d, ServerConfig{})
	r, err := Dial(t.Context(), strings.Replace(s.URL(), "ws", "http", 1))
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := r.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-blocks; open {
		t.Error("a block after Close")
	}
	_, headErr := r.Head(t.Context())
	_, subscribeErr := r.Subscribe(t.Context())
	for i, err := range []error{headErr, subscribeErr} {
		if !errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("call %d on a closed remote: %v", i, err)
		}
	}
}

// TestFollowerOverARestart: the chain's process ends and comes back; a follower
// in another process goes on without a gap.
func TestFollowerOverARestart(t *testing.T) {
	cfg := testConfig()
	cfg.Dir = t.TempDir()
	listen := "127.0.0.1:0"
	var f *chain.Follower
	var view <-chan chain.Block
	var last chain.Block
	for life := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		d, err := Open(cfg, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewServer(d, ServerConfig{Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		listen = s.Addr().String()
		ended := make(chan error, 2)
		go func() { ended <- s.Run(ctx) }()
		go func() { ended <- d.Run(ctx) }()
		if life == 0 {
			r := dial(t, RemoteConfig{Endpoint: s.URL()})
			f = chain.NewFollower(chain.FollowerConfig{NetUID: net1, MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond}, chain.FollowerDeps{Chain: r})
			running(t, f.Run)
			<-f.Ready()
			last = f.Head()
			view = f.Blocks(t.Context())
		}
		for range 10 {
			b := <-view
			if b.Number <= last.Number {
				t.Fatalf("life %d: after %d came %d", life, last.Number, b.Number)
			}
			last = b
		}
		cancel()
		<-ended
		<-ended
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
