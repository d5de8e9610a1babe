package stream

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

func newStore() wire.Message { return &wire.StoreUser{EncryptedData: make([]byte, 200<<10)} }

// unsaid sends a request by a key but for its fields and its body.
func (r *rig) unsaid(key *wallet.Keypair, msg wire.Message, body int64, nonce byte) (c net.Conn, fields []byte) {
	r.t.Helper()
	all := r.signedBy(key, msg, body, func(q *request) { q.nonce[1], q.timeout = nonce, 600_000 })
	head := 4 + binary.BigEndian.Uint32(all)
	return r.post(msg.Name(), len(all)+int(body), all[:head]), all[head:]
}

// crawl writes a byte now and then, until ctx ends.
func crawl(ctx context.Context, w io.Writer, bytes []byte) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := range bytes {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, err := w.Write(bytes[i : i+1]); err != nil {
			return
		}
	}
}

// until waits for something that nobody tells of.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal(what)
		}
	}
}

// TestDribbledFieldsHoldUpNobody: two who let the fields of all the messages crawl that
// they may send, short and long ones, keep nobody waiting.
func TestDribbledFieldsHoldUpNobody(t *testing.T) {
	const workers, most = 4, 12
	r := newRig(t, ServerConfig{Workers: workers, MaxMemory: 1 << 20}, ClientConfig{}, "", func(s *Server) {
		s.Handle(newDelete, func(context.Context, wire.Caller, wire.Message) error { return nil }, 0)
		s.Handle(newStore, func(context.Context, wire.Caller, wire.Message) error { return nil }, 1<<20)
	})
	var group sync.WaitGroup
	defer group.Wait()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	dribble := func(name string, m wire.Message) {
		key := wiretest.Key(t, name)
		for i := range byte(most) {
			c, fields := r.unsaid(key, m, 0, i)
			group.Go(func() { crawl(ctx, c, fields[:len(fields)-1]) })
		}
		until(t, name+" does not come in", func() bool { return r.lanes.In(key.Address()) == most })
	}
	long := &wire.Delete{DataHash: strings.Repeat("1", 1000)}
	dribble("//Charlie", long)
	dribble("//Dave", long)
	dribble("//Eve", newStore())
	dribble("//Ferdie", newStore())
	for range workers {
		for _, m := range []wire.Message{newDelete(), newStore()} {
			if _, err := r.client.Call(within(t, 20*time.Second), r.peer, m); err != nil {
				t.Errorf("%s of another: %v", m.Name(), err)
			}
		}
	}
}

// TestFieldsThatCrawl are told so, short and long ones; a body that comes later than
// they might is not.
func TestFieldsThatCrawl(t *testing.T) {
	cfg := ServerConfig{HeaderTimeout: short, MinRate: 10 << 20, MinUpload: 1, Grace: time.Hour, MaxMemory: 1 << 20}
	r := newRig(t, cfg, ClientConfig{}, "", func(s *Server) {
		s.Handle(newDelete, func(context.Context, wire.Caller, wire.Message) error { return nil }, 0)
		s.Handle(newStore, func(context.Context, wire.Caller, wire.Message) error { return nil }, 1<<20)
		s.HandleStream(newPut, func(_ context.Context, _ wire.Caller, _ wire.Message, in wire.Body) (wire.Body, error) {
			_, err := io.Copy(io.Discard, in.Reader)
			return wire.Body{}, err
		}, 1<<20)
	})
	status := func(c net.Conn) uint16 {
		t.Helper()
		check(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		check(t, err)
		data, err := io.ReadAll(resp.Body)
		check(t, err)
		return statusOf(t, data, r.peer.Hotkey)
	}
	for i, m := range []wire.Message{newDelete(), newStore(), newPut()} {
		c, fields := r.unsaid(r.client.cfg.Key, m, 0, byte(i))
		_, err := c.Write(fields[:1])
		check(t, err)
		if got := status(c); got != wire.StatusTimeout {
			t.Errorf("fields of %s that stand still: status %d", m.Name(), got)
		}
	}
	c, fields := r.unsaid(r.client.cfg.Key, newPut(), 1, 100)
	_, err := c.Write(fields)
	check(t, err)
	<-time.After(3 * short)
	_, err = c.Write([]byte{1})
	check(t, err)
	if got := status(c); got != wire.StatusOK {
		t.Errorf("a body that comes late: status %d", got)
	}
	if err := r.memory.Acquire(within(t, 10*time.Second), r.maxMemory); err != nil {
		t.Error("not all memory is free again")
	}
	until(t, "somebody has a part of the memory for good", func() bool { return r.parts.In(r.client.cfg.Key.Address()) == 0 })
}
