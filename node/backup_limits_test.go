package node

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// streams are a gateway's handlers, without sockets.
type streams map[string]wire.StreamHandler

func (s streams) Handle(makeMsg func() wire.Message, h wire.Handler, _ int64) {
	s[makeMsg().Name()] = func(ctx context.Context, from wire.Caller, m wire.Message, _ wire.Body) (wire.Body, error) {
		return wire.Body{}, h(ctx, from, m)
	}
}

func (s streams) HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, _ int64) {
	s[makeMsg().Name()] = h
}

// put has a user put the only segment of an upload.
func (s streams) put(t *testing.T, user wallet.Address, upload byte) error {
	t.Helper()
	data := []byte("a file's only segment")
	h := erasure.NewHasher()
	h.Write(data)
	root := h.Root()
	m := &wire.PutSegment{Upload: bytes.Repeat([]byte{upload}, 16), Size: int64(len(data)), Secret: make([]byte, len(envelope.ShardSecret{})), TTL: 3600}
	text := append(data, root[:]...)
	_, err := s[m.Name()](t.Context(), wire.Caller{Hotkey: user}, m, wire.Body{Size: int64(len(text)), Reader: bytes.NewReader(text)})
	return err
}

// TestPacksAreNobodysUploads: packs, which never end as uploads do, neither are kept
// from being made by what a hotkey may have at gateways, nor count in it.
func TestPacksAreNobodysUploads(t *testing.T) {
	net := fleettest.New(t, 4)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, net)
		at, self := streams{}, w.Asker.Address()
		gateway.New(gateway.Config{Quota: gateway.Quota{Uploads: 2, Segments: 2, Bytes: 2000}, MinSegment: 1}, gateway.Deps{
			Fleet: w.fleet, Index: w.ix, Key: envelope.Key{7},
		}).RegisterStreams(at)
		for n := range 30 {
			w.put(t, n, true, 100*24*time.Hour)
			w.pass(t)
		}
		if s, err := w.backup.Status(t.Context()); err != nil || s.Packs < 3 || s.Waiting > 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		for n := range byte(2) {
			if err := at.put(t, self, n); err != nil {
				t.Fatalf("the validator's own file %d: %v", n, err)
			}
		}
		if err := at.put(t, self, 2); wire.StatusOf(err) != wire.StatusFull && wire.StatusOf(err) != wire.StatusTooMany {
			t.Errorf("one too many of the validator's: %v", err)
		}
		w.put(t, 40, true, 100*24*time.Hour)
		if w.pass(t) {
			t.Error("a pass failed")
		}
		if u, err := w.ix.Usage(t.Context(), self); err != nil || u.Uploads != 2 || u.Segments != 2 {
			t.Errorf("%+v, %v", u, err)
		}
		// Packs of a former version counted, as far as the index says.
		for u, err := range w.ix.UploadsOf(t.Context(), self) {
			_, parts, err2 := w.ix.Upload(t.Context(), self, u.ID)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if err := w.ix.PutSegment(t.Context(), parts[0], u.Touched); err != nil {
				t.Fatal(err)
			}
		}
		if u, err := w.ix.Usage(t.Context(), self); err != nil || u.Uploads < 5 {
			t.Errorf("%+v, %v", u, err)
		}
		w.restart(w.memory)
		w.pass(t)
		if u, err := w.ix.Usage(t.Context(), self); err != nil || u != (index.Usage{Bytes: u.Bytes, Segments: 2, Uploads: 2}) {
			t.Errorf("%+v, %v", u, err)
		}
	})
}
