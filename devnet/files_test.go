package devnet_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/devnet/load"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// shards is a network in which files go in four of eight shards, each miner behind
// a link.
func shards() devnet.Config {
	cfg := small()
	cfg.Miners, cfg.Links, cfg.Status = 10, 10, false
	cfg.Validator.UniformSize = 1         // what miners hold is the user's
	cfg.Fleet.Patience = 10 * time.Second // on a busy machine all are slow at times
	return cfg
}

// member is the network's user.
type member struct {
	*node.User
	d       *devnet.Devnet
	gateway wallet.Address
}

func connect(t testing.TB, d *devnet.Devnet) *member {
	t.Helper()
	u, err := d.User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	_, gateway := d.GatewayAxon()
	return &member{u, d, gateway}
}

func (m *member) put(ctx context.Context, data []byte) (string, error) {
	s, err := m.PutFile(ctx, client.FileSource(bytes.NewReader(data), int64(len(data))), client.PutFileOptions{
		Keys: m.d.UserKeys(), Gateways: []wallet.Address{m.gateway},
	})
	return s.CID, err
}

func (m *member) get(ctx context.Context, cid string) ([]byte, error) {
	var b bytes.Buffer
	_, err := m.GetTo(ctx, cid, &b, client.GetFileOptions{Keys: m.d.UserKeys(), Gateways: []wallet.Address{m.gateway}})
	return b.Bytes(), err
}

// seeded prints what a test's choices follow from.
func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func randomBytes(r *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// sealedSegment is a plain size that fills a segment when it is sealed.
const sealedSegment = manifest.SegmentSize - manifest.SegmentSize/(64<<10)*16

func TestFilesOfAllSizesComeBack(t *testing.T) {
	d := start(t, shards())
	keys := d.UserKeys()
	target := load.Target{Client: connect(t, d).Client, Put: client.PutFileOptions{Keys: keys}, Get: client.GetFileOptions{Keys: keys}}
	sizes := []int64{0, 1, manifest.MaxInline - 16, manifest.MaxInline - 15, 64<<10 - 1, 64 << 10, 64<<10 + 1, 4<<20 - 1, 4 << 20, 4<<20 + 1, sealedSegment + 1}
	if os.Getenv("FILETAO_BIG") != "" {
		sizes = append(sizes, sealedSegment-1, sealedSegment, 800<<20, 1000<<20)
	}
	if err := load.Run(t.Context(), load.Config{Sizes: sizes, Count: 1, Workers: 1, Runs: 1, Seed: 5}, target, func(load.Result) {}); err != nil {
		t.Fatal(err)
	}
	waitForShards(t, d, 0)
}

// waitForShards waits until the miners hold so many shards, as the index has it:
// those of deleted files end soon afterwards.
func waitForShards(t *testing.T, d *devnet.Devnet, want int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); ; <-tick.C {
		all := 0
		for i := range shards().Miners {
			for _, err := range d.Index(0).Holdings(t.Context(), d.MinerHotkey(i), index.KindShard) {
				if err != nil {
					t.Fatal(err)
				}
				all++
			}
		}
		if all == want {
			return
		} else if time.Now().After(end) {
			t.Fatalf("the miners hold %d shards, want %d", all, want)
		}
	}
}

// holders are the numbers of the miners that hold a file's shards, of one segment.
func holders(t *testing.T, d *devnet.Devnet, cid string) []int {
	t.Helper()
	o, err := d.Index(0).Object(t.Context(), d.UserKey().Address(), cid)
	if err != nil || len(o.Segments) != 1 {
		t.Fatalf("%d segments, %v", len(o.Segments), err)
	}
	held, err := d.Index(0).Shards(t.Context(), o.Segments[0])
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for i := range shards().Miners {
		if slices.ContainsFunc(held, func(h index.Holding) bool { return h.Holder == d.MinerHotkey(i) }) {
			all = append(all, i)
		}
	}
	return all
}

// TestAnyFourShardsAreEnough cuts off all holders of a file but four, whichever.
func TestAnyFourShardsAreEnough(t *testing.T) {
	d := start(t, shards())
	m, r := connect(t, d), seeded(t)
	for _, size := range []int{10_000, 700_000} {
		data := randomBytes(r, size)
		cid, err := m.put(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		at := holders(t, d, cid)
		if len(at) < 8 {
			t.Fatalf("%d miners hold a shard, want 8", len(at))
		}
		tries := 20
		if os.Getenv("FILETAO_BIG") != "" {
			tries = 500
		}
		for range tries {
			r.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
			for _, i := range at[4:] {
				d.MinerLink(i).Cut()
			}
			if got, err := m.get(t.Context(), cid); err != nil || !bytes.Equal(got, data) {
				t.Errorf("with miners %v of %v: %d bytes of %d, %v", at[:4], at, len(got), len(data), err)
			}
			for _, i := range at[4:] {
				d.MinerLink(i).Heal()
			}
		}
	}
}

// TestFourDeadMiners: what is dead does not come back, and files do all the same,
// and go on to be stored.
func TestFourDeadMiners(t *testing.T) {
	d := start(t, shards())
	m, r := connect(t, d), seeded(t)
	files := map[string][]byte{}
	store := func(n int) {
		for range n {
			data := randomBytes(r, 20_000+r.IntN(300_000))
			cid, err := m.put(t.Context(), data)
			if err != nil {
				t.Fatal(err)
			}
			files[cid] = data
		}
	}
	store(5)
	for _, i := range r.Perm(shards().Miners)[:4] {
		if err := d.StopMiner(i); err != nil {
			t.Fatal(err)
		}
	}
	for cid, data := range files {
		if got, err := m.get(t.Context(), cid); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes of %d, %v", cid, len(got), len(data), err)
		}
	}
	store(1) // with six shards of eight: half of the redundancy
	for i := range shards().Miners {
		if err := d.StartMiner(t.Context(), i); err != nil && !errors.Is(err, devnet.ErrRuns) {
			t.Fatal(err)
		}
	}
	store(1)
	for cid := range files {
		if err := m.Delete(t.Context(), cid, client.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := m.get(t.Context(), cid); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("a deleted file: %v", err)
		}
	}
}
