package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// offers is a transport over which everybody answers Offer as answer says, or
// with its error.
type offers struct {
	*fleettest.Net
	answer func(to wire.Peer) (receipt.Offer, *wallet.Keypair, error)
	asked  int
}

func (t *offers) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	m, ok := msg.(*wire.Offer)
	if !ok {
		return t.Net.Call(ctx, to, msg)
	}
	t.asked++
	o, by, err := t.answer(to)
	if err != nil {
		return wire.Exchange{}, err
	}
	m.Offer = o.Encode()
	m.Signature, err = o.Sign(by)
	return wire.Exchange{}, err
}

func TestOnlyAMinersOwnOfferOfNowIsTaken(t *testing.T) {
	net := fleettest.New(t, 2)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	first, second := net.Miners[0], net.Miners[1]
	good := receipt.Offer{Miner: first.Hotkey(), Asker: net.Asker.Address(), Capacity: 100, Used: 40, Made: now}
	tr := &offers{Net: net}
	f := fleet.New(fleet.Config{}, fleet.Deps{
		Transport: tr, Index: net.Index, Metagraph: net.Metagraph, Key: net.Asker, Now: func() time.Time { return now },
	})
	for name, c := range map[string]struct {
		change func(*receipt.Offer)
		by     *wallet.Keypair
		want   error
	}{
		"good":            {func(*receipt.Offer) {}, first.Key(), nil},
		"early":           {func(o *receipt.Offer) { o.Made = now.Add(5 * time.Minute) }, first.Key(), nil},
		"another miner's": {func(o *receipt.Offer) { o.Miner = second.Hotkey() }, second.Key(), receipt.ErrStatement},
		"to another":      {func(o *receipt.Offer) { o.Asker = second.Hotkey() }, first.Key(), receipt.ErrStatement},
		"old":             {func(o *receipt.Offer) { o.Made = now.Add(-6 * time.Minute) }, first.Key(), receipt.ErrStatement},
		"of the future":   {func(o *receipt.Offer) { o.Made = now.Add(6 * time.Minute) }, first.Key(), receipt.ErrStatement},
	} {
		o := good
		c.change(&o)
		tr.answer = func(wire.Peer) (receipt.Offer, *wallet.Keypair, error) { return o, c.by, nil }
		got, err := f.Offer(t.Context(), net.Neuron(0))
		if !errors.Is(err, c.want) || c.want == nil && (got.Offer != o || got.Verify(got.Signature) != nil || got.Room() != 60) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A peer without the message is asked again after an hour, or elsewhere; any
// other failure is none of that.
func TestWhoKnowsNoOfferIsNotAskedForAnHour(t *testing.T) {
	net := fleettest.New(t, 1)
	now := time.Now()
	tr := &offers{Net: net, answer: func(wire.Peer) (o receipt.Offer, k *wallet.Keypair, err error) { return o, k, wire.TooMany("later") }}
	f := fleet.New(fleet.Config{}, fleet.Deps{
		Transport: tr, Index: net.Index, Metagraph: net.Metagraph, Key: net.Asker, Now: func() time.Time { return now },
	})
	if _, err := f.Offer(t.Context(), net.Neuron(0)); wire.StatusOf(err) != wire.StatusTooMany {
		t.Errorf("%v", err)
	}
	tr.answer = func(wire.Peer) (o receipt.Offer, k *wallet.Keypair, err error) {
		return o, k, wire.NotFound("no message")
	}
	for _, c := range []struct {
		after time.Duration
		port  uint16
		asked int
	}{{0, 9001, 2}, {59 * time.Minute, 9001, 2}, {0, 9002, 3}, {61 * time.Minute, 9002, 4}} {
		now = now.Add(c.after)
		n := net.Neuron(0)
		n.Axon.Port = c.port
		if _, err := f.Offer(t.Context(), n); !errors.Is(err, fleet.ErrNoOffer) || tr.asked != c.asked {
			t.Errorf("%+v: asked %d times, %v", c, tr.asked, err)
		}
	}
}
