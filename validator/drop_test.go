package validator_test

import (
	"context"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wire"
)

// guarded is a transport to miners whose doors let the asker in as often as those
// of the network: so many requests in so many blocks.
type guarded struct {
	*bench
	doors   map[string]*wire.Door // by hotkey
	refused map[string]int        // by message
}

func newGuarded(b *bench) *guarded {
	g := &guarded{bench: b, doors: map[string]*wire.Door{}, refused: map[string]int{}}
	for _, m := range b.Miners {
		g.doors[string(m.Hotkey())] = wire.NewDoor(wire.DoorConfig{AllowUnregistered: true}, wire.DoorDeps{
			Height: func() uint64 { return b.follower.Head().Number },
		})
	}
	return g
}

func (g *guarded) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	g.mu.Lock()
	_, err := g.doors[string(to.Hotkey)].Admit(g.Asker.Address())
	if err != nil {
		g.refused[msg.Name()]++
	}
	g.mu.Unlock()
	if err != nil {
		return wire.Exchange{}, err
	}
	return g.Net.Call(ctx, to, msg)
}

// random is how many random data of up to a time a miner has by the index.
func (b *bench) random(t *testing.T, i int, until time.Time) (n int) {
	t.Helper()
	for h, err := range b.Index.Holdings(t.Context(), b.Miners[i].Hotkey(), index.Random) {
		if err != nil {
			t.Fatal(err)
		}
		if !h.Stored.After(until) {
			n++
		}
	}
	return n
}

// All random data of a period is dropped in the end, although miners let nobody
// ask as often as there are data; nothing is refused meanwhile, also not across a
// kill, and what comes later is kept.
func TestDroppingIsPaced(t *testing.T) {
	const stored = 40
	cfg := settings()
	b := newBench(t, 2, cfg)
	g := newGuarded(b)
	b.Validator = b.again(cfg, g)
	number := uint64(3000)
	step := func() {
		b.pass(36 * time.Second)
		b.step(t, number)
		number += 3
	}
	for range stored {
		step()
	}
	if n := b.random(t, 0, b.clock()); n != stored {
		t.Fatalf("%d data are stored", n)
	}
	number = 3600
	step()
	begun := b.clock() // the datum of this step is of before, too
	steps := 1
	for ; b.random(t, 0, begun)+b.random(t, 1, begun) > 0 && steps < 100; steps++ {
		if steps == 7 {
			b.Validator = b.again(cfg, g) // killed, and started again
		}
		before := b.Miners[0].Asked("Delete")
		step()
		if n := b.Miners[0].Asked("Delete") - before; n > 2 {
			t.Fatalf("%d deletions in a step", n)
		}
	}
	if steps != 21 || len(g.refused) > 0 {
		t.Errorf("%d steps, refused %v", steps, g.refused)
	}
	for range 5 {
		step()
	}
	for i, m := range b.Miners {
		if n := m.Asked("Delete"); n != stored+1 || len(m.Holds()) != steps-1+5 || b.random(t, i, b.clock()) != steps-1+5 {
			t.Errorf("miner %d was told %d times, and has %d data, %d by the index", i, n, len(m.Holds()), b.random(t, i, b.clock()))
		}
	}
	if n := len(b.seen(validator.TaskStore)); n != stored+steps+5 {
		t.Errorf("%d stores", n)
	}
}

// Who is asked too much, by others under the same hotkey, is told further at the
// next step.
func TestDroppingWaitsForAFullDoor(t *testing.T) {
	b := newBench(t, 1, settings())
	for number := uint64(3); number <= 15; number += 3 {
		b.step(t, number)
	}
	g := newGuarded(b)
	b.Validator = b.again(settings(), g)
	full := func() {
		for _, d := range g.doors {
			for err := error(nil); err == nil; _, err = d.Admit(b.Asker.Address()) {
			}
		}
	}
	b.advance(t, 3600)
	full()
	b.step(t, 3600) // in which nothing gets through
	told := b.Miners[0].Asked("Delete")
	left := b.random(t, 0, b.clock())
	if told != 0 || left < 4 {
		t.Fatalf("%d deletions, %d left", told, left)
	}
	b.pass(time.Minute)
	until := b.clock().Add(-time.Second)
	for number := uint64(3625); number < 3640; number += 3 {
		b.step(t, number)
	}
	if n := b.random(t, 0, until); n != 0 || b.Miners[0].Asked("Delete") != left {
		t.Errorf("%d are left, %d deletions", n, b.Miners[0].Asked("Delete"))
	}
}
