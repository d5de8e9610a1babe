package gateway_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/wire"
)

// A gateway is held up while it records a segment, and another one stores the same
// file and deletes it: the put fails as what passes does, and the file can be put
// right afterwards; or it is as good as any.
func TestSegmentPutWhileAnotherGatewayDeletesTheFile(t *testing.T) {
	ended := 0
	for commit := range 8 {
		net, memory := fleettest.New(t, 10), indextest.NewMemory()
		upload := [16]byte{9}
		var c *contest
		kv := indextest.NewBefore(memory, commit, func() {
			other := c.gateways[1]
			if err := c.put(t, other, upload, func() {}); err != nil {
				t.Error(err)
			}
			if err := other.ask(t, &wire.DeleteObject{CID: cid.Sum(c.data)}, nil); err != nil {
				t.Error(err)
			}
			other.EndLeft(t.Context())
		})
		c = contestOver(t, net, [2]*index.Index{index.New(kv), index.New(memory)})
		net.Index = index.New(memory)
		err := c.putFirst(t, upload)
		if err != nil && wire.StatusOf(err) != wire.StatusUnavailable {
			t.Fatalf("held up at commit %d: %v", commit, err)
		}
		if errors.Is(err, index.ErrEnded) {
			ended++
		}
		c.counted(t, commit)
		if err := c.put(t, c.gateways[0], upload, func() {}); err != nil {
			t.Fatalf("held up at commit %d: %v", commit, err)
		}
		for _, n := range c.gateways {
			if got, err := c.get(t, n); err != nil || !bytes.Equal(got, c.data) {
				t.Fatalf("held up at commit %d: %d bytes of %d, %v", commit, len(got), len(c.data), err)
			}
		}
		c.counted(t, commit)
	}
	if ended == 0 {
		t.Fatal("no segment was put that has ended meanwhile")
	}
}

// A commit is held up after it has looked at the segments' shards: meanwhile their
// upload is dropped, and a put begins that does not come to its end. The commit does
// not take what that has left for what it has looked at.
func TestCommitWhileTheSegmentsEnd(t *testing.T) {
	refused := 0
	for commit := range 5 {
		net, memory := fleettest.New(t, 10), indextest.NewMemory()
		plain, upload := index.New(memory), [16]byte{9}
		net.Index = plain
		var c *contest
		kv := indextest.NewBefore(memory, commit, func() {
			var cut []index.Segment
			for s, err := range plain.AllSegments(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				cut = append(cut, s)
			}
			if err := c.gateways[1].ask(t, &wire.DropUpload{Upload: upload[:]}, nil); err != nil && wire.StatusOf(err) != wire.StatusNotFound {
				t.Error(err)
			}
			c.gateways[1].EndLeft(t.Context())
			for _, s := range cut {
				if err := plain.PutSegment(t.Context(), s, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
		c = contestOver(t, net, [2]*index.Index{index.New(kv), plain})
		m, err := c.send(t, c.gateways[1], upload, func() {})
		if err != nil {
			t.Fatal(err)
		}
		switch err := c.commit(t, c.gateways[0], m); {
		case wire.StatusOf(err) == wire.StatusConflict:
			refused++
			if err := c.put(t, c.gateways[1], upload, func() {}); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatalf("held up at commit %d: %v", commit, err)
		}
		if got, err := c.get(t, c.gateways[1]); err != nil || !bytes.Equal(got, c.data) {
			t.Fatalf("held up at commit %d: %d bytes of %d, %v", commit, len(got), len(c.data), err)
		}
	}
	if refused == 0 {
		t.Error("no commit was held up between its look and its references")
	}
}

// putFirst has the first gateway put the file's first segment.
func (c *contest) putFirst(t *testing.T, upload [16]byte) error {
	part, m := c.data[:contested], c.manifest(upload)
	h := erasure.NewHasher()
	h.Write(part)
	root := h.Root()
	p := &wire.PutSegment{Upload: upload[:], Size: contested, Secret: m.Secret[:], TTL: 3600}
	return c.gateways[0].ask(t, p, append(bytes.Clone(part), root[:]...))
}

// counted checks that miners have the shards that the index counts on.
func (c *contest) counted(t *testing.T, commit int) {
	t.Helper()
	for _, m := range c.gateways[1].Miners {
		for h, err := range c.gateways[1].Index.Holdings(t.Context(), m.Hotkey(), index.KindShard) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Bytes(h.Replica) == nil {
				t.Fatalf("held up at commit %d: %s does not have shard %d of %s", commit, h.Holder, h.Number, h.Hash)
			}
		}
	}
}
