package repair_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/repair"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// bench is a network with an engine, on a clock of its own and over an index in
// memory.
type bench struct {
	*fleettest.Net
	*repair.Engine
	fleet  *fleet.Fleet
	memory *indextest.Memory
	owner  *wallet.Keypair
	places int

	ends      map[string]time.Time // of shards, by their replicas; guarded by memory
	newcomers []*fleettest.Miner   // that have no UID yet
	stored    func(segment string) // told of shards that come into the index; may be nil

	mu  sync.Mutex // guards now
	now time.Time
}

// config has everything happen at once.
func config() repair.Config {
	return repair.Config{
		Bandwidth: 1 << 40, ScanRate: 1 << 30, PingPeriod: time.Nanosecond, Settle: time.Nanosecond, SweepAge: time.Nanosecond,
		Retry: time.Second, DropsPerPass: 1000, SurplusAfter: time.Minute,
	}
}

func newBench(t testing.TB, miners int, cfg repair.Config) *bench {
	t.Helper()
	b := &bench{Net: fleettest.New(t, 2*miners), memory: indextest.NewMemory(), ends: map[string]time.Time{}, now: time.Now(), owner: fleettest.Key(t, "owner")}
	for _, m := range b.Miners {
		m.Behave(fleettest.Honest, "Tags", "Audit")
	}
	b.Change(func(g *chain.Metagraph) { g.Neurons = g.Neurons[:miners+1] })
	b.newcomers = b.Miners[miners:]
	b.memory.Noted = b.note
	b.Index = index.New(b.memory)
	b.start(cfg)
	return b
}

// anew has miners and index be as they were at the beginning.
func (b *bench) anew(t testing.TB, cfg repair.Config) {
	for _, m := range b.Miners {
		b.lose(t, m)
	}
	b.memory = indextest.NewMemory()
	b.memory.Noted = b.note
	b.Index = index.New(b.memory)
	b.start(cfg)
}

// start makes fleet and engine anew, as a restart does.
func (b *bench) start(cfg repair.Config) {
	b.fleet = b.over(b.Index)
	b.Engine = repair.New(cfg, repair.Deps{Fleet: b.fleet, Index: b.Index, Key: b.Asker, Metagraph: b.Metagraph, Now: b.clock})
}

// over is a fleet over an index.
func (b *bench) over(x *index.Index) *fleet.Fleet {
	return fleet.New(fleet.Config{Patience: 10 * time.Second, SegmentHedge: 20 * time.Millisecond, PingTimeout: 50 * time.Millisecond, Start: 1 << 40}, fleet.Deps{
		Transport: b.Net, Streams: b.Net, Index: x, Metagraph: b.Metagraph, Rand: rand.Reader, Now: b.clock, Key: b.Asker,
	})
}

// note is told of the index's commits.
func (b *bench) note(_ string, then []index.Entry) {
	for _, e := range then {
		id, ok := strings.CutPrefix(e.Field, "shard:")
		if !ok || e.Value == nil {
			continue
		}
		var h index.Holding
		if err := json.Unmarshal(e.Value, &h); err != nil {
			panic(err)
		}
		b.ends[h.Replica] = h.Stored.Add(h.TTL)
		if b.stored != nil {
			b.stored(id)
		}
	}
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) wait(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// settle waits until whatever was signed up to now is in the index, or never will be.
func (b *bench) settle() { b.wait(4 * time.Hour) }

// file is a file of one segment.
type file struct {
	cid  string
	seg  index.Segment
	data []byte
}

// put stores a file of some bytes.
func (b *bench) put(t testing.TB, size int, scheme erasure.Scheme, ttl time.Duration) file {
	t.Helper()
	data := make([]byte, size)
	rand.Read(data)
	b.places++
	upload := [16]byte{byte(b.places), byte(b.places >> 8)}
	spec := fleet.SegmentSpec{
		Owner: b.owner.Address(), Upload: upload, Size: int64(size), Scheme: scheme, Secret: envelope.ShardSecret{7}, TTL: ttl,
	}
	miners := slices.Clone(b.Neurons())
	mathrand.Shuffle(len(miners), func(i, j int) { miners[i], miners[j] = miners[j], miners[i] })
	seg, _, err := b.fleet.StoreSegment(t.Context(), spec, bytes.NewReader(data), func(erasure.Root) error { return nil }, miners)
	if err != nil {
		t.Fatal(err)
	}
	f := file{cid: cid.Sum(data), seg: seg, data: data}
	if _, err := b.Index.PutObject(t.Context(), index.Object{
		Owner: b.owner.Address(), CID: f.cid, Size: int64(size), Upload: hex.EncodeToString(upload[:]), Stored: b.clock(), TTL: ttl,
		Manifest: []byte("m"), Signature: make([]byte, index.SignatureSize),
	}, []string{seg.ID}); err != nil {
		t.Fatal(err)
	}
	return f
}

// read checks that a file comes back.
func (b *bench) read(t testing.TB, f file) {
	t.Helper()
	var got bytes.Buffer
	if _, err := b.fleet.FetchSegment(t.Context(), f.seg, 0, f.seg.Size, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), f.data) {
		t.Fatal("other bytes come back")
	}
}

