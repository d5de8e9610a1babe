package gateway

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// turnsRig has turns of users, each of whom sends at a rate of its own.
type turnsRig struct {
	*turns
	t *testing.T

	mu    sync.Mutex // guards what follows
	ended []string   // users, in order
}

func rigTurns(t *testing.T, n int) *turnsRig { return &turnsRig{turns: newTurns(n, time.Now), t: t} }

// comes takes a turn, and sends so many bytes a second from then on; ctx's end gives
// it back.
func (r *turnsRig) comes(ctx context.Context, user string, rate int64) {
	ctx, cancel := context.WithCancel(ctx)
	begun := make(chan struct{})
	go func() {
		defer cancel()
		one, err := r.take(ctx, wallet.Address(user), func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ended = append(r.ended, user)
			cancel()
		})
		if close(begun); err != nil {
			return
		}
		defer one.close()
		body := one.body(ctx, wire.Body{Reader: each(func(p []byte) (int, error) {
			select {
			case <-time.After(4 * time.Second):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			return int(min(4*rate, int64(len(p)))), nil
		}), Size: 1 << 40})
		for p := make([]byte, 1<<25); err == nil; _, err = body.Read(p) {
		}
	}()
	select {
	case <-begun:
	case <-time.After(time.Millisecond): // it waits
	}
}

type each func(p []byte) (int, error)

func (e each) Read(p []byte) (int, error) { return e(p) }

// has is how many turns each user has.
func (r *turnsRig) has() map[wallet.Address]int {
	synctest.Wait()
	r.turns.mu.Lock()
	defer r.turns.mu.Unlock()
	got := map[wallet.Address]int{}
	for one := range r.held {
		got[one.user]++
	}
	if fmt.Sprint(got) != fmt.Sprint(r.of) {
		r.t.Errorf("%v, and counted are %v", got, r.of)
	}
	return got
}

func (r *turnsRig) want(want map[wallet.Address]int, ended ...string) {
	r.t.Helper()
	got := r.has()
	r.mu.Lock()
	defer r.mu.Unlock()
	if fmt.Sprint(got) != fmt.Sprint(want) || !slices.Equal(r.ended, ended) {
		r.t.Errorf("they have %v, and ended are %v; want %v and %v", got, r.ended, want, ended)
	}
}

// turnsTest runs in a bubble, at whose end nobody has or awaits a turn.
func turnsTest(t *testing.T, n int, test func(ctx context.Context, r *turnsRig)) {
	synctest.Test(t, func(t *testing.T) {
		r, ctx := rigTurns(t, n), t.Context()
		ctx, cancel := context.WithCancel(ctx)
		test(ctx, r)
		cancel()
		synctest.Wait()
		if len(r.held)+len(r.waiting)+len(r.of) != 0 {
			t.Errorf("left are %d turns, %d who wait, and %v", len(r.held), len(r.waiting), r.of)
		}
	})
}

// However slow a turn is, it does not give way while nobody waits, nor to who waits
// for others of its own.
func TestNobodyGivesWayToNobody(t *testing.T) {
	turnsTest(t, 16, func(ctx context.Context, r *turnsRig) {
		for i := range 15 {
			r.comes(ctx, fmt.Sprint("slow", i/4), 1)
		}
		r.comes(ctx, "slow0", 1) // its fifth
		<-time.After(10 * time.Minute)
		r.want(map[wallet.Address]int{"slow0": 4, "slow1": 4, "slow2": 4, "slow3": 3})
	})
}

// Users come to equal shares, and there it ends. Who is brisk, or has only begun, does
// not give way.
func TestTurnsAreShared(t *testing.T) {
	turnsTest(t, 8, func(ctx context.Context, r *turnsRig) {
		for range 4 {
			r.comes(ctx, "brisk", 2<<20)
		}
		for range 4 {
			r.comes(ctx, "slow", 500<<10)
		}
		<-time.After(time.Minute)
		for range 4 {
			r.comes(ctx, "new", 1<<10)
		}
		r.want(map[wallet.Address]int{"brisk": 4, "slow": 4})
		<-time.After(time.Minute)
		r.want(map[wallet.Address]int{"brisk": 4, "slow": 2, "new": 2}, "slow", "slow")
		r.comes(ctx, "other", 1<<10)
		<-time.After(turnPatience + time.Second)
		r.want(map[wallet.Address]int{"brisk": 4, "slow": 2, "new": 1, "other": 1}, "slow", "slow", "new")
		<-time.After(5 * time.Minute)
		r.want(map[wallet.Address]int{"brisk": 4, "slow": 2, "new": 1, "other": 1}, "slow", "slow", "new")
	})
}

// Of more users than turns, who crawl, half keep theirs, those that are furthest;
// the other half changes hands, and who is quick has one in no time.
func TestHalfMayCrawl(t *testing.T) {
	turnsTest(t, 8, func(ctx context.Context, r *turnsRig) {
		for i := range 8 {
			r.comes(ctx, fmt.Sprint("first", i), 1<<10)
			<-time.After(time.Minute)
		}
		for i := range 20 {
			r.comes(ctx, fmt.Sprint("later", i), 2<<10)
		}
		<-time.After(2 * turnPatience)
		quick, done := context.WithCancel(ctx)
		r.comes(quick, "quick", 8<<20)
		<-time.After(20 * turnPatience)
		if n := r.has()["quick"]; n != 1 {
			t.Errorf("who is quick has %d turns", n)
		}
		done()
		<-time.After(10 * time.Minute)
		got := r.has()
		r.mu.Lock()
		defer r.mu.Unlock()
		if got["first0"]+got["first1"]+got["first2"]+got["first3"] != 4 || len(r.ended) < 20 {
			t.Errorf("%v are left of those who were furthest; ended are %v", got, r.ended)
		}
	})
}

// Who has fewest turns is first, then who came first.
func TestFewestTurnsFirst(t *testing.T) {
	turnsTest(t, 3, func(ctx context.Context, r *turnsRig) {
		one, done := context.WithCancel(ctx)
		r.comes(one, "a", 8<<20)
		r.comes(ctx, "b", 8<<20)
		r.comes(ctx, "b", 8<<20)
		for _, user := range []string{"b", "a", "c", "d"} {
			r.comes(ctx, user, 8<<20)
		}
		done()
		r.want(map[wallet.Address]int{"a": 1, "b": 2})
	})
}

// A body that is there does not count as slow while its segment is stored, and one
// that fails is told as it is.
func TestTurnBody(t *testing.T) {
	turnsTest(t, 1, func(ctx context.Context, r *turnsRig) {
		one, err := r.take(ctx, "a", func() { t.Error("it gives way") })
		if err != nil {
			t.Fatal(err)
		}
		defer one.close()
		body := one.body(ctx, wire.Body{Reader: bytes.NewReader(make([]byte, 10)), Size: 10})
		<-time.After(10 * time.Minute) // our time, not the user's
		if n, err := body.Read(make([]byte, 4)); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		<-time.After(10 * time.Minute)
		r.hurry()
		if n, err := body.Read(make([]byte, 10)); n != 6 || err != nil || !one.whole || one.moved != 10 || one.took != 0 {
			t.Fatalf("%d, %v: %+v", n, err, one)
		}
		ended, cancel := context.WithCancelCause(ctx)
		cancel(errTooSlow)
		if _, err := one.body(ended, wire.Body{}).Read(nil); err != error(errTooSlow) {
			t.Fatal(err)
		}
	})
}
