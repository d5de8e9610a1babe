package node

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/wallet"
)

// TestMinerLifeAndStatusPage runs a miner on a chain of its own: it announces
// itself, says so on its status page, and cleans up after itself.
func TestMinerLifeAndStatusPage(t *testing.T) {
	dev, key := newChain(t)
	dir := t.TempDir()
	m, err := NewMiner(MinerConfig{Common: Common{
		Chain: dev, NetUID: 21, Hotkey: key, Listen: "127.0.0.1:0", Dir: dir, Status: "127.0.0.1:0",
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	select {
	case <-m.Ready():
	case err := <-done:
		t.Fatalf("the miner ended: %v", err)
	}
	if n, ok := m.Metagraph().ByHotkey(key.Address()); !ok || n.Axon.AddrPort() != m.Addr() {
		t.Errorf("the chain has %v, the miner listens at %v", n.Axon, m.Addr())
	}
	addr, err := StatusAddrOf(dir)
	if err != nil || addr != m.StatusAddr() {
		t.Fatalf("%v, %v; the page is at %v", addr, err, m.StatusAddr())
	}
	resp, err := http.Get("http://" + addr.String() + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var s Status
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil || s.Role != "miner" || s.UID == nil || !s.Ready || s.Neurons != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the miner ended with: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, statusFile)); !os.IsNotExist(err) {
		t.Errorf("the status page's address is still there: %v", err)
	}
}

func TestUnregisteredMinerEndsWithWhatToDo(t *testing.T) {
	dev, _ := newChain(t)
	stranger, err := wallet.KeypairFromURI("//Stranger")
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMiner(MinerConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: stranger, Listen: "127.0.0.1:0", Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err == nil {
		t.Fatal("a miner whose hotkey is not registered ran on")
	}
}

// newChain is a chain with short blocks and one registered hotkey.
func newChain(t *testing.T) (*devchain.Devchain, *wallet.Keypair) {
	t.Helper()
	dev, err := devchain.Open(devchain.Config{BlockTime: 20 * time.Millisecond, NetUID: 21}, devchain.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends after the test's nodes
	done := make(chan error, 1)
	go func() { done <- dev.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	alice, err := wallet.KeypairFromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	miner, err := wallet.KeypairFromURI("//Miner")
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Register(t.Context(), alice, chain.NetUID(21), miner.Address(), 0); err != nil {
		t.Fatal(err)
	}
	return dev, miner
}
