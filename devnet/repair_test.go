package devnet_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/repair"
	"github.com/filetao/filetao/wallet"
)

// keeper is repair over a network's index that is impatient and works when it is
// told to.
func keeper(t *testing.T, d *devnet.Devnet) *repair.Engine {
	t.Helper()
	asker := askerOf(t, d)
	return repair.New(repair.Config{
		DownAfter: time.Millisecond, PingPeriod: time.Millisecond, Bandwidth: 1 << 30, ScanRate: 1 << 20,
		Retry: time.Millisecond, MaxRetry: time.Millisecond, Settle: time.Millisecond, SweepAge: time.Millisecond, DropsPerPass: 1000,
	}, repair.Deps{
		Fleet: asker.Fleet, Index: d.Index(0), Key: d.ValidatorKey(0), Metagraph: func() *chain.Metagraph { return asker.Graph },
	})
}

func askerOf(t *testing.T, d *devnet.Devnet) *devnet.Asker {
	t.Helper()
	asker, err := d.Asker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := asker.Close(); err != nil {
			t.Error(err)
		}
	})
	return asker
}

// alive is how many miners of those that run hold a shard of a segment.
func alive(t *testing.T, d *devnet.Devnet, segment string, dead []wallet.Address) (n int) {
	t.Helper()
	held, err := d.Index(0).Shards(t.Context(), segment)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range held {
		if !slices.Contains(dead, h.Holder) {
			n++
		}
	}
	return n
}

// TestMinersDieOneAfterTheOther: with repair between two deaths files outlive many
// more miners than they have shards to spare. Who died comes back much later, when
// it is not needed any more.
func TestMinersDieOneAfterTheOther(t *testing.T) {
	const miners, mostDead = 14, 6
	deaths := 8
	if os.Getenv("FILETAO_BIG") != "" {
		deaths = 30 * miners
	}
	cfg := shards()
	cfg.Miners, cfg.Links = miners, miners // so that who comes back is where it was
	d := start(t, cfg)
	m, r, engine := connect(t, d), seeded(t), keeper(t, d)
	files := map[string][]byte{}
	for range 4 {
		data := randomBytes(r, 20_000+r.IntN(400_000))
		cid, err := m.put(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		files[cid] = data
	}
	var dead []int
	running := r.Perm(miners)
	for death := range deaths {
		if len(dead) == mostDead {
			if err := d.StartMiner(t.Context(), dead[0]); err != nil {
				t.Fatal(err)
			}
			running, dead = append(running, dead[0]), dead[1:]
		}
		who := running[0]
		if err := d.StopMiner(who); err != nil {
			t.Fatal(err)
		}
		running, dead = running[1:], append(dead, who)
		for range 2 { // the first look sees that it is silent, the second for how long
			if err := engine.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := engine.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, m, files, death, dead)
	}
}

// check has every file come back, with more shards than repair waits for.
func check(t *testing.T, m *member, files map[string][]byte, death int, dead []int) {
	t.Helper()
	var gone []wallet.Address
	for _, i := range dead {
		gone = append(gone, m.d.MinerHotkey(i))
	}
	for cid, data := range files {
		got, err := m.get(t.Context(), cid)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("death %d, %v are dead: %d bytes of %d, %v", death, dead, len(got), len(data), err)
		}
		for _, seg := range segments(t, m, cid) {
			s, err := m.d.Index(0).Segment(t.Context(), seg)
			if err != nil {
				t.Fatal(err)
			}
			if n := alive(t, m.d, seg, gone); n <= s.Scheme.RepairAt() {
				t.Errorf("death %d: %d shards of a segment in %v are left", death, n, s.Scheme)
			}
		}
	}
}

func segments(t *testing.T, m *member, cid string) []string {
	t.Helper()
	o, err := m.d.Index(0).Object(context.WithoutCancel(t.Context()), m.d.UserKey().Address(), cid)
	if err != nil {
		t.Fatal(err)
	}
	return o.Segments
}
