package stream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
	"github.com/filetao/filetao/wire/wiretest"
)

// counted has the rig's server count the messages that reach a handler.
func counted(t *testing.T, cfg ServerConfig) (*rig, *atomic.Int64) {
	t.Helper()
	handled := new(atomic.Int64)
	return newRig(t, cfg, ClientConfig{}, "", func(s *Server) {
		s.Handle(newDelete, func(context.Context, wire.Caller, wire.Message) error { handled.Add(1); return nil }, 0)
		s.HandleStream(newPut, func(_ context.Context, _ wire.Caller, _ wire.Message, in wire.Body) (wire.Body, error) {
			handled.Add(1)
			_, err := io.Copy(io.Discard, in.Reader)
			return wire.Body{}, err
		}, 1<<20)
	}), handled
}

func TestARequestIsWorkedOnOnce(t *testing.T) {
	r, handled := counted(t, ServerConfig{})
	request := r.signedBy(r.client.cfg.Key, newDelete(), 0, nil)
	var group sync.WaitGroup
	var fine atomic.Int64
	for range 20 {
		group.Go(func() {
			switch status := r.raw("Delete", request); status {
			case wire.StatusOK:
				fine.Add(1)
			case wire.StatusUnauthorized:
			default:
				t.Errorf("status %d", status)
			}
		})
	}
	group.Wait()
	if fine.Load() != 1 || handled.Load() != 1 {
		t.Errorf("%d were answered, %d handled", fine.Load(), handled.Load())
	}
}

func TestWhoSignedWhatForWhom(t *testing.T) {
	r, handled := counted(t, ServerConfig{})
	alice, eve := r.client.cfg.Key, wiretest.Key(t, "//Eve")
	at := func(d time.Duration) func(*request) {
		return func(q *request) { q.time = time.Now().Add(d).UnixMilli() }
	}
	started := func(ago time.Duration) {
		r.used.mu.Lock()
		defer r.used.mu.Unlock()
		r.used.taken = replay.InMemory(time.Now().Add(-ago))
	}
	started(time.Hour)
	for name, c := range map[string]struct {
		request []byte
		path    string
		want    int
	}{
		"another's name":      {r.signedBy(eve, newDelete(), 0, func(q *request) { q.caller = alice.PublicKey() }), "Delete", 401},
		"to another":          {r.signedBy(alice, newDelete(), 0, func(q *request) { q.server = eve.PublicKey() }), "Delete", 401},
		"of nobody":           {r.signedBy(alice, newDelete(), 0, func(q *request) { q.caller = [32]byte{} }), "Delete", 401},
		"for another message": {r.signedBy(alice, newDelete(), 0, nil), "Retrieve", 401},
		"from the future":     {r.signedBy(alice, newDelete(), 0, at(14*time.Second)), "Delete", 401},
		"old":                 {r.signedBy(alice, newDelete(), 0, at(-15*time.Second)), "Delete", 401},
		"other fields":        {r.signedBy(alice, newDelete(), 0, func(q *request) { q.hash[0]++ }), "Delete", 422},
		"too many fields":     {append(r.signedBy(alice, newDelete(), 0, func(q *request) { q.fields += 1 << 20 }), make([]byte, 1<<20)...), "Delete", 413},
		"more than it says":   {append(r.signedBy(alice, newDelete(), 0, nil), 0), "Delete", -400},
		"less than it says":   {r.signedBy(alice, newDelete(), 1, nil), "Delete", -400},
		"a body":              {append(r.signedBy(alice, newDelete(), 1, nil), 0), "Delete", 413},
		"an unknown message":  {r.signedBy(alice, &wire.Retrieve{}, 0, nil), "Retrieve", 404},
		"another path":        {r.signedBy(alice, newDelete(), 0, nil), "", 401},
		"nothing":             {nil, "Delete", -400},
		"a long head":         {append([]byte{0, 0, 8, 1}, make([]byte, 0x801)...), "Delete", -400},
		"JSON":                {[]byte(`{"name": "Delete"}`), "Delete", -400},
	} {
		if got := r.raw(c.path, c.request); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
	if handled.Load() != 0 {
		t.Errorf("%d were handled", handled.Load())
	}
	if got := r.raw("Delete", r.signedBy(alice, newDelete(), 0, at(-13*time.Second))); got != 200 {
		t.Errorf("within the window: status %d", got)
	}
	started(-time.Second)
	if got := r.raw("Delete", r.signedBy(alice, newDelete(), 0, nil)); got != 401 {
		t.Errorf("from before the start: status %d", got)
	}
}

// TestEveryBitIsSigned: whatever bit of a request is turned, nobody works on it.
func TestEveryBitIsSigned(t *testing.T) {
	r, handled := counted(t, ServerConfig{})
	request := r.signedBy(r.client.cfg.Key, &wire.Delete{DataHash: "1"}, 0, nil)
	for i := range request {
		bad := append([]byte{}, request...)
		bad[i] ^= 1 << (i % 8)
		if status := r.raw("Delete", bad); status == wire.StatusOK {
			t.Errorf("byte %d of %d may be changed", i, len(request))
		}
	}
	if handled.Load() != 0 {
		t.Errorf("%d were handled", handled.Load())
	}
}

// between is a peer that stands between the asker and the rig, and may change what
// the rig answers.
func between(t *testing.T, r *rig, change func(answer []byte) []byte) wire.Peer {
	return fake(t, func(c net.Conn, in *bufio.Reader) error {
		up, err := net.Dial("tcp", r.peer.Addr.String())
		if err != nil {
			return err
		}
		request := make([]byte, 64<<10)
		n, err := in.Read(request)
		if err != nil {
			return errors.Join(err, up.Close())
		}
		if _, err := up.Write(request[:n]); err != nil {
			return errors.Join(err, up.Close())
		}
		answer := make([]byte, 64<<10)
		n, err = up.Read(answer)
		if err == nil {
			_, err = c.Write(change(answer[:n]))
		}
		return errors.Join(err, up.Close())
	})
}

// TestEveryBitOfAnAnswerIsSigned: whatever bit is turned, the asker believes none
// of it.
func TestEveryBitOfAnAnswerIsSigned(t *testing.T) {
	r := newRig(t, ServerConfig{}, ClientConfig{}, "", func(s *Server) {
		s.Handle(newDelete, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
			msg.(*wire.Delete).Deleted = true
			return nil
		}, 0)
	})
	at, size := 0, 0
	peer := between(t, r, func(answer []byte) []byte {
		body := answer[strings.Index(string(answer), "\r\n\r\n")+4:]
		if size = len(body); at < size {
			body[at] ^= 1 << (at % 8)
		}
		return answer
	})
	for ; at == 0 || at < size; at++ {
		msg := &wire.Delete{DataHash: "1"}
		if _, err := r.client.Call(within(t, 5*time.Second), peer, msg); err == nil {
			t.Errorf("byte %d of %d may be changed", at, size)
		}
	}
	msg := &wire.Delete{DataHash: "1"}
	if _, err := r.client.Call(within(t, 5*time.Second), peer, msg); err != nil || !msg.Deleted {
		t.Errorf("unchanged: %v", err)
	}
	if size < 150 {
		t.Errorf("only %d bytes were tried", size)
	}
}

