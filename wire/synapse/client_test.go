package synapse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// peerThat is a peer which does what it likes with every connection.
func peerThat(t testing.TB, serve func(c net.Conn)) wire.Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close() //nolint:errcheck // a test's peer
				serve(c)
			})
		}
	})
	t.Cleanup(func() { check(t, l.Close()); conns.Wait() })
	return wire.Peer{Hotkey: wiretest.Key(t, "//Bob").Address(), Addr: netip.MustParseAddrPort(l.Addr().String())}
}

// peerAnswering reads a request and answers with these bytes.
func peerAnswering(t testing.TB, raw []byte) wire.Peer {
	return peerThat(t, func(c net.Conn) {
		if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			if _, err := io.Copy(io.Discard, req.Body); err == nil {
				c.Write(raw) //nolint:errcheck // the client tells
			}
		}
	})
}

func call(t testing.TB, c *Client, to wire.Peer, msg wire.Message, timeout time.Duration) (wire.Exchange, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return c.Call(ctx, to, msg)
}

// What the client sends is what SDK 6.12 insists on, byte by byte.
func TestRequestBytes(t *testing.T) {
	sent := make(chan []byte, 1)
	peer := peerThat(t, func(c net.Conn) {
		var raw bytes.Buffer
		if req, err := http.ReadRequest(bufio.NewReader(io.TeeReader(c, &raw))); err == nil {
			io.Copy(io.Discard, req.Body) //nolint:errcheck // checked by its length
			sent <- raw.Bytes()
		}
	})
	client := testClient(t, ClientConfig{Version: 722, ExternalIP: netip.MustParseAddr("203.0.113.7")})
	msg := &wire.Store{EncryptedData: []byte("ABC"), Curve: "P-256", G: "0x01", H: "0x02", Seed: "a1b2"}
	ex, err := call(t, client, peer, msg, 10*time.Second)
	expect(t, err, 503, "a peer that hangs up")
	raw := <-sent
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	if ex.Sent != int64(len(body)) {
		t.Errorf("sent %d bytes, says %d", len(body), ex.Sent)
	}
	hash := "e7c2473215f1b3fb40f03a7c68d00f5da0a687fea470ccbbbe7321d58ec2cb03"
	for _, line := range []string{
		"POST /Store HTTP/1.1", "Host: " + peer.Addr.String(), "name: Store", "bt_header_axon_ip: 127.0.0.1", fmt.Sprintf("bt_header_axon_port: %d", peer.Addr.Port()),
		"bt_header_axon_hotkey: 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", "bt_header_dendrite_hotkey: 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
		"bt_header_dendrite_ip: 203.0.113.7", "bt_header_dendrite_version: 722", "bt_header_input_obj_encrypted_data: IiI=", "bt_header_input_obj_seed: IiI=",
		"computed_body_hash: " + hash, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)),
	} {
		if !strings.Contains("\r\n"+string(head)+"\r\n", "\r\n"+line+"\r\n") && !strings.HasPrefix(string(head), line) {
			t.Errorf("no line %q in\n%s", line, head)
		}
	}
	if strings.Contains(string(head), "input_obj_ttl") || strings.Contains(string(head), "input_obj_randomness") {
		t.Error("an optional field is announced as required")
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	check(t, err)
	hd, err := parseHead("Store", req.Header, msg.Fields())
	check(t, err)
	sig, err := parseSignature(hd.signature)
	check(t, err)
	check(t, wallet.Verify(wallet.Address(hd.hotkey), []byte(signedText(hd.nonce, wallet.Address(hd.hotkey), peer.Hotkey, hd.uuid, hash)), sig))
	var got struct {
		Name    string
		Timeout float64
		List    []string                      `json:"required_hash_fields"`
		Data    string                        `json:"encrypted_data"`
		Randoms any                           `json:"randomness"`
		Ends    struct{ UUID, Hotkey string } `json:"dendrite"`
	}
	check(t, json.Unmarshal(body, &got))
	if got.Name != "Store" || got.Timeout < 9 || got.Timeout > 10 || got.Data != "QUJD" || got.Randoms != nil || len(got.List) != 8 || got.Ends.UUID != hd.uuid {
		t.Errorf("body %s", body)
	}
	if hd.timeout < 9*time.Second || hd.timeout > 10*time.Second {
		t.Errorf("timeout %v", hd.timeout)
	}
}

