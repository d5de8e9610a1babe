package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wire"
)

func TestStoreRefusesWhatCannotBe(t *testing.T) {
	b := newBench(t, 3, gateway.Config{MaxFile: 1000, MaxTTL: time.Hour, TTL: time.Minute})
	alice := user(t, "alice")
	cases := []struct {
		name    string
		size    int
		payload string
		ttl     time.Duration
		want    int
	}{
		{"as large as allowed", 1000, "{}", time.Hour, wire.StatusOK},
		{"too large", 1001, "{}", 0, wire.StatusTooLarge},
		{"no JSON", 1, "{", 0, wire.StatusBadRequest},
		{"long payload", 1, `"` + strings.Repeat("x", index.MaxPayload) + `"`, 0, wire.StatusBadRequest},
		{"ttl below a second", 1, "", time.Millisecond, wire.StatusBadRequest},
		{"ttl too long", 1, "", time.Hour + 1, wire.StatusBadRequest},
		{"negative ttl", 1, "", -time.Hour, wire.StatusBadRequest},
	}
	for _, c := range cases {
		if _, err := b.Store(t.Context(), alice, make([]byte, c.size), c.payload, c.ttl); wire.StatusOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for seconds, want := range map[int64]int{0: 400, -1: 400, 1: 200, 3600: 200, 3601: 400, 1 << 62: 400} {
		msg := &wire.StoreUser{EncryptedData: []byte{1}, EncryptionPayload: "{}", TTL: &seconds}
		if err := b.StoreUser(t.Context(), wire.Caller{Hotkey: alice}, msg); wire.StatusOf(err) != want {
			t.Errorf("ttl of %d s: %v", seconds, err)
		}
	}
	id, err := b.Store(t.Context(), alice, noise(77), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	own, err := b.Index.Ownership(t.Context(), id, alice)
	if err != nil || own.TTL != time.Minute {
		t.Fatalf("%+v, %v", own, err)
	}
}

// TestBusyGateway: a request for which there is no memory waits for its turn
// and says so when it gives up; one larger than the memory has it alone.
func TestBusyGateway(t *testing.T) {
	b := newBench(t, 3, gateway.Config{Memory: 1000})
	alice := user(t, "alice")
	id := b.put(t, alice, noise(2000))
	for _, m := range b.Miners {
		m.Behave(fleettest.Silent, "Store")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := b.Store(ctx, alice, noise(999), "", 0)
		done <- err
	}()
	for b.asked("Store") < 6 { // the first three stored the first file
		if _, err := b.Store(t.Context(), alice, nil, "{}", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, _, err := b.Retrieve(short, alice, id); wire.StatusOf(err) != wire.StatusUnavailable || !strings.Contains(err.Error(), "busy") {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b.check(t, alice, id, noise(2000))
}

// TestMemoryOfTheServer is asked for before a file is fetched.
func TestMemoryOfTheServer(t *testing.T) {
	b := newBench(t, 3, gateway.Config{})
	alice := user(t, "alice")
	id := b.put(t, alice, noise(2000))
	asked := int64(0)
	ctx := wire.WithMemory(t.Context(), func(_ context.Context, bytes int64) error {
		asked = bytes
		return wire.Unavailable("no room")
	})
	if _, _, err := b.Retrieve(ctx, alice, id); wire.StatusOf(err) != wire.StatusUnavailable || asked != 2000 {
		t.Fatalf("asked for %d bytes, %v", asked, err)
	}
}

func TestMetrics(t *testing.T) {
	b := newBench(t, 3, gateway.Config{})
	r := prometheus.NewRegistry()
	g := gateway.New(gateway.Config{}, gateway.Deps{Fleet: b.fleet, Index: b.Index, Metrics: r})
	from := wire.Caller{Hotkey: user(t, "alice")}
	store := &wire.StoreUser{EncryptedData: noise(500), EncryptionPayload: "{}"}
	if err := g.StoreUser(t.Context(), from, store); err != nil {
		t.Fatal(err)
	}
	if err := g.RetrieveUser(t.Context(), from, &wire.RetrieveUser{DataHash: store.DataHash}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{200, 404} {
		if err := g.DeleteUser(t.Context(), from, &wire.DeleteUser{DataHash: store.DataHash}); wire.StatusOf(err) != want {
			t.Fatal(err)
		}
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	if got["filetao_gateway_requests_total"] != 4 || got["filetao_gateway_bytes_total"] != 1000 || got["filetao_gateway_memory_bytes"] != 0 {
		t.Fatalf("%v", got)
	}
	for _, msg := range []wire.Message{&wire.Ping{}} {
		for _, h := range []wire.Handler{g.StoreUser, g.RetrieveUser, g.DeleteUser} {
			if err := h(t.Context(), from, msg); wire.StatusOf(err) != wire.StatusInternal {
				t.Fatal(err)
			}
		}
	}
}

// TestDefaults are the network's: changing one is a decision.
func TestDefaults(t *testing.T) {
	got := fmt.Sprintf("%+v", gateway.DefaultConfig())
	want := "{Redundancy:3 MinReplicas:2 Sample:10 ChunkSize:0 MaxFile:2147483648 Memory:6442450944 Segments:16 Gets:128 GetMemory:83886080 GetPatience:30s Quota:{Bytes:0 Objects:0 Segments:0 Uploads:256} Quotas:map[] MinSegment:1048576 InFlight:536870912 " +
		"StoreTimeout:10m0s RetrieveTimeout:10m0s CleanupTimeout:30s TTL:720h0m0s MaxTTL:87600h0m0s}"
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}
