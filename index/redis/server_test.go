package redis_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// server is a redis-server of this test.
type server struct {
	port int
	dir  string
	args []string
	cmd  *exec.Cmd
	stop func()
}

func (s *server) addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }
func (s *server) url() string  { return "redis://" + s.addr() }

// program finds a program that Debian's package redis-server brings. Without it
// the test is passed over, but not in CI.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// start starts a server with more arguments; it ends with the test.
func start(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{port: freePort(t), dir: t.TempDir(), args: args}
	s.run(t)
	return s
}

// run starts the server, again after stop.
func (s *server) run(t testing.TB) {
	t.Helper()
	cmd := exec.Command(program(t, "redis-server"), append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--save", "", "--appendonly", "yes",
	}, s.args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan bool, 1), make(chan struct{})
	var said strings.Builder // until ready
	go func() {
		defer close(ended)
		isReady := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if isReady {
				continue
			}
			fmt.Fprintln(&said, lines.Text())
			if isReady = strings.Contains(lines.Text(), "Ready to accept connections"); isReady {
				ready <- true
			}
		}
		if !isReady {
			ready <- false
		}
	}()
	s.cmd = cmd
	s.stop = func() {
		s.stop = func() {}
		cmd.Process.Kill() // nothing it acknowledged may depend on a farewell
		<-ended
		cmd.Wait()
	}
	t.Cleanup(func() { s.stop() })
	if !<-ready {
		t.Fatalf("redis-server did not start:\n%s", said.String())
	}
}

// freePort is one that leaves room for the cluster bus, 10000 above.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port >= 55000 {
			continue
		}
		if bus, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+10000)); err == nil {
			bus.Close()
			return port
		}
	}
	t.Fatal("no free port below 55000")
	return 0
}

// cluster starts three masters that share the slots.
func cluster(t testing.TB) []*server {
	t.Helper()
	cli := program(t, "redis-cli")
	var nodes []*server
	create := []string{"--cluster", "create"}
	for range 3 {
		s := start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		nodes = append(nodes, s)
		create = append(create, s.addr())
	}
	if out, err := exec.CommandContext(t.Context(), cli, append(create, "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, s := range nodes { // every node finds out for itself
		for !strings.Contains(plain(t, s).ClusterInfo(ctx).Val(), "cluster_state:ok") {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("%s: the cluster did not come up", s.addr())
			}
		}
	}
	return nodes
}

// plain is a client of the test's own.
func plain(t testing.TB, s *server) *goredis.Client {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: s.addr()})
	t.Cleanup(func() { c.Close() })
	return c
}
