package gateway_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// contest is one file that many put, delete and drop at once through two gateways
// over one index, which know of each other by the index alone.
type contest struct {
	gateways [2]*natively
	data     []byte
}

// contested is the length of the file's segments.
const contested = 50_000

func newContest(t *testing.T) *contest {
	net := fleettest.New(t, 10)
	return contestOver(t, net, [2]*index.Index{net.Index, net.Index})
}

// contestOver has each gateway see the one index in its own way.
func contestOver(t *testing.T, net *fleettest.Net, indexes [2]*index.Index) *contest {
	c := &contest{data: noise(2 * contested)}
	for i, x := range indexes {
		n := &natively{Net: net, handlers: map[string]wire.StreamHandler{}, owner: fleettest.Key(t, "owner")}
		f := fleet.New(fleet.Config{}, fleet.Deps{Transport: net, Streams: net, Index: x, Metagraph: net.Metagraph, Key: net.Asker})
		n.Gateway = gateway.New(gateway.Config{MinSegment: contested}, gateway.Deps{Fleet: f, Index: x, Key: envelope.Key{7}})
		n.RegisterStreams(n)
		c.gateways[i] = n
	}
	return c
}

// manifest is of the file in an upload, without segments yet.
func (c *contest) manifest(upload [16]byte) manifest.Manifest {
	return manifest.Manifest{
		Owner: c.gateways[0].owner.PublicKey(), CID: cid.Sum(c.data), Size: int64(len(c.data)), Upload: upload,
		Secret: envelope.ShardSecret{5}, Created: 1, SegmentSize: contested,
	}
}

// put is what a client does: all segments, then the commit, and again if one of
// them was dropped in between. It tells after each segment.
func (c *contest) put(t *testing.T, n *natively, upload [16]byte, tell func()) (err error) {
	const tries = 6
	for range tries {
		var m manifest.Manifest
		if m, err = c.send(t, n, upload, tell); err == nil {
			err = c.commit(t, n, m)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// send puts all segments and returns the manifest with them.
func (c *contest) send(t *testing.T, n *natively, upload [16]byte, tell func()) (manifest.Manifest, error) {
	m := c.manifest(upload)
	for i := range 2 {
		part := c.data[i*contested : (i+1)*contested]
		h := erasure.NewHasher()
		h.Write(part)
		root := h.Root()
		p := &wire.PutSegment{Upload: upload[:], Index: int64(i), Size: contested, Secret: m.Secret[:], TTL: 3600}
		if err := n.ask(t, p, append(bytes.Clone(part), root[:]...)); err != nil {
			return m, err
		}
		tell()
		m.Segments = append(m.Segments, manifest.Segment{Size: contested, Root: root, Scheme: erasure.Scheme{Data: int(p.Data), Total: int(p.Total)}})
	}
	return m, nil
}

func (c *contest) commit(t *testing.T, n *natively, m manifest.Manifest) error {
	sig, err := n.owner.Sign(m.Text())
	if err != nil {
		return err
	}
	return n.ask(t, &wire.CommitObject{Manifest: m.Encode(), Signature: sig, TTL: 3600}, nil)
}

func (c *contest) get(t *testing.T, n *natively) ([]byte, error) {
	m := &wire.GetObject{CID: cid.Sum(c.data)}
	out, err := n.handlers[m.Name()](t.Context(), wire.Caller{Hotkey: n.owner.Address()}, m, wire.Body{})
	if c, ok := out.Reader.(io.Closer); ok {
		defer c.Close()
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(out.Reader, out.Size))
}

// round puts the file three times at once, and deletes it and drops its upload
// twice meanwhile if it is told to. It returns how many puts were acknowledged.
func (c *contest) round(t *testing.T, r *rand.Rand, upload [16]byte, withDelete bool) int {
	var work sync.WaitGroup
	var acknowledged atomic.Int64
	steps, ended := make(chan struct{}, 100), make(chan struct{})
	for i := range 3 {
		work.Go(func() {
			if c.put(t, c.gateways[i%2], upload, func() { steps <- struct{}{} }) == nil {
				acknowledged.Add(1)
			}
		})
	}
	var deletions sync.WaitGroup
	for range 2 {
		n, after := c.gateways[r.IntN(2)], r.IntN(5)
		if !withDelete {
			continue
		}
		deletions.Go(func() {
			for range after {
				select {
				case <-steps:
				case <-ended:
				}
			}
			// Both may find nothing: what counts is what is left.
			_ = n.ask(t, &wire.DeleteObject{CID: cid.Sum(c.data)}, nil)
			_ = n.ask(t, &wire.DropUpload{Upload: upload[:]}, nil)
		})
	}
	work.Wait()
	close(ended)
	deletions.Wait()
	return int(acknowledged.Load())
}

// TestTwoGatewaysOverOneIndex: a file that was acknowledged and not deleted is
// there, whole, at both gateways, whatever the other one did at the same time; one
// that was deleted at the same time is there whole or not at all, and can be put
// again.
func TestTwoGatewaysOverOneIndex(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c, r := newContest(t), rand.New(rand.NewPCG(seed, 0))
	var puts, gone int
	upload := [16]byte{9}
	for round := range 40 {
		if r.IntN(3) == 0 {
			upload[1]++
		}
		withDelete := round%2 == 0
		acknowledged := c.round(t, r, upload, withDelete)
		puts += acknowledged
		for i, n := range c.gateways {
			got, err := c.get(t, n)
			switch {
			case err == nil && bytes.Equal(got, c.data):
			case wire.StatusOf(err) == wire.StatusNotFound && withDelete:
				gone++
			default:
				t.Fatalf("round %d (deleted meanwhile: %v; %d acknowledged), gateway %d: %d bytes of %d, %v", round, withDelete, acknowledged, i, len(got), len(c.data), err)
			}
		}
		if !withDelete && acknowledged != 3 {
			t.Fatalf("round %d: %d of 3 puts were acknowledged with nobody deleting", round, acknowledged)
		}
	}
	t.Logf("%d puts acknowledged, %d times not there after a deletion", puts, gone)
}
