package redis_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/index/redis"
)

func open(t testing.TB, url string, options ...redis.Option) *index.Index {
	t.Helper()
	x, err := redis.Open(t.Context(), url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil && !errors.Is(err, index.ErrClosed) {
			t.Error(err)
		}
	})
	return x
}

// suite runs the suite on servers that it empties before every test.
func suite(t *testing.T, url string, servers ...*server) {
	indextest.Run(t, func(t *testing.T) indextest.Store {
		for _, s := range servers {
			if err := plain(t, s).FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		return indextest.Store{Shared: true, Open: func(t *testing.T) *index.Index { return open(t, url) }}
	})
}

func TestServer(t *testing.T) {
	s := start(t)
	suite(t, s.url()+"/1", s)
	if n, err := plain(t, s).DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Fatalf("%d keys in database 0, %v", n, err)
	}
}

func TestCluster(t *testing.T) {
	nodes := cluster(t)
	url := "redis+cluster://" + nodes[0].addr() + "," + nodes[1].addr()
	suite(t, url, nodes...)

	x := open(t, url)
	want := map[string]bool{}
	for n := range uint32(300) {
		a := indextest.Address(n)
		want[string(a)] = true
		if err := x.UpdateStats(t.Context(), a, func(*index.Stats) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for s, err := range x.AllStats(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		delete(want, string(s.Hotkey))
	}
	if len(want) != 0 {
		t.Errorf("%d of 300 miners were not listed", len(want))
	}
	for _, s := range nodes {
		if n, err := plain(t, s).DBSize(t.Context()).Result(); err != nil || n < 30 {
			t.Errorf("%s has %d of the 300 keys, %v", s.addr(), n, err)
		}
	}
	if _, err := redis.Open(t.Context(), nodes[0].url()); !errors.Is(err, redis.ErrServer) {
		t.Errorf("a cluster opened as a server: %v", err)
	}
}

func TestURL(t *testing.T) {
	for _, url := range []string{
		"", "redis", "http://127.0.0.1", "redis+sentinel://127.0.0.1", "redis://:hush@ho st", "redis://:hush@127.0.0.1/x",
		"redis://:hush@127.0.0.1:port", "redis+cluster://:hush@127.0.0.1:1,ho st:2", "redis+cluster://:hush@127.0.0.1:x,127.0.0.1:2",
		"redis://:hush@127.0.0.1:1", "redis+cluster://:hush@127.0.0.1:1,127.0.0.1:2", "rediss://:hush@127.0.0.1:1",
	} {
		_, err := redis.Open(t.Context(), url)
		if err == nil {
			t.Fatalf("%s: opened", url)
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error tells the password: %v", url, err)
		}
	}
}

func TestWhatAServerMustBe(t *testing.T) {
	warned := func(url string) string {
		var log bytes.Buffer
		open(t, url, redis.WithLog(slog.New(slog.NewTextHandler(&log, nil))))
		return log.String()
	}
	safe := start(t, "--requirepass", "hush")
	if log := warned("redis://:hush@" + safe.addr()); log != "" {
		t.Errorf("warnings about a safe server: %s", log)
	}
	if _, err := redis.Open(t.Context(), "redis://:wrong@"+safe.addr()); err == nil {
		t.Error("opened with a wrong password")
	}
	unsafe := start(t, "--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	log := warned(unsafe.url())
	for _, want := range []string{"without a password", "without appendonly", "allkeys-lru"} {
		if !strings.Contains(log, want) {
			t.Errorf("no warning %q in %s", want, log)
		}
	}
	replica := start(t, "--replicaof", "127.0.0.1", "1")
	if _, err := redis.Open(t.Context(), replica.url()); !errors.Is(err, redis.ErrServer) {
		t.Errorf("opened a replica: %v", err)
	}
}

// A server that is killed makes errors until it is back, with everything that
// was acknowledged; one that has lost its scripts is not noticed.
func TestServerKilled(t *testing.T) {
	s := start(t, "--appendfsync", "always")
	x, ctx := open(t, s.url()), t.Context()
	count := func() error {
		return x.UpdateStats(ctx, indextest.Address(1), func(s *index.Stats) error { s.TotalSuccesses++; return nil })
	}
	for range 10 {
		if err := count(); err != nil {
			t.Fatal(err)
		}
	}
	if err := plain(t, s).ScriptFlush(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if err := count(); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if err := count(); err == nil {
		t.Fatal("written to a dead server")
	}
	if _, err := x.Stats(ctx, indextest.Address(1)); err == nil || errors.Is(err, index.ErrNotFound) {
		t.Fatalf("read from a dead server: %v", err)
	}
	for _, err := range x.Files(ctx) {
		if err == nil {
			t.Fatal("listed from a dead server")
		}
	}
	s.run(t)
	if err := count(); err != nil {
		t.Fatal(err)
	}
	if got, err := x.Stats(ctx, indextest.Address(1)); err != nil || got.TotalSuccesses != 12 {
		t.Fatalf("%d, %v", got.TotalSuccesses, err)
	}
}

// A server that answers no more does not hold its callers for longer than they
// want.
func TestServerHangs(t *testing.T) {
	s := start(t)
	x := open(t, s.url())
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := x.PutState(ctx, "a", nil); err == nil {
		t.Error("written to a server that does not answer")
	}
	if _, err := x.State(ctx, "a"); err == nil || errors.Is(err, index.ErrNotFound) {
		t.Errorf("read from a server that does not answer: %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// A lost answer is an error, and what was asked was done once, not twice.
func TestAnswerLost(t *testing.T) {
	s := start(t)
	var lose atomic.Bool
	x, ctx := open(t, "redis://"+proxy(t, s.addr(), &lose)), t.Context()
	count := func(*index.Stats) error { return nil }
	if err := x.UpdateStats(ctx, indextest.Address(1), count); err != nil {
		t.Fatal(err)
	}
	err := x.UpdateStats(ctx, indextest.Address(1), func(s *index.Stats) error {
		s.TotalSuccesses++
		lose.Store(true) // the next answer is the commit's
		return nil
	})
	if err == nil {
		t.Fatal("the answer was lost and that is no error")
	}
	lose.Store(false)
	if got, err := x.Stats(ctx, indextest.Address(1)); err != nil || got.TotalSuccesses != 1 {
		t.Fatalf("counted %d times, %v", got.TotalSuccesses, err)
	}
}

// proxy passes connections on to a server; while lose is set, the server's
// answers end them.
func proxy(t *testing.T, to string, lose *atomic.Bool) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			context.AfterFunc(ctx, func() { client.Close(); server.Close() })
			go func() { io.Copy(server, client); server.Close() }()
			go func() {
				defer client.Close()
				defer server.Close()
				for buf := make([]byte, 64<<10); ; {
					n, err := server.Read(buf)
					if err != nil || lose.Load() {
						return
					}
					if _, err := client.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func BenchmarkServer(b *testing.B) { indextest.Benchmark(b, open(b, start(b).url())) }

func BenchmarkCluster(b *testing.B) {
	indextest.Benchmark(b, open(b, "redis+cluster://"+cluster(b)[0].addr()))
}
