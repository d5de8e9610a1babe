// Package load puts files into a network and gets them back, many at a time, and
// measures how fast that goes and what it costs: time, processor, memory, bytes on
// the wire. What comes back is compared with what was sent. It is neither a network
// (package devnet is) nor a test of one: a file that is lost or changed ends the run
// with an error. Enter at Run, and at Audits for what proofs cost.
package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/client"
)

// ErrDifferent says that a file came back other than it was stored.
var ErrDifferent = errors.New("a file came back different")

// Config says what is sent.
type Config struct {
	Sizes   []int64 // of files, bytes
	Count   int     // files of each size in a run
	Workers int     // files on their way at a time
	Runs    int     // each with other content
	Seed    uint64  // decides the content
	// Keep leaves the files where they are; else each run deletes its own.
	Keep bool
}

// Target is the network that is measured.
type Target struct {
	Client *client.Client
	// Put and Get say who is asked and with which keys; their Progress is not
	// used.
	Put client.PutFileOptions
	Get client.GetFileOptions
	// Traffic is how many bytes nodes have sent and received so far; nil: it is
	// not known.
	Traffic func() int64
}

// Op is what is measured.
type Op string

// The operations of a run, in their order.
const (
	Put    Op = "put"
	Get    Op = "get"
	Delete Op = "delete"
)

// Result is what one operation on all files of one size came to. Times are of one
// file each; costs are those of this process, in which an own network runs too.
type Result struct {
	Op      Op      `json:"op"`
	Run     int     `json:"run"` // from 1
	Size    int64   `json:"size_bytes"`
	Count   int     `json:"count"`
	Workers int     `json:"workers"`
	Seconds float64 `json:"seconds"` // all of them

	MBPerSecond float64 `json:"mb_per_second,omitempty"` // 10^6 bytes of files
	PerSecond   float64 `json:"per_second"`              // files
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	FirstP50    float64 `json:"first_byte_p50_ms,omitempty"` // of gets
	FirstP99    float64 `json:"first_byte_p99_ms,omitempty"`

	CPUSeconds  float64 `json:"cpu_seconds"`
	CPUEach     float64 `json:"cpu_ms_each"`
	CPUPerGB    float64 `json:"cpu_seconds_per_gb,omitempty"` // 10^9 bytes of files
	Memory      int64   `json:"peak_memory_bytes"`            // resident; 0: not known
	PerUserByte float64 `json:"network_bytes_per_user_byte,omitempty"`
}

// Run does all runs. report is told each result as it is there; the first error
// ends everything. Files that a run that fails has stored are left to expire.
func Run(ctx context.Context, cfg Config, t Target, report func(Result)) error {
	if cfg.Count < 1 || cfg.Workers < 1 || cfg.Runs < 1 || len(cfg.Sizes) == 0 {
		return fmt.Errorf("nothing to do: %d files of %d sizes, %d workers, %d runs", cfg.Count, len(cfg.Sizes), cfg.Workers, cfg.Runs)
	}
	for run := 1; run <= cfg.Runs; run++ {
		for _, size := range cfg.Sizes {
			b := &batch{cfg: cfg, target: t, run: run, size: size, ids: make([]string, cfg.Count), report: report}
			for i := range cfg.Count {
				b.files = append(b.files, newContent(cfg.Seed, run, size, i))
			}
			if err := b.all(ctx); err != nil {
				return fmt.Errorf("run %d, %d bytes: %w", run, size, err)
			}
		}
	}
	return nil
}

// batch is the files of one size in one run.
type batch struct {
	cfg    Config
	target Target
	run    int
	size   int64
	files  []*content
	ids    []string
	report func(Result)
}

func (b *batch) all(ctx context.Context) error {
	if err := b.measure(ctx, Put, b.put); err != nil {
		return err
	}
	if err := b.measure(ctx, Get, b.get); err != nil || b.cfg.Keep {
		return err
	}
	return b.measure(ctx, Delete, func(ctx context.Context, i int) (time.Duration, error) {
		return 0, b.target.Client.Delete(ctx, b.ids[i], client.DeleteOptions{Gateways: b.target.Get.Gateways, UIDs: b.target.Get.UIDs})
	})
}

func (b *batch) put(ctx context.Context, i int) (time.Duration, error) {
	o := b.target.Put
	o.Progress = nil
	stored, err := b.target.Client.PutFile(ctx, client.FileSource(b.files[i], b.size), o)
	b.ids[i] = stored.CID
	return 0, err
}

func (b *batch) get(ctx context.Context, i int) (time.Duration, error) {
	o := b.target.Get
	o.Progress = nil
	w := &comparison{want: b.files[i], start: time.Now()}
	if _, err := b.target.Client.GetTo(ctx, b.ids[i], w, o); err != nil {
		return 0, err
	}
	if w.at != b.size {
		return 0, fmt.Errorf("%w: %d bytes of %d", ErrDifferent, w.at, b.size)
	}
	return w.first, nil
}

// measure does one operation with every file.
func (b *batch) measure(ctx context.Context, op Op, do func(context.Context, int) (first time.Duration, err error)) error {
	took, firsts := make([]time.Duration, len(b.files)), make([]time.Duration, len(b.files))
	m := startMeter(b.target.Traffic)
	work, wctx := errgroup.WithContext(ctx)
	next := make(chan int)
	for range min(b.cfg.Workers, len(b.files)) {
		work.Go(func() error {
			for i := range next {
				start := time.Now()
				var err error
				if firsts[i], err = do(wctx, i); err != nil {
					return fmt.Errorf("%s of file %d: %w", op, i, err)
				}
				took[i] = time.Since(start)
			}
			return nil
		})
	}
	work.Go(func() error {
		defer close(next)
		for i := range b.files {
			select {
			case next <- i:
			case <-wctx.Done():
				return context.Cause(wctx)
			}
		}
		return nil
	})
	if err := work.Wait(); err != nil {
		return err
	}
	r := Result{Op: op, Run: b.run, Size: b.size, Count: len(b.files), Workers: b.cfg.Workers}
	m.stop(&r)
	r.P50, r.P99 = milliseconds(took, 0.5), milliseconds(took, 0.99)
	if op == Get && b.size > 0 {
		r.FirstP50, r.FirstP99 = milliseconds(firsts, 0.5), milliseconds(firsts, 0.99)
	}
	b.report(r)
	return nil
}

// comparison is where a file goes that comes back.
type comparison struct {
	want  *content
	start time.Time
	first time.Duration // until the first byte
	at    int64
}

// buffers are what is compared with.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// Write implements io.Writer.
func (c *comparison) Write(p []byte) (int, error) {
	if c.at == 0 && len(p) > 0 {
		c.first = time.Since(c.start)
	}
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	for n := 0; n < len(p); {
		want := buf[:min(len(buf), len(p)-n)]
		if m, _ := c.want.ReadAt(want, c.at); m < len(want) || !bytes.Equal(want, p[n:n+len(want)]) {
			return n, fmt.Errorf("%w: not the same from byte %d on", ErrDifferent, c.at)
		}
		n += len(want)
		c.at += int64(len(want))
	}
	return len(p), nil
}
