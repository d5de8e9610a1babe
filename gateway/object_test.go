package gateway_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// natively is a gateway that is given segments, without sockets.
type natively struct {
	*fleettest.Net
	*gateway.Gateway
	handlers map[string]wire.StreamHandler
	later    atomic.Int64 // by how much clocks are ahead, ns
	owner    *wallet.Keypair
}

func (n *natively) Handle(makeMsg func() wire.Message, h wire.Handler, _ int64) {
	n.handlers[makeMsg().Name()] = func(ctx context.Context, from wire.Caller, m wire.Message, _ wire.Body) (wire.Body, error) {
		return wire.Body{}, h(ctx, from, m)
	}
}

func (n *natively) HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, _ int64) {
	n.handlers[makeMsg().Name()] = h
}

func (n *natively) now() time.Time { return time.Now().Add(time.Duration(n.later.Load())) }

func newNatively(t testing.TB, miners int, cfg gateway.Config) *natively {
	t.Helper()
	n := &natively{Net: fleettest.New(t, miners), handlers: map[string]wire.StreamHandler{}, owner: fleettest.Key(t, "owner")}
	f := fleet.New(fleet.Config{}, fleet.Deps{Transport: n.Net, Streams: n.Net, Index: n.Index, Metagraph: n.Metagraph, Key: n.Asker, Now: n.now})
	n.Gateway = gateway.New(cfg, gateway.Deps{Fleet: f, Index: n.Index, Key: envelope.Key{7}, Now: n.now})
	n.RegisterStreams(n)
	return n
}

func (n *natively) ask(t testing.TB, m wire.Message, body []byte) error {
	t.Helper()
	return n.askAs(t.Context(), n.owner.Address(), m, int64(len(body)), bytes.NewReader(body))
}

func (n *natively) askAs(ctx context.Context, user wallet.Address, m wire.Message, size int64, body io.Reader) error {
	out, err := n.handlers[m.Name()](ctx, wire.Caller{Hotkey: user}, m, wire.Body{Size: size, Reader: body})
	if c, ok := out.Reader.(io.Closer); ok {
		c.Close()
	}
	return err
}

// upload puts one segment and returns the manifest of the file that it is.
func (n *natively) upload(t testing.TB, data []byte, ttl time.Duration) manifest.Manifest {
	t.Helper()
	m := manifest.Manifest{
		Owner: n.owner.PublicKey(), CID: cid.Sum(data), Size: int64(len(data)), Upload: [16]byte{9}, Secret: envelope.ShardSecret{5},
		Created: 1, SegmentSize: int64(len(data)),
	}
	h := erasure.NewHasher()
	h.Write(data)
	root := h.Root()
	put := &wire.PutSegment{Upload: m.Upload[:], Size: m.Size, Secret: m.Secret[:], TTL: int64(ttl / time.Second)}
	if err := n.ask(t, put, append(bytes.Clone(data), root[:]...)); err != nil {
		t.Fatal(err)
	}
	m.Segments = []manifest.Segment{{Size: m.Size, Root: root, Scheme: erasure.Scheme{Data: int(put.Data), Total: int(put.Total)}}}
	return m
}

func (n *natively) commit(t testing.TB, m manifest.Manifest, ttl time.Duration) (expires time.Time, err error) {
	t.Helper()
	sig, err := n.owner.Sign(m.Text())
	if err != nil {
		t.Fatal(err)
	}
	msg := &wire.CommitObject{Manifest: m.Encode(), Signature: sig, TTL: int64(ttl / time.Second)}
	err = n.ask(t, msg, nil)
	return time.Unix(msg.Expires, 0), err
}

// shardsUntil is until when so many shards of the file's first segment last that it
// is durable.
func (n *natively) checkLasts(t testing.TB, m manifest.Manifest, expires time.Time) {
	t.Helper()
	held, err := n.Index.Shards(t.Context(), proof.Digest(m.ID(0)).String())
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, h := range held {
		if !h.Stored.Add(h.TTL).Before(expires) {
			good++
		}
	}
	if want := fleet.Durable(m.Segments[0].Scheme); good < want {
		t.Fatalf("%d shards last until the file ends, want %d", good, want)
	}
}

