package miner_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/blobstore/blobtest"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// handlers are a miner's, by message, called without a server.
type handlers map[string]wire.Handler

func (h handlers) Handle(makeMsg func() wire.Message, handler wire.Handler, maxBody int64) {
	if maxBody <= 0 {
		panic("no limit for " + makeMsg().Name())
	}
	h[makeMsg().Name()] = handler
}

func (h handlers) call(ctx context.Context, from wallet.Address, msg wire.Message) error {
	return h[msg.Name()](ctx, wire.Caller{Hotkey: from}, msg)
}

// inMemory makes a miner over a disk in memory.
func inMemory(t testing.TB, fs vfs.FS, c miner.Config, d miner.Deps) (*miner.Miner, handlers) {
	t.Helper()
	store, err := blobstore.Open(blobstore.Config{Dir: "data", MinFree: -1}, blobstore.Deps{FS: fs, Now: d.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	d.Store = store
	m, h := miner.New(c, d), handlers{}
	m.Register(h)
	return m, h
}

func disk() *vfs.MemFS {
	mem := vfs.NewCrashableMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
	return mem
}

var alice = blobtest.Owner(1)

func TestAnswersComeOnlyOnceTheyAreOnDisk(t *testing.T) {
	mem := disk()
	_, h := inMemory(t, mem, miner.Config{}, miner.Deps{})
	data := []byte("kept")
	store, challenge := storeMsg(t, data), challengeMsg(t, data)
	retrieve := &wire.Retrieve{DataHash: hashOf(data), Seed: "next"}
	for _, msg := range []wire.Message{store, challenge, retrieve} {
		if err := h.call(t.Context(), alice, msg); err != nil {
			t.Fatal(err)
		}
		seed := map[string]string{"Store": store.Seed, "Challenge": challenge.Seed, "Retrieve": "next"}[msg.Name()]
		left := mem.CrashClone(vfs.CrashCloneCfg{}) // power is lost right after the answer
		left.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
		_, again := inMemory(t, left, miner.Config{}, miner.Deps{})
		proved := challengeMsg(t, data)
		if err := again.call(t.Context(), alice, proved); err != nil {
			t.Fatalf("after %s: %v", msg.Name(), err)
		}
		if proved.CommitmentProof != stateOf(data).Chain(seed).String() {
			t.Fatalf("after %s the chain does not go on from its seed", msg.Name())
		}
	}
}

func TestBrokenStoreEndsRun(t *testing.T) {
	fs := blobtest.NewFS(disk())
	m, h := inMemory(t, fs, miner.Config{}, miner.Deps{})
	ended := make(chan error)
	go func() { ended <- m.Run(t.Context()) }()
	fs.Arm(blobtest.Fault{Step: 1, PowerOff: true}) // the database's log
	if err := h.call(t.Context(), alice, storeMsg(t, []byte("x"))); wire.StatusOf(err) != wire.StatusUnavailable {
		t.Fatalf("store: %v", err)
	}
	if err := <-ended; !errors.Is(err, blobstore.ErrBroken) {
		t.Fatalf("run: %v", err)
	}
}

// gate is a source of randomness that counts who is at it and lets nobody on.
type gate struct {
	mu   sync.Mutex // guards here
	here int
	open chan struct{}
}

func (g *gate) Read(p []byte) (int, error) {
	g.mu.Lock()
	g.here++
	g.mu.Unlock()
	<-g.open
	return rand.Read(p)
}

func TestChallengesAtATimeAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		m, h := inMemory(t, disk(), miner.Config{Challenges: 2}, miner.Deps{Rand: g})
		data := [][]byte{{1}, {2}, {3}, {4}}
		close(g.open)
		for _, d := range data {
			if err := h.call(t.Context(), alice, storeMsg(t, d)); err != nil {
				t.Fatal(err)
			}
		}
		g.open, g.here = make(chan struct{}), 0
		results := make(chan error, len(data))
		for _, d := range data {
			go func() { results <- h.call(t.Context(), alice, challengeMsg(t, d)) }()
		}
		synctest.Wait()
		if g.here != 2 {
			t.Errorf("%d challenges are computed at a time, want 2", g.here)
		}
		close(g.open)
		for range data {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if m.Stats().LastChallenge.IsZero() {
			t.Error("no last challenge")
		}
	})
}

func TestWaitingForATurnEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		_, h := inMemory(t, disk(), miner.Config{}, miner.Deps{Rand: g})
		close(g.open)
		if err := h.call(t.Context(), alice, storeMsg(t, []byte("x"))); err != nil {
			t.Fatal(err)
		}
		g.open = make(chan struct{})
		first := make(chan error)
		go func() { first <- h.call(t.Context(), alice, challengeMsg(t, []byte("x"))) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := h.call(ctx, alice, &wire.Retrieve{DataHash: hashOf([]byte("x")), Seed: "s"})
		if wire.StatusOf(err) != wire.StatusTimeout {
			t.Errorf("second: %v", err)
		}
		close(g.open)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

func TestStatsAndMetricsCountByTaskAndStatus(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, h := inMemory(t, disk(), miner.Config{}, miner.Deps{
		Metrics: registry, Key: keypair(t, "//Miner"), Now: func() time.Time { return noon },
	})
	data := []byte("data")
	for _, msg := range []wire.Message{
		storeMsg(t, data), challengeMsg(t, data), challengeMsg(t, data), challengeMsg(t, []byte("?")),
	} {
		_ = h.call(t.Context(), alice, msg)
	}
	s := m.Stats()
	want := []miner.Count{
		{Task: miner.TaskChallenge, Status: 200, N: 2}, {Task: miner.TaskChallenge, Status: 404, N: 1}, {Task: miner.TaskStore, Status: 200, N: 1},
	}
	if len(s.Requests) != len(want) || s.Bytes != 4 || s.LastChallenge != noon {
		t.Fatalf("stats %+v", s)
	}
	for i := range want {
		if s.Requests[i] != want[i] {
			t.Errorf("%+v, want %+v", s.Requests[i], want[i])
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, strings.TrimPrefix(f.GetName(), "filetao_miner_"))
	}
	const all = "answer_seconds audits_not_due_total capacity_bytes claims free_bytes " +
		"last_challenge_timestamp_seconds last_scrub_timestamp_seconds objects requests_total rot_total stored_bytes"
	if got := strings.Join(names, " "); got != all {
		t.Errorf("metrics %s, want %s", got, all)
	}
}

func TestHandlerOfAnotherMessageRefuses(t *testing.T) {
	_, h := inMemory(t, disk(), miner.Config{}, miner.Deps{})
	if err := h["Store"](t.Context(), wire.Caller{Hotkey: alice}, &wire.Ping{}); wire.StatusOf(err) != wire.StatusBadRequest {
		t.Fatal(err)
	}
}

// FuzzHandlers sends anything at all: an answer or an error must come of it,
// and an answer only to a challenge about what is there.
func FuzzHandlers(f *testing.F) {
	data := []byte("some stored data")
	_, h := inMemory(f, disk(), miner.Config{MaxData: 1 << 10}, miner.Deps{})
	if err := h.call(f.Context(), alice, storeMsg(f, data)); err != nil {
		f.Fatal(err)
	}
	good := challengeMsg(f, data)
	f.Add(data, good.ChallengeHash, good.Curve, good.G, good.H, "seed", int64(0), int64(4))
	f.Add([]byte{}, "", "", "", "", "", int64(-1), int64(-1))
	f.Add([]byte{1}, good.ChallengeHash, good.Curve, good.G, good.H, "s", int64(1)<<62, int64(1))
	f.Fuzz(func(t *testing.T, e []byte, hash, curve, g, h2, seed string, index, size int64) {
		msgs := []wire.Message{
			&wire.Challenge{ChallengeHash: hash, ChallengeIndex: index, ChunkSize: size, Curve: curve, G: g, H: h2, Seed: seed},
			&wire.Retrieve{DataHash: hash, Seed: seed},
			&wire.Store{EncryptedData: e, Curve: curve, G: g, H: h2, Seed: seed, TTL: &index},
			&wire.Delete{DataHash: hashOf(e)},
		}
		if hashOf(e) == good.ChallengeHash {
			msgs = msgs[:3]
		}
		for _, msg := range msgs {
			err := h.call(t.Context(), alice, msg)
			if status := wire.StatusOf(err); status >= 500 {
				t.Errorf("%s: %v", msg.Name(), err)
			}
			if hash != good.ChallengeHash && err == nil && (msg.Name() == "Challenge" || msg.Name() == "Retrieve") {
				t.Errorf("an answer about %q", hash)
			}
		}
	})
}
