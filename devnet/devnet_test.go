package devnet_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/manifest"
)

// small is a network that a test can afford: keys without the slow
// derivation, small random data, short blocks.
func small() devnet.Config {
	cfg := devnet.DefaultConfig()
	cfg.BlockTime = 100 * time.Millisecond
	cfg.Keys = func(secret string) envelope.Key { return sha256.Sum256([]byte(secret)) }
	cfg.Validator.UniformSize = 16 << 10
	cfg.Backup.Period = 24 * time.Hour // when a test says so
	return cfg
}

// start runs a network until the test ends and waits until it is ready.
func start(t testing.TB, cfg devnet.Config) *devnet.Devnet {
	t.Helper()
	d, stop := startStoppable(t, cfg)
	t.Cleanup(stop)
	return d
}

// startStoppable is start for a test that ends the network itself.
func startStoppable(t testing.TB, cfg devnet.Config) (d *devnet.Devnet, stop func()) {
	t.Helper()
	d, err := devnet.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends in stop, after the test's own
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the network ended with: %v", err)
		}
	}
	select {
	case <-d.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("the network ended before it was ready: %v", err)
	}
	return d, stop
}

func file(t *testing.T, size int) string {
	t.Helper()
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.bin", size))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileGoesRound(t *testing.T) {
	d := start(t, small())
	for _, size := range []int{0, 1, 135, 136, 137, 5<<20 + 1} {
		r, err := d.Demo(t.Context(), file(t, size), nil)
		if err != nil || !r.OK || r.Bytes != int64(size) || r.ChallengesPassed == 0 {
			t.Fatalf("%d bytes: %+v, %v", size, r, err)
		}
		if want := 3; size > manifest.MaxInline && r.Holders < want {
			t.Errorf("%d bytes are on %d miners, want %d", size, r.Holders, want)
		}
	}
	s, err := d.Snapshot(t.Context())
	if err != nil || len(s.Miners) != 6 || s.Files != 6 || s.Block == 0 {
		t.Fatalf("snapshot %+v, %v", s, err)
	}
}

// TestManyChunks makes files of the reference's span groups of miners by small
// chunks.
func TestManyChunks(t *testing.T) {
	cfg := small()
	cfg.Gateway.ChunkSize = 128 << 10
	cfg.Miners = 7
	d := start(t, cfg)
	for _, size := range []int{0, 1, 135, 136, 137, 3<<20 + 17} {
		data := make([]byte, size)
		rand.Read(data)
		if back := get(t, d, put(t, d, bytes.Clone(data))); !bytes.Equal(back, data) {
			t.Fatalf("%d bytes come back as %d", size, len(back))
		}
	}
}

// TestSeveralOfEach has two validators, each with data of its own, and a
// second gateway that serves under its own hotkey.
func TestSeveralOfEach(t *testing.T) {
	cfg := small()
	cfg.Validators, cfg.Gateways = 2, 2
	d := start(t, cfg)
	if r, err := d.Demo(t.Context(), file(t, 1<<20), nil); err != nil || !r.OK {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestRestartOnTheSameFolder finds wallets, chain and files again.
func TestRestartOnTheSameFolder(t *testing.T) {
	cfg := small()
	cfg.Dir = filepath.Join(t.TempDir(), "net")
	data := bytes.Repeat([]byte("round and round "), 10_000)
	d, stop := startStoppable(t, cfg)
	cid := put(t, d, data)
	stop()

	d, stop = startStoppable(t, cfg)
	defer stop()
	if got := get(t, d, cid); !bytes.Equal(got, data) {
		t.Fatalf("%d bytes came back after a restart, want %d", len(got), len(data))
	}
}

func TestTemporaryFolderIsRemoved(t *testing.T) {
	d, stop := startStoppable(t, small())
	stop()
	if _, err := os.Stat(d.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is still there: %v", d.Dir(), err)
	}
}

func TestDeleteReachesTheMiners(t *testing.T) {
	cfg := small()
	cfg.Validator.UniformSize = 1 // so that the miners' bytes are the user's
	d := start(t, cfg)
	cid := put(t, d, make([]byte, 100_000))
	if got := d.StoredOnMiners(); got < 300_000 {
		t.Fatalf("three replicas of 100000 bytes are %d on the miners", got)
	}
	user, err := d.User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	if err := user.Delete(t.Context(), cid, client.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := d.StoredOnMiners(); got >= 100_000 {
		t.Fatalf("%d bytes are still on the miners", got)
	}
}

func put(t *testing.T, d *devnet.Devnet, data []byte) string {
	t.Helper()
	user, err := d.User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	stored, err := user.Put(t.Context(), bytes.Clone(data), client.PutOptions{Encrypt: d.UserEnvelope()})
	if err != nil {
		t.Fatal(err)
	}
	return stored.CID
}

func get(t *testing.T, d *devnet.Devnet, cid string) []byte {
	t.Helper()
	user, err := d.User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	data, err := user.Get(t.Context(), cid, client.GetOptions{Key: d.UserEnvelope()})
	if err != nil {
		t.Fatal(err)
	}
	return data
}
