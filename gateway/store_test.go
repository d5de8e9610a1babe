package gateway_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/placement"
)

func TestFilesOfAllSizesComeBack(t *testing.T) {
	for _, chunk := range []int64{0, 1 << 16} {
		b := newBench(t, 7, gateway.Config{ChunkSize: chunk})
		alice := user(t, "alice")
		for _, size := range []int{0, 1, 135, 136, 137, 1<<20 + 1} {
			data := noise(size)
			id := b.put(t, alice, data)
			if id != cid.Sum(data) {
				t.Fatalf("%d bytes: CID %s", size, id)
			}
			b.check(t, alice, id, data)
			f := b.file(t, id)
			sum := int64(0)
			for _, c := range f.Chunks {
				if sum += c.Size; len(b.holders(t, c.Hash)) != 3 {
					t.Errorf("%d bytes: chunk of %d has %d holders", size, c.Size, len(b.holders(t, c.Hash)))
				}
			}
			nominal := chunk
			if nominal == 0 {
				nominal = placement.ChunkSize(int64(size), 7, 3)
			}
			if want := len(placement.Split(int64(size), nominal)); sum != int64(size) || f.Size != sum || len(f.Chunks) != want {
				t.Fatalf("%d bytes are %d in %d chunks, want %d", size, sum, len(f.Chunks), want)
			}
		}
	}
}

// TestEveryByteIsPlaced: whatever the sizes and the network, what goes in
// comes out, and every chunk has its holders.
func TestEveryByteIsPlaced(t *testing.T) {
	alice := user(t, "alice")
	benches := map[int]*bench{}
	for miners := range 8 {
		benches[miners] = newBench(t, miners+1, gateway.Config{})
	}
	rapid.Check(t, func(r *rapid.T) {
		b := benches[rapid.IntRange(0, 7).Draw(r, "miners")]
		cfg := gateway.Config{
			ChunkSize:  rapid.Int64Range(50, 500).Draw(r, "chunk"),
			Redundancy: rapid.IntRange(1, 4).Draw(r, "redundancy"),
			Sample:     rapid.IntRange(1, 10).Draw(r, "sample"),
			InFlight:   rapid.Int64Range(1, 2000).Draw(r, "in flight"),
		}
		data := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(r, "data")
		g := b.another(cfg)
		id, err := g.Store(t.Context(), alice, bytes.Clone(data), "", time.Hour)
		if err != nil {
			r.Fatal(err)
		}
		got, payload, err := g.Retrieve(t.Context(), alice, id)
		if err != nil || !bytes.Equal(got, data) || payload != envelope.NoPayload {
			r.Fatalf("%d of %d bytes, %q, %v", len(got), len(data), payload, err)
		}
		for _, c := range b.file(t, id).Chunks {
			if n := len(b.holders(t, c.Hash)); n < min(cfg.Redundancy, len(b.Miners)) {
				r.Fatalf("%d holders of a chunk", n)
			}
		}
		if err := g.Delete(t.Context(), alice, id); err != nil || b.held() != 0 {
			r.Fatalf("deleted, and the miners have %d chunks: %v", b.held(), err)
		}
	})
}

