package synapse

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

func newRetrieve() wire.Message { return &wire.Retrieve{} }

func answerRetrieve(_ context.Context, _ wire.Caller, msg wire.Message) error {
	msg.(*wire.Retrieve).Data = []byte("data")
	return nil
}

func retrieveServer(t testing.TB, cfg ServerConfig) *Server {
	return startServer(t, cfg, ServerDeps{}, func(s *Server) { s.Handle(newRetrieve, answerRetrieve, BodySize(0)) })
}

func TestRecordedPing(t *testing.T) {
	cfg := ServerConfig{NonceFile: filepath.Join(t.TempDir(), "nonces")}
	server, stop := runServer(t, cfg, ServerDeps{}, nil)
	raw := wiretest.Recorded(t, "ping-6.12.request")
	c := dial(t, server.Addr())
	_, err := c.Write(raw)
	check(t, err)
	a := c.read(t)
	a.expect(t, 200, "recorded ping")
	if want := `{"name":"Synapse","timeout":12.0,`; !strings.HasPrefix(a.body, want) {
		t.Errorf("body %s", a.body)
	}
	for key, want := range map[string]string{
		"name": "Synapse", "timeout": "12.0", "bt_header_axon_hotkey": "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", "bt_header_axon_port": "8091",
		"bt_header_dendrite_uuid": "7127d55c-e57f-11f1-9bcf-02fc00000001", "bt_header_dendrite_version": "722", "bt_header_dendrite_ip": "127.0.0.1",
		"bt_header_dendrite_nonce": "3400709098974", "bt_header_axon_status_message": "Success", "Content-Type": "application/json",
	} {
		if got := a.Header.Get(key); got != want {
			t.Errorf("header %s is %q, want %q", key, got, want)
		}
	}
	c.send(t, raw).expect(t, 401, "the same ping again")
	stop()
	server = startServer(t, cfg, ServerDeps{}, nil)
	sendTo(t, server.Addr(), raw).expect(t, 401, "the same ping after a restart")
}

// Python's client knows answers by header names in lower case.
func TestHeaderNamesAreLowerCase(t *testing.T) {
	server := retrieveServer(t, ServerConfig{})
	for _, raw := range [][]byte{newSigner(t, "//Alice").good(t, &wire.Retrieve{DataHash: "1"}).bytes(), []byte("POST /Nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")} {
		c := dial(t, server.Addr())
		_, err := c.Write(raw)
		check(t, err)
		check(t, c.CloseWrite())
		all, err := io.ReadAll(c.r)
		check(t, err)
		head, _, _ := bytes.Cut(all, []byte("\r\n\r\n"))
		for _, key := range []string{"bt_header_axon_status_code: ", "bt_header_axon_status_message: ", "name: "} {
			if !bytes.Contains(head, []byte("\r\n"+key)) {
				t.Errorf("no %q in\n%s", key, head)
			}
		}
	}
}

func TestRetrieveAnswer(t *testing.T) {
	server := retrieveServer(t, ServerConfig{})
	s := newSigner(t, "//Alice")
	a := sendTo(t, server.Addr(), s.good(t, &wire.Retrieve{DataHash: "abc", Seed: "12"}).bytes())
	a.expect(t, 200, "retrieve")
	if want := `"data_hash":"abc","seed":"12","data":"ZGF0YQ==","commitment_hash":null,"commitment_proof":null}`; !strings.HasSuffix(a.body, want) {
		t.Errorf("body %s", a.body)
	}
	if got := a.Header.Get("bt_header_input_obj_data_hash"); got != "IiI=" {
		t.Errorf("placeholder %q", got)
	}
	get := s.good(t, &wire.Retrieve{DataHash: "abc"})
	get.method = "GET"
	sendTo(t, server.Addr(), get.bytes()).expect(t, 200, "GET with a body")
	bare := s.good(t, &wire.Retrieve{DataHash: "abc"})
	for _, key := range []string{"name", "timeout", "header_size", "total_size", "Content-Type", "bt_header_dendrite_version", "bt_header_axon_hotkey"} {
		bare = bare.with(key, "-")
	}
	sendTo(t, server.Addr(), bare.bytes()).expect(t, 200, "without what 6.12 does not insist on")
}

