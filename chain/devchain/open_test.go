package devchain

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

func step(t testing.TB, d *Devchain) chain.Block {
	t.Helper()
	b, err := d.Step(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// during makes blocks until call returns.
func during(t testing.TB, d *Devchain, call func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- call() }()
	for {
		select {
		case err := <-ended:
			return err
		default:
			step(t, d)
		}
	}
}

// play makes blocks with the same calls every time, from number first+1 on.
func play(t *testing.T, d *Devchain, first, blocks int) (hashes []chain.Hash) {
	t.Helper()
	alice := key(t, "//Alice")
	for i := first; i < first+blocks; i++ {
		c := call(transfer{bob, chain.Rao(i)})
		if i%4 == 3 {
			c = register{net1, hot(i)}
		}
		raw, err := sign(alice, d.genesis, uint64(i), c)
		if err != nil {
			t.Fatal(err)
		}
		done := pend(t, d, raw)
		hashes = append(hashes, step(t, d).Hash)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	return hashes
}

func TestRestartTakesUpWhereItWas(t *testing.T) {
	cfg := testConfig()
	straight := play(t, openTest(t, cfg), 0, 12)
	cfg.Dir = t.TempDir()
	var hashes []chain.Hash
	for range 3 {
		d, err := Open(cfg, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(cfg, Deps{}); err == nil {
			t.Fatal("a folder was opened twice at a time")
		}
		for i := range hashes {
			if b, err := d.BlockAt(t.Context(), uint64(i+1)); err != nil || b.Hash != hashes[i] {
				t.Fatalf("block %d is %+v, %v, was %s", i+1, b, err, hashes[i])
			}
		}
		hashes = append(hashes, play(t, d, len(hashes), 4)...)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(hashes) != fmt.Sprint(straight) {
		t.Errorf("with two restarts the hashes are\n%v, in one go\n%v", hashes, straight)
	}
	cfg.Seed = "another"
	if _, err := Open(cfg, Deps{}); !errors.Is(err, ErrOtherGenesis) {
		t.Errorf("with another seed: %v", err)
	}
	if other := play(t, openTest(t, Config{Seed: "another", NetUID: net1}), 0, 1); other[0] == straight[0] {
		t.Error("two seeds have one hash")
	}
}

// The hashes are promised: sampling is recomputed from them.
func TestHashesAreTheSameForEver(t *testing.T) {
	d := openTest(t, testConfig())
	first := step(t, d)
	if got, want := d.genesis.String(), "0x9daede3ecf7757baf40e3073f32353bdb6ecdca50d59dfade1ee07be6888edd2"; got != want {
		t.Errorf("genesis is %s, want %s", got, want)
	}
	if got, want := first.Hash.String(), "0x85caa13c6c7f587bca180d63adac71c8c8aeb44525239ddecddcfdc89a76b294"; got != want {
		t.Errorf("block 1 is %s, want %s", got, want)
	}
}

func TestBadConfigurations(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"negative block time": func(c *Config) { c.BlockTime = -1 },
		"no UIDs":             func(c *Config) { c.Hyperparameters.MaxUIDs = 0 },
		"no validators":       func(c *Config) { c.Hyperparameters.MaxValidators = 0 },
		"no weights":          func(c *Config) { c.Hyperparameters.MaxWeightsLimit = 0 },
		"emission":            func(c *Config) { c.BlockEmission = 1 << 63 },
		"no address":          func(c *Config) { c.Genesis = map[wallet.Address]chain.Rao{"Alice": 1} },
		"too much money":      func(c *Config) { c.Genesis = map[wallet.Address]chain.Rao{hot(1): 1 << 61, hot(2): 1<<61 + 1} },
		"far too much money":  func(c *Config) { c.Genesis = map[wallet.Address]chain.Rao{hot(1): 1<<64 - 1, hot(2): 2} },
	} {
		cfg := testConfig()
		change(&cfg)
		if d, err := Open(cfg, Deps{}); err == nil {
			d.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

func TestNoncesAndReplay(t *testing.T) {
	d := openTest(t, testConfig())
	alice := key(t, "//Alice")
	raw, err := sign(alice, d.genesis, 0, transfer{bob, 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := during(t, d, func() error { return d.submit(t.Context(), raw) }); err != nil {
		t.Fatal(err)
	}
	if err := d.submit(t.Context(), raw); !errors.Is(err, chain.ErrNonce) {
		t.Errorf("replayed: %v", err)
	}
	ahead, err := sign(alice, d.genesis, 2, transfer{bob, 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.submit(t.Context(), ahead); !errors.Is(err, chain.ErrNonce) {
		t.Errorf("ahead of its turn: %v", err)
	}
	elsewhere, err := sign(alice, chain.Hash{1}, 1, transfer{bob, 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.submit(t.Context(), elsewhere); !errors.Is(err, chain.ErrTransaction) {
		t.Errorf("of another chain: %v", err)
	}
	if err := d.submit(t.Context(), []byte("nonsense")); !errors.Is(err, chain.ErrTransaction) {
		t.Errorf("nonsense: %v", err)
	}
	if r, err := d.Balance(t.Context(), bob); err != nil || r != 5 {
		t.Errorf("//Bob has %s, %v", r, err)
	}
}

// A failing transaction does not hold up later ones of its account, though they
// were signed for the nonce after it.
func TestAFailureDoesNotBlockItsAccount(t *testing.T) {
	synctest.Test(t, aFailureDoesNotBlockItsAccount)
}

func aFailureDoesNotBlockItsAccount(t *testing.T) {
	d := openTest(t, testConfig())
	alice := key(t, "//Alice")
	results := make(chan error, 2)
	go func() { results <- d.Transfer(t.Context(), alice, bob, 2_000_000*chain.TAO) }()
	synctest.Wait() // until it is in the pool
	go func() { results <- d.Transfer(t.Context(), alice, bob, 1) }()
	synctest.Wait() // until it is in the pool
	step(t, d)
	if err := <-results; !errors.Is(err, chain.ErrBalanceTooLow) {
		t.Errorf("the first: %v", err)
	}
	if err := during(t, d, func() error { return <-results }); err != nil {
		t.Errorf("the second: %v", err)
	}
	if r, err := d.Balance(t.Context(), bob); err != nil || r != 1 {
		t.Errorf("//Bob has %s, %v", r, err)
	}
}

func TestThePoolIsBounded(t *testing.T) {
	d := openTest(t, testConfig())
	tx := &transaction{body: make([]byte, maxWaitingBytes/4)}
	for range 4 {
		if _, err := d.pool.add(tx, d.kept); err != nil {
			t.Fatal(err)
		}
		tx = &transaction{body: tx.body, nonce: tx.nonce + 1}
	}
	if _, err := d.pool.add(tx, d.kept); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("over the bytes: %v", err)
	}
	d = openTest(t, testConfig())
	for i := range maxWaiting {
		if _, err := d.pool.add(&transaction{nonce: uint64(i)}, d.kept); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.pool.add(&transaction{nonce: maxWaiting}, d.kept); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("over the number: %v", err)
	}
}

func TestClosedChain(t *testing.T) { synctest.Test(t, closedChain) }

func closedChain(t *testing.T) {
	d := openTest(t, testConfig())
	step(t, d)
	blocks, err := d.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	alice := key(t, "//Alice")
	waiting := make(chan error, 1)
	go func() { waiting <- d.Transfer(t.Context(), alice, bob, 1) }()
	synctest.Wait() // until it is in the pool
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-blocks; open {
		t.Error("a block after Close")
	}
	ctx := t.Context()
	_, headErr := d.Head(ctx)
	_, blockErr := d.BlockAt(ctx, 0)
	_, graphErr := d.Metagraph(ctx, net1)
	_, rulesErr := d.Hyperparameters(ctx, net1)
	_, eventsErr := d.Registrations(ctx, net1, 1)
	_, balanceErr := d.Balance(ctx, bob)
	_, subscribeErr := d.Subscribe(ctx)
	_, stepErr := d.Step(ctx)
	for i, err := range []error{<-waiting, headErr, blockErr, graphErr, rulesErr, eventsErr, balanceErr, subscribeErr, stepErr, d.Transfer(ctx, alice, bob, 1)} {
		if !errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("call %d on a closed chain: %v", i, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// When the disk fails the chain ends: Run says why, nobody waits on.
func TestAFailingDiskEndsTheChain(t *testing.T) {
	d, err := open(crashConfig(t), Deps{}, &frailDisk{failAt: 9, lasting: true}, crashEvery)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	blocks, err := d.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(t.Context()) }()
	for range blocks {
	}
	if err := <-ended; !errors.Is(err, errDisk) || !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("Run ended with %v", err)
	}
	if err := d.Transfer(t.Context(), key(t, "//Alice"), bob, 1); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("afterwards a transfer: %v", err)
	}
	if _, err := d.Step(t.Context()); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("afterwards a step: %v", err)
	}
}

func TestRunKeepsTheBlockTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.BlockTime = 12 * time.Second
		d, err := Open(cfg, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- d.Run(ctx) }()
		blocks, err := d.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for n := uint64(1); n <= 300; n++ {
			b := <-blocks
			if want := began.Add(time.Duration(n) * 12 * time.Second); b.Number != n || !b.Time.Equal(want.Truncate(time.Millisecond)) {
				t.Fatalf("block %d is %+v, want it at %v", n, b, want)
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}
