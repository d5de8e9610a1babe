package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// dribble gives so many bytes a second.
type dribble struct {
	ctx  context.Context
	r    io.Reader
	rate int64
}

func (d dribble) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
	return d.r.Read(p[:min(int64(len(p)), d.rate)])
}

// slowly puts a segment of an upload at so many bytes a second; 0 is at once.
func (n *natively) slowly(ctx context.Context, user wallet.Address, index int64, data []byte, rate int64) error {
	h := erasure.NewHasher()
	h.Write(data)
	root := h.Root()
	body := io.Reader(bytes.NewReader(append(bytes.Clone(data), root[:]...)))
	if rate > 0 {
		body = dribble{ctx, body, rate}
	}
	put := &wire.PutSegment{Upload: make([]byte, 16), Index: index, Size: int64(len(data)), Secret: make([]byte, 32), TTL: 3600}
	return n.askAs(ctx, user, put, put.Size+int64(len(root)), body)
}

// Four who have all turns, and do little with them, hold up nobody who is quick; with
// nobody waiting they are done in their own time, and those that gave way when they
// come again.
func TestSlowUsersDoNotHaveAllTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNatively(t, 9, gateway.Config{})
		data, quick := noise(600_000), fleettest.Key(t, "quick").Address()
		var mu sync.Mutex // guards again
		var again []func() error
		var work sync.WaitGroup
		for i := range 4 {
			user := fleettest.Key(t, fmt.Sprint("slow", i)).Address()
			for place := range int64(4) {
				work.Go(func() {
					put := func() error { return n.slowly(t.Context(), user, place, data, 1<<10) }
					if err := put(); wire.StatusOf(err) == wire.StatusUnavailable {
						mu.Lock()
						defer mu.Unlock()
						again = append(again, put)
					} else if err != nil {
						t.Error(err)
					}
				})
			}
		}
		<-time.After(5 * time.Second) // they have all turns
		began := time.Now()
		for place := range int64(8) {
			work.Go(func() {
				if err := n.slowly(t.Context(), quick, place, data, 0); err != nil {
					t.Errorf("the quick one: %v", err)
				} else if took := time.Since(began); took > time.Minute {
					t.Errorf("the quick one waited for %v", took)
				}
			})
		}
		work.Wait()
		if len(again) == 0 || len(again) > 4 {
			t.Errorf("%d of 16 slow ones gave way", len(again))
		}
		for _, put := range again {
			work.Go(func() {
				if err := put(); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
	})
}