// TestMinersSeeNothingOfTheFile: the gateway's layer is around it, and is a
// new one each time.
func TestMinersSeeNothingOfTheFile(t *testing.T) {
	b := newBench(t, 4, gateway.Config{ChunkSize: 1000})
	alice := user(t, "alice")
	data := bytes.Repeat([]byte("the same block. "), 500) // chunks of equal content
	seen := map[string]bool{}
	for range 2 {
		id := b.put(t, alice, data)
		for _, c := range b.file(t, id).Chunks {
			if seen[c.Hash] {
				t.Fatal("two chunks look the same to a miner")
			}
			seen[c.Hash] = true
		}
		b.check(t, alice, id, data)
		if err := b.Delete(t.Context(), alice, id); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 16 {
		t.Fatalf("%d chunks, want 16", len(seen))
	}
}

// TestEqualChunks: chunks that are equal even sealed are stored once, come back
// in every place and are deleted once. To get any, the randomness is fixed and
// the file chosen so that the layer turns it into a repetition.
func TestEqualChunks(t *testing.T) {
	b := newBench(t, 3, gateway.Config{ChunkSize: 64})
	fixed := strings.Repeat("not random at all", 20)
	stream, _, err := envelope.Seal(strings.NewReader(fixed), envelope.Key{7}, make([]byte, 200))
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte{42}, 200)
	for i := range data {
		data[i] ^= stream[i]
	}
	g := gateway.New(gateway.Config{ChunkSize: 64}, gateway.Deps{
		Fleet: b.fleet, Index: b.Index, Key: envelope.Key{7}, Rand: strings.NewReader(fixed),
	})
	alice := user(t, "alice")
	id, err := g.Store(t.Context(), alice, bytes.Clone(data), userPayload, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := b.file(t, id)
	if len(f.Chunks) != 4 || f.Chunks[0].Hash != f.Chunks[2].Hash || f.Chunks[3].Size != 8 || b.held() != 2*3 {
		t.Fatalf("chunks %+v, the miners have %d", f.Chunks, b.held())
	}
	b.check(t, alice, id, data)
	if err := g.Delete(t.Context(), alice, id); err != nil || b.held() != 0 {
		t.Fatalf("%v, the miners have %d chunks", err, b.held())
	}
}

// TestReferencesFiles sends what the reference's users encrypted the whole way
// and opens what comes back as they would.
func TestReferencesFiles(t *testing.T) {
	raw, err := os.ReadFile("../testdata/vectors/envelope.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		DataPrefix string `json:"data_prefix"`
		DerivedKey string `json:"derived_key"`
		Cases      []struct {
			Length     int
			DataLabel  string `json:"data_label"`
			Ciphertext string
			Payload    string `json:"encryption_payload"`
		}
	}
	if err := json.Unmarshal(raw, &v); err != nil || len(v.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(v.Cases), err)
	}
	key, err := hex.DecodeString(v.DerivedKey)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, 3, gateway.Config{ChunkSize: 300})
	alice := user(t, "alice")
	for _, c := range v.Cases {
		sealed, err := hex.DecodeString(c.Ciphertext)
		if err != nil || len(sealed) != c.Length {
			t.Fatalf("%d bytes, %v", len(sealed), err)
		}
		id, err := b.Store(t.Context(), alice, bytes.Clone(sealed), c.Payload, 0)
		if err != nil || id != cid.Sum(sealed) {
			t.Fatalf("%s, %v", id, err)
		}
		got, payload, err := b.Retrieve(t.Context(), alice, id)
		if err != nil || payload != c.Payload {
			t.Fatalf("%s, %v", payload, err)
		}
		plain, err := envelope.Open(envelope.Key(key), got, payload)
		if want := sha3.SumSHAKE128([]byte(v.DataPrefix+c.DataLabel), c.Length); err != nil || !bytes.Equal(plain, want) {
			t.Fatalf("%d bytes, %v", len(plain), err)
		}
	}
}

func TestSmallNetworks(t *testing.T) {
	alice := user(t, "alice")
	for miners := 1; miners <= 4; miners++ {
		t.Run(fmt.Sprint(miners), func(t *testing.T) {
			b := newBench(t, miners, gateway.Config{ChunkSize: 500})
			id := b.put(t, alice, noise(1200))
			for _, c := range b.file(t, id).Chunks {
				if n := len(b.holders(t, c.Hash)); n != min(3, miners) {
					t.Fatalf("%d holders", n)
				}
			}
			b.check(t, alice, id, noise(1200))
		})
	}
}

// TestMinersAreDrawnInPublic: whoever knows the block and the metagraph knows
// whom a file was given to.
func TestMinersAreDrawnInPublic(t *testing.T) {
	b := newBench(t, 200, gateway.Config{})
	block := chain.Hash{1, 2, 3}
	g := gateway.New(gateway.Config{}, gateway.Deps{
		Fleet: b.fleet, Index: b.Index, Key: envelope.Key{7}, Block: func() chain.Hash { return block },
	})
	id, err := g.Store(t.Context(), user(t, "alice"), noise(10), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	holders := b.holders(t, b.file(t, id).Chunks[0].Hash)
	for _, n := range fleet.Draw(block, b.Neurons(), 10)[:3] {
		if !slices.Contains(holders, n.Hotkey) {
			t.Fatalf("UID %d was drawn, and the holders are %v", n.UID, holders)
		}
	}
	if len(holders) != 3 {
		t.Fatalf("%d holders", len(holders))
	}
}
