package gateway_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wire"
)

// TestOnlyTheOwnerReadsAndDeletes, and nobody else learns that there is a file.
func TestOnlyTheOwnerReadsAndDeletes(t *testing.T) {
	b := newBench(t, 3, gateway.Config{})
	alice, bob := user(t, "alice"), user(t, "bob")
	id, unknown := b.put(t, alice, noise(1000)), cid.Sum([]byte("unknown"))
	_, _, hidden := b.Retrieve(t.Context(), bob, id)
	_, _, missing := b.Retrieve(t.Context(), bob, unknown)
	if wire.StatusOf(hidden) != wire.StatusNotFound || strings.ReplaceAll(hidden.Error(), id, unknown) != missing.Error() {
		t.Fatalf("a stranger is told %v, and of no file %v", hidden, missing)
	}
	if err := b.Delete(t.Context(), bob, id); wire.StatusOf(err) != wire.StatusNotFound {
		t.Fatal(err)
	}
	b.check(t, alice, id, noise(1000))
	for _, bad := range []string{"", "Qm", strings.ToUpper(id), id + "a"} {
		if _, _, err := b.Retrieve(t.Context(), alice, bad); wire.StatusOf(err) != wire.StatusBadRequest {
			t.Fatalf("%q: %v", bad, err)
		}
		if err := b.Delete(t.Context(), alice, bad); wire.StatusOf(err) != wire.StatusBadRequest {
			t.Fatalf("%q: %v", bad, err)
		}
	}
}

// TestTwoOwnersOfOneFile: it is stored once, each has it under a payload of
// its own, and it stays until the last one deletes it.
func TestTwoOwnersOfOneFile(t *testing.T) {
	b := newBench(t, 5, gateway.Config{ChunkSize: 400})
	alice, bob := user(t, "alice"), user(t, "bob")
	data := noise(1000)
	id := b.put(t, alice, data)
	before, stores := b.file(t, id), b.asked("Store")
	if again, err := b.Store(t.Context(), bob, bytes.Clone(data), `{"of":"bob"}`, time.Hour); err != nil || again != id {
		t.Fatalf("%s, %v", again, err)
	}
	if again, err := b.Store(t.Context(), alice, bytes.Clone(data), `{"new":1}`, time.Minute); err != nil || again != id {
		t.Fatalf("%s, %v", again, err)
	}
	if f := b.file(t, id); f.Payload != before.Payload || b.asked("Store") != stores {
		t.Fatalf("stored again: %d requests instead of %d", b.asked("Store"), stores)
	}
	own, err := b.Index.Ownership(t.Context(), id, alice)
	if err != nil || own.TTL != time.Minute || own.Payload != `{"new":1}` {
		t.Fatalf("%+v, %v", own, err)
	}
	if err := b.Delete(t.Context(), alice, id); err != nil || b.held() != 3*3 {
		t.Fatalf("%v, the miners have %d chunks", err, b.held())
	}
	if _, _, err := b.Retrieve(t.Context(), alice, id); wire.StatusOf(err) != wire.StatusNotFound {
		t.Fatal(err)
	}
	if got, payload, err := b.Retrieve(t.Context(), bob, id); err != nil || !bytes.Equal(got, data) || payload != `{"of":"bob"}` {
		t.Fatalf("%d bytes, %s, %v", len(got), payload, err)
	}
	if err := b.Delete(t.Context(), bob, id); err != nil || b.held() != 0 {
		t.Fatalf("%v, the miners have %d chunks", err, b.held())
	}
	if err := b.Delete(t.Context(), bob, id); wire.StatusOf(err) != wire.StatusNotFound {
		t.Fatal(err)
	}
}

func (b *bench) asked(message string) (n int) {
	for _, m := range b.Miners {
		n += m.Asked(message)
	}
	return n
}

// TestDeleteKeepsSharedChunks: what another file refers to stays with miners
// and index.
func TestDeleteKeepsSharedChunks(t *testing.T) {
	b := newBench(t, 3, gateway.Config{ChunkSize: 400})
	alice, bob := user(t, "alice"), user(t, "bob")
	id := b.put(t, alice, noise(1000))
	f := b.file(t, id)
	shared := f.Chunks[1]
	other := index.File{CID: cid.Sum([]byte("other")), Size: 2 * shared.Size, Chunks: []index.Chunk{shared, shared}, Payload: "{}", Stored: time.Now()}
	if err := b.Index.PutFile(t.Context(), other, index.Ownership{Owner: bob, Payload: "{}", Stored: time.Now(), TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), alice, id); err != nil {
		t.Fatal(err)
	}
	for i, c := range f.Chunks {
		want := 0
		if i == 1 {
			want = 3
		}
		if n := len(b.holders(t, c.Hash)); n != want {
			t.Errorf("chunk %d has %d holders, want %d", i, n, want)
		}
	}
	for _, m := range b.Miners {
		if !slices.Equal(m.Holds(), []string{b.replica(t, m, shared.Hash)}) {
			t.Errorf("a miner has %v, want the shared chunk only", m.Holds())
		}
	}
}

// TestDeleteDespiteMiners that hang, fail, are dead or have left the network:
// the file is gone from the index in bounded time.
func TestDeleteDespiteMiners(t *testing.T) {
	b := newBench(t, 5, gateway.Config{Redundancy: 5})
	alice := user(t, "alice")
	id := b.put(t, alice, noise(1000))
	hash := b.file(t, id).Chunks[0].Hash
	b.Miners[0].Behave(fleettest.Silent)
	b.Miners[1].Behave(fleettest.Failing)
	b.kill(b.Miners[2].Hotkey())
	b.Change(func(m *chain.Metagraph) { m.Neurons = m.Neurons[:5] }) // without the fifth miner
	start := time.Now()
	if err := b.Delete(t.Context(), alice, id); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Fatalf("took %v", took)
	}
	if len(b.holders(t, hash)) != 0 || len(b.Miners[3].Holds()) != 0 {
		t.Fatalf("holders left: %v", b.holders(t, hash))
	}
	if _, err := b.Index.File(t.Context(), id); !errors.Is(err, index.ErrNotFound) {
		t.Fatal(err)
	}
}
