package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
)

const short = 150 * time.Millisecond

// post sends the header of a request and a part of its body, and returns the
// connection.
func (r *rig) post(name string, size int, part []byte) net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.peer.Addr.String())
	check(r.t, err)
	r.t.Cleanup(func() { check(r.t, c.Close()) })
	_, err = fmt.Fprintf(c, "POST %s%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", wire.StreamPath, name, size, part)
	check(r.t, err)
	return c
}

// TestAnAskerThatHangs: neither a body that stands still or crawls nor an answer
// that nobody reads holds a worker.
func TestAnAskerThatHangs(t *testing.T) {
	ended := make(chan error, 1)
	out := &closing{Reader: zeros{}, closed: make(chan struct{})}
	r := newRig(t, ServerConfig{Grace: short, MinRate: 1 << 20, MinUpload: 1 << 20, HeaderTimeout: short}, ClientConfig{}, "", func(s *Server) {
		s.HandleStream(newPut, func(_ context.Context, _ wire.Caller, _ wire.Message, in wire.Body) (wire.Body, error) {
			_, err := io.Copy(io.Discard, in.Reader)
			ended <- err
			return wire.Body{}, err
		}, 1<<30)
		s.HandleStream(func() wire.Message { return &wire.GetShard{} }, func(context.Context, wire.Caller, wire.Message, wire.Body) (wire.Body, error) {
			return wire.Body{Size: 1 << 30, Reader: out}, nil
		}, 0)
	})
	head := r.signedBy(r.client.cfg.Key, newPut(), 1<<20, nil)
	c := r.post("PutShard", len(head)+1<<20, append(head, make([]byte, 1000)...))
	start := time.Now()
	if err := <-ended; wire.StatusOf(err) != wire.StatusTimeout || time.Since(start) > 20*short {
		t.Errorf("a body that stands still: %v after %v", err, time.Since(start))
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	check(t, err)
	data, err := io.ReadAll(resp.Body)
	check(t, err)
	if got := statusOf(t, data, r.peer.Hotkey); got != wire.StatusTimeout {
		t.Errorf("its asker is told %d", got)
	}
	head = r.signedBy(r.client.cfg.Key, newPut(), 1<<30, func(q *request) { q.nonce[1]++ })
	c = r.post("PutShard", len(head)+1<<30, head)
	var group sync.WaitGroup
	group.Go(func() { // a byte in ten milliseconds is not enough
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := c.Write([]byte{1}); err != nil {
				return
			}
		}
	})
	if err := <-ended; wire.StatusOf(err) != wire.StatusTimeout {
		t.Errorf("a body that crawls: %v", err)
	}
	group.Wait()
	head = r.signedBy(r.client.cfg.Key, &wire.GetShard{}, 0, nil)
	r.post("GetShard", len(head), head)
	<-out.closed
	c = r.post("PutShard", 1000, []byte{0, 0, 0})
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Errorf("a head that stands still is not answered: %v", err)
	}
}

// closing tells that it was closed.
type closing struct {
	io.Reader
	closed chan struct{}
}

func (c *closing) Close() error { close(c.closed); return nil }

// TestAnAnswererThatHangs: the asker goes away long before its deadline.
func TestAnAnswererThatHangs(t *testing.T) {
	released := make(chan struct{})
	r := newRig(t, ServerConfig{}, ClientConfig{Grace: short, MinRate: 1 << 20, MinUpload: 1 << 20}, "", func(s *Server) {
		s.HandleStream(newPut, func(ctx context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
			if msg.(*wire.PutShard).TTL == 1 {
				<-released // and reads nothing
				return wire.Body{}, nil
			}
			return wire.Body{Size: 1 << 20, Reader: io.MultiReader(bytes.NewReader(make([]byte, 1<<10)), reads(func([]byte) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			}))}, nil
		}, 1<<30)
	})
	_, err := r.client.Open(within(t, 30*time.Second), r.peer, &wire.PutShard{TTL: 1}, wire.Body{Size: 1 << 30, Reader: zeros{}})
	close(released)
	if wire.StatusOf(err) != wire.StatusTimeout && wire.StatusOf(err) != wire.StatusOK || err == nil {
		t.Errorf("a body that nobody takes: %v", err)
	}
	a, err := r.client.Open(within(t, 30*time.Second), r.peer, newPut(), wire.Body{})
	check(t, err)
	if n, err := io.Copy(io.Discard, a); n != 1<<10 || wire.StatusOf(err) != wire.StatusTimeout {
		t.Errorf("an answer that stands still: %d bytes, %v", n, err)
	}
	check(t, a.Close())
}

type reads func([]byte) (int, error)

func (f reads) Read(p []byte) (int, error) { return f(p) }

