package synapse

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// rawRequest is a request as text, to be spoiled in every way.
type rawRequest struct {
	method, path string
	headers      map[string]string // a value of "-" leaves it out
	body         string
}

// signer makes requests as Python's SDK 6.12 does.
type signer struct {
	key   *wallet.Keypair
	axon  wallet.Address
	uuid  string
	nonce uint64
}

func newSigner(t testing.TB, uri string) *signer {
	return &signer{key: wiretest.Key(t, uri), axon: wiretest.Key(t, "//Bob").Address(), uuid: "7127d55c-e57f-11f1-9bcf-02fc00000001", nonce: 1000}
}

// request signs body as if its hash were hash.
func (s *signer) request(t testing.TB, msg wire.Message, body, hash string) rawRequest {
	t.Helper()
	s.nonce++
	sig, err := s.key.Sign([]byte(signedText(s.nonce, s.key.Address(), s.axon, s.uuid, hash)))
	check(t, err)
	r := rawRequest{"POST", "/" + msg.Name(), map[string]string{
		"name": msg.Name(), "timeout": "5.0", "bt_header_axon_ip": "127.0.0.1", "bt_header_axon_port": "8091", "bt_header_axon_hotkey": string(s.axon),
		"bt_header_dendrite_ip": "203.0.113.7", "bt_header_dendrite_version": "722", "bt_header_dendrite_nonce": fmt.Sprint(s.nonce),
		"bt_header_dendrite_uuid": s.uuid, "bt_header_dendrite_hotkey": string(s.key.Address()), "bt_header_dendrite_signature": "0x" + hex.EncodeToString(sig),
		"header_size": "640", "total_size": "3000", "computed_body_hash": hash, "Host": "axon", "Content-Type": "application/json",
		"Content-Length": fmt.Sprint(len(body)),
	}, body}
	for _, f := range msg.Fields() {
		if f.Required {
			r.headers[inputPrefix+f.Name] = placeholderOf(f)
		}
	}
	return r
}

// good is a request whose body is msg.
func (s *signer) good(t testing.TB, msg wire.Message) rawRequest {
	t.Helper()
	b, err := encodeBody(msg, 5, terminal{}, terminal{}, false)
	check(t, err)
	body, err := io.ReadAll(b.reader())
	check(t, err)
	return s.request(t, msg, string(body), hashFields(msg.Fields()))
}

func (r rawRequest) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.method, r.path)
	for k, v := range r.headers {
		if v != "-" {
			fmt.Fprintf(&b, "%s: %s\r\n", k, v)
		}
	}
	return append(b.Bytes(), "\r\n"+r.body...)
}

// with changes one header.
func (r rawRequest) with(key, value string) rawRequest {
	headers := map[string]string{key: value}
	for k, v := range r.headers {
		if k != key {
			headers[k] = v
		}
	}
	r.headers = headers
	return r
}

// conn is a connection on which requests are sent as bytes.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, at netip.AddrPort) *conn {
	t.Helper()
	c, err := net.Dial("tcp", at.String())
	check(t, err)
	check(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { c.Close() }) //nolint:errcheck // many tests close it themselves
	return &conn{c, bufio.NewReader(c)}
}

// answered is an answer with its body.
type answered struct {
	*http.Response
	body string
}

func (c *conn) send(t testing.TB, raw []byte) answered {
	t.Helper()
	_, err := c.Write(raw)
	check(t, err)
	return c.read(t)
}

func (c *conn) read(t testing.TB) answered {
	t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	check(t, err)
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	return answered{resp, string(body)}
}

// exchange sends one request on a connection of its own.
func sendTo(t testing.TB, at netip.AddrPort, raw []byte) answered {
	t.Helper()
	return dial(t, at).send(t, raw)
}

// expect checks the status in both places.
func (a answered) expect(t testing.TB, status int, what string) {
	t.Helper()
	if in := a.Header.Get("bt_header_axon_status_code"); a.StatusCode != status || in != fmt.Sprint(status) {
		t.Errorf("%s: status %d, in the header %q, want %d: %s", what, a.StatusCode, in, status, a.body)
	}
	text := a.Header.Get("bt_header_axon_status_message")
	if text == "" || strings.ContainsAny(text, "\r\n") || len(text) > 1024 {
		t.Errorf("%s: status text %q", what, text)
	}
	if status != 200 && !strings.Contains(a.body, `{"message":"`) {
		t.Errorf("%s: body %s", what, a.body)
	}
}
