package wiretest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

func sum(data []byte) []byte {
	s := sha256.Sum256(data)
	return s[:]
}

// pattern is n bytes that tell when they are out of place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

func newDelete() wire.Message { return &wire.Delete{} }

// statuses: what a handler fails with is what its caller sees.
func statuses(t *testing.T, fabric Fabric) {
	answers := map[string]error{
		"ok": nil, "400": wire.BadRequest("no piece %d", 7), "403": wire.Forbidden("not yours"), "404": wire.NotFound("no such data"),
		"409": wire.Conflict("again"), "413": wire.TooLarge("too much"), "422": wire.Unparsable("what?"), "429": wire.TooMany("slowly"),
		"503": wire.Unavailable("later"), "507": wire.Full("no room for %s", "é\r\nx: y\u4e16"),
		"wrapped": fmt.Errorf("outer: %w", wire.NotFound("inner")), "plain": errors.New("the secret"),
		"with cause": &wire.Error{Status: 404, Text: "gone", Err: errors.New("the secret")},
	}
	client, peer := start(t, fabric, Route{newDelete, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
		if key := msg.(*wire.Delete).DataHash; key != "panic" {
			return answers[key]
		}
		panic("the secret")
	}, 1 << 10})
	answers["panic"] = errors.New("the secret")
	for key, want := range answers {
		_, err := client.Call(within(t, 10*time.Second), peer, &wire.Delete{DataHash: key})
		if wire.StatusOf(err) != wire.StatusOf(want) {
			t.Errorf("%s: %v, want status %d", key, err, wire.StatusOf(want))
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the answer gives inner details away: %v", key, err)
		}
		var said *wire.Error
		if want != nil && (!errors.As(err, &said) || strings.ContainsAny(said.Text, "\r\n\u4e16")) {
			t.Errorf("%s: %T %v", key, err, err)
		}
	}
	if _, err := client.Call(within(t, 10*time.Second), peer, &wire.Retrieve{DataHash: "1"}); wire.StatusOf(err) != wire.StatusNotFound {
		t.Errorf("a message without a handler: %v, want 404", err)
	}
	stranger := peer
	stranger.Hotkey = Key(t, "//Eve").Address()
	if _, err := client.Call(within(t, 10*time.Second), stranger, &wire.Delete{DataHash: "ok"}); wire.StatusOf(err) != wire.StatusUnauthorized {
		t.Errorf("a request to another hotkey: %v, want 401", err)
	}
}

func frontDoor(t *testing.T, fabric Fabric) {
	alice := Key(t, "//Alice")
	standing := wire.Standing{Registered: true, UID: 1, Stake: 10}
	registered := func(wallet.Address) (wire.Standing, error) { return standing, nil }
	for name, c := range map[string]struct {
		cfg    wire.DoorConfig
		deps   wire.DoorDeps
		status int
	}{
		"registered":     {wire.DoorConfig{}, wire.DoorDeps{Standing: registered}, 200},
		"unregistered":   {wire.DoorConfig{}, wire.DoorDeps{}, 403},
		"allowed":        {wire.DoorConfig{AllowUnregistered: true}, wire.DoorDeps{}, 200},
		"blacklisted":    {wire.DoorConfig{Blacklist: []wallet.Address{alice.Address()}}, wire.DoorDeps{Standing: registered}, 403},
		"not listed":     {wire.DoorConfig{OnlyWhitelisted: true}, wire.DoorDeps{Standing: registered}, 403},
		"little stake":   {wire.DoorConfig{MinStake: 11}, wire.DoorDeps{Standing: registered}, 403},
		"no permit":      {wire.DoorConfig{RequirePermit: true}, wire.DoorDeps{Standing: registered}, 403},
		"unknown":        {wire.DoorConfig{}, wire.DoorDeps{Standing: func(wallet.Address) (wire.Standing, error) { return standing, io.ErrUnexpectedEOF }}, 503},
		"over its limit": {wire.DoorConfig{RequestsPerWindow: 2}, wire.DoorDeps{Standing: registered}, 429},
	} {
		t.Run(name, func(t *testing.T) {
			var handled atomic.Int64
			client, peer := fabric(t, Setup{Server: Key(t, "//Bob"), Client: alice, Door: wire.NewDoor(c.cfg, c.deps), Routes: []Route{{
				newDelete, func(context.Context, wire.Caller, wire.Message) error { handled.Add(1); return nil }, 1 << 10,
			}}})
			var err error
			for range 3 {
				_, err = client.Call(within(t, 10*time.Second), peer, &wire.Delete{DataHash: "1"})
			}
			if wire.StatusOf(err) != c.status {
				t.Errorf("the third answer is %v, want %d", err, c.status)
			}
			if want := map[int]int64{200: 3, 429: 2}[c.status]; handled.Load() != want {
				t.Errorf("%d requests reached the handler, want %d", handled.Load(), want)
			}
			if _, err := client.Call(within(t, 10*time.Second), peer, &wire.Ping{}); err != nil {
				t.Errorf("a ping needs only a signature: %v", err)
			}
		})
	}
}

func limits(t *testing.T, fabric Fabric) {
	client, peer := start(t, fabric, Route{func() wire.Message { return &wire.Store{} }, func(context.Context, wire.Caller, wire.Message) error { return nil }, 1 << 20})
	for _, n := range []int{1 << 20, 3 << 20, 20 << 20} {
		want := wire.StatusOK
		if n > 1<<20 {
			want = wire.StatusTooLarge
		}
		if _, err := client.Call(within(t, 10*time.Second), peer, &wire.Store{EncryptedData: pattern(n)}); wire.StatusOf(err) != want {
			t.Errorf("%d bytes: %v, want %d", n, err, want)
		}
	}
}

// ends: timeouts, given up calls, nobody there.
func ends(t *testing.T, fabric Fabric) {
	ended := make(chan error, 2)
	entered := make(chan struct{}, 2)
	client, peer := start(t, fabric, Route{newDelete, func(ctx context.Context, _ wire.Caller, _ wire.Message) error {
		entered <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}, 1 << 10})
	if _, err := client.Call(within(t, 200*time.Millisecond), peer, newDelete()); wire.StatusOf(err) != wire.StatusTimeout {
		t.Errorf("no answer in time: %v, want 408", err)
	}
	<-entered
	<-ended // the handler was told
	ctx, cancel := context.WithCancel(within(t, 10*time.Second))
	go func() { <-entered; cancel() }()
	if _, err := client.Call(ctx, peer, newDelete()); wire.StatusOf(err) != wire.StatusCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("a call given up: %v, want 499", err)
	}
	<-ended
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := wire.Peer{Hotkey: peer.Hotkey, Addr: netip.MustParseAddrPort(l.Addr().String())}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Call(within(t, 10*time.Second), gone, newDelete()); wire.StatusOf(err) != wire.StatusUnavailable {
		t.Errorf("nobody there: %v, want 503", err)
	}
}

// parallel: calls of one client to one server never trip over each other.
func parallel(t *testing.T, fabric Fabric) {
	client, peer := start(t, fabric, Route{newDelete, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
		msg.(*wire.Delete).Deleted = true
		return nil
	}, 1 << 10})
	var group sync.WaitGroup
	ctx := within(t, 30*time.Second)
	for range 40 {
		group.Go(func() {
			for range 10 {
				msg := &wire.Delete{DataHash: "1"}
				if _, err := client.Call(ctx, peer, msg); err != nil || !msg.Deleted {
					t.Errorf("%+v: %v", msg, err)
					return
				}
			}
		})
	}
	group.Wait()
}