func TestRefusals(t *testing.T) {
	server := retrieveServer(t, ServerConfig{})
	s := newSigner(t, "//Alice")
	good := func() rawRequest { return s.good(t, &wire.Retrieve{DataHash: "abc", Seed: "12"}) }
	path := func(p string) rawRequest { r := good(); r.path = p; return r }
	method := func(m string) rawRequest { r := good(); r.method = m; return r }
	eve, other := newSigner(t, "//Eve"), newSigner(t, "//Alice")
	other.axon = wiretest.Key(t, "//Eve").Address()
	wrongKey := eve.good(t, &wire.Retrieve{DataHash: "abc"}).with("bt_header_dendrite_hotkey", string(s.key.Address()))
	wrongKey = wrongKey.with("bt_header_dendrite_uuid", "another")
	empty := hashFields((&wire.Retrieve{}).Fields())
	for _, c := range []struct {
		what   string
		status int
		req    rawRequest
	}{
		{"good", 200, good()},
		{"unknown message", 404, path("/Nothing")}, {"case of the name", 404, path("/retrieve")}, {"extra segment", 404, path("/Retrieve/x")},
		{"no message", 400, path("/")}, {"odd path", 404, path("//Retrieve")}, {"other method", 405, method("PUT")},
		{"no placeholder", 400, good().with("bt_header_input_obj_seed", "-")}, {"null placeholder", 400, good().with("bt_header_input_obj_seed", "bnVsbA==")},
		{"bad number", 400, good().with("total_size", "x")}, {"bad timeout", 400, good().with("timeout", "nan")}, {"bad nonce", 400, good().with("bt_header_dendrite_nonce", "1.5")},
		{"no hotkey", 401, good().with("bt_header_dendrite_hotkey", "-")}, {"bad hotkey", 401, good().with("bt_header_dendrite_hotkey", "5Gbad")},
		{"no nonce", 401, good().with("bt_header_dendrite_nonce", "-")}, {"no signature", 401, good().with("bt_header_dendrite_signature", "-")},
		{"signature of zeros", 401, good().with("bt_header_dendrite_signature", "0x"+strings.Repeat("0", 128))},
		{"bad signature", 401, good().with("bt_header_dendrite_signature", "0x12")}, {"other key's signature", 401, wrongKey},
		{"other nonce", 401, good().with("bt_header_dendrite_nonce", "999999")}, {"other uuid", 401, good().with("bt_header_dendrite_uuid", "x")},
		{"other hash", 401, good().with("computed_body_hash", empty)}, {"no hash", 401, good().with("computed_body_hash", "-")},
		{"for another axon", 401, other.good(t, &wire.Retrieve{})}, {"said to be 7.2", 401, good().with("bt_header_dendrite_version", "7002000")},
		{"other body", 500, s.request(t, &wire.Retrieve{}, `{"data_hash":"other","seed":"12"}`, good().headers["computed_body_hash"])},
		{"not JSON", 422, s.request(t, &wire.Retrieve{}, `data_hash=abc`, empty)}, {"no body", 422, s.request(t, &wire.Retrieve{}, ``, empty)},
		{"missing field", 422, s.request(t, &wire.Retrieve{}, `{"data_hash":"abc"}`, empty)}, {"wrong type", 422, s.request(t, &wire.Retrieve{}, `{"data_hash":"abc","seed":[]}`, empty)},
		{"too long", 413, s.request(t, &wire.Retrieve{}, strings.Repeat(" ", int(BodySize(0))+1), empty)},
		{"no length", 411, s.request(t, &wire.Retrieve{}, "2\r\n{}\r\n0\r\n\r\n", empty).with("Content-Length", "-").with("Transfer-Encoding", "chunked")},
	} {
		sendTo(t, server.Addr(), c.req.bytes()).expect(t, c.status, c.what)
	}
	replay := good().bytes()
	c := dial(t, server.Addr())
	c.send(t, replay).expect(t, 200, "before the replay")
	c.send(t, replay).expect(t, 401, "replay")
	s.nonce += uint64(overtaking)
	c.send(t, good().bytes()).expect(t, 200, "later")
	s.nonce -= uint64(overtaking) + 10
	c.send(t, good().bytes()).expect(t, 401, "old nonce")
}