func (b *bench) held(t testing.TB, f file) []index.Holding {
	t.Helper()
	held, err := b.Index.Shards(t.Context(), f.seg.ID)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// miner is the one with that hotkey.
func (b *bench) miner(t testing.TB, a wallet.Address) *fleettest.Miner {
	t.Helper()
	for _, m := range b.Miners {
		if m.Hotkey() == a {
			return m
		}
	}
	t.Fatal("nobody")
	return nil
}

// exact has a file have no shard more than its scheme.
func (b *bench) exact(t testing.TB, f file) file {
	t.Helper()
	for _, h := range b.held(t, f)[f.seg.Scheme.Total:] {
		if err := b.Index.RemoveHolding(t.Context(), h.Holder, h.Hash); err != nil {
			t.Fatal(err)
		}
		b.forget(t, b.miner(t, h.Holder), h.Replica)
	}
	return f
}

// whole checks that enough of a file's numbers are held, by miners that have them.
func (b *bench) whole(t testing.TB, f file) {
	t.Helper()
	if n := b.numbers(t, f); n < f.seg.Scheme.Total {
		t.Fatalf("%d of %v are held", n, f.seg.Scheme)
	}
}

// numbers is how many of a file's numbers are held by miners that have them.
func (b *bench) numbers(t testing.TB, f file) int {
	t.Helper()
	have := map[int]bool{}
	for _, h := range b.held(t, f) {
		if _, ok := b.Metagraph().ByHotkey(h.Holder); ok && b.miner(t, h.Holder).Bytes(h.Replica) != nil {
			have[h.Number] = true
		}
	}
	return len(have)
}

// pass is a pass that has to work.
func (b *bench) pass(t testing.TB) {
	t.Helper()
	b.wait(2 * time.Second)
	if err := b.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// lose has a miner forget all it has.
func (b *bench) lose(t testing.TB, m *fleettest.Miner) {
	t.Helper()
	m.Behave(fleettest.Honest)
	for _, hash := range m.Holds() {
		b.forget(t, m, hash)
	}
}

// forget has a miner forget something.
func (b *bench) forget(t testing.TB, m *fleettest.Miner, hash string) {
	t.Helper()
	if _, err := b.Call(t.Context(), wire.Peer{Hotkey: m.Hotkey()}, &wire.Delete{DataHash: hash}); err != nil {
		t.Fatal(err)
	}
}

// replace gives a miner's UID to a newcomer.
func (b *bench) replace(a wallet.Address) {
	next := b.newcomers[0].Hotkey()
	b.newcomers = b.newcomers[1:]
	b.Change(func(g *chain.Metagraph) {
		for u := range g.Neurons {
			if g.Neurons[u].Hotkey == a {
				g.Neurons[u].Hotkey = next
			}
		}
	})
}

// audited has a miner fail, or pass, an audit of a holding.
func (b *bench) audited(t testing.TB, h index.Holding, passed bool) {
	t.Helper()
	if err := b.Index.UpdateStats(t.Context(), h.Holder, func(s *index.Stats) error { s.TotalSuccesses++; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := b.Index.Settle(t.Context(), index.Trial{
		Miner: h.Holder, Hash: h.Hash, Replica: h.Replica, Size: h.Size, Passed: passed, Reason: "for the test",
	}); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) drops(t testing.TB, a wallet.Address) (n int) {
	t.Helper()
	for _, err := range b.Index.Drops(t.Context(), a) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
