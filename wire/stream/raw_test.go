package stream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
	"github.com/filetao/filetao/wire/wiretest"
)

// rig is an axon with streams, and Alice, who asks it.
type rig struct {
	*Server
	t      *testing.T
	peer   wire.Peer
	client *Client
	stop   func()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newRig has it listen at an address and answer what routes says.
func newRig(t *testing.T, cfg ServerConfig, asker ClientConfig, listen string, routes func(*Server)) *rig {
	t.Helper()
	cfg.Key, asker.Key = wiretest.Key(t, "//Bob"), wiretest.Key(t, "//Alice")
	door := wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})
	server, err := NewServer(cfg, ServerDeps{Door: door})
	check(t, err)
	axon, err := synapse.NewServer(synapse.ServerConfig{Key: cfg.Key, Listen: listen, DrainTimeout: 100 * time.Millisecond}, synapse.ServerDeps{Door: door})
	check(t, err)
	axon.Mount(wire.StreamPath, server)
	routes(server)
	client := NewClient(asker, ClientDeps{})
	r := &rig{Server: server, t: t, peer: wire.Peer{Hotkey: cfg.Key.Address(), Addr: axon.Addr()}, client: client}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- axon.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			check(t, <-ended)
		}
	}
	t.Cleanup(func() { r.stop(); check(t, client.Close()) })
	return r
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func newPut() wire.Message    { return &wire.PutShard{} }
func newDelete() wire.Message { return &wire.Delete{} }

// signedBy is a request as it travels, of which edit may change what is signed.
func (r *rig) signedBy(key *wallet.Keypair, msg wire.Message, body int64, edit func(*request)) []byte {
	r.t.Helper()
	fields, err := encodeFields(msg.Fields(), false)
	check(r.t, err)
	q := request{
		name: msg.Name(), caller: key.PublicKey(), server: r.public, time: time.Now().UnixMilli(), nonce: [16]byte{1},
		timeout: 10_000, content: content{body: body, fields: fields.size, hash: fields.hash},
	}
	if edit != nil {
		edit(&q)
	}
	head, _, err := seal(key, requestDomain, q.encode())
	check(r.t, err)
	return append(head, bytes.Join(fields.parts, nil)...)
}

// raw sends bytes as the body of an HTTP request and returns the answer's status,
// or the HTTP status below 0 when it is not of our protocol.
func (r *rig) raw(name string, body []byte) int {
	r.t.Helper()
	resp, err := http.Post(fmt.Sprintf("http://%s%s%s", r.peer.Addr, wire.StreamPath, name), "", bytes.NewReader(body))
	check(r.t, err)
	defer func() { check(r.t, resp.Body.Close()) }()
	data, err := io.ReadAll(resp.Body)
	check(r.t, err)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if resp.StatusCode != http.StatusOK {
		return -resp.StatusCode
	}
	return int(statusOf(r.t, data, r.cfg.Key.Address()))
}

func statusOf(t testing.TB, body []byte, by wallet.Address) uint16 {
	t.Helper()
	if len(body) < 4 || len(body) < 4+int(binary.BigEndian.Uint32(body)) {
		t.Fatalf("an answer of %d bytes", len(body))
	}
	sealed, err := unseal(body[4 : 4+binary.BigEndian.Uint32(body)])
	check(t, err)
	a, err := parseAnswer(sealed.statement)
	check(t, err)
	check(t, wallet.Verify(by, signed(answerDomain, digestOf(answerDomain, sealed.statement)), sealed.signature))
	return a.status
}

// fake is a peer that answers each connection with answer, and ends it then.
func fake(t *testing.T, answer func(c net.Conn, r *bufio.Reader) error) wire.Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				if err := errors.Join(answer(c, bufio.NewReader(c)), c.Close()); err != nil {
					t.Logf("the fake peer: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() { check(t, l.Close()); group.Wait() })
	return wire.Peer{Hotkey: wiretest.Key(t, "//Bob").Address(), Addr: netip.MustParseAddrPort(l.Addr().String())}
}

// hangs is a peer that reads a request's header, says something, and then neither
// reads nor writes until the test ends.
func hangs(t *testing.T, says string) wire.Peer {
	done := make(chan struct{})
	peer := fake(t, func(c net.Conn, r *bufio.Reader) error {
		if _, err := http.ReadRequest(r); err != nil {
			return err
		}
		_, err := io.WriteString(c, says)
		<-done
		return err
	})
	t.Cleanup(func() { close(done) }) // before the peer's own
	return peer
}
