package synapse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// messages makes all there are, empty.
var messages = []func() wire.Message{
	func() wire.Message { return &wire.Ping{} }, func() wire.Message { return &wire.Store{} }, func() wire.Message { return &wire.Challenge{} },
	func() wire.Message { return &wire.Retrieve{} }, func() wire.Message { return &wire.Delete{} }, func() wire.Message { return &wire.StoreUser{} },
	func() wire.Message { return &wire.RetrieveUser{} }, func() wire.Message { return &wire.DeleteUser{} },
}

// filled gives a message's request fields something to spoil.
func filled(msg wire.Message) wire.Message {
	for _, f := range msg.Fields() {
		switch v := f.Value.(type) {
		case *string:
			if f.Required {
				*v = strings.Repeat(f.Name, 3)
			}
		case *[]byte:
			if f.Required {
				*v = bytes.Repeat([]byte(f.Name), 5)
			}
		}
	}
	return msg
}

// randomBody is noise, a spoiled body, or one that is right but not signed.
func randomBody(t testing.TB, r *rand.Rand, msg wire.Message) string {
	var body []byte
	if r.IntN(4) == 0 {
		body = make([]byte, r.IntN(600))
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		return string(body)
	}
	b, err := encodeBody(msg, 5, terminal{}, terminal{}, false)
	check(t, err)
	body, err = io.ReadAll(b.reader())
	check(t, err)
	for range r.IntN(4) {
		at := r.IntN(len(body))
		switch r.IntN(4) {
		case 0:
			body[at] = byte(r.Uint32())
		case 1:
			body = body[:at+1]
		case 2:
			body = append(body[:at:at], body[min(at+r.IntN(20), len(body)):]...)
		default:
			body = bytes.Replace(body, []byte("null"), []byte([]string{"1", `"x"`, "[[]]", "-0.5e7", "{}"}[r.IntN(5)]), 1)
		}
		if len(body) == 0 {
			break
		}
	}
	return string(body)
}

// properStatus is what a body deserves.
func properStatus(msg wire.Message, body, hash string) int {
	got, err := decodeBody(strings.NewReader(body), int64(len(body)), msg.Fields(), asRequest)
	switch {
	case err != nil:
		return wire.StatusUnparsable
	case got != hash:
		return wire.StatusInternal
	}
	return wire.StatusOK
}

