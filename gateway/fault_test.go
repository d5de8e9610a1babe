package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// TestPutUsesOtherMiners in the place of those that die in the middle of it,
// hang, fail or lie: every chunk has three holders that have proved it.
func TestPutUsesOtherMiners(t *testing.T) {
	alice := user(t, "alice")
	data := noise(5000)
	var bad wallet.Address
	cases := map[string]func(b *bench){
		"killed at its first store": func(b *bench) { b.killAtThe(1, "Store") },
		"killed at the tenth store": func(b *bench) { b.killAtThe(10, "Store") },
		"killed once it was pinged": func(b *bench) { b.killAtThe(4, "Synapse") },
		"dead from the start":       func(b *bench) { bad = b.Miners[0].Hotkey(); b.kill(bad) },
		"hangs":                     func(b *bench) { bad = b.Miners[1].Hotkey(); b.Miners[1].Behave(fleettest.Silent, "Store") },
		"hangs, pings too":          func(b *bench) { bad = b.Miners[1].Hotkey(); b.Miners[1].Behave(fleettest.Silent) },
		"fails":                     func(b *bench) { bad = b.Miners[2].Hotkey(); b.Miners[2].Behave(fleettest.Failing, "Store") },
		"lies":                      func(b *bench) { bad = b.Miners[3].Hotkey(); b.Miners[3].Behave(fleettest.Liar, "Store") },
		"three of seven fail anyhow": func(b *bench) {
			b.Miners[0].Behave(fleettest.Liar)
			b.Miners[1].Behave(fleettest.Failing)
			b.Miners[2].Behave(fleettest.Silent)
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			bad = ""
			b := newBench(t, 7, gateway.Config{ChunkSize: 800})
			spoil(b)
			id := b.put(t, alice, data)
			for _, c := range b.file(t, id).Chunks {
				if h := b.holders(t, c.Hash); len(h) != 3 || slices.Contains(h, bad) {
					t.Fatalf("holders %v", h)
				}
			}
			b.check(t, alice, id, data)
		})
	}
}

// TestPutFailsClean: when a chunk finds too few miners nothing of the file is
// left, and the error says which chunk and how many.
func TestPutFailsClean(t *testing.T) {
	alice := user(t, "alice")
	b := newBench(t, 4, gateway.Config{ChunkSize: 800})
	for _, m := range b.Miners[1:] {
		m.Behave(fleettest.Failing, "Store")
	}
	data := noise(5000)
	_, err := b.Store(t.Context(), alice, bytes.Clone(data), "", 0)
	var e *wire.Error
	if !errors.As(err, &e) || e.Status != wire.StatusUnavailable || !strings.Contains(e.Text, "chunk ") || !strings.Contains(e.Text, "held by 1 miners") {
		t.Fatal(err)
	}
	if _, err := b.Index.File(t.Context(), cid.Sum(data)); !errors.Is(err, index.ErrNotFound) {
		t.Fatalf("the file is known: %v", err)
	}
	for h, err := range b.Index.Holdings(t.Context(), b.Miners[0].Hotkey()) {
		t.Fatalf("a holding is left: %+v, %v", h, err)
	}
	if len(b.Miners[0].Holds()) != 0 {
		t.Fatalf("the miner has %v", b.Miners[0].Holds())
	}
	for _, m := range b.Miners {
		b.kill(m.Hotkey())
	}
	if _, err := b.Store(t.Context(), alice, bytes.Clone(data), "", 0); wire.StatusOf(err) != wire.StatusUnavailable || !strings.Contains(err.Error(), "4 are known, none answers") {
		t.Fatal(err)
	}
	empty := newBench(t, 0, gateway.Config{})
	if _, err := empty.Store(t.Context(), alice, bytes.Clone(data), "", 0); wire.StatusOf(err) != wire.StatusUnavailable {
		t.Fatal(err)
	}
	if id := empty.put(t, alice, nil); len(empty.file(t, id).Chunks) != 0 {
		t.Fatal("an empty file needs no miner")
	}
}

