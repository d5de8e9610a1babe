package devchain

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// post sends a body as it is and returns status and answer.
func post(t *testing.T, s *Server, contentType, body string) (int, string) {
	t.Helper()
	res, err := http.Post("http://"+s.Addr().String(), contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// exchanges are requests and what their answers contain, after //Bob was
// registered by alice.
func exchanges(d *Devchain, alice wallet.Address, registered string) []struct{ request, want string } {
	return []struct{ request, want string }{
		{`{"jsonrpc":"2.0","id":1,"method":"chain_getBlockHash","params":[0]}`, `{"jsonrpc":"2.0","id":1,"result":"` + d.genesis.String() + `"}`},
		{`{"jsonrpc":"2.0","id":"x","method":"chain_getHeader"}`, `"parentHash":"0x`},
		{`{"jsonrpc":"2.0","id":null,"method":"filetao_block","params":[0]}`, `{"jsonrpc":"2.0","id":null,"result":{"number":0,"hash":"` + d.genesis.String() + `"`},
		{`{"jsonrpc":"2.0","id":1,"method":"system_accountNextIndex","params":["` + string(alice) + `"]}`, `"result":1}`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_balance","params":["` + string(alice) + `"]}`, `"result":999999`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_metagraph","params":[21]}`, `"neurons":[{"uid":0,"hotkey":"` + string(bob) + `"`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_hyperparameters","params":[21]}`, `"tempo":5,"immunityPeriod":4`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_registrations","params":[21,` + registered + `]}`, `"result":[{"uid":0,"hotkey":"` + string(bob) + `"}]}`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_registrations","params":[21,0]}`, `"result":null}`},

		{`{"jsonrpc":"2.0","id":1,"method":"filetao_weights","params":[21]}`, `"result":{}}`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_events","params":[` + registered + `]}`,
			`"result":[{"pallet":"SubtensorModule","name":"NeuronRegistered","fields":[21,0,"` + string(bob) + `"]}]}`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_events","params":[1000000]}`, `"data":107}}`},

		{`{"jsonrpc":"2.0","id":1,"method":"filetao_metagraph","params":[5]}`, `"error":{"code":1010,"message":"no such subnet: 5","data":3}}`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_block","params":[1000000]}`, `"data":107}}`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_submitAndWait","params":["0x00"]}`, `"data":106}}`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_submitAndWait","params":["00"]}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_submitAndWait","params":["0x0g"]}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_balance","params":["Alice"]}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_block","params":[]}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_block","params":[-1]}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","id":1,"method":"filetao_block","params":{"number":1}}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","id":1,"method":"chain_getHeader","params":[1]}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","id":1,"method":"chain_subscribeNewHeads"}`, `"code":-32601`},
		{`{"jsonrpc":"2.0","id":1,"method":"rm"}`, `"code":-32601`},
		{`{"jsonrpc":"1.0","id":1,"method":"chain_getHeader"}`, `"id":null,"error":{"code":-32600`},
		{`{"jsonrpc":"2.0","method":"chain_getHeader"}`, `"code":-32600`},
		{`{"jsonrpc":"2.0","id":{},"method":"chain_getHeader"}`, `"code":-32600`},
		{`[{"jsonrpc":"2.0","id":1,"method":"chain_getHeader"}]`, `"code":-32700`},
		{`{`, `"code":-32700`},
		{``, `"code":-32700`},
	}
}

