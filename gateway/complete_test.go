package gateway_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wire"
)

// What was acknowledged with fewer shards than it should have gets them as soon as
// miners take them.
func TestShortSegmentsAreCompleted(t *testing.T) {
	n := newNatively(t, 10, gateway.Config{})
	for _, m := range n.Miners[:3] {
		m.Behave(fleettest.Stuck, "PutShard")
	}
	n.store(t, noise(200_000), time.Hour)
	before := n.held(t)
	if len(before) < 4 || len(before) > 7 {
		t.Fatalf("%d shards while three miners stand still", len(before))
	}
	for _, m := range n.Miners {
		m.Behave(fleettest.Honest, "PutShard")
	}
	n.Complete(t.Context())
	after, miners := map[int]bool{}, map[string]bool{}
	for _, h := range n.held(t) {
		after[h.Number], miners[string(h.Holder)] = true, true
		if h.Stored.Add(h.TTL).Before(before[0].Stored.Add(before[0].TTL).Add(-2 * time.Second)) {
			t.Errorf("shard %d ends early: %v after %v", h.Number, h.TTL, h.Stored)
		}
	}
	if len(after) != 8 || len(miners) != 8 {
		t.Fatalf("%d shards at %d miners", len(after), len(miners))
	}
	n.Complete(t.Context()) // there is nothing to do any more
	if len(n.held(t)) != 8 {
		t.Fatal("more than all")
	}
}

// held are the shards of the one segment there is.
func (n *natively) held(t *testing.T) (all []index.Holding) {
	t.Helper()
	for seg, err := range n.Index.AllSegments(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if all, err = n.Index.Shards(t.Context(), seg.ID); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A body may come slower than all else may take, as long as it moves; one that ends
// with its time is not the miners' fault.
func TestSlowBodies(t *testing.T) {
	const timeout = 3 * time.Second
	n := newNatively(t, 9, gateway.Config{StoreTimeout: timeout})
	data := noise(200_000)
	h := erasure.NewHasher()
	h.Write(data)
	root := h.Root()
	pause := func() io.Reader {
		return readFunc(func([]byte) (int, error) { <-time.After(timeout + time.Second); return 0, io.EOF })
	}
	put := &wire.PutSegment{Upload: make([]byte, 16), Size: int64(len(data)), Secret: make([]byte, 32), TTL: 3600}
	body := io.MultiReader(bytes.NewReader(data[:100_000]), pause(), bytes.NewReader(data[100_000:]), bytes.NewReader(root[:]))
	if err := n.askAs(t.Context(), n.owner.Address(), put, int64(len(data)+len(root)), body); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cut := readFunc(func([]byte) (int, error) { cancel(); return 0, ctx.Err() })
	err := n.askAs(ctx, n.owner.Address(), put, int64(len(data)+len(root)), io.MultiReader(bytes.NewReader(data[:150_000]), cut))
	if wire.StatusOf(err) != wire.StatusTimeout || !strings.Contains(err.Error(), "of 200000 bytes of segment 0") {
		t.Fatal(err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
