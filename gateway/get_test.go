package gateway_test

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// getting begins a get and reads a byte of it.
func (n *natively) getting(ctx context.Context, user wallet.Address, cid string) (io.ReadCloser, error) {
	m := &wire.GetObject{CID: cid}
	out, err := n.handlers[m.Name()](ctx, wire.Caller{Hotkey: user}, m, wire.Body{})
	if err != nil {
		return nil, err
	}
	r := out.Reader.(io.ReadCloser)
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Gets that stop reading take little memory, however many there are; those for which
// there is none wait, and then have their turn.
func TestGetsThatStopReading(t *testing.T) {
	n := newNatively(t, 20, gateway.Config{GetPatience: time.Hour})
	data := noise(12 << 20)
	m := n.uploadMany(t, data, 4<<20, 0, 1, 2)
	if _, err := n.commit(t, m, time.Hour); err != nil {
		t.Fatal(err)
	}
	const gets = 256
	begun := make(chan io.ReadCloser, gets)
	before := heap()
	for range gets {
		go func() {
			r, err := n.getting(t.Context(), n.owner.Address(), m.CID)
			if err != nil {
				t.Error(err)
			}
			begun <- r
		}()
	}
	// As many begin as there is memory for. If more should after that second, the
	// test sees less than it could.
	var open []io.ReadCloser
	for idle := false; !idle && len(open) < gets; {
		select {
		case r := <-begun:
			open = append(open, r)
		case <-time.After(time.Second):
			idle = len(open) > 0
		}
	}
	used := heap() - before
	t.Logf("%d gets of %v at a time take %.1f MiB", len(open), m.Segments[0].Scheme, float64(used)/(1<<20))
	if used > 128<<20 {
		t.Errorf("%d MiB", used>>20)
	}
	for range gets {
		if len(open) == 0 {
			open = append(open, <-begun)
		}
		if open[0] == nil {
			t.FailNow()
		}
		if err := open[0].Close(); err != nil {
			t.Error(err)
		}
		open = open[1:]
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Who takes nothing gives way to those who wait, and is told to go on later.
func TestSlowGetsGiveWay(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{Gets: 1, GetPatience: 10 * time.Millisecond})
	data := noise(9 << 20)
	m := n.uploadMany(t, data, 2<<20, 0, 1, 2, 3, 4)
	if _, err := n.commit(t, m, time.Hour); err != nil {
		t.Fatal(err)
	}
	slow, err := n.getting(t.Context(), n.owner.Address(), m.CID)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	other, err := n.getting(t.Context(), n.owner.Address(), m.CID)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(other); err != nil || !bytes.Equal(rest, data[1:]) {
		t.Fatalf("%d bytes: %v", len(rest), err)
	}
	if _, err := io.ReadAll(slow); wire.StatusOf(err) != wire.StatusUnavailable {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	alone, err := n.getting(t.Context(), n.owner.Address(), m.CID) // for whom nobody waits
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if rest, err := io.ReadAll(alone); err != nil || !bytes.Equal(rest, data[1:]) {
		t.Fatalf("%d bytes: %v", len(rest), err)
	}
}
