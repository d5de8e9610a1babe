package validator_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// owing has a miner owe an answer that it is not to be asked for yet.
func (b *bench) owing(t *testing.T, i int) {
	t.Helper()
	hotkey, hash := b.Miners[i].Hotkey(), fleet.NewDatum([]byte("owed")).Hash()
	if err := b.Index.PutHolding(t.Context(), index.Holding{
		Holder: hotkey, Hash: hash, Kind: index.Random, Size: 4, Seed: "seed", Stored: b.clock(),
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Index.PutPending(t.Context(), index.Pending{
		Miner: hotkey, Hash: hash, Next: b.clock().Add(time.Hour), Tries: 1, Question: []byte(`{}`),
	}); err != nil {
		t.Fatal(err)
	}
}

// stored are the UIDs that the store of a block was about, ascending.
func (b *bench) stored(t *testing.T, block uint64) []chain.UID {
	t.Helper()
	for _, e := range b.seen(validator.TaskStore) {
		if e.Block == block {
			return slices.Sorted(slices.Values(e.UIDs))
		}
	}
	t.Fatalf("no store in block %d", block)
	return nil
}

func uidsOf(miners []chain.Neuron) (uids []chain.UID) {
	for _, n := range miners {
		uids = append(uids, n.UID)
	}
	return uids
}

// Who is handed data is whom the block's hash draws from all; of these, those who
// owe an answer are replaced by others, and nobody else.
func TestDebtsDoNotMoveTheDraw(t *testing.T) {
	cfg := settings()
	cfg.StoreSample = 4
	b := newBench(t, 12, cfg)
	owing := []chain.UID{2, 3, 7}
	for _, uid := range owing {
		b.owing(t, int(uid)-1)
	}
	replaced := 0
	for block := uint64(3); block < 30; block += 3 {
		b.step(t, block)
		var want, rest []chain.Neuron
		public := fleet.Draw(blockAt(block).Hash, b.Neurons(), 4)
		for _, n := range b.Neurons() {
			switch {
			case slices.Contains(owing, n.UID):
			case slices.Contains(public, n):
				want = append(want, n)
			default:
				rest = append(rest, n)
			}
		}
		replaced += 4 - len(want)
		want = append(want, fleet.Draw(blockAt(block).Hash, rest, 4-len(want))...)
		if got := b.stored(t, block); !slices.Equal(got, slices.Sorted(slices.Values(uidsOf(want)))) {
			t.Errorf("block %d: stored at %v, want %v; drawn are %v", block, got, uidsOf(want), uidsOf(public))
		}
	}
	if replaced == 0 {
		t.Error("nobody drawn owed an answer: this shows nothing")
	}
}

// before is a transport that does something before the first call.
type before struct {
	wire.Transport
	once sync.Once
	do   func()
}

func (b *before) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	b.once.Do(b.do)
	return b.Transport.Call(ctx, to, msg)
}

// What the chain says while a step runs does not change whom it is due to ask.
func TestAStepDrawsFromOneMetagraph(t *testing.T) {
	cfg := settings()
	cfg.StoreSample = 4
	for block := uint64(6); block < 18; block += 3 {
		b := newBench(t, 12, cfg)
		b.step(t, 3)
		public := fleet.Draw(blockAt(block).Hash, b.Neurons(), 4)
		b.Validator = b.again(cfg, &before{Transport: b.Net, do: func() {
			b.Change(func(m *chain.Metagraph) {
				for _, uid := range []int{1, 2, 5} {
					m.Neurons[uid].Axon.IP = netip.IPv4Unspecified()
				}
				m.Neurons = append(m.Neurons, chain.Neuron{UID: 13, Hotkey: wallet.AddressOf([32]byte{13}), Axon: m.Neurons[4].Axon})
			})
			b.advance(t, block+1)
		}})
		b.step(t, block)
		if got, want := b.stored(t, block), slices.Sorted(slices.Values(uidsOf(public))); !slices.Equal(got, want) {
			t.Errorf("block %d: stored at %v, want %v", block, got, want)
		}
	}
}