// The order is signature, blacklist, rate limit, registration, then the body.
func TestOrderOfChecks(t *testing.T) {
	alice := wiretest.Key(t, "//Alice").Address()
	server := func(cfg wire.DoorConfig, registered bool) *Server {
		door := wire.NewDoor(cfg, wire.DoorDeps{Standing: func(wallet.Address) (wire.Standing, error) { return wire.Standing{Registered: registered}, nil }})
		return startServer(t, ServerConfig{}, ServerDeps{Door: door}, func(s *Server) { s.Handle(newRetrieve, answerRetrieve, BodySize(0)) })
	}
	s := newSigner(t, "//Alice")
	spoiled := func() rawRequest {
		return s.request(t, &wire.Retrieve{}, "not JSON", "").with("Content-Length", fmt.Sprint(BodySize(0)+1))
	}
	unsigned := func() rawRequest {
		return spoiled().with("bt_header_dendrite_signature", "0x"+strings.Repeat("1", 128))
	}
	listed := server(wire.DoorConfig{Blacklist: []wallet.Address{alice}, RequestsPerWindow: 1}, false)
	sendTo(t, listed.Addr(), unsigned().bytes()).expect(t, 401, "all is wrong")
	for range 3 {
		sendTo(t, listed.Addr(), spoiled().bytes()).expect(t, 403, "all but the signature is wrong")
	}
	limited := server(wire.DoorConfig{RequestsPerWindow: 1}, false)
	sendTo(t, limited.Addr(), unsigned().bytes()).expect(t, 401, "unsigned requests are not counted")
	sendTo(t, limited.Addr(), spoiled().bytes()).expect(t, 403, "not registered")
	sendTo(t, limited.Addr(), spoiled().bytes()).expect(t, 429, "not registered, and too often")
	registered := server(wire.DoorConfig{}, true)
	sendTo(t, registered.Addr(), spoiled().bytes()).expect(t, 413, "only the body is wrong")
}

func TestWrappedSignature(t *testing.T) {
	server := retrieveServer(t, ServerConfig{})
	s := newSigner(t, "//Alice")
	r := s.good(t, &wire.Retrieve{DataHash: "abc"})
	text := signedText(s.nonce, s.key.Address(), s.axon, s.uuid, r.headers["computed_body_hash"])
	sig, err := s.key.Sign([]byte("<Bytes>" + text + "</Bytes>"))
	check(t, err)
	sendTo(t, server.Addr(), r.with("bt_header_dendrite_signature", "0x"+hex.EncodeToString(sig)).bytes()).expect(t, 200, "as a browser signs")
}

func TestModernPeer(t *testing.T) {
	server := retrieveServer(t, ServerConfig{})
	s := newSigner(t, "//Alice")
	send := func(age time.Duration, timeout string) answered {
		s.nonce = uint64(time.Now().Add(-age).UnixNano())
		r := s.good(t, &wire.Retrieve{DataHash: "abc"}).with("bt_header_dendrite_version", "9012002").with("timeout", timeout)
		s.uuid += "x"
		return sendTo(t, server.Addr(), r.bytes())
	}
	send(-time.Second, "12.0").expect(t, 200, "now")
	send(17*time.Second, "12.0").expect(t, 401, "17 s old, timeout 12 s")
	send(time.Hour, "100000.0").expect(t, 401, "an hour old, timeout a day")
	send(-time.Hour, "12.0").expect(t, 401, "in an hour")
}

