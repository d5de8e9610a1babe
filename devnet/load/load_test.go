package load_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/devnet/load"
	"github.com/filetao/filetao/envelope"
)

// network runs a network until the test ends.
func network(t testing.TB, miners int) (*devnet.Devnet, load.Target) {
	t.Helper()
	cfg := devnet.DefaultConfig()
	cfg.Miners, cfg.BlockTime, cfg.Status, cfg.Links = miners, 100*time.Millisecond, false, false
	cfg.Keys = func(secret string) envelope.Key { return sha256.Sum256([]byte(secret)) }
	cfg.Validator.UniformSize = 1
	d, err := devnet.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends after the test's own
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the network ended with: %v", err)
		}
	})
	select {
	case <-d.Ready():
	case err := <-done:
		done <- err
		t.Fatal("the network ended before it was ready")
	}
	user, err := d.User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	return d, load.Target{
		Client: user.Client,
		Put:    client.PutFileOptions{Keys: d.UserKeys()}, Get: client.GetFileOptions{Keys: d.UserKeys()},
	}
}

func TestRun(t *testing.T) {
	_, target := network(t, 10)
	var results []load.Result
	cfg := load.Config{Sizes: []int64{4 << 10, 4 << 20}, Count: 4, Workers: 2, Runs: 2, Seed: 1}
	if err := load.Run(t.Context(), cfg, target, func(r load.Result) { results = append(results, r); t.Logf("%+v", r) }); err != nil {
		t.Fatal(err)
	}
	if len(results) != 12 {
		t.Fatalf("%d results of two runs with two sizes, want 12", len(results))
	}
}
