package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestProcessesWithGatewayInValidator is the network of the README as separate
// processes: a chain, six miners, a validator that serves users.
func TestProcessesWithGatewayInValidator(t *testing.T) {
	n := newNetwork(t)
	n.run("wallet", "create", "--wallet.name", "user", "--no-password")
	n.member("validator", 5000)
	validator := n.launch("validator", "run", "validator", "--api", "--wallet.name", "validator",
		"--dir", n.path("validator"), "--axon.ip", "127.0.0.1", "--axon.port", "0", "--neuron.maxsize", "65536",
		"--neuron.override_chunk_size", fmt.Sprint(testChunk), "--api.whitelisted_hotkeys", n.hotkey("user"), "--logging.debug") // derives a key while the miners start
	miners := n.miners(6)
	validator.wait(t, "validator", "serves at")

	path, _ := n.file(3<<20 + 1)
	doomed := n.put(path, open) // files are sealed in TestUserOfADevnet: here it would take seconds each
	var cids []string
	var contents [][]byte
	for _, size := range []int{0, 1, 136} {
		path, data := n.file(size)
		cids, contents = append(cids, n.put(path, open)), append(contents, data)
		n.get(cids[len(cids)-1], data, "--plain")
	}
	n.waitStats(func(rows []statsRow) bool {
		passed := 0
		for _, r := range rows {
			passed += int(r.Challenge.Successes)
		}
		return passed >= 6
	})
	t.Run("MinerKilledBeforeGet", func(t *testing.T) {
		miners[0].stop(syscall.SIGKILL)
		for i, cid := range cids {
			n.get(cid, contents[i], "--plain")
		}
	})
	t.Run("MinerKilledDuringPutAndGet", func(t *testing.T) { n.killDuringTransfers(t, validator, miners[1], miners[2]) })
	t.Run("Delete", func(t *testing.T) {
		n.run("delete", "--cid", doomed, "--wallet.name", "user", "--yes")
		if out, err := n.try("retrieve", "get", "--cid", doomed, "--wallet.name", "user", "--plain", "--output", n.path("gone")); err == nil {
			t.Fatalf("a deleted file came back: %s", out)
		}
	})
	t.Run("SomebodyElse", func(t *testing.T) {
		n.run("wallet", "create", "--wallet.name", "stranger", "--no-password")
		out, err := n.try("retrieve", "get", "--cid", cids[1], "--wallet.name", "stranger", "--output", n.path("stolen"))
		if err == nil || !strings.Contains(out, "whitelist") && !strings.Contains(out, "not") {
			t.Fatalf("a stranger asked for a file: %v, %s", err, out)
		}
	})
}

// testChunk is the size in bytes of the chunks of users' files, which tells
// their transfers apart from those of the smaller random data.
const testChunk = 1 << 20

// open has a file stored unencrypted.
const open = "--encrypt=false"

// killDuringTransfers kills one miner while the chunks of a put are under way
// and another during those of a get: of the reference's way, since its chunks can
// be small (package devnet does it to shards).
func (n *network) killDuringTransfers(t *testing.T, gateway, first, second *process) {
	path, data := n.file(24 * testChunk)
	cid := make(chan string)
	go func() { cid <- n.put(path, open, "--reference") }()
	gateway.wait(t, "gateway", fmt.Sprintf("task=store .*bytes=%d", testChunk))
	first.stop(syscall.SIGKILL)
	stored := <-cid
	got := make(chan struct{})
	go func() { defer close(got); n.get(stored, data, "--plain") }()
	gateway.wait(t, "gateway", fmt.Sprintf("task=retrieve .*bytes=%d", testChunk))
	second.stop(syscall.SIGKILL)
	<-got
	n.get(stored, data, "--plain")
}

// TestProcessesWithGatewaysOverRedis has validator and two gateways as
// processes of their own over one Redis.
func TestProcessesWithGatewaysOverRedis(t *testing.T) {
	redis := startRedis(t)
	n := newNetwork(t)
	n.run("wallet", "create", "--wallet.name", "user", "--no-password")
	n.member("validator", 5000)
	n.start("validator", "is ready", "run", "validator", "--wallet.name", "validator", "--dir", n.path("validator"),
		"--index", redis, "--neuron.maxsize", "65536")
	var gateways []*process
	for i := range 2 {
		name := fmt.Sprintf("gateway%d", i+1)
		n.member(name, 1000)
		gateways = append(gateways, n.launch(name, "run", "api", "--wallet.name", name, "--dir", n.path(name), "--index", redis,
			"--asker.wallet", "validator", "--axon.ip", "127.0.0.1", "--axon.port", "0",
			"--api.whitelisted_hotkeys", n.hotkey("user")))
	}
	n.miners(4)
	for i, g := range gateways {
		g.wait(t, fmt.Sprintf("gateway%d", i+1), "serves at")
	}
	path, data := n.file(1 << 20)
	cid := n.put(path, open, "--hotkeys", n.hotkey("gateway1"))
	n.get(cid, data, "--plain", "--hotkeys", n.hotkey("gateway2"))
	n.waitStats(func(rows []statsRow) bool {
		for _, r := range rows {
			if r.Challenge.Successes == 0 {
				return false
			}
		}
		return len(rows) == 4
	}, "--index", redis)
}

// statsRow is what `miner stats --json` says of a miner, as far as we ask.
type statsRow struct {
	Hotkey    string `json:"hotkey"`
	Challenge struct{ Attempts, Successes uint64 }
}

// waitStats asks for the miners' statistics at every block until ok.
func (n *network) waitStats(ok func([]statsRow) bool, more ...string) {
	n.t.Helper()
	if len(more) == 0 {
		more = []string{"--dir", n.path("validator")}
	}
	var out string
	for range 300 {
		out = n.run(append([]string{"miner", "stats", "--json"}, more...)...)
		var rows []statsRow
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			n.t.Fatalf("miner stats printed %q: %v", out, err)
		}
		if ok(rows) {
			return
		}
		n.run("chain", "status", "--wait", "3")
	}
	n.t.Fatalf("the miners' statistics never became as expected: %s", out)
}

func (n *network) hotkey(name string) string {
	n.t.Helper()
	var shown struct {
		Hotkey string `json:"hotkey"`
	}
	out := n.run("wallet", "show", "--wallet.name", name, "--json")
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.Hotkey == "" {
		n.t.Fatalf("wallet show printed %q: %v", out, err)
	}
	return shown.Hotkey
}

// startRedis starts a redis-server and returns its URL.
func startRedis(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is not installed: Debian's package redis-server has it")
		}
		t.Skip("needs redis-server (Debian's package redis-server)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--appendonly", "yes", "--save", ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(syscall.SIGTERM) })
	p.wait(t, "redis-server", "Ready to accept connections")
	return "redis://127.0.0.1:" + port
}
