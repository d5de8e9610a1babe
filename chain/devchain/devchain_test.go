package devchain

import (
	"context"
	"errors"
	"flag"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/chaintest"
	"github.com/filetao/filetao/wallet"
)

// TestMain looks for goroutines left behind, but for those of a fuzzing engine.
func TestMain(m *testing.M) {
	flag.Parse()
	if fuzz := flag.Lookup("test.fuzz"); fuzz != nil && fuzz.Value.String() != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

const net1 chain.NetUID = 21

// bob is the address of //Bob.
const bob wallet.Address = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"

// testConfig is a quick chain in memory.
func testConfig() Config {
	h := DefaultHyperparameters()
	h.Tempo, h.ImmunityPeriod, h.MaxUIDs = 5, 4, 16
	h.WeightsRateLimit, h.ServingRateLimit = 2, 4
	return Config{Seed: "test", NetUID: net1, Hyperparameters: h, BlockTime: 5 * time.Millisecond}
}

func testAxon() chain.Axon {
	return chain.Axon{Version: 302, IP: netip.MustParseAddr("127.0.0.1"), Port: 8091, Protocol: 4}
}

func key(t testing.TB, uri string) *wallet.Keypair {
	t.Helper()
	k, err := wallet.KeypairFromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openTest(t testing.TB, cfg Config) *Devchain {
	t.Helper()
	d, err := Open(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// running starts run and ends it before the test does.
func running(t testing.TB, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func subject(t *testing.T, c chain.Chain) chaintest.Subject {
	return chaintest.Subject{Chain: c, NetUID: net1, Unknown: 9, Funded: key(t, "//Alice"), Axon: testAxon()}
}

// conformConfig is the same with rate limits of some 100 ms, for slow machines.
func conformConfig() Config {
	cfg := testConfig()
	cfg.Hyperparameters.WeightsRateLimit, cfg.Hyperparameters.ServingRateLimit = 20, 20
	return cfg
}

// revealConfig is that with commit-reveal, and epochs of some 200 ms.
func revealConfig() Config {
	cfg := conformConfig()
	cfg.Hyperparameters.CommitReveal, cfg.Hyperparameters.Tempo = true, 40
	return cfg
}

func TestConformance(t *testing.T) {
	local := func(cfg Config) func(t *testing.T) chaintest.Subject {
		return func(t *testing.T) chaintest.Subject {
			d := openTest(t, cfg)
			running(t, d.Run)
			return subject(t, d)
		}
	}
	chaintest.Run(t, local(conformConfig()))
	chaintest.RunCommitReveal(t, local(revealConfig()))
}

func serve(t testing.TB, d *Devchain, cfg ServerConfig) *Server {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	s, err := NewServer(d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	running(t, s.Run)
	return s
}

func dial(t testing.TB, cfg RemoteConfig) *Remote {
	t.Helper()
	r, err := DialRemote(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestConformanceRemote(t *testing.T) {
	remote := func(cfg Config) func(t *testing.T) chaintest.Subject {
		return func(t *testing.T) chaintest.Subject {
			d := openTest(t, cfg)
			running(t, d.Run)
			s := serve(t, d, ServerConfig{})
			return subject(t, dial(t, RemoteConfig{Endpoint: s.URL()}))
		}
	}
	chaintest.Run(t, remote(conformConfig()))
	chaintest.RunCommitReveal(t, remote(revealConfig()))
}
