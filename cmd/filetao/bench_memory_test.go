package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/filetao/filetao/devnet/load"
)

// roleMemory is what a miner, a gateway with its validator, and a client may have
// resident at most, however large the files are.
const roleMemory = 256 << 20

// TestMemoryStaysFlat stores files far larger than memory, with each role a process
// of its own. It writes some 70 GB. As root on Linux the kernel ends a miner or
// gateway that goes beyond roleMemory, what it has written and is not on disk yet
// included:
//
// GOMEMLIMIT=192MiB FILETAO_BIG=1 go test -run MemoryStaysFlat ./cmd/filetao -timeout 60m
func TestMemoryStaysFlat(t *testing.T) {
	switch {
	case os.Getenv("FILETAO_BIG") == "":
		return // what a few seconds can show the tests of client and devnet show
	case os.Getenv("GOMEMLIMIT") == "":
		t.Fatal("GOMEMLIMIT is not set: processes would use what there is")
	}
	n := newNetwork(t)
	n.run("wallet", "create", "--wallet.name", "user", "--no-password")
	n.member("validator", 5000)
	validator := n.launch("validator", "run", "validator", "--api", "--wallet.name", "validator", "--dir", n.path("validator"),
		"--axon.ip", "127.0.0.1", "--axon.port", "0", "--neuron.maxsize", "65536", "--neuron.start_capacity", "16GiB",
		"--api.whitelisted_hotkeys", n.hotkey("user"))
	roles := map[string]*process{"validator and gateway": validator}
	for i, p := range n.miners(10) {
		roles[fmt.Sprintf("miner%d", i+1)] = p
	}
	validator.wait(t, "validator", "serves at")
	for _, p := range roles { // the gateway's own key took 512 MiB
		n.forgetPeak(p)
		n.confine(p)
	}
	for _, round := range []string{"--size 5GiB,10GiB --count 1", "--size 800MiB,1000MiB --count 1", "--size 64MiB --count 16 --workers 16"} {
		n.flat(round+" --wallet.name user", roles)
	}
}

// flat measures, and holds everybody's memory against what a role may have.
func (n *network) flat(round string, roles map[string]*process) {
	n.t.Helper()
	for _, r := range n.bench(round) {
		n.t.Logf("%-6s %s, %2d at a time: %6.1f MB/s, client %s", r.Op, size(r.Size), r.Workers, r.MBPerSecond, size(r.Memory))
		if r.Memory > roleMemory {
			n.t.Errorf("%s of %s: the client had %s resident", r.Op, size(r.Size), size(r.Memory))
		}
	}
	for name, p := range roles {
		peak := n.peak(p)
		n.t.Logf("%s: %s resident at most", name, size(peak))
		if peak > roleMemory {
			n.t.Errorf("%s: that is too much", name)
		}
	}
}

// bench runs the command in a process of its own.
func (n *network) bench(flags string) []load.Result {
	n.t.Helper()
	args := append([]string{"bench", "--seed", "1", "--json"}, strings.Fields(flags)...)
	cmd := exec.CommandContext(n.t.Context(), "filetao", n.args(args)...)
	cmd.Env, cmd.Stderr = append(os.Environ(), "HOME="+n.dir), os.Stderr
	out, err := cmd.Output()
	var b benched
	if err == nil {
		err = json.Unmarshal(out, &b)
	}
	if err != nil {
		n.t.Fatalf("bench %s: %v\n%s", flags, err, out)
	}
	return b.Results
}

// confine has the kernel end a process that needs more than roleMemory from now on,
// where the memory controller is ours to use (version 1, else 2).
func (n *network) confine(p *process) {
	n.t.Helper()
	for root, limit := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		group := filepath.Join(root, fmt.Sprintf("filetao-test-%d", p.cmd.Process.Pid))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		n.t.Cleanup(func() {
			p.stop(syscall.SIGTERM)
			if err := os.Remove(group); err != nil {
				n.t.Error(err)
			}
		})
		if tell(filepath.Join(group, limit), roleMemory) == nil && tell(filepath.Join(group, "cgroup.procs"), p.cmd.Process.Pid) == nil {
			return
		}
	}
	n.t.Log("no memory controller: peaks are read, but nothing enforces the limit")
}

// tell writes a number to a file that the kernel has made.
func tell(path string, number int) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(f, number)
	return errors.Join(err, f.Close())
}

func (n *network) peak(p *process) int64 {
	n.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	peak, ok := load.PeakOf(string(status))
	if err != nil || !ok {
		n.t.Fatalf("the peak of a process's memory is not known: %v", err)
	}
	return peak
}

// forgetPeak has the peak be measured anew once a process has given back what it
// had for a moment.
func (n *network) forgetPeak(p *process) {
	n.t.Helper()
	for limit, tick := time.After(processLimit), time.NewTicker(100*time.Millisecond); ; {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0); err != nil {
			n.t.Fatal(err)
		}
		if n.peak(p) < roleMemory {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			n.t.Fatal("a process keeps the memory that it needed at its start")
		}
	}
}