// TestRPCByHand speaks to the server as a stranger would.
func TestRPCByHand(t *testing.T) {
	d := openTest(t, testConfig())
	alice := key(t, "//Alice")
	if err := during(t, d, func() error { return d.Register(t.Context(), alice, net1, bob, 0) }); err != nil {
		t.Fatal(err)
	}
	m, err := d.Metagraph(t.Context(), net1)
	if err != nil {
		t.Fatal(err)
	}
	registered, err := json.Marshal(m.Neurons[0].RegisteredAt)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, d, ServerConfig{MaxBody: 1000})
	for _, c := range exchanges(d, alice.Address(), string(registered)) {
		status, got := post(t, s, "application/json; charset=utf-8", c.request)
		if status != http.StatusOK || !strings.Contains(got, c.want) {
			t.Errorf("%s\nis answered %d %s\nwithout     %s", c.request, status, got, c.want)
		}
	}
	if status, _ := post(t, s, "application/json", strings.Repeat(" ", 1001)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large request is answered %d", status)
	}
	if status, _ := post(t, s, "text/plain", `{}`); status != http.StatusUnsupportedMediaType {
		t.Errorf("plain text is answered %d", status)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+s.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("PUT is answered %d", res.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

// wire is a WebSocket in a stranger's hands.
type wire struct {
	*testing.T
	conn *websocket.Conn
}

func connect(t *testing.T, s *Server) *wire {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return &wire{t, conn}
}

func (w *wire) send(text string) {
	w.Helper()
	if err := w.conn.Write(w.Context(), websocket.MessageText, []byte(text)); err != nil {
		w.Fatal(err)
	}
}

func (w *wire) expect(want string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	if _, got, err := w.conn.Read(ctx); err != nil || !strings.Contains(string(got), want) {
		w.Fatalf("got %s, %v, want %s", got, err, want)
	}
}

// closed reads until the server has hung up.
func (w *wire) closed() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	for {
		if _, _, err := w.conn.Read(ctx); ctx.Err() != nil {
			w.Fatal("the server does not hang up")
		} else if err != nil {
			return
		}
	}
}

func TestWebSocketByHand(t *testing.T) {
	d := openTest(t, testConfig())
	s := serve(t, d, ServerConfig{MaxBody: 1000, MaxSubscriptions: 2})
	w := connect(t, s)
	w.send(`{"jsonrpc":"2.0","id":7,"method":"chain_getBlockHash","params":[0]}`)
	w.expect(`{"jsonrpc":"2.0","id":7,"result":"0x`)
	w.send(`nonsense`)
	w.expect(`-32700`)
	w.send(`{"jsonrpc":"2.0","id":8,"method":"chain_subscribeNewHeads","params":[1]}`)
	w.expect(`"code":-32602`)
	for _, id := range []string{`"1"`, `"2"`} {
		w.send(`{"jsonrpc":"2.0","id":9,"method":"chain_subscribeNewHeads","params":[]}`)
		w.expect(`{"jsonrpc":"2.0","id":9,"result":` + id + `}`)
	}
	other := connect(t, s)
	other.send(`{"jsonrpc":"2.0","id":9,"method":"chain_subscribeNewHeads"}`)
	other.expect(`all 2 subscriptions are taken`)
	w.send(`{"jsonrpc":"2.0","id":1,"method":"chain_unsubscribeNewHeads","params":["2"]}`)
	w.expect(`"result":true`)
	w.send(`{"jsonrpc":"2.0","id":1,"method":"chain_unsubscribeNewHeads","params":["2"]}`)
	w.expect(`"result":false`)
	w.send(`{"jsonrpc":"2.0","id":1,"method":"chain_unsubscribeNewHeads","params":[2]}`)
	w.expect(`"code":-32602`)
	step(t, d)
	w.expect(`{"jsonrpc":"2.0","method":"chain_newHead","params":{"subscription":"1","result":{"number":1,"hash":"0x`)
	step(t, d)
	w.expect(`"number":2,`)
	w.send(strings.Repeat(" ", 1001))
	w.closed()
	// Its subscription is free again.
	for {
		other.send(`{"jsonrpc":"2.0","id":9,"method":"chain_subscribeNewHeads"}`)
		_, text, err := other.conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"result":"1"`) {
			break
		}
	}
	if err := other.conn.Write(t.Context(), websocket.MessageBinary, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	other.closed()
}

func TestOtherOriginsAreRefused(t *testing.T) {
	s := serve(t, openTest(t, testConfig()), ServerConfig{})
	_, res, err := websocket.Dial(t.Context(), s.URL(), &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another origin connected: %v", err)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	s := serve(t, openTest(t, testConfig()), ServerConfig{MaxConns: 2})
	first, second := connect(t, s), connect(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if conn, _, err := websocket.Dial(ctx, s.URL(), nil); err == nil {
		conn.CloseNow()
		t.Fatal("a third connection was served")
	}
	first.conn.CloseNow()
	third := connect(t, s)
	for _, w := range []*wire{second, third} {
		w.send(`{"jsonrpc":"2.0","id":7,"method":"chain_getHeader"}`)
		w.expect(`"number":0`)
	}
}

// TestSlowSubscribersAreDropped subscribes without ever reading. Others get
// every block meanwhile.
func TestSlowSubscribersAreDropped(t *testing.T) {
	d := openTest(t, testConfig())
	s := serve(t, d, ServerConfig{WriteTimeout: 2 * time.Second})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v, %v", res, err)
	}
	text := `{"jsonrpc":"2.0","id":1,"method":"chain_subscribeNewHeads"}`
	// A text frame with a mask of zeros.
	if _, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)); err != nil {
		t.Fatal(err)
	}
	for len(s.subs) == 0 {
		step(t, d)
	}
	quick, err := dial(t, RemoteConfig{Endpoint: s.URL()}).Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for blocks := 0; len(s.subs) == 2; blocks++ {
		want := step(t, d).Number
		if b := <-quick; last != 0 && b.Number != last+1 || b.Number != want {
			t.Fatalf("after %d the quick one got %d, want %d", last, b.Number, want)
		} else {
			last = b.Number
		}
		if blocks > 500_000 {
			t.Fatal("the slow one is still served")
		}
	}
}

// A server that stops lets nobody wait for a block that will not come.
func TestServerStops(t *testing.T) {
	d := openTest(t, testConfig())
	s, err := NewServer(d, ServerConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Addr().Addr().IsLoopback() {
		t.Errorf("bound to %v", s.Addr())
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r := dial(t, RemoteConfig{Endpoint: s.URL()})
	blocks, err := r.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	alice := key(t, "//Alice")
	waiting := make(chan error, 1)
	go func() { waiting <- r.Transfer(t.Context(), alice, bob, 1) }()
	for d.pool.nonce(alice.Address(), d.kept) == 0 {
		if _, err := r.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	if err := <-waiting; !errors.Is(err, chain.ErrInFlight) {
		t.Errorf("the waiting transfer: %v", err)
	}
	if _, open := <-blocks; open {
		t.Error("a block of a stopped server")
	}
	if _, err := r.Head(t.Context()); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("head of a stopped server: %v", err)
	}
	if _, err := r.Subscribe(t.Context()); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("subscription of a stopped server: %v", err)
	}
	unused, err := NewServer(d, ServerConfig{Listen: s.Addr().String()})
	if err != nil {
		t.Fatalf("the address is not free: %v", err)
	}
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewServer(d, ServerConfig{Listen: "nowhere"}); err == nil {
		t.Error("listens nowhere")
	}
}

func FuzzRPC(f *testing.F) {
	d := openTest(f, testConfig())
	s, err := NewServer(d, ServerConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"chain_getHeader","params":[]}`,
		`{"jsonrpc":"2.0","id":"a","method":"filetao_block","params":[0]}`,
		`{"jsonrpc":"2.0","id":null,"method":"filetao_metagraph","params":[21]}`,
		`{"jsonrpc":"2.0","id":1.5,"method":"filetao_registrations","params":[21,0]}`,
		`{"jsonrpc":"2.0","id":1,"method":"filetao_balance","params":["` + string(bob) + `"]}`,
		`{"jsonrpc":"2.0","id":1,"method":"filetao_submitAndWait","params":["0x` + strings.Repeat("00", 110) + `"]}`,
		`{"jsonrpc":"2.0","id":1,"method":"system_accountNextIndex","params":[null]}`,
		`[]`, `null`, `{"id":{}}`, `"`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var res struct {
			Version string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Result  json.RawMessage `json:"result"`
			Error   *rpcError       `json:"error"`
		}
		answer := s.answer(t.Context(), text)
		if err := json.Unmarshal(answer, &res); err != nil || res.Version != "2.0" || len(res.ID) == 0 || (res.Result == nil) == (res.Error == nil) {
			t.Errorf("%q is answered %s (%v)", text, answer, err)
		}
	})
}