// TestASlowReaderIsNotThePeer: time that a handler or an asker takes for itself is
// not held against the other end.
func TestASlowReaderIsNotThePeer(t *testing.T) {
	pause := func() { <-time.After(2 * short) }
	r := newRig(t, ServerConfig{Grace: short}, ClientConfig{Grace: short}, "", func(s *Server) {
		s.HandleStream(newPut, func(_ context.Context, _ wire.Caller, _ wire.Message, in wire.Body) (wire.Body, error) {
			pause()
			n, err := io.Copy(io.Discard, in.Reader)
			return wire.Body{Size: n, Reader: reads(func(p []byte) (int, error) { pause(); return len(p), nil })}, err
		}, 1<<30)
	})
	a, err := r.client.Open(within(t, 30*time.Second), r.peer, newPut(), wire.Body{Size: 10_000, Reader: zeros{}})
	check(t, err)
	for _, size := range []int{1, 9_999} {
		pause()
		_, err = io.ReadFull(a, make([]byte, size))
		if err != nil && wire.StatusOf(err) != wire.StatusTimeout { // the handler's pause may be too long for its asker
			t.Error(err)
		}
	}
	check(t, a.Close())
}

// TestStreamsLeaveRoomForMessages: workers that all have a stream leave the others
// to messages; one stream more waits its time, and no longer.
func TestStreamsLeaveRoomForMessages(t *testing.T) {
	entered, released := make(chan struct{}, 2), make(chan struct{})
	r := newRig(t, ServerConfig{StreamWorkers: 2}, ClientConfig{}, "", func(s *Server) {
		s.HandleStream(newPut, func(context.Context, wire.Caller, wire.Message, wire.Body) (wire.Body, error) {
			entered <- struct{}{}
			<-released
			return wire.Body{}, nil
		}, 0)
		s.Handle(newDelete, func(context.Context, wire.Caller, wire.Message) error { return nil }, 0)
	})
	var group sync.WaitGroup
	open := func(d time.Duration) error {
		a, err := r.client.Open(within(t, d), r.peer, newPut(), wire.Body{})
		if err == nil {
			err = a.Close()
		}
		return err
	}
	for range 2 {
		group.Go(func() { check(t, open(10*time.Second)) })
		<-entered
	}
	if err := open(short); wire.StatusOf(err) != wire.StatusUnavailable && wire.StatusOf(err) != wire.StatusTimeout {
		t.Errorf("one too many: %v", err)
	}
	if _, err := r.client.Call(within(t, 10*time.Second), r.peer, newDelete()); err != nil {
		t.Errorf("a message: %v", err)
	}
	close(released)
	group.Wait()
	check(t, open(10*time.Second))
}

// TestMemoryIsGivenBack: what heads and answers took is free again, however the
// exchange ended.
func TestMemoryIsGivenBack(t *testing.T) {
	r := newRig(t, ServerConfig{MaxMemory: 8 << 20}, ClientConfig{}, "", func(s *Server) {
		s.Handle(func() wire.Message { return &wire.StoreUser{} }, func(ctx context.Context, _ wire.Caller, msg wire.Message) error {
			if err := wire.Reserve(ctx, 300_000); err != nil {
				return err
			}
			if len(msg.(*wire.StoreUser).EncryptedData) == 200_001 {
				return errors.New("no")
			}
			return nil
		}, 500_000)
	})
	var group sync.WaitGroup
	for i := range 30 {
		group.Go(func() {
			_, err := r.client.Call(within(t, 10*time.Second), r.peer, &wire.StoreUser{EncryptedData: make([]byte, 200_000+i%2)})
			if (err == nil) != (i%2 == 0) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := r.memory.Acquire(within(t, 5*time.Second), r.maxMemory); err != nil {
		t.Error("not all memory is free again")
	}
}

// TestAConnectionThatIsGone: one that the peer closed while it was idle, or in the
// moment of its reuse, costs nothing but another.
func TestAConnectionThatIsGone(t *testing.T) {
	r, _ := counted(t, ServerConfig{})
	if _, err := r.client.Call(within(t, 10*time.Second), r.peer, newDelete()); err != nil {
		t.Fatal(err)
	}
	r.stop()
	next := newRig(t, ServerConfig{}, ClientConfig{}, r.peer.Addr.String(), func(s *Server) {
		s.Handle(newDelete, func(context.Context, wire.Caller, wire.Message) error { return nil }, 0)
	})
	if _, err := r.client.Call(within(t, 10*time.Second), r.peer, newDelete()); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	var turns atomic.Int64
	peer := fake(t, func(c net.Conn, in *bufio.Reader) error { // one exchange a connection, the end of which it does not tell
		turn := turns.Add(1)
		up, err := net.Dial("tcp", next.peer.Addr.String())
		if err != nil {
			return err
		}
		buf := make([]byte, 64<<10)
		n, err := in.Read(buf)
		if err == nil {
			_, err = up.Write(buf[:n])
		}
		if err == nil {
			n, err = up.Read(buf)
		}
		if err == nil {
			_, err = c.Write(buf[:n])
		}
		if err == nil && turn == 1 {
			_, err = in.Peek(1)
		}
		return errors.Join(err, up.Close())
	})
	for range 2 {
		if _, err := r.client.Call(within(t, 10*time.Second), peer, newDelete()); err != nil {
			t.Errorf("call: %v", err)
		}
	}
	if turns.Load() != 2 {
		t.Errorf("%d connections, want 2", turns.Load())
	}
}
