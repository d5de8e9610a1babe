package gateway_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// shards counts what miners have, as they themselves know it.
func (n *natively) shards() (all int) {
	for _, m := range n.Miners {
		all += len(m.Holds())
	}
	return all
}

// store puts and commits a file of one segment.
func (n *natively) store(t testing.TB, data []byte, ttl time.Duration) (manifest.Manifest, time.Time) {
	t.Helper()
	m := n.upload(t, data, ttl)
	expires, err := n.commit(t, m, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return m, expires
}

func (n *natively) remove(t testing.TB, id string) {
	t.Helper()
	if msg := (&wire.DeleteObject{CID: id}); n.ask(t, msg, nil) != nil || !msg.Deleted {
		t.Fatal("it was not deleted")
	}
}

// nothing checks that no miner has anything, and that there is nothing to sweep.
func (n *natively) nothing(t testing.TB) {
	t.Helper()
	swept, err := n.Index.Sweep(t.Context(), 0)
	if err != nil || swept > 0 || n.shards() > 0 {
		t.Fatalf("%d shards are left, %d swept, %v", n.shards(), swept, err)
	}
}

// A delete is answered when the file is gone. Its segments end afterwards, and by
// whoever comes next if the gateway is killed in between.
func TestDeleteDoesNotWaitForMiners(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{})
	m, _ := n.store(t, noise(200_000), time.Hour)
	for _, miner := range n.Miners {
		miner.Behave(fleettest.Silent, "DropShard", "Delete")
	}
	n.remove(t, m.CID)
	if err := n.ask(t, &wire.OpenObject{CID: m.CID}, nil); wire.StatusOf(err) != wire.StatusNotFound {
		t.Fatal(err)
	}
	if err := n.ask(t, &wire.DeleteObject{CID: m.CID}, nil); wire.StatusOf(err) != wire.StatusNotFound {
		t.Fatal(err)
	}
	if n.shards() == 0 {
		t.Fatal("it waited")
	}
	for _, miner := range n.Miners {
		miner.Behave(fleettest.Honest, "DropShard", "Delete")
	}
	n.EndLeft(t.Context())
	n.nothing(t)

	m, _ = n.store(t, noise(200_000), time.Hour)
	n.remove(t, m.CID)
	n.Gateway = nil // killed
	for o, err := range n.Index.Left(t.Context()) {
		if err == nil {
			err = n.Index.EndLeft(t.Context(), o, time.Minute, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if swept, err := n.Index.Sweep(t.Context(), 0); err != nil || swept != 0 {
		t.Fatal(swept, err)
	}
}

// What a gateway has to end it ends by itself.
func TestRunEndsWhatIsLeft(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	m, _ := n.store(t, noise(200_000), time.Hour)
	n.remove(t, m.CID)
	dropped := n.upload(t, noise(100_000), time.Hour)
	if err := n.ask(t, &wire.DropUpload{Upload: dropped.Upload[:]}, nil); err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(5 * time.Millisecond); n.shards() > 0; {
		<-tick.C
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	n.nothing(t)
}

// A miner that cannot be told does not keep the others from it.
func TestMinersThatCannotBeTold(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{CleanupTimeout: 2 * time.Second})
	m, _ := n.store(t, noise(200_000), time.Hour)
	n.Miners[0].Behave(fleettest.Silent, "DropShard", "Delete")
	n.Miners[1].Behave(fleettest.Failing, "DropShard", "Delete")
	n.remove(t, m.CID)
	n.EndLeft(t.Context())
	for i, miner := range n.Miners {
		drops := 0
		for _, err := range n.Index.Drops(t.Context(), miner.Hotkey()) {
			if err != nil {
				t.Fatal(err)
			}
			drops++
		}
		if i > 1 && len(miner.Holds()) > 0 || drops != len(miner.Holds()) {
			t.Errorf("miner %d has %d shards and %d drops", i, len(miner.Holds()), drops)
		}
	}
}

// A file that is put again in another way leaves nothing of the first.
func TestReplacedFileLeavesNothing(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{})
	m, _ := n.store(t, noise(200_000), time.Hour)
	first := n.shards()
	again := m
	again.Upload, again.Secret = [16]byte{10}, envelope.ShardSecret{6}
	h := erasure.NewHasher()
	h.Write(noise(200_000))
	root := h.Root()
	put := &wire.PutSegment{Upload: again.Upload[:], Size: m.Size, Secret: again.Secret[:], TTL: 60}
	if err := n.ask(t, put, append(noise(200_000), root[:]...)); err != nil {
		t.Fatal(err)
	}
	expires, err := n.commit(t, again, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	n.checkLasts(t, again, expires)
	n.EndLeft(t.Context())
	if n.shards() > first {
		t.Fatalf("%d shards, and there were %d", n.shards(), first)
	}
	n.remove(t, m.CID)
	n.EndLeft(t.Context())
	n.nothing(t)
}

// A file that is put or renewed again ends no earlier, and earlier if that is asked
// for; its shards never do.
func TestFileEndsNoEarlier(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{})
	const day = 24 * time.Hour
	data := noise(200_000)
	m, expires := n.store(t, data, 30*day)
	is := func(got time.Time, err error, want time.Time) {
		t.Helper()
		if err != nil || !got.Equal(want) {
			t.Fatalf("it ends %v, %v, and not %v", got, err, want)
		}
		open := &wire.OpenObject{CID: m.CID}
		if err := n.ask(t, open, nil); err != nil || open.Expires != want.Unix() {
			t.Fatalf("it ends %v, %v, and not %v", time.Unix(open.Expires, 0), err, want)
		}
		n.checkLasts(t, m, got)
	}
	n.later.Store(int64(day))
	m, again := n.store(t, data, 5*time.Second)
	is(again, nil, expires)
	renew := func(ttl time.Duration, shorten bool) (time.Time, error) {
		msg := &wire.RenewObject{CID: m.CID, TTL: int64(ttl / time.Second), Shorten: shorten}
		err := n.ask(t, msg, nil)
		return time.Unix(msg.Expires, 0), err
	}
	got, err := renew(3*time.Second, false)
	is(got, err, expires)
	got, err = renew(3*day, true)
	if !got.Before(expires) {
		t.Fatal("it was not shortened")
	}
	is(got, err, got)
	n.checkLasts(t, m, expires) // another file may need them
	longer, err := renew(50*day, true)
	if !longer.After(expires) {
		t.Fatal("it was shortened")
	}
	is(longer, err, longer)
}
