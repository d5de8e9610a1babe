package gateway_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/wire"
)

// TestAgainForLonger: a file that is handed in again with a longer ttl is kept
// that long by its miners, though it is not stored anew.
func TestAgainForLonger(t *testing.T) {
	b := newBench(t, 5, gateway.Config{ChunkSize: 400})
	alice, bob := user(t, "alice"), user(t, "bob")
	data := noise(1000)
	id := b.put(t, alice, data) // an hour
	f := b.file(t, id)
	if _, err := b.Store(t.Context(), bob, bytes.Clone(data), "", 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	if b.file(t, id).Payload != f.Payload {
		t.Fatal("the file was stored anew")
	}
	for _, c := range f.Chunks {
		kept := 0
		for _, m := range b.Miners {
			if m.TTL(b.replica(t, m, c.Hash)) == 48*3600 {
				kept++
			}
		}
		for _, a := range b.holders(t, c.Hash) {
			h, err := b.Index.Holding(t.Context(), a, c.Hash)
			if err != nil || h.TTL != 48*time.Hour {
				t.Fatalf("%+v, %v", h, err)
			}
		}
		if kept != 3 {
			t.Fatalf("%d miners keep a chunk for two days", kept)
		}
	}
	stores := b.asked("Store")
	if _, err := b.Store(t.Context(), alice, bytes.Clone(data), "", 49*time.Hour); err != nil || b.asked("Store") != stores {
		t.Fatalf("%d further stores for an hour of 49, %v", b.asked("Store")-stores, err)
	}
	own, err := b.Index.Ownership(t.Context(), id, alice)
	if err != nil || own.TTL > 48*time.Hour || own.TTL < 47*time.Hour {
		t.Fatalf("the owner is told %v although the miners keep it for 48 h, %v", own.TTL, err)
	}
	b.checkPayload(t, bob, id, data, "{}")
}

// TestAgainAfterALoss: a file whose chunks cannot be had any more is stored
// anew when somebody hands it in again, and all its owners have it back.
func TestAgainAfterALoss(t *testing.T) {
	alice, bob := user(t, "alice"), user(t, "bob")
	data := noise(1000)
	cases := map[string]func(b *bench, holder *fleettest.Miner){
		"holders dead":                   func(b *bench, m *fleettest.Miner) { b.kill(m.Hotkey()) },
		"holders forgotten":              func(b *bench, m *fleettest.Miner) { forget(t, b, m) },
		"holders lost it, ttl too short": func(_ *bench, m *fleettest.Miner) { m.Behave(fleettest.Failing, "Retrieve") },
	}
	for name, lose := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 8, gateway.Config{ChunkSize: 400})
			id := b.put(t, alice, data)
			f := b.file(t, id)
			for _, m := range b.Miners {
				if m.TTL(b.replica(t, m, f.Chunks[0].Hash)) > 0 {
					lose(b, m)
				}
			}
			if _, err := b.Store(t.Context(), bob, bytes.Clone(data), userPayload, 48*time.Hour); err != nil {
				t.Fatal(err)
			}
			if b.file(t, id).Payload == f.Payload {
				t.Fatal("the lost file was not stored anew")
			}
			for _, m := range b.Miners {
				m.Behave(fleettest.Honest)
			}
			b.check(t, alice, id, data)
			b.check(t, bob, id, data)
			for _, c := range f.Chunks {
				if h := b.holders(t, c.Hash); len(h) != 0 {
					t.Fatalf("the old file's chunk is still listed at %v", h)
				}
			}
		})
	}
}

func forget(t *testing.T, b *bench, m *fleettest.Miner) {
	t.Helper()
	for h, err := range b.Index.Holdings(t.Context(), m.Hotkey()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Index.RemoveHolding(t.Context(), m.Hotkey(), h.Hash); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheSameFileAtOnce, through one gateway and through two over one index:
// one copy of it is left, and everybody has it.
func TestTheSameFileAtOnce(t *testing.T) {
	for _, gateways := range []int{1, 2} {
		b := newBench(t, 5, gateway.Config{ChunkSize: 400})
		all := []*gateway.Gateway{b.Gateway, b.another(gateway.Config{ChunkSize: 400})}
		data := noise(1000)
		var work sync.WaitGroup
		var id string
		for i := range 8 {
			work.Go(func() {
				owner := user(t, string(rune('a'+i)))
				got, err := all[i%gateways].Store(t.Context(), owner, bytes.Clone(data), userPayload, time.Hour)
				if err != nil {
					t.Error(err)
				}
				if i == 0 {
					id = got
				}
			})
		}
		work.Wait()
		if b.held() != 3*3 {
			t.Errorf("%d gateways: the miners have %d chunks, want 3 of 3", gateways, b.held())
		}
		for i := range 8 {
			owner := user(t, string(rune('a'+i)))
			b.check(t, owner, id, data)
			work.Go(func() {
				if err := all[i%gateways].Delete(t.Context(), owner, id); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		if b.held() != 0 {
			t.Errorf("%d gateways: deleted, and the miners have %d chunks", gateways, b.held())
		}
	}
}

// TestAgainWhileAnotherGatewayDeletes: the file goes from under a store of the
// same bytes, and the store does not say that it is kept without having stored
// it.
func TestAgainWhileAnotherGatewayDeletes(t *testing.T) {
	alice, bob := user(t, "alice"), user(t, "bob")
	data := noise(1000)
	cases := map[string]func(b *bench, id string) error{
		"it has deleted the chunks": func(b *bench, id string) error {
			return b.another(gateway.Config{}).Delete(t.Context(), alice, id)
		},
		"it is about to": func(b *bench, id string) error {
			_, err := b.Index.RemoveOwner(t.Context(), id, alice)
			return err
		},
	}
	for name, remove := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 5, gateway.Config{ChunkSize: 400})
			id := b.put(t, alice, data)
			before := b.file(t, id)
			b.once = func() { // a holder is pinged: the file has been looked up
				if err := remove(b, id); err != nil {
					t.Error(err)
				}
			}
			b.put(t, bob, data)
			if b.file(t, id).Payload == before.Payload {
				t.Fatal("the deleted file was taken up again")
			}
			b.check(t, bob, id, data)
			if _, _, err := b.Retrieve(t.Context(), alice, id); wire.StatusOf(err) != wire.StatusNotFound || b.held() != 3*3 {
				t.Fatalf("%v, the miners have %d chunks", err, b.held())
			}
		})
	}
}
