package stream_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
	"github.com/filetao/filetao/wire/wiretest"
)

// cpu is the process's time on the processors.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCall is a small message and its answer, both ends in this process.
func BenchmarkCall(b *testing.B) {
	handle := func(_ context.Context, _ wire.Caller, msg wire.Message) error {
		msg.(*wire.Delete).Deleted = true
		return nil
	}
	setup := wiretest.Setup{Server: wiretest.Key(b, "//Bob"), Client: wiretest.Key(b, "//Alice"), Door: openDoor()}
	setup.Routes = []wiretest.Route{{New: func() wire.Message { return &wire.Delete{} }, Handle: handle, MaxData: 1 << 16}}
	peer := serve(b, setup)
	old := synapse.NewClient(synapse.ClientConfig{Key: setup.Client}, synapse.ClientDeps{})
	b.Cleanup(func() { check(b, old.Close()) })
	for name, transport := range map[string]wire.Transport{"stream": client(b, stream.ClientConfig{Key: setup.Client}), "synapse": old} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if _, err := transport.Call(b.Context(), peer, &wire.Delete{DataHash: "12345"}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e3, "cpu-µs/op")
		})
	}
}

// BenchmarkOpen moves 16 MiB one way, both ends in this process.
func BenchmarkOpen(b *testing.B) {
	setup := wiretest.Setup{Server: wiretest.Key(b, "//Bob"), Client: wiretest.Key(b, "//Alice"), Door: openDoor()}
	const size = 16 << 20
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	file := filepath.Join(b.TempDir(), "data")
	check(b, os.WriteFile(file, data, 0o600))
	setup.Streams = []wiretest.StreamRoute{{New: func() wire.Message { return &wire.PutShard{} }, MaxBody: 1 << 30, Handle: func(_ context.Context, _ wire.Caller, _ wire.Message, in wire.Body) (wire.Body, error) {
		return wire.Body{}, drain(in.Reader, in.Size)
	}}, {New: func() wire.Message { return &wire.GetShard{} }, Handle: func(_ context.Context, _ wire.Caller, msg wire.Message, _ wire.Body) (wire.Body, error) {
		if msg.(*wire.GetShard).Hash == "memory" {
			return wire.Body{Size: size, Reader: struct{ io.Reader }{bytes.NewReader(data)}}, nil
		}
		f, err := os.Open(file)
		if msg.(*wire.GetShard).Hash == "hidden" {
			return wire.Body{Size: size, Reader: struct{ io.ReadCloser }{f}}, err
		}
		return wire.Body{Size: size, Reader: f}, err
	}}}
	peer := serve(b, setup)
	c := client(b, stream.ClientConfig{Key: setup.Client})
	up := func(r io.Reader) error {
		a, err := c.Open(b.Context(), peer, &wire.PutShard{Size: size}, wire.Body{Size: size, Reader: r})
		if err != nil {
			return err
		}
		return a.Close()
	}
	down := func(hash string) error {
		a, err := c.Open(b.Context(), peer, &wire.GetShard{Hash: hash}, wire.Body{})
		if err != nil {
			return err
		}
		if err := drain(a, a.Size); err != nil {
			return err
		}
		return a.Close()
	}
	run(b, "up/memory", func() error { return up(bytes.NewReader(data)) })
	run(b, "up/reader", func() error { return up(struct{ io.Reader }{bytes.NewReader(data)}) })
	run(b, "up/file", func() error {
		f, err := os.Open(file)
		check(b, err)
		return up(f)
	})
	run(b, "down/reader", func() error { return down("memory") })
	run(b, "down/hidden", func() error { return down("hidden") })
	run(b, "down/file", func() error { return down("file") })
}

// run measures exchanges of 16 MiB.
func run(b *testing.B, name string, exchange func() error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(16 << 20)
		before := cpu(b)
		for b.Loop() {
			if err := exchange(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(16<<20*float64(b.N)/1e6/(cpu(b)-before).Seconds(), "MB/cpu-s")
	})
}

// drain reads as a handler would: a block at a time.
func drain(r io.Reader, size int64) error {
	buf := make([]byte, 64<<10)
	for size > 0 {
		n, err := r.Read(buf)
		if size -= int64(n); err != nil && size > 0 {
			return err
		}
	}
	return nil
}
