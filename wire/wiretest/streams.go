package wiretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
)

// StreamFabric starts a server and a client of a transport with bodies, ends them
// with the test, and returns the client and where the server is.
type StreamFabric func(t *testing.T, s Setup) (wire.Streamer, wire.Peer)

// RunStreams runs the suite for bodies.
func RunStreams(t *testing.T, fabric StreamFabric) {
	for name, test := range map[string]func(*testing.T, StreamFabric){
		"Bodies": bodies, "Files": files, "WritersTo": writersTo, "Refused early": refusedEarly, "Answered early": answeredEarly,
		"Broken request": brokenRequest, "Broken answer": brokenAnswer, "Panic": panics, "Too large": tooLarge,
		"Given up": givenUp, "Deadlines": deadlines, "Cancelled": cancelled, "Closed early": closedEarly,
		"Many": many, "Closers": closers, "Front door": streamDoor,
	} {
		t.Run(name, func(t *testing.T) { test(t, fabric) })
	}
}

func newPut() wire.Message { return &wire.PutShard{} }

const maxStream = 64 << 20

// startStream has a handler answer PutShard.
func startStream(t *testing.T, fabric StreamFabric, h wire.StreamHandler) (wire.Streamer, wire.Peer) {
	t.Helper()
	return fabric(t, Setup{Server: Key(t, "//Bob"), Client: Key(t, "//Alice"), Door: open(), Streams: []StreamRoute{{newPut, h, maxStream}}})
}

// echo answers with what it was handed.
func echo(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
	var all bytes.Buffer
	if in.Size > 0 {
		if n, err := io.Copy(&all, in.Reader); err != nil || n != in.Size {
			return wire.Body{}, fmt.Errorf("%d of %d bytes: %w", n, in.Size, err)
		}
	} else if in.Reader != nil {
		return wire.Body{}, errors.New("an empty body has a reader")
	}
	msg.(*wire.PutShard).Receipt = sum(all.Bytes())
	return wire.Body{Size: in.Size, Reader: struct{ io.Reader }{&all}}, nil
}

// plain is a reader that is nothing else.
func plain(data []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(data)} }

// exchange sends data and returns what came back.
func exchange(ctx context.Context, client wire.Streamer, peer wire.Peer, size int, r io.Reader) ([]byte, error) {
	msg := &wire.PutShard{Size: int64(size), TTL: 1}
	a, err := client.Open(ctx, peer, msg, wire.Body{Size: int64(size), Reader: r})
	if err != nil {
		return nil, err
	}
	back, err := io.ReadAll(a)
	if err == nil && int64(len(back)) != a.Size {
		err = fmt.Errorf("%d bytes came, %d were promised", len(back), a.Size)
	}
	if err == nil && !bytes.Equal(msg.Receipt, sum(back)) {
		err = errors.New("what came back is not what the handler saw")
	}
	return back, errors.Join(err, a.Close(), a.Close())
}

func bodies(t *testing.T, fabric StreamFabric) {
	client, peer := startStream(t, fabric, echo)
	for _, size := range []int{0, 1, 1000, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256<<10 + 7, 16 << 20} {
		data := pattern(size)
		for name, r := range map[string]io.Reader{"plain": plain(data), "bytes": bytes.NewReader(data), "longer": plain(append(data, 1, 2, 3))} {
			if back, err := exchange(within(t, 20*time.Second), client, peer, size, r); err != nil || !bytes.Equal(back, data) {
				t.Fatalf("%d bytes, %s: %d came back, %v", size, name, len(back), err)
			}
		}
	}
}

