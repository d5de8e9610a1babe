package validator_test

import (
	"context"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// offering is a transport to miners of which some say how much they can hold,
// and refuse data.
type offering struct {
	*bench
	room  map[wallet.Address]int64 // more than what they hold; absent: no such message
	full  map[wallet.Address]bool  // refuse all data
	asked map[wallet.Address]int
}

func newOffering(b *bench) *offering {
	return &offering{b, map[wallet.Address]int64{}, map[wallet.Address]bool{}, map[wallet.Address]int{}}
}

func (o *offering) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	o.mu.Lock()
	full, now := o.full[to.Hotkey], o.now
	room, offers := o.room[to.Hotkey]
	if msg.Name() == "Offer" {
		o.asked[to.Hotkey]++
	}
	o.mu.Unlock()
	switch m := msg.(type) {
	case *wire.Store:
		if full {
			return wire.Exchange{}, wire.Full("no room")
		}
	case *wire.Offer:
		if !offers {
			return wire.Exchange{}, wire.NotFound("no such message")
		}
		return wire.Exchange{}, o.sign(to.Hotkey, m, room, now)
	}
	return o.Net.Call(ctx, to, msg)
}

func (o *offering) sign(hotkey wallet.Address, m *wire.Offer, room int64, now time.Time) (err error) {
	for _, miner := range o.Miners {
		if miner.Hotkey() == hotkey {
			var used int64
			for _, hash := range miner.Holds() {
				used += int64(len(miner.Bytes(hash)))
			}
			said := receipt.Offer{Miner: hotkey, Asker: o.Asker.Address(), Capacity: used + room, Used: used, Made: now.Truncate(time.Second)}
			m.Offer = said.Encode()
			m.Signature, err = said.Sign(miner.Key())
		}
	}
	return err
}

func (o *offering) set(i int, room int64, full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.room[o.Miners[i].Hotkey()], o.full[o.Miners[i].Hotkey()] = room, full
}

