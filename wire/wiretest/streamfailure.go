package wiretest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
)

// endless gives zeros, and counts how often it is asked.
type endless struct{ reads atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.reads.Add(1)
	clear(p)
	return len(p), nil
}

// refusedEarly: a refusal comes at once, whatever is still to be sent, and nobody
// reads on; the next exchange is not hurt.
func refusedEarly(t *testing.T, fabric StreamFabric) {
	client, peer := startStream(t, fabric, func(ctx context.Context, c wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		switch m := msg.(*wire.PutShard); m.TTL {
		case 1:
			return echo(ctx, c, msg, in)
		case 2:
			if _, err := io.CopyN(io.Discard, in.Reader, 100_000); err != nil {
				return wire.Body{}, err
			}
		}
		return wire.Body{}, wire.Full("no room for you")
	})
	for range 5 {
		for _, ttl := range []int64{2, 3} {
			for _, size := range []int64{200_000, maxStream} {
				in := &endless{}
				_, err := client.Open(within(t, 10*time.Second), peer, &wire.PutShard{TTL: ttl}, wire.Body{Size: size, Reader: in})
				reads := in.reads.Load()
				var said *wire.Error
				if !errors.As(err, &said) || said.Status != wire.StatusFull || said.Text != "no room for you" {
					t.Fatalf("refused early: %v", err)
				}
				if _, err := exchange(within(t, 10*time.Second), client, peer, 1000, plain(pattern(1000))); err != nil {
					t.Fatalf("the next exchange: %v", err)
				}
				if in.reads.Load() != reads {
					t.Error("somebody read from the body after Open")
				}
			}
		}
	}
	// A reader that gives nothing does not keep the answer back either.
	r, w := io.Pipe()
	if _, err := client.Open(within(t, 10*time.Second), peer, &wire.PutShard{TTL: 3}, wire.Body{Size: 1000, Reader: r}); wire.StatusOf(err) != wire.StatusFull {
		t.Errorf("with a reader that blocks: %v", err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("the reader is open")
	}
}

// answeredEarly: a yes may come early too.
func answeredEarly(t *testing.T, fabric StreamFabric) {
	data := pattern(5 << 20)
	client, peer := startStream(t, fabric, func(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		msg.(*wire.PutShard).Receipt = sum(data)
		return wire.Body{Size: int64(len(data)), Reader: plain(data)}, nil
	})
	in := &endless{}
	back, err := exchange(within(t, 10*time.Second), client, peer, maxStream, in)
	if err != nil || !bytes.Equal(back, data) {
		t.Errorf("%d bytes came back: %v", len(back), err)
	}
}

var errOwn = errors.New("my disk is broken")

// failing gives some bytes and an error.
func failing(n int, err error) io.Reader {
	return io.MultiReader(plain(pattern(n)), readerFunc(func([]byte) (int, error) { return 0, err }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// brokenRequest: a body that ends too early never looks whole, and whoever sent it
// is told why.
func brokenRequest(t *testing.T, fabric StreamFabric) {
	seen := make(chan error, 1)
	client, peer := startStream(t, fabric, func(ctx context.Context, c wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		_, err := io.Copy(io.Discard, in.Reader)
		seen <- err
		return wire.Body{}, err
	})
	for name, c := range map[string]struct {
		in   io.Reader
		want error
	}{
		"an error": {failing(70_000, errOwn), errOwn}, "at once": {failing(0, errOwn), errOwn},
		"too short": {plain(pattern(99_999)), nil}, "a panic": {readerFunc(func([]byte) (int, error) { panic("oh") }), nil},
	} {
		_, err := client.Open(within(t, 10*time.Second), peer, newPut(), wire.Body{Size: 100_000, Reader: c.in})
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := <-seen; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the handler saw %v", name, err)
		}
	}
}

// brokenAnswer: nor does an answer.
func brokenAnswer(t *testing.T, fabric StreamFabric) {
	outs := map[int64]io.Reader{
		1: failing(70_000, errOwn), 2: failing(0, errOwn), 3: plain(pattern(99_999)), 4: failing(0, io.EOF),
		5: readerFunc(func([]byte) (int, error) { panic("oh") }),
	}
	client, peer := startStream(t, fabric, func(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		return wire.Body{Size: 100_000, Reader: outs[msg.(*wire.PutShard).TTL]}, nil
	})
	for ttl := range outs {
		a, err := client.Open(within(t, 10*time.Second), peer, &wire.PutShard{TTL: ttl}, wire.Body{})
		if err == nil {
			_, err = io.Copy(io.Discard, a)
			if closeErr := a.Close(); closeErr != nil {
				t.Error(closeErr)
			}
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("case %d: %v", ttl, err)
		}
	}
}

func panics(t *testing.T, fabric StreamFabric) {
	client, peer := startStream(t, fabric, func(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		switch msg.(*wire.PutShard).TTL {
		case 1:
			return wire.Body{Size: -1}, nil
		case 2:
			return wire.Body{Size: 1}, nil
		}
		panic("the secret")
	})
	for ttl := range int64(3) {
		_, err := client.Open(within(t, 10*time.Second), peer, &wire.PutShard{TTL: ttl}, wire.Body{Size: 3, Reader: plain(pattern(3))})
		if wire.StatusOf(err) != wire.StatusInternal || bytes.Contains([]byte(err.Error()), []byte("secret")) {
			t.Errorf("case %d: %v", ttl, err)
		}
	}
}

func tooLarge(t *testing.T, fabric StreamFabric) {
	client, peer := startStream(t, fabric, echo)
	for _, size := range []int64{maxStream + 1, 1 << 50} {
		if _, err := client.Open(within(t, 10*time.Second), peer, newPut(), wire.Body{Size: size, Reader: &endless{}}); wire.StatusOf(err) != wire.StatusTooLarge {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for _, in := range []wire.Body{{Size: -1}, {Size: 1}} {
		if _, err := client.Open(within(t, 10*time.Second), peer, newPut(), in); wire.StatusOf(err) != wire.StatusBadRequest {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

// givenUp: who stops reading ends the exchange for the handler too.
func givenUp(t *testing.T, fabric StreamFabric) {
	client, peer, ended := waiting(t, fabric)
	a, err := client.Open(within(t, 10*time.Second), peer, newPut(), wire.Body{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(a, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(make([]byte, 1)); err == nil {
		t.Error("a closed answer gives bytes")
	}
	<-ended
}

// waiting answers with 5 of 10 bytes and waits for its context's end.
func waiting(t *testing.T, fabric StreamFabric) (wire.Streamer, wire.Peer, chan error) {
	ended := make(chan error, 1)
	client, peer := startStream(t, fabric, func(ctx context.Context, _ wire.Caller, _ wire.Message, _ wire.Body) (wire.Body, error) {
		return wire.Body{Size: 10, Reader: io.MultiReader(bytes.NewReader(pattern(5)), readerFunc(func([]byte) (int, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return 0, ctx.Err()
		}))}, nil
	})
	return client, peer, ended
}

// deadlines hold for an exchange as a whole.
func deadlines(t *testing.T, fabric StreamFabric) {
	client, peer, ended := waiting(t, fabric)
	a, err := client.Open(within(t, 300*time.Millisecond), peer, newPut(), wire.Body{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, a); n != 5 || wire.StatusOf(err) != wire.StatusTimeout && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes and %v, want 408", n, err)
	}
	<-ended
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	// While the body is still being sent.
	in := &closer{Reader: readerFunc(func(p []byte) (int, error) { return len(p), nil })}
	client, peer = startStream(t, fabric, func(ctx context.Context, _ wire.Caller, _ wire.Message, in wire.Body) (wire.Body, error) {
		<-ctx.Done()
		return wire.Body{}, ctx.Err()
	})
	if _, err := client.Open(within(t, 300*time.Millisecond), peer, newPut(), wire.Body{Size: maxStream, Reader: in}); wire.StatusOf(err) != wire.StatusTimeout {
		t.Errorf("a handler that waits: %v, want 408", err)
	}
}

func cancelled(t *testing.T, fabric StreamFabric) {
	client, peer, ended := waiting(t, fabric)
	ctx, cancel := context.WithCancel(t.Context())
	a, err := client.Open(ctx, peer, newPut(), wire.Body{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(a, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, a); wire.StatusOf(err) != wire.StatusCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("an answer given up: %v, want 499", err)
	}
	<-ended
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	// A reader that blocks ends with the context, when it can be closed.
	client, peer = startStream(t, fabric, echo)
	r, w := io.Pipe()
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := client.Open(ctx, peer, newPut(), wire.Body{Size: 10, Reader: r}); wire.StatusOf(err) != wire.StatusCancelled {
		t.Errorf("a body given up: %v, want 499", err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("the reader is open")
	}
}

// closedEarly: an answer that is closed unread leaves nothing behind.
func closedEarly(t *testing.T, fabric StreamFabric) {
	client, peer := startStream(t, fabric, func(_ context.Context, _ wire.Caller, msg wire.Message, _ wire.Body) (wire.Body, error) {
		return wire.Body{Size: msg.(*wire.PutShard).TTL, Reader: &endless{}}, nil
	})
	for _, size := range []int64{0, 1, 1 << 20, 1 << 40} {
		for range 3 {
			a, err := client.Open(within(t, 10*time.Second), peer, &wire.PutShard{TTL: size}, wire.Body{})
			if err != nil {
				t.Fatal(err)
			}
			if a.Size != size {
				t.Errorf("%d bytes promised, want %d", a.Size, size)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// streamDoor: the door is asked before a body is taken.
func streamDoor(t *testing.T, fabric StreamFabric) {
	door := wire.NewDoor(wire.DoorConfig{}, wire.DoorDeps{})
	client, peer := fabric(t, Setup{Server: Key(t, "//Bob"), Client: Key(t, "//Alice"), Door: door, Streams: []StreamRoute{{newPut, echo, maxStream}}})
	if _, err := exchange(within(t, 10*time.Second), client, peer, maxStream, &endless{}); wire.StatusOf(err) != wire.StatusForbidden {
		t.Errorf("a stranger: %v, want 403", err)
	}
}