// files: of a file either way, from any offset.
func files(t *testing.T, fabric StreamFabric) {
	data := pattern(3<<20 + 9)
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	section := func(offset int64) (*os.File, error) {
		f, err := os.Open(path)
		if err == nil {
			_, err = f.Seek(offset, io.SeekStart)
		}
		return f, err
	}
	client, peer := startStream(t, fabric, func(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		got, err := io.ReadAll(in.Reader)
		if err != nil || !bytes.Equal(got, data[7:7+len(got)]) || int64(len(got)) != in.Size {
			return wire.Body{}, wire.Conflict("%d bytes are not those of the file: %v", len(got), err)
		}
		f, err := section(1 << 20)
		return wire.Body{Size: 2 << 20, Reader: io.LimitReader(f, 2<<20)}, err
	})
	f, err := section(7)
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.Open(within(t, 10*time.Second), peer, newPut(), wire.Body{Size: 3 << 20, Reader: f})
	if err != nil {
		t.Fatal(err)
	}
	if back, err := io.ReadAll(a); err != nil || !bytes.Equal(back, data[1<<20:3<<20]) {
		t.Errorf("%d bytes came back: %v", len(back), err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// pushed is a body that writes itself.
type pushed struct {
	io.Reader
	data []byte
}

func (p pushed) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(p.data)
	return int64(n), err
}

// writersTo: bodies that write themselves send no byte too many either.
func writersTo(t *testing.T, fabric StreamFabric) {
	data := pattern(600_000)
	client, peer := startStream(t, fabric, func(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		got, err := io.ReadAll(in.Reader)
		msg.(*wire.PutShard).Receipt = sum(got)
		return wire.Body{Size: in.Size, Reader: pushed{data: append(got, 1)}}, err
	})
	for range 2 {
		if back, err := exchange(within(t, 10*time.Second), client, peer, len(data)-9, pushed{data: data}); err != nil || !bytes.Equal(back, data[:len(data)-9]) {
			t.Errorf("%d bytes came back: %v", len(back), err)
		}
	}
}

// many: streams beside each other never trip over each other.
func many(t *testing.T, fabric StreamFabric) {
	client, peer := startStream(t, fabric, echo)
	ctx := within(t, 60*time.Second)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			for j := range 3 {
				data := pattern(200_000 + i*1000 + j)
				if back, err := exchange(ctx, client, peer, len(data), plain(data)); err != nil || !bytes.Equal(back, data) {
					t.Errorf("%d bytes came back: %v", len(back), err)
					return
				}
			}
		})
	}
	group.Wait()
}

// closer counts how often a body was closed.
type closer struct {
	io.Reader
	mu sync.Mutex
	n  int
}

func (c *closer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return nil
}

func (c *closer) closed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// closers: whoever was handed a body closes it once, whatever happens.
func closers(t *testing.T, fabric StreamFabric) {
	outs := make(chan *closer, 1)
	client, peer := startStream(t, fabric, func(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		out := &closer{Reader: bytes.NewReader(pattern(10))}
		outs <- out
		switch msg.(*wire.PutShard).TTL {
		case 1:
			return wire.Body{Size: 10, Reader: out}, nil
		case 2:
			return wire.Body{Size: 10, Reader: out}, wire.Conflict("no")
		}
		return wire.Body{Size: 11, Reader: out}, nil
	})
	for ttl := range int64(3) {
		in := &closer{Reader: bytes.NewReader(pattern(100))}
		a, err := client.Open(within(t, 10*time.Second), peer, &wire.PutShard{TTL: ttl + 1}, wire.Body{Size: 100, Reader: in})
		if err == nil {
			_, err = io.ReadAll(a)
			err = errors.Join(err, a.Close())
		}
		if (err == nil) != (ttl == 0) {
			t.Errorf("case %d: %v", ttl, err)
		}
		if out := <-outs; in.closed() != 1 || until(t, func() bool { return out.closed() == 1 }) != nil {
			t.Errorf("case %d: closed %d and %d times", ttl, in.closed(), out.closed())
		}
	}
	nobody := peer
	nobody.Hotkey = "5"
	in := &closer{Reader: bytes.NewReader(pattern(100))}
	if _, err := client.Open(within(t, 10*time.Second), nobody, newPut(), wire.Body{Size: 100, Reader: in}); err == nil || in.closed() != 1 {
		t.Errorf("nobody: %v, closed %d times", err, in.closed())
	}
}

// until waits for something that happens beside the test.
func until(t *testing.T, true func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	ctx := within(t, 10*time.Second)
	for !true() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
