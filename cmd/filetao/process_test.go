package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// network is a set of real filetao processes that share a folder and a chain.
type network struct {
	t        *testing.T
	dir      string
	endpoint string
}

// process is one of them.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	out  *tail
}

// tail keeps what a process prints and wakes who waits for a line.
type tail struct {
	mu    sync.Mutex // guards text
	text  bytes.Buffer
	lines chan string
}

const processLimit = 60 * time.Second // for any one command; a hang fails instead of stalling the suite

func newNetwork(t *testing.T) *network {
	t.Helper()
	t.Parallel()
	n := &network{t: t, dir: t.TempDir()}
	chain := n.start("chain", `ws://\S+`, "chain", "run", "--dir", n.path("chain"), "--block-time", "200ms", "--listen", "127.0.0.1:0", "--tempo", "20")
	n.endpoint = chain.match(t, `ws://\S+`)
	return n
}

func (n *network) path(elem ...string) string {
	return filepath.Join(append([]string{n.dir}, elem...)...)
}

// args adds what every command of this network needs.
func (n *network) args(args []string) []string {
	if n.endpoint == "" {
		return args
	}
	return append(args, "--subtensor.chain_endpoint", n.endpoint, "--wallet.path", n.path("wallets"))
}

// run runs a command to its end and returns what it printed.
func (n *network) run(args ...string) string {
	n.t.Helper()
	out, err := n.try(args...)
	if err != nil {
		n.t.Fatalf("filetao %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (n *network) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), processLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "filetao", n.args(args)...)
	cmd.Env = append(os.Environ(), "HOME="+n.dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}

// start starts a command that runs on, and returns when it has printed what
// ready matches.
func (n *network) start(name, ready string, args ...string) *process {
	n.t.Helper()
	p := n.launch(name, args...)
	p.wait(n.t, name, ready)
	return p
}

// launch is start without the waiting.
func (n *network) launch(name string, args ...string) *process {
	n.t.Helper()
	cmd := exec.Command("filetao", n.args(args)...)
	cmd.Env = append(os.Environ(), "HOME="+n.dir)
	p, err := startProcess(cmd)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if n.t.Failed() {
			n.t.Logf("--- %s printed:\n%s", name, p.out)
		}
	})
	return p
}

// startProcess starts a command whose lines are listened to.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, out: &tail{lines: make(chan string, 1<<10)}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out.pipe(), p.out.pipe()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait(); close(p.done) }() // how it ended is in what it printed
	return p, nil
}

func (p *process) wait(t *testing.T, name, pattern string) {
	t.Helper()
	if _, err := p.await(pattern); err != nil {
		t.Fatalf("%s %v", name, err)
	}
}

// await returns the first match in the next line that has one.
func (p *process) await(pattern string) (string, error) {
	re, limit := regexp.MustCompile(pattern), time.After(processLimit)
	for {
		select {
		case line := <-p.out.lines:
			if match := re.FindString(line); match != "" {
				return match, nil
			}
		case <-p.done:
			return "", fmt.Errorf("ended before it printed %q: %s", pattern, p.out)
		case <-limit:
			return "", fmt.Errorf("did not print %q in %v: %s", pattern, processLimit, p.out)
		}
	}
}

// stop ends the process and waits for its end; SIGKILL when it takes too long.
func (p *process) stop(sig os.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(processLimit):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func (p *process) match(t *testing.T, pattern string) string {
	t.Helper()
	s := regexp.MustCompile(pattern).FindString(p.out.String())
	if s == "" {
		t.Fatalf("nothing like %q in %q", pattern, p.out.String())
	}
	return s
}

func (o *tail) pipe() io.Writer {
	r, w := io.Pipe()
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			o.mu.Lock()
			fmt.Fprintln(&o.text, s.Text())
			o.mu.Unlock()
			select {
			case o.lines <- s.Text():
			default: // nobody waits any more
			}
		}
	}()
	return w
}

func (o *tail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// member creates, funds and registers a wallet, with a stake in TAO or none.
func (n *network) member(name string, stake int) {
	n.t.Helper()
	n.run("wallet", "create", "--wallet.name", name, "--no-password")
	n.run("chain", "transfer", "--uri", "//Alice", "--to-wallet", name, "--amount", "10000")
	n.run("chain", "register", "--wallet.name", name, "--yes")
	if stake > 0 {
		n.run("chain", "stake", "--wallet.name", name, "--amount", fmt.Sprint(stake), "--yes")
	}
}

func (n *network) miners(count int) []*process {
	n.t.Helper()
	all := make([]*process, count)
	for i := range all {
		name := fmt.Sprintf("miner%d", i+1)
		n.member(name, 0)
		all[i] = n.launch(name, "run", "miner", "--wallet.name", name, "--dir", n.path(name), "--axon.ip", "127.0.0.1", "--axon.port", "0")
	}
	for i, p := range all {
		p.wait(n.t, fmt.Sprintf("miner%d", i+1), "serves at")
	}
	return all
}

func (n *network) file(size int) (path string, data []byte) {
	n.t.Helper()
	data = make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		n.t.Fatal(err)
	}
	path = n.path(fmt.Sprintf("file-%d", size))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path, data
}

func (n *network) put(path string, more ...string) string {
	n.t.Helper()
	out := n.run(append([]string{"store", "put", "--filepath", path, "--wallet.name", "user", "--json"}, more...)...)
	var stored struct{ CID string }
	if err := json.Unmarshal([]byte(out), &stored); err != nil || stored.CID == "" {
		n.t.Fatalf("store put printed %q: %v", out, err)
	}
	return stored.CID
}

func (n *network) get(cid string, want []byte, more ...string) {
	n.t.Helper()
	to := n.path("got-" + cid)
	n.run(append([]string{"retrieve", "get", "--cid", cid, "--wallet.name", "user", "--output", to, "--force"}, more...)...)
	got, err := os.ReadFile(to)
	if err != nil || !bytes.Equal(got, want) {
		n.t.Fatalf("%s came back with %d bytes instead of %d: %v", cid, len(got), len(want), err)
	}
}