func TestRecordedAnswers(t *testing.T) {
	client := testClient(t, ClientConfig{})
	store := &wire.Store{EncryptedData: []byte("ABC"), Curve: "P-256", G: "0x01", H: "0x02", Seed: "a1b2"}
	raw := wiretest.Recorded(t, "store-6.12.answer")
	_, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	ex, err := call(t, client, peerAnswering(t, raw), store, 10*time.Second)
	check(t, err)
	if store.Randomness.Cmp(new(big.Int).Lsh(big.NewInt(1), 256)) != 0 || store.Commitment != "7631" || store.Signature != "" ||
		store.CommitmentHash != "75988164966894747974200307809782762084705920897667750218208675113520516842314" || string(store.EncryptedData) != "ABC" {
		t.Errorf("read %+v", store)
	}
	if ex.PeerVersion != 722 || ex.Received != int64(len(body)) {
		t.Errorf("exchange %+v", ex)
	}
	retrieve := &wire.Retrieve{DataHash: "abc", Seed: "12"}
	if ex, err = call(t, client, peerAnswering(t, wiretest.Recorded(t, "retrieve-7.2.answer")), retrieve, 10*time.Second); err != nil || ex.PeerVersion != 0 {
		t.Errorf("%+v %v", ex, err)
	}
	if string(retrieve.Data) != "ABC" || retrieve.DataHash != "abc" || retrieve.Seed != "12" || retrieve.CommitmentProof != "34" {
		t.Errorf("read %+v", retrieve)
	}
	_, err = call(t, client, peerAnswering(t, wiretest.Recorded(t, "blacklisted-6.12.answer")), store, 10*time.Second)
	expect(t, err, 403, "blacklisted")
	var said *wire.Error
	if !errors.As(err, &said) || said.Text != "Forbidden. Key is blacklisted: Unrecognized hotkey." {
		t.Errorf("text %v", err)
	}
	_, err = call(t, client, peerAnswering(t, wiretest.Recorded(t, "unparsed-6.12.answer")), store, 10*time.Second)
	expect(t, err, 422, "status 422 that the header calls 200")
}

// answerOf is an answer with a header status and a body.
func answerOf(status, headers, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s", status, headers, len(body), body)
}