// claims are what the validator has saved.
func (b *bench) claims(t *testing.T) map[wallet.Address]*validator.Claim {
	t.Helper()
	all, err := validator.Claims(t.Context(), b.Index, b.Asker.Address())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (b *bench) held(t *testing.T, i int) int64 {
	t.Helper()
	n, err := b.Index.StoredBytes(t.Context(), b.Miners[i].Hotkey())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// claimants are a network in which the first miner has room for 20,000 bytes, the
// second for more than anybody is given, and the third says nothing.
func claimants(t *testing.T) (b *bench, o *offering, restart, step func()) {
	t.Helper()
	cfg := settings()
	cfg.UniformSize, cfg.MedianSize, cfg.MaxSize, cfg.SizeSigma = 0, 1<<20, 1000, 1e-9 // all of 1000 bytes
	cfg.OfferBlocks, cfg.DropEpochs = 30, 1000
	cfg.Rules = incentive.DefaultRules()
	cfg.Rules.Capacity.Start = 50_000
	b = newBench(t, 3, cfg)
	b.Change(func(m *chain.Metagraph) { m.Neurons[2].RegisteredAt = 1 })
	b.now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	o = newOffering(b)
	o.set(0, 20_000, false)
	o.set(1, 1<<60, false)
	for _, m := range b.Miners[:2] {
		m.Behave(fleettest.Honest, "Tags", "Audit") // whoever knows no tags is not asked for offers
	}
	restart = func() { b.Validator = b.again(cfg, o) }
	restart()
	number := uint64(0)
	return b, o, restart, func() {
		number += 3
		b.pass(36 * time.Second)
		b.step(t, number)
	}
}

// A claim lowers what a miner may hold, to the byte, and never raises it; who
// claims nothing may hold what it has shown.
func TestAClaimOnlyLowers(t *testing.T) {
	b, o, _, step := claimants(t)
	step()
	step() // what was said in the first step counts
	first := b.claims(t)[b.Miners[0].Hotkey()]
	if first == nil || first.Most != 21_000 || first.Capacity != 21_000 || first.Used != 1000 || first.Verify(first.Signature) != nil {
		t.Fatalf("%+v", first)
	}
	for i, want := range []int64{21_000, 50_000, 50_000} {
		if got := b.stats(t, i).Capacity; got != want {
			t.Errorf("miner %d may hold %d, want %d", i, got, want)
		}
	}
	for range 30 {
		step()
	}
	// It was asked four times, took what it claimed to have room for, and was
	// passed over.
	if n := b.held(t, 0); n > 21_000+3*20_000 || n < 21_000 || b.stats(t, 0).Store.Attempts != b.stats(t, 0).Store.Successes {
		t.Errorf("it holds %d: %+v", n, b.stats(t, 0))
	}
	if asked := o.asked; asked[b.Miners[0].Hotkey()] != 4 || asked[b.Miners[1].Hotkey()] != 4 || asked[b.Miners[2].Hotkey()] != 0 {
		t.Errorf("asked %v", asked)
	}
	o.set(0, 0, false)
	for range 11 {
		step()
	}
	held := b.held(t, 0)
	step()
	if c := b.claims(t)[b.Miners[0].Hotkey()]; b.stats(t, 0).Capacity > held || b.held(t, 0) != held || c.Room() != 0 {
		t.Errorf("full: it may hold %d and holds %d: %+v", b.stats(t, 0).Capacity, held, c)
	}
}

// A claim that is not renewed counts no more, and neither does the one of who
// had the UID before.
func TestAnOldClaimIsNone(t *testing.T) {
	b, o, _, step := claimants(t)
	step()
	step()
	if n := b.stats(t, 0).Capacity; n != 21_000 {
		t.Fatal(n)
	}
	b.Change(func(m *chain.Metagraph) { m.Neurons[2].RegisteredAt = 5 })
	o.room = map[wallet.Address]int64{}
	for range 41 { // four periods later, and a step
		step()
	}
	all := b.claims(t)
	if c := all[b.Miners[0].Hotkey()]; c == nil || c.Block != 3 || b.stats(t, 0).Capacity != 50_000 {
		t.Errorf("%+v, capacity %d", c, b.stats(t, 0).Capacity)
	}
	if len(all) != 1 {
		t.Errorf("who was registered anew claims: %+v", all[b.Miners[1].Hotkey()])
	}
}

// Who refuses data that it claimed to have room for claims what it has, until it
// signs another offer; a restart forgives nothing.
func TestWhoRefusesWhatItClaimedLosesTheClaim(t *testing.T) {
	b, o, restart, step := claimants(t)
	step()
	step()
	o.set(0, 20_000, true)
	step()
	held, tried := b.held(t, 0), b.stats(t, 0).Store.Attempts
	if c := b.claims(t)[b.Miners[0].Hotkey()]; !c.Refused || c.Most != held || c.Capacity != 21_000 {
		t.Fatalf("%+v", c)
	}
	o.set(2, 0, true) // has claimed nothing, and so loses nothing
	delete(o.room, b.Miners[2].Hotkey())
	step()
	restart()
	for range 7 {
		step()
	}
	if s := b.stats(t, 0); s.Capacity != held || s.Store.Attempts != tried {
		t.Errorf("meanwhile: %+v", s)
	}
	if s := b.stats(t, 2); s.Capacity != 50_000 || s.Store.Attempts != s.Store.Successes+8 {
		t.Errorf("the silent one: %+v", s)
	}
	o.set(0, 20_000, false)
	step()
	step()
	step()
	if c := b.claims(t)[b.Miners[0].Hotkey()]; c.Refused || b.stats(t, 0).Capacity != c.Most || b.held(t, 0) <= held {
		t.Errorf("after another offer: %+v, %+v", c, b.stats(t, 0))
	}
}