// A file does not outlive its shards, whenever it is committed, again, or renewed.
func TestFileEndsBeforeItsShards(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{})
	data := noise(200_000)
	for _, wait := range []time.Duration{0, time.Minute, 23 * time.Hour, 24*time.Hour + 30*time.Minute} {
		n.later.Store(0)
		m := n.upload(t, data, time.Hour)
		n.later.Store(int64(wait))
		expires, err := n.commit(t, m, time.Hour)
		if err != nil {
			t.Fatal(wait, err)
		}
		n.checkLasts(t, m, expires)
	}
	m := n.upload(t, data, time.Hour)
	if expires, err := n.commit(t, m, 100*24*time.Hour); err != nil {
		t.Fatal(err)
	} else {
		n.checkLasts(t, m, expires)
	}
	expires, err := n.commit(t, m, 200*24*time.Hour) // again
	if err != nil {
		t.Fatal(err)
	}
	n.checkLasts(t, m, expires)
	msg := &wire.RenewObject{CID: m.CID, TTL: 300 * 24 * 3600}
	if err := n.ask(t, msg, nil); err != nil {
		t.Fatal(err)
	}
	n.checkLasts(t, m, time.Unix(msg.Expires, 0))
}

// What miners have thrown away by now is not there any more.
func TestEndedShardsMakeNoFile(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{})
	m := n.upload(t, noise(200_000), time.Hour)
	n.later.Store(int64(26 * time.Hour))
	state := &wire.UploadState{Upload: m.Upload[:], Limit: 10}
	if err := n.ask(t, state, nil); err != nil || string(state.Segments) != "[]" {
		t.Errorf("%s %v", state.Segments, err)
	}
	if _, err := n.commit(t, m, time.Hour); wire.StatusOf(err) != wire.StatusConflict {
		t.Fatal(err)
	}
}

// A manifest with which its owner could not get at the shards is refused, and so is
// one whose segment only seems to be there.
func TestManifestThatLiesIsRefused(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{})
	good := n.upload(t, noise(200_000), time.Hour)
	for name, lie := range map[string]func(*manifest.Manifest){
		"scheme": func(m *manifest.Manifest) { m.Segments[0].Scheme = erasure.Scheme{Data: 1, Total: 2} },
		"secret": func(m *manifest.Manifest) { m.Secret[3]++ },
		"root":   func(m *manifest.Manifest) { m.Segments[0].Root[3]++ },
		"upload": func(m *manifest.Manifest) { m.Upload[3]++ },
		"size":   func(m *manifest.Manifest) { m.Segments[0].Size--; m.Size--; m.SegmentSize-- },
	} {
		m := good
		m.Segments = []manifest.Segment{good.Segments[0]}
		lie(&m)
		if _, err := n.commit(t, m, time.Hour); err == nil || wire.StatusOf(err) >= wire.StatusInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two miners with the same shard are one: here all have one of three.
	id := proof.Digest(good.ID(0)).String()
	held, err := n.Index.Shards(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range held {
		if h.Number >= 3 {
			h.Number, h.Replica = i%3, strings.Repeat("1", 1+i)
			if err := n.Index.ReplaceShard(t.Context(), index.Life{}, h, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := n.commit(t, good, time.Hour); wire.StatusOf(err) != wire.StatusConflict {
		t.Errorf("three different shards of %v: %v (%s)", good.Segments[0].Scheme, err, hex.EncodeToString(good.Upload[:1]))
	}
}

// A user whose segments do not move holds up nobody else, nor does what waits behind
// them.
func TestSlowSegmentsHoldUpTheirOwnUser(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{Segments: 8, StoreTimeout: 3 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{}, 20)
	var slow sync.WaitGroup
	for i := range int64(20) {
		slow.Go(func() {
			put := &wire.PutSegment{Upload: make([]byte, 16), Index: i, Size: 1000, Secret: make([]byte, 32), TTL: 3600}
			if err := n.askAs(ctx, user(t, "slow"), put, 1032, standing{ctx, begun}); err == nil {
				t.Error("a segment came about that was never sent")
			}
		})
	}
	settled := time.After(300 * time.Millisecond)
	for waiting, i := true, 0; waiting && i < 8; i++ { // all that may begin have
		select {
		case <-begun:
		case <-settled:
			waiting = false
		}
	}
	n.upload(t, noise(200_000), time.Hour)
	cancel()
	slow.Wait()
}

// standing is a body that does not move.
type standing struct {
	ctx   context.Context
	begun chan<- struct{}
}

func (s standing) Read([]byte) (int, error) {
	s.begun <- struct{}{}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