// Ten thousand random bodies to every endpoint: each gets its status, memory
// stays where it was, and the server goes on serving.
func TestRandomBodies(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 1000
	}
	server := startServer(t, ServerConfig{}, ServerDeps{}, func(s *Server) {
		for _, m := range messages[1:] {
			s.Handle(m, func(context.Context, wire.Caller, wire.Message) error { return nil }, BodySize(1<<10))
		}
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	before := heap()
	for i, m := range messages {
		t.Run(m().Name(), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			s := newSigner(t, "//Alice")
			s.uuid = m().Name()
			c := dial(t, server.Addr())
			check(t, c.SetDeadline(time.Now().Add(10*time.Minute)))
			hash := hashFields(filled(m()).Fields())
			statuses := map[int]int{}
			for range rounds {
				body := randomBody(t, r, filled(m()))
				want := properStatus(m(), body, hash)
				a := c.send(t, s.request(t, m(), body, hash).bytes())
				statuses[want]++
				if a.StatusCode != want || a.Header.Get("bt_header_axon_status_code") != fmt.Sprint(want) {
					t.Fatalf("body %q: status %d (%s), want %d", body, a.StatusCode, a.body, want)
				}
			}
			t.Log(statuses)
			c.send(t, s.good(t, m()).bytes()).expect(t, 200, "a good request after all those")
		})
	}
	t.Cleanup(func() {
		if after := heap(); after > before+32<<20 {
			t.Errorf("the heap grew from %d to %d bytes", before, after)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Who has not signed costs no more than a header: garbage of every kind on the
// connection itself.
func TestGarbage(t *testing.T) {
	server := retrieveServer(t, ServerConfig{HeaderTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond})
	for what, raw := range map[string]string{
		"noise": "\x16\x03\x01\x02\x00\x01\x00", "no HTTP": "hello\r\n\r\n", "header without end": "POST /Retrieve HTTP/1.1\r\nHost: x\r\nname",
		"long header": "POST /Retrieve HTTP/1.1\r\nHost: x\r\nname: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "nothing": "",
		"two lengths":           "POST /Retrieve HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"length and chunks":     "POST /Synapse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"body that never comes": "POST /Retrieve HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		c := dial(t, server.Addr())
		_, err := c.Write([]byte(raw))
		check(t, err)
		start := time.Now()
		got, err := io.ReadAll(c.r) // until the server has enough of it
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: kept for %v (%v)", what, d, err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got)), nil); len(got) > 0 && (err != nil || resp.StatusCode < 400) {
			t.Errorf("%s: answered %q", what, got)
		}
	}
	sendTo(t, server.Addr(), newSigner(t, "//Alice").good(t, &wire.Retrieve{}).bytes()).expect(t, 200, "a good request after all that")
}

// A signed request whose body drips or stops ends with 408, and its worker is
// free again.
func TestSlowBody(t *testing.T) {
	server := startServer(t, ServerConfig{Workers: 1}, ServerDeps{}, func(s *Server) {
		s.grace = 200 * time.Millisecond
		s.Handle(newRetrieve, answerRetrieve, BodySize(0))
	})
	s := newSigner(t, "//Alice")
	for _, timeout := range []string{"5.0", "0.1"} {
		slow := s.good(t, &wire.Retrieve{DataHash: "abc"}).with("timeout", timeout)
		slow.body = slow.body[:20]
		start := time.Now()
		sendTo(t, server.Addr(), slow.bytes()).expect(t, 408, "a body that stops")
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("timeout %s: ended after %v", timeout, d)
		}
	}
	sendTo(t, server.Addr(), s.good(t, &wire.Retrieve{}).bytes()).expect(t, 200, "the next")
}

// A caller that does not read its answer loses it, and the memory of it is free
// again.
func TestSlowReader(t *testing.T) {
	const size = 32 << 20
	entered := make(chan struct{}, 2)
	server := startServer(t, ServerConfig{Workers: 1, MaxMemory: size * 3 / 2}, ServerDeps{}, func(s *Server) {
		s.grace = 50 * time.Millisecond
		s.Handle(newRetrieve, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
			msg.(*wire.Retrieve).Data = make([]byte, size)
			entered <- struct{}{}
			return nil
		}, BodySize(0))
	})
	s := newSigner(t, "//Alice")
	_, err := dial(t, server.Addr()).Write(s.good(t, &wire.Retrieve{}).with("timeout", "0.5").bytes())
	check(t, err)
	<-entered
	// One answer is in memory and not read: the next waits until it is given up.
	a := sendTo(t, server.Addr(), s.good(t, &wire.Retrieve{}).bytes())
	a.expect(t, 200, "the next")
	if len(a.body) < size {
		t.Errorf("an answer of %d bytes", len(a.body))
	}
}

// No more bytes of bodies are in memory than half of the budget: the other one is for
// answers.
func TestMemoryBudget(t *testing.T) {
	const size = 4 << 20
	var now, most atomic.Int64
	entered, leave := make(chan struct{}, 100), make(chan struct{})
	server := startServer(t, ServerConfig{MaxMemory: 6 * BodySize(size)}, ServerDeps{Door: permitDoor()}, func(s *Server) {
		s.Handle(func() wire.Message { return &wire.StoreUser{} }, func(ctx context.Context, _ wire.Caller, msg wire.Message) error {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			entered <- struct{}{}
			<-leave
			now.Add(-1)
			return nil
		}, BodySize(size))
		s.Handle(newRetrieve, func(ctx context.Context, _ wire.Caller, msg wire.Message) error {
			if msg.(*wire.Retrieve).DataHash == "half" {
				return wire.Reserve(ctx, 3*BodySize(size))
			}
			return wire.Reserve(ctx, 1<<40)
		}, BodySize(0))
	})
	client := testClient(t, ClientConfig{})
	peer := wire.Peer{Hotkey: wiretest.Key(t, "//Bob").Address(), Addr: server.Addr()}
	store := func(n int, timeout time.Duration, statuses chan<- int) {
		for range n {
			go func() {
				_, err := call(t, client, peer, &wire.StoreUser{EncryptedData: make([]byte, size), EncryptionPayload: "{}"}, timeout)
				statuses <- wire.StatusOf(err)
			}()
		}
	}
	first, later := make(chan int, 3), make(chan int, 5)
	store(3, time.Minute, first)
	for range 3 {
		<-entered
	}
	store(5, 300*time.Millisecond, later)
	for range 5 {
		if status := <-later; status != wire.StatusUnavailable && status != wire.StatusTimeout {
			t.Errorf("without memory left: %d", status)
		}
	}
	sendTo(t, server.Addr(), newSigner(t, "//Eve").good(t, &wire.Retrieve{DataHash: "half"}).bytes()).expect(t, 200, "an answer meanwhile")
	close(leave)
	for range 3 {
		if status := <-first; status != wire.StatusOK {
			t.Errorf("with memory: %d", status)
		}
	}
	if most.Load() > 3 {
		t.Errorf("%d bodies at a time", most.Load())
	}
	sendTo(t, server.Addr(), newSigner(t, "//Ferdie").good(t, &wire.Retrieve{}).bytes()).expect(t, 413, "an answer over the budget")
}

// permitDoor lets everybody in, as validators.
func permitDoor() *wire.Door {
	return wire.NewDoor(wire.DoorConfig{RequestsPerWindow: -1}, wire.DoorDeps{Standing: func(wallet.Address) (wire.Standing, error) {
		return wire.Standing{Registered: true, ValidatorPermit: true}, nil
	}})
}

// Some let the bodies of as many requests crawl as there are workers, short and long
// ones: nobody else is kept waiting, with neither.
func TestBodiesThatCrawlHoldUpNobody(t *testing.T) {
	const workers = 4
	handle := func(context.Context, wire.Caller, wire.Message) error { return nil }
	server := startServer(t, ServerConfig{Workers: 1, LongWorkers: workers, MaxMemory: 1 << 20}, ServerDeps{}, func(s *Server) {
		s.grace = time.Minute
		s.Handle(newRetrieve, handle, BodySize(0))
		s.Handle(func() wire.Message { return &wire.StoreUser{} }, handle, BodySize(0))
	})
	long := &wire.StoreUser{EncryptedData: make([]byte, 100_000), EncryptionPayload: "{}"}
	for _, name := range []string{"//Charlie", "//Dave", "//Eve"} {
		s := newSigner(t, name)
		for range workers {
			for _, m := range []wire.Message{&wire.Retrieve{}, long} {
				all := s.good(t, m).with("timeout", "60").bytes()
				_, err := dial(t, server.Addr()).Write(all[:len(all)-1])
				check(t, err)
			}
		}
		for server.senders.In(s.key.Address()) != workers {
			runtime.Gosched()
		}
	}
	s := newSigner(t, "//Alice")
	for range workers {
		sendTo(t, server.Addr(), s.good(t, &wire.Retrieve{}).bytes()).expect(t, 200, "a short one of another")
		sendTo(t, server.Addr(), s.good(t, long).bytes()).expect(t, 200, "a long one of another")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	server := retrieveServer(t, ServerConfig{MaxConnsPerIP: 3})
	var conns []*conn
	for range 3 {
		c := dial(t, server.Addr())
		c.send(t, newSigner(t, "//Nobody").request(t, &wire.Ping{}, "", "").bytes())
		conns = append(conns, c)
	}
	if n, err := dial(t, server.Addr()).Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("the fourth connection is served: %d %v", n, err)
	}
	check(t, conns[0].Close())
	for i := 0; ; i++ { // until the server has seen the end of the first
		c := dial(t, server.Addr())
		if _, err := c.Write(newSigner(t, "//Alice").good(t, &wire.Retrieve{}).bytes()); err != nil {
			continue
		}
		if _, err := c.r.Peek(1); err == nil {
			break
		}
		if i > 1000 {
			t.Fatal("no room after a connection was closed")
		}
	}
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op)
}

