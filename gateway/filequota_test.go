package gateway_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Files that come whole count as those in segments do: with all their replicas, from
// axon to axon. What does not fit is refused before a miner has any of it, what is
// deleted makes room, and others have their own.
func TestFilesThatComeWholeHaveAQuota(t *testing.T) {
	access := gateway.Access{Whitelist: []wallet.Address{user(t, "alice"), user(t, "bob")}}
	s := serve(t, 5, access, gateway.Config{Quota: gateway.Quota{Bytes: 7000}})
	alice, address := s.user(t, "alice")
	bob, _ := s.user(t, "bob")
	put := func(ask func(wire.Message) error, n byte, size int) (string, error) {
		store := &wire.StoreUser{EncryptedData: bytes.Repeat([]byte{n}, size), EncryptionPayload: "{}"}
		err := ask(store)
		return store.DataHash, err
	}
	takes := func(want index.Usage) {
		t.Helper()
		if got, err := s.Index.Usage(t.Context(), address); err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	}
	first, err := put(alice, 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is hers already
		if _, err := put(alice, 2, 1000); err != nil {
			t.Fatal(err)
		}
	}
	takes(index.Usage{Bytes: 6000, Objects: 2})
	held := s.chunks()
	if _, err := put(alice, 3, 1000); wire.StatusOf(err) != wire.StatusFull || !strings.Contains(err.Error(), "this gateway gives a hotkey") {
		t.Fatal(err)
	}
	if s.chunks() != held {
		t.Error("miners have what was refused")
	}
	for _, n := range []byte{1, 3} {
		if _, err := put(bob, n, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := alice(&wire.DeleteUser{DataHash: first}); err != nil {
		t.Fatal(err)
	}
	takes(index.Usage{Bytes: 3000, Objects: 1})
	third, err := put(alice, 3, 1000)
	if err != nil {
		t.Fatal(err)
	}
	takes(index.Usage{Bytes: 6000, Objects: 2})
	if _, err := s.Index.ExpireOwner(t.Context(), third, address, time.Now().AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	takes(index.Usage{Bytes: 3000, Objects: 1})
}

// chunks counts what the miners have.
func (s *served) chunks() (n int) {
	for _, m := range s.Miners {
		n += len(m.Holds())
	}
	return n
}

// Many at once have no more than one after the other, and nothing refused counts.
func TestFilesAtOnceHaveOneQuota(t *testing.T) {
	b := newBench(t, 3, gateway.Config{Quota: gateway.Quota{Objects: 3}})
	alice := user(t, "alice")
	var work sync.WaitGroup
	for i := range 12 {
		work.Go(func() {
			_, err := b.Store(t.Context(), alice, noise(100+i), "", 0)
			if status := wire.StatusOf(err); status != wire.StatusOK && status != wire.StatusFull {
				t.Error(err)
			}
		})
	}
	work.Wait()
	stored := 0
	for file, err := range b.Index.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
		if err := b.Delete(t.Context(), alice, file.CID); err != nil {
			t.Fatal(err)
		}
	}
	if stored > 3 {
		t.Errorf("%d of 3", stored)
	}
	for i := range 4 {
		if _, err := b.Store(t.Context(), alice, noise(200+i), "", 0); (err == nil) != (i < 3) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// What comes whole and what comes in segments is one quota.
func TestFilesAndObjectsHaveOneQuota(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{Quota: gateway.Quota{Objects: 1}})
	if _, err := n.Store(t.Context(), n.owner.Address(), noise(100), "", 0); err != nil {
		t.Fatal(err)
	}
	m := n.upload(t, noise(200_000), time.Hour)
	if _, err := n.commit(t, m, time.Hour); wire.StatusOf(err) != wire.StatusFull {
		t.Fatal(err)
	}
	used := &wire.Usage{}
	if err := n.ask(t, used, nil); err != nil || used.Objects != 1 || used.Bytes < 300 {
		t.Fatalf("%+v, %v", used, err)
	}
}
