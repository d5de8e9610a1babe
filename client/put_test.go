package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// TestPutStoresOnce: gateways that refuse are passed over, none is asked
// twice, and the file ends up at one.
func TestPutStoresOnce(t *testing.T) {
	for range 20 { // the order is random
		n := newNetwork(t, 3)
		n.at(0).instead = refuse("StoreUser", 503)
		n.at(1).instead = func(_ context.Context, msg wire.Message) (bool, error) { // takes something else
			if m, ok := msg.(*wire.StoreUser); ok {
				m.DataHash = cid.Sum([]byte("something else"))
			}
			return true, nil
		}
		stored := put(t, n.client(client.Config{}), "some data", client.PutOptions{TTL: 90 * time.Second})
		if !slices.Equal(stored.Gateways, []wallet.Address{n.hotkey(2)}) || stored.Size != 9 || n.asked("StoreUser") > 3 {
			t.Fatalf("%+v after %d requests", stored, n.asked("StoreUser"))
		}
		f, ok := n.at(2).files[stored.CID]
		if !ok || *f.TTL != 90 || cid.Sum(f.EncryptedData) != stored.CID || strings.Contains(string(f.EncryptedData), "some data") {
			t.Fatalf("the gateway has %+v", f)
		}
		if got, err := envelope.Open(*key(), f.EncryptedData, f.EncryptionPayload); err != nil || string(got) != "some data" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestPutAsksThreeOfMany(t *testing.T) {
	n := newNetwork(t, 10)
	n.all(refuse("StoreUser", 403))
	_, err := n.client(client.Config{}).Put(t.Context(), []byte("x"), client.PutOptions{Plain: true})
	if wire.StatusOf(err) != wire.StatusForbidden || n.asked("StoreUser") != 3 {
		t.Fatalf("%d requests, %v", n.asked("StoreUser"), err)
	}
	for uid := range 10 {
		if n.at(uid).asked["StoreUser"] > 1 {
			t.Fatalf("gateway %d was asked %d times", uid, n.at(uid).asked["StoreUser"])
		}
	}
	if strings.Count(err.Error(), "gateway 5") != 3 || strings.Count(err.Error(), "refused by the test") != 3 {
		t.Fatalf("the error does not say what the gateways said: %v", err)
	}
}

func TestPutWaitsAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 2)
		calls := 0
		n.all(func(_ context.Context, msg wire.Message) (bool, error) {
			if msg.Name() != "StoreUser" {
				return false, nil
			}
			calls++
			return calls <= 4, wire.Unavailable("busy")
		})
		start := time.Now()
		put(t, n.client(client.Config{}), "x", client.PutOptions{})
		if took := time.Since(start); took != 6*time.Second || calls != 5 {
			t.Fatalf("took %v and %d requests, want waits of 2 s and 4 s", took, calls)
		}
		calls = -100
		if _, err := n.client(client.Config{}).Put(t.Context(), nil, client.PutOptions{Plain: true}); wire.StatusOf(err) != wire.StatusUnavailable || calls != -94 {
			t.Fatalf("%d requests, %v", calls+100, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		calls, start = -100, time.Now()
		if _, err := n.client(client.Config{}).Put(ctx, nil, client.PutOptions{Plain: true}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

// TestPutLeavesAHungGateway after its time, which grows with the file.
func TestPutLeavesAHungGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 2)
		n.at(0).instead = hang("StoreUser")
		first := client.PutOptions{Plain: true, UIDs: []chain.UID{0, 1}}
		start := time.Now()
		put(t, n.client(client.Config{}), "x", first)
		if took := time.Since(start); took != 100*time.Second {
			t.Fatalf("took %v", took)
		}
		start = time.Now()
		put(t, n.client(client.Config{}), strings.Repeat("x", 8<<20), first)
		if took := time.Since(start); took != 102*time.Second {
			t.Fatalf("took %v for 8 MiB", took)
		}
		first.Timeout, start = time.Second, time.Now()
		put(t, n.client(client.Config{}), "x", first)
		if took := time.Since(start); took != time.Second {
			t.Fatalf("took %v instead of the second asked for", took)
		}
	})
}

func TestPutIsNeverSilentlyPlain(t *testing.T) {
	n := newNetwork(t, 1)
	c := n.client(client.Config{})
	if _, err := c.Put(t.Context(), []byte("secret"), client.PutOptions{}); !errors.Is(err, client.ErrNoKey) {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), []byte("secret"), client.PutOptions{Plain: true, Encrypt: key()}); err == nil {
		t.Fatal("stored in the open although a key was given")
	}
	if _, err := c.Put(t.Context(), nil, client.PutOptions{Plain: true, TTL: time.Millisecond}); err == nil {
		t.Fatal("stored for a millisecond")
	}
	if n.asked("StoreUser") != 0 {
		t.Fatal("something was sent")
	}
	stored := put(t, c, "open", client.PutOptions{Plain: true})
	if f := n.at(0).files[stored.CID]; string(f.EncryptedData) != "open" || f.EncryptionPayload != envelope.NoPayload || stored.CID != cid.Sum([]byte("open")) {
		t.Fatalf("%+v", f)
	}
}

func TestPutTellsProgress(t *testing.T) {
	n := newNetwork(t, 1)
	var stages []client.Stage
	put(t, n.client(client.Config{}), "x", client.PutOptions{Progress: func(p client.Progress) { stages = append(stages, p.Stage) }})
	if want := []client.Stage{client.StageEncrypting, client.StageFinding, client.StageAsking, client.StageDone}; !slices.Equal(stages, want) {
		t.Fatalf("%v, want %v", stages, want)
	}
}