// A restart lets no old request through again, whatever its nonce counts and
// whatever version it is said to be of.
func TestRestart(t *testing.T) {
	cfg := ServerConfig{NonceFile: filepath.Join(t.TempDir(), "nonces")}
	setup := func(s *Server) { s.Handle(newRetrieve, answerRetrieve, BodySize(0)) }
	server, stop := runServer(t, cfg, ServerDeps{}, setup)
	s := newSigner(t, "//Alice")
	old := s.good(t, &wire.Retrieve{DataHash: "abc"})
	s.uuid, s.nonce = "another", uint64(time.Now().UnixNano())
	timed := s.good(t, &wire.Retrieve{DataHash: "abc"}).with("bt_header_dendrite_version", "7002000")
	sendTo(t, server.Addr(), old.bytes()).expect(t, 200, "monotonic")
	sendTo(t, server.Addr(), timed.bytes()).expect(t, 200, "timed")
	stop()
	server = startServer(t, cfg, ServerDeps{}, setup)
	sendTo(t, server.Addr(), old.bytes()).expect(t, 401, "monotonic, after a restart")
	sendTo(t, server.Addr(), old.with("bt_header_dendrite_version", "7002000").bytes()).expect(t, 401, "monotonic, said to be 7.2")
	sendTo(t, server.Addr(), timed.bytes()).expect(t, 401, "timed, after a restart")
	sendTo(t, server.Addr(), timed.with("bt_header_dendrite_version", "722").with("timeout", "1e9").bytes()).expect(t, 401, "timed, said to be 6.12")
	s.nonce = uint64(time.Now().UnixNano())
	sendTo(t, server.Addr(), s.good(t, &wire.Retrieve{DataHash: "abc"}).with("bt_header_dendrite_version", "7002000").bytes()).expect(t, 200, "a new one")
}

// The caller's stake orders those who wait; all others wait as long.
func TestPriority(t *testing.T) {
	stakes := map[wallet.Address]uint64{}
	var keys []*signer
	for i, uri := range []string{"//Alice", "//Charlie", "//Dave", "//Eve"} {
		s := newSigner(t, uri)
		keys = append(keys, s)
		stakes[s.key.Address()] = uint64(i) * 1e9
	}
	door := wire.NewDoor(wire.DoorConfig{}, wire.DoorDeps{Standing: func(a wallet.Address) (wire.Standing, error) {
		return wire.Standing{Registered: true, Stake: stakes[a]}, nil
	}})
	entered, leave := make(chan wallet.Address), make(chan struct{})
	server := startServer(t, ServerConfig{Workers: 1}, ServerDeps{Door: door}, func(s *Server) {
		s.Handle(newRetrieve, func(_ context.Context, c wire.Caller, _ wire.Message) error {
			entered <- c.Hotkey
			<-leave
			return nil
		}, BodySize(0))
	})
	ask := func(s *signer) { dial(t, server.Addr()).Write(s.good(t, &wire.Retrieve{}).bytes()) } //nolint:errcheck // the handler sees it
	ask(keys[0])
	<-entered
	for i, s := range keys {
		ask(s)
		for server.queue.Waiting() != i+1 {
			runtime.Gosched()
		}
	}
	short := keys[0].good(t, &wire.Retrieve{}).with("timeout", "0.05")
	sendTo(t, server.Addr(), short.bytes()).expect(t, 503, "waited in vain")
	for i := range keys {
		leave <- struct{}{}
		if got, want := <-entered, keys[len(keys)-1-i].key.Address(); got != want {
			t.Errorf("%d. is %s, want %s", i, got, want)
		}
	}
	leave <- struct{}{}
}

func TestBodyLimitsAreOfTheMessage(t *testing.T) {
	server := startServer(t, ServerConfig{}, ServerDeps{}, func(s *Server) {
		s.Handle(func() wire.Message { return &wire.StoreUser{} }, func(context.Context, wire.Caller, wire.Message) error { return nil }, BodySize(8<<20))
		s.Handle(newRetrieve, answerRetrieve, BodySize(0))
	})
	s := newSigner(t, "//Alice")
	sendTo(t, server.Addr(), s.good(t, &wire.StoreUser{EncryptedData: make([]byte, 8<<20)}).bytes()).expect(t, 200, "8 MiB to store")
	// What is not read is not waited for either: only the head is sent.
	big := s.good(t, &wire.StoreUser{EncryptedData: []byte("x")}).with("Content-Length", "99999999999")
	sendTo(t, server.Addr(), big.bytes()).expect(t, 413, "100 GB announced")
	sendTo(t, server.Addr(), s.good(t, &wire.Retrieve{Seed: strings.Repeat("s", int(BodySize(0)))}).bytes()).expect(t, 413, "2 MiB for a question")
}

func (c *conn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}
