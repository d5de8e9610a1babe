package gateway_test

import (
	"bytes"
	"errors"
	"testing"

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