// TestAnAnswerIsToOneRequest: an answer from before is none now.
func TestAnAnswerIsToOneRequest(t *testing.T) {
	r, _ := counted(t, ServerConfig{})
	var first []byte
	peer := between(t, r, func(answer []byte) []byte {
		if first == nil {
			first = append(first, answer...)
		}
		return first
	})
	if _, err := r.client.Call(within(t, 5*time.Second), peer, newDelete()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Call(within(t, 5*time.Second), peer, newDelete()); wire.StatusOf(err) != wire.StatusUnauthorized {
		t.Errorf("an old answer: %v", err)
	}
}

// TestPeersThatAreNone: nothing that a peer sends makes an asker wait beyond its
// time, or take it for an answer.
func TestPeersThatAreNone(t *testing.T) {
	client := NewClient(ClientConfig{Key: wiretest.Key(t, "//Alice"), Grace: 200 * time.Millisecond}, ClientDeps{})
	t.Cleanup(func() { check(t, client.Close()) })
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: "
	for name, c := range map[string]struct {
		says string
		want int
	}{
		"nothing":             {"", 408},
		"half a header":       {"HTTP/1.1 200 OK\r\nConte", 408},
		"half a head":         {ok + "400\r\n\r\n\x00\x00\x00\xf0", 408},
		"too long a header":   {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100), 503},
		"too long a head":     {ok + "40000\r\n\r\n\x00\x00\x80\x00" + strings.Repeat("x", 1<<15), 422},
		"no head":             {ok + "20\r\n\r\n\x00\x00\x00\x10" + strings.Repeat("x", 16), 422},
		"another protocol":    {"SSH-2.0-OpenSSH_9.6\r\n\r\n", 503},
		"no such path":        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404},
		"something in chunks": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 404},
		"go on":               {"HTTP/1.1 100 Continue\r\n\r\n", 404},
	} {
		peer := hangs(t, c.says)
		_, err := client.Call(within(t, 500*time.Millisecond), peer, newDelete())
		if wire.StatusOf(err) != c.want || errors.Is(err, wire.ErrNoStream) != (c.want == 404) {
			t.Errorf("%s: %v, want %d", name, err, c.want)
		}
		if _, err = client.Open(within(t, 500*time.Millisecond), peer, newPut(), wire.Body{Size: 1 << 30, Reader: zeros{}}); wire.StatusOf(err) != c.want {
			t.Errorf("%s, to a body: %v, want %d", name, err, c.want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