// At the end of Run requests at work get their answer, for a while.
func TestDrain(t *testing.T) {
	for _, patient := range []bool{true, false} {
		entered, leave := make(chan struct{}), make(chan struct{})
		cfg := ServerConfig{DrainTimeout: 20 * time.Second}
		if !patient {
			cfg.DrainTimeout = 50 * time.Millisecond
		}
		server, stop := runServer(t, cfg, ServerDeps{}, func(s *Server) {
			s.Handle(newRetrieve, func(ctx context.Context, _ wire.Caller, _ wire.Message) error {
				close(entered)
				select {
				case <-leave:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}, BodySize(0))
		})
		c := dial(t, server.Addr())
		_, err := c.Write(newSigner(t, "//Alice").good(t, &wire.Retrieve{}).bytes())
		check(t, err)
		<-entered
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		for { // until the server takes no more
			if other, err := net.Dial("tcp", server.Addr().String()); err != nil {
				break
			} else if err := other.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if patient {
			close(leave)
			c.read(t).expect(t, 200, "a request at work")
		}
		<-stopped
	}
}

// Every refusal is JSON that Python can read.
func TestFailureBodies(t *testing.T) {
	server := startServer(t, ServerConfig{}, ServerDeps{}, func(s *Server) {
		s.Handle(newRetrieve, func(context.Context, wire.Caller, wire.Message) error {
			return wire.NotFound("nothing at \"é\" \u4e16\r\nbt_header_axon_status_code: 200 %s", strings.Repeat("x", 5000))
		}, BodySize(0))
	})
	a := sendTo(t, server.Addr(), newSigner(t, "//Alice").good(t, &wire.Retrieve{}).bytes())
	a.expect(t, 404, "long text")
	var body struct{ Message string }
	check(t, json.Unmarshal([]byte(a.body), &body))
	if !strings.HasPrefix(body.Message, `nothing at "?"`) || len(body.Message) > 1000 || a.Header.Get("bt_header_axon_process_time") == "" {
		t.Errorf("%d bytes: %.100s", len(body.Message), body.Message)
	}
}