// TestPutEndsWithItsCaller: nothing is left of it either.
func TestPutEndsWithItsCaller(t *testing.T) {
	b := newBench(t, 4, gateway.Config{ChunkSize: 800})
	for _, m := range b.Miners[2:] {
		m.Behave(fleettest.Silent, "Store")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked func()
	left := 8 // messages until the caller goes
	asked = func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if left--; left == 0 {
			cancel()
			return
		}
		b.once = asked
	}
	b.once = asked
	if _, err := b.Store(ctx, user(t, "alice"), noise(5000), "", 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, m := range b.Miners {
		for h, err := range b.Index.Holdings(t.Context(), m.Hotkey()) {
			t.Fatalf("a holding is left: %+v, %v", h, err)
		}
	}
}

// TestPutToleratesOneMinerLess than the redundancy when that is all there are.
func TestPutToleratesOneMinerLess(t *testing.T) {
	b := newBench(t, 3, gateway.Config{})
	b.Miners[0].Behave(fleettest.Failing, "Store")
	id := b.put(t, user(t, "alice"), noise(5000))
	if n := len(b.holders(t, b.file(t, id).Chunks[0].Hash)); n != 2 {
		t.Fatalf("%d holders", n)
	}
	strict := b.another(gateway.Config{MinReplicas: 3})
	if _, err := strict.Store(t.Context(), user(t, "alice"), noise(5001), "", 0); wire.StatusOf(err) != wire.StatusUnavailable {
		t.Fatal(err)
	}
}

// TestGetUsesOtherHolders: one good holder of each chunk is enough, and what
// the others do neither changes the file nor holds it up.
func TestGetUsesOtherHolders(t *testing.T) {
	alice := user(t, "alice")
	data := noise(5000)
	cases := map[string]func(b *bench){
		"killed at its first retrieve": func(b *bench) { b.killAtThe(1, "Retrieve") },
		"killed at the third retrieve": func(b *bench) { b.killAtThe(3, "Retrieve") },
		"two dead":                     func(b *bench) { b.kill(b.Miners[0].Hotkey(), b.Miners[1].Hotkey()) },
		"two lie":                      func(b *bench) { b.Miners[0].Behave(fleettest.Liar); b.Miners[1].Behave(fleettest.Liar) },
		"two hang": func(b *bench) {
			b.Miners[0].Behave(fleettest.Silent, "Retrieve")
			b.Miners[1].Behave(fleettest.Silent, "Retrieve")
		},
		"one lies, one fails": func(b *bench) { b.Miners[0].Behave(fleettest.Liar); b.Miners[1].Behave(fleettest.Failing) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 3, gateway.Config{ChunkSize: 800})
			id := b.put(t, alice, data)
			spoil(b)
			b.check(t, alice, id, data)
		})
	}
}

// TestGetNamesTheMissingChunk instead of returning less of the file.
func TestGetNamesTheMissingChunk(t *testing.T) {
	alice := user(t, "alice")
	for name, as := range map[string]fleettest.Behaviour{"lie": fleettest.Liar, "hang": fleettest.Silent, "fail": fleettest.Failing} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 6, gateway.Config{ChunkSize: 800, Sample: 6})
			id := b.put(t, alice, noise(1600))
			second := b.file(t, id).Chunks[1].Hash
			for _, m := range b.Miners {
				if slices.Contains(b.holders(t, second), m.Hotkey()) {
					m.Behave(as, "Retrieve")
				}
			}
			data, _, err := b.Retrieve(t.Context(), alice, id)
			var e *wire.Error
			if !errors.As(err, &e) || e.Status != wire.StatusUnavailable || !strings.Contains(e.Text, "chunk 2 of 2 ("+second+")") || data != nil {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
		})
	}
}

// TestGetNoticesAWrongKeyAndAWrongIndex: what is put together from good chunks
// is still held against its tag and CID.
func TestGetNoticesAWrongIndex(t *testing.T) {
	b := newBench(t, 3, gateway.Config{ChunkSize: 800})
	alice := user(t, "alice")
	id := b.put(t, alice, noise(1600))
	f := b.file(t, id)
	own := index.Ownership{Owner: alice, Payload: "{}", Stored: time.Now(), TTL: time.Hour}
	wrong := map[string]func(f *index.File){
		"order":  func(f *index.File) { slices.Reverse(f.Chunks) },
		"CID":    func(*index.File) {},
		"length": func(f *index.File) { f.Chunks = f.Chunks[:1]; f.Size = f.Chunks[0].Size },
	}
	for name, spoil := range wrong {
		bad := f
		bad.Chunks = slices.Clone(f.Chunks)
		bad.CID = cid.Sum([]byte(name))
		spoil(&bad)
		if err := b.Index.PutFile(t.Context(), bad, own); err != nil {
			t.Fatal(err)
		}
		if data, _, err := b.Retrieve(t.Context(), alice, bad.CID); wire.StatusOf(err) != wire.StatusInternal || data != nil {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}