func TestOddAnswers(t *testing.T) {
	client := testClient(t, ClientConfig{MaxAnswer: map[string]int64{"Retrieve": 1000}})
	ok := "bt_header_axon_status_code: 200\r\n"
	for what, c := range map[string]struct {
		raw    []byte
		status int
	}{
		"good":               {answerOf("200 OK", ok, `{"data":"QUJD"}`), 200},
		"no header status":   {answerOf("200 OK", "", `{"data":"QUJD"}`), 422},
		"odd header status":  {answerOf("200 OK", "bt_header_axon_status_code: ok\r\n", `{}`), 422},
		"refused in header":  {answerOf("200 OK", "bt_header_axon_status_code: 403\r\n", `{"message":"no"}`), 403},
		"refused in line":    {answerOf("429 Slow", ok, `{"message":"no"}`), 429},
		"refused, no JSON":   {answerOf("500 Oops", "", `<html>`), 500},
		"refused, no body":   {answerOf("503 Later", "", ``), 503},
		"redirect":           {answerOf("302 Found", "location: http://127.0.0.1:1/\r\n"+ok, `{}`), 302},
		"not declared JSON":  {bytes.Replace(answerOf("200 OK", ok, `{}`), []byte("application/json"), []byte("text/html"), 1), 422},
		"not JSON":           {answerOf("200 OK", ok, `data`), 422},
		"a list":             {answerOf("200 OK", ok, `[]`), 422},
		"wrong type":         {answerOf("200 OK", ok, `{"data":5}`), 422},
		"bad base64":         {answerOf("200 OK", ok, `{"data":"A"}`), 422},
		"cut off":            {bytes.TrimSuffix(answerOf("200 OK", ok, `{"data":"QUJD"}`), []byte(`D"}`)), 503},
		"cut off in chunks":  {[]byte("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + ok + "transfer-encoding: chunked\r\n\r\nf\r\n" + `{"data":"QU`), 503},
		"ends too early":     {answerOf("200 OK", ok, `{"data":"QUJD`), 422},
		"ends in an escape":  {answerOf("200 OK", ok, `{"x":"\u00`), 422},
		"early, in chunks":   {[]byte("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + ok + "transfer-encoding: chunked\r\n\r\nb\r\n" + `{"data":"QU` + "\r\n0\r\n\r\n"), 422},
		"over its limit":     {answerOf("200 OK", ok, `{"x":"`+strings.Repeat("x", 2000)+`"}`), 422},
		"over, in chunks":    {[]byte("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + ok + "transfer-encoding: chunked\r\n\r\n7d0\r\n" + `{"data":"` + strings.Repeat("Q", 2000)), 422},
		"in chunks":          {[]byte("HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n" + ok + "transfer-encoding: chunked\r\n\r\nf\r\n" + `{"data":"QUJD"}` + "\r\n0\r\n\r\n"), 200},
		"no HTTP":            {[]byte("hello\r\n\r\n"), 503},
		"nothing":            {nil, 503},
		"header without end": {[]byte("HTTP/1.1 200 OK\r\n" + strings.Repeat("x: "+strings.Repeat("y", 1000)+"\r\n", 200)), 503},
	} {
		msg := &wire.Retrieve{DataHash: "1"}
		_, err := call(t, client, peerAnswering(t, c.raw), msg, 10*time.Second)
		expect(t, err, c.status, "%s", what)
		if c.status == 200 && string(msg.Data) != "ABC" {
			t.Errorf("%s: read %+v", what, msg)
		}
	}
}

// A peer that drips or never ends is cut off at the deadline or the limit.
func TestEndlessAnswers(t *testing.T) {
	client := testClient(t, ClientConfig{MaxAnswer: map[string]int64{"Retrieve": 1 << 20}})
	headers := "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nbt_header_axon_status_code: 200\r\ntransfer-encoding: chunked\r\n\r\n"
	endless := func(start, more string, pause time.Duration) func(net.Conn) {
		return func(c net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				return
			}
			_, err := c.Write([]byte(start))
			for ticker := time.NewTicker(pause); err == nil; <-ticker.C {
				_, err = c.Write([]byte(more))
			}
		}
	}
	chunk := "400\r\n" + strings.Repeat("Q", 1024) + "\r\n"
	for what, c := range map[string]struct {
		serve  func(net.Conn)
		status int
	}{
		"dripping header": {endless("HTTP/1.1 200 OK\r\n", "x", 10*time.Millisecond), 408},
		"dripping body":   {endless(headers+"9\r\n"+`{"data":"`+"\r\n", "4\r\nQUJD\r\n", 10*time.Millisecond), 408},
		"silence":         {func(c net.Conn) { io.Copy(io.Discard, c) }, 408}, //nolint:errcheck // until the client is gone
		"endless body":    {endless(headers+"9\r\n"+`{"data":"`+"\r\n", chunk, time.Microsecond), 422},
		"endless text":    {endless(headers+"6\r\n"+`{"x":"`+"\r\n", chunk, time.Microsecond), 422},
	} {
		timeout := 10 * time.Second
		if c.status == 408 {
			timeout = 150 * time.Millisecond
		}
		start := time.Now()
		_, err := call(t, client, peerThat(t, c.serve), &wire.Retrieve{DataHash: "1"}, timeout)
		expect(t, err, c.status, "%s", what)
		if d := time.Since(start); d > timeout+3*time.Second {
			t.Errorf("%s: took %v", what, d)
		}
	}
}

// A peer that refuses a large body is not sent any of it.
func TestRefusedBodyIsNotSent(t *testing.T) {
	server := startServer(t, ServerConfig{}, ServerDeps{}, func(s *Server) {
		s.Handle(func() wire.Message { return &wire.StoreUser{} }, func(context.Context, wire.Caller, wire.Message) error { return nil }, BodySize(1<<20))
	})
	client := testClient(t, ClientConfig{})
	peer := wire.Peer{Hotkey: wiretest.Key(t, "//Bob").Address(), Addr: server.Addr()}
	ex, err := call(t, client, peer, &wire.StoreUser{EncryptedData: make([]byte, 50<<20)}, 20*time.Second)
	expect(t, err, 413, "50 MiB")
	if ex.Sent != 0 {
		t.Errorf("%d bytes were sent", ex.Sent)
	}
	if ex, err = call(t, client, peer, &wire.StoreUser{EncryptedData: make([]byte, 1<<20)}, 20*time.Second); err != nil || ex.Elapsed > continueTimeout {
		t.Errorf("1 MiB: %+v %v", ex, err)
	}
}

// After a call nobody reads its message any more.
func TestMessageIsTheCallersAgain(t *testing.T) {
	peer := peerThat(t, func(c net.Conn) { // answers before the body has come
		r := bufio.NewReader(c)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))      //nolint:errcheck // the client tells
		c.Write(answerOf("429 Slow", "", `{"message":"no"}`)) //nolint:errcheck // the client tells
		io.CopyN(io.Discard, r, 64<<10)                       //nolint:errcheck // then hangs up
	})
	client := testClient(t, ClientConfig{})
	data := make([]byte, 700<<10)
	for i := range 20 {
		_, err := call(t, client, peer, &wire.StoreUser{EncryptedData: data}, 10*time.Second)
		if status := wire.StatusOf(err); status != 429 && status != 503 { // 503: the hanging up came first
			t.Error(err)
		}
		for j := range data {
			data[j] = byte(i)
		}
	}
}

// Nonces rise though the clock stands still; a lane carries one call at a time.
func TestLanes(t *testing.T) {
	type seen struct {
		mu      sync.Mutex
		nonces  map[string]uint64
		at, max int
	}
	s := seen{nonces: map[string]uint64{}}
	peer := peerThat(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			hd, err := parseHead("Synapse", req.Header, nil)
			s.mu.Lock()
			if err != nil || hd.nonce <= s.nonces[hd.uuid] {
				t.Errorf("nonce %d after %d (%v)", hd.nonce, s.nonces[hd.uuid], err)
			}
			s.nonces[hd.uuid] = hd.nonce
			s.at++
			s.max = max(s.max, s.at)
			s.mu.Unlock()
			s.mu.Lock()
			s.at--
			s.mu.Unlock()
			if _, err := c.Write(answerOf("200 OK", "bt_header_axon_status_code: 200\r\n", `{}`)); err != nil {
				return
			}
		}
	})
	client := NewClient(ClientConfig{Key: wiretest.Key(t, "//Alice"), Lanes: 3}, ClientDeps{Now: newClock().now})
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			if _, err := call(t, client, peer, &wire.Ping{}, 20*time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	check(t, client.Close())
	if len(s.nonces) > 3 || s.max > 3 {
		t.Errorf("%d lanes, %d calls at a time, want 3", len(s.nonces), s.max)
	}
	if len(client.lanes.peers) != 0 {
		t.Errorf("%d peers are remembered without a call", len(client.lanes.peers))
	}
}

// A peer that has announced no address, or none that anything listens at.
func TestNobodyThere(t *testing.T) {
	client := testClient(t, ClientConfig{})
	for _, addr := range []netip.AddrPort{{}, netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("[::]:1")} {
		_, err := call(t, client, wire.Peer{Addr: addr}, &wire.Ping{}, 5*time.Second)
		expect(t, err, 503, "%v", addr)
	}
}

func TestDialled(t *testing.T) {
	own := testClient(t, ClientConfig{ExternalIP: netip.MustParseAddr("203.0.113.7")})
	own6 := testClient(t, ClientConfig{ExternalIP: netip.MustParseAddr("2001:db8::7")})
	for _, c := range []struct {
		client   *Client
		in, want string
	}{
		{own, "203.0.113.8:8091", "203.0.113.8:8091"}, {own, "203.0.113.7:8091", "127.0.0.1:8091"}, {own, "[::ffff:203.0.113.7]:1", "127.0.0.1:1"},
		{own, "[2001:db8::7]:8091", "[2001:db8::7]:8091"}, {own6, "[2001:db8::7]:8091", "[::1]:8091"}, {own, "127.0.0.1:5", "127.0.0.1:5"},
	} {
		if got := c.client.dialled(netip.MustParseAddrPort(c.in)).String(); got != c.want {
			t.Errorf("%s is dialled as %s, want %s", c.in, got, c.want)
		}
	}
}

// A caller who knows what it asked for takes no more.
func TestAnswerLimitOfACall(t *testing.T) {
	server := startServer(t, ServerConfig{}, ServerDeps{}, func(s *Server) {
		s.Handle(func() wire.Message { return &wire.Retrieve{} }, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
			msg.(*wire.Retrieve).Data = make([]byte, 4<<20)
			return nil
		}, BodySize(0))
	})
	client := testClient(t, ClientConfig{})
	peer := wire.Peer{Hotkey: wiretest.Key(t, "//Bob").Address(), Addr: server.Addr()}
	for limit, status := range map[int64]int{4 << 20: 200, 1 << 20: 422} {
		ctx, cancel := context.WithTimeout(wire.WithAnswerLimit(t.Context(), limit), 10*time.Second)
		_, err := client.Call(ctx, peer, &wire.Retrieve{DataHash: "1", Seed: "2"})
		cancel()
		expect(t, err, status, "limit of %d bytes", limit)
	}
}
