package gateway_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// manySegments is in how many segments some files of these tests are: each takes 5
// KiB of memory for its manifest, of 12 that there are.
const manySegments = 40

func newLarge(t *testing.T, cfg gateway.Config, users ...string) (*natively, []wallet.Address, manifest.Manifest) {
	t.Helper()
	cfg.MinSegment, cfg.GetMemory = 1, 12<<10
	n := newNatively(t, 3, cfg)
	data := noise(manySegments * 100)
	var all []wallet.Address
	var m manifest.Manifest
	for _, name := range users {
		n.owner = fleettest.Key(t, name)
		all = append(all, n.owner.Address())
		m = n.uploadMany(t, data, 100)
		for i := range m.Segments {
			n.putPart(t, &m, data, i)
		}
		if _, err := n.commit(t, m, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	return n, all, m
}

// Gets of large files wait for the memory of their manifests, of one user behind its
// own, and say so when they give up; small files need none.
func TestLargeManifestsWaitForMemory(t *testing.T) {
	n, users, m := newLarge(t, gateway.Config{Gets: 4, GetPatience: time.Hour, RetrieveTimeout: 200 * time.Millisecond}, "A", "B", "C")
	small, _ := n.store(t, noise(300), time.Hour) // C's
	get := func(ctx context.Context, user int, cid string) io.ReadCloser {
		t.Helper()
		r, err := n.getting(ctx, users[user], cid)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := get(t.Context(), 0, m.CID)
	if _, err := n.getting(t.Context(), users[0], m.CID); wire.StatusOf(err) != wire.StatusUnavailable {
		t.Fatalf("a user's second: %v", err)
	}
	second := get(t.Context(), 1, m.CID)
	if _, err := n.getting(t.Context(), users[2], m.CID); wire.StatusOf(err) != wire.StatusUnavailable {
		t.Fatalf("one too many: %v", err)
	}
	if err := get(t.Context(), 2, small.CID).Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // whatever becomes of it, the memory is given back
		if _, err := n.getting(t.Context(), users[2], small.CID[:len(small.CID)-1]+"b"); err == nil {
			t.Fatal("a file that is not there")
		}
		msg := &wire.GetObject{CID: m.CID, Offset: m.Size + 1}
		if err := n.askAs(t.Context(), users[2], msg, 0, nil); wire.StatusOf(err) != wire.StatusBadRequest {
			t.Fatal(err)
		}
		r := get(t.Context(), 2, m.CID)
		if rest, err := io.ReadAll(r); err != nil || int64(len(rest)) != m.Size-1 {
			t.Fatalf("%d bytes, %v", len(rest), err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}

// Many gets of large files at once, of which some go away, all come to their end.
func TestLargeManifestsDoNotLockUp(t *testing.T) {
	n, users, m := newLarge(t, gateway.Config{Gets: 2, GetPatience: time.Hour}, "A", "B", "C")
	var work sync.WaitGroup
	for i := range 60 {
		work.Go(func() {
			r, err := n.getting(t.Context(), users[i%3], m.CID)
			if err != nil {
				t.Error(err)
				return
			}
			if i%4 > 0 {
				if rest, err := io.ReadAll(r); err != nil || int64(len(rest)) != m.Size-1 {
					t.Errorf("%d bytes, %v", len(rest), err)
				}
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
}

// Of slow gets one of a large file gives way to who waits for its memory, and none
// of a small one.
func TestSlowGetsOfLargeFilesGiveWay(t *testing.T) {
	n, users, m := newLarge(t, gateway.Config{Gets: 8, GetPatience: 10 * time.Millisecond}, "A", "B", "C")
	data := noise(300)
	little := n.uploadMany(t, data, 100)
	little.Upload[0]++
	for i := range little.Segments {
		n.putPart(t, &little, data, i)
	}
	if _, err := n.commit(t, little, time.Hour); err != nil {
		t.Fatal(err)
	}
	var slow []io.ReadCloser
	for _, g := range []struct {
		user int
		cid  string
	}{{2, little.CID}, {0, m.CID}, {1, m.CID}} {
		r, err := n.getting(t.Context(), users[g.user], g.cid)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		slow = append(slow, r)
	}
	r, err := n.getting(t.Context(), users[2], m.CID)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	gone := 0
	for i, r := range slow {
		if _, err := io.ReadAll(r); wire.StatusOf(err) == wire.StatusUnavailable {
			if gone++; i == 0 {
				t.Error("a small one gave way")
			}
		} else if err != nil {
			t.Error(err)
		}
	}
	if gone == 0 {
		t.Error("none gave way")
	}
}
