package node

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

// drawing is a chain of twelve miners as one of them, UID 5, sees it. Blocks draw
// three of those that serve.
type drawing struct {
	*selections
	t     *testing.T
	now   time.Time
	block chain.Block
	m     *chain.Metagraph
}

const drawSample = 3

func hashAt(number uint64) chain.Hash {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, number))
}

func newDrawing(t *testing.T) *drawing {
	d := &drawing{t: t, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	d.selections = &selections{
		cfg: DueConfig{Sample: drawSample, VpermitLimit: 500 * chain.TAO}, self: "miner5",
		head: func() chain.Block { return d.block }, graph: func() *chain.Metagraph { return d.m },
		wait: func(context.Context, uint64) error { return errors.New("it does not come") },
		blockAt: func(_ context.Context, n uint64) (chain.Block, error) {
			if n > d.block.Number {
				return chain.Block{}, chain.ErrNoBlock
			}
			return chain.Block{Number: n, Hash: hashAt(n)}, nil
		},
		now: func() time.Time { return d.now }, asked: map[putAt][32]byte{}, believed: map[wallet.Address]time.Time{},
	}
	return d
}

// graphOf has twelve miners, and one more without an axon; those away do not serve.
func graphOf(number uint64, away ...chain.UID) *chain.Metagraph {
	m := &chain.Metagraph{Block: chain.Block{Number: number, Hash: hashAt(number)}}
	for uid := range chain.UID(13) {
		n := chain.Neuron{UID: uid, Hotkey: wallet.Address(fmt.Sprint("miner", uid)), Axon: chain.Axon{IP: netip.MustParseAddr("10.0.0.1"), Port: 1}}
		if uid == 12 || slices.Contains(away, uid) {
			n.Axon = chain.Axon{}
		}
		m.Neurons = append(m.Neurons, n)
	}
	return m
}

// blocks passes blocks from the next one to that number, with miners away.
func (d *drawing) blocks(to uint64, away ...chain.UID) {
	for n := d.block.Number + 1; n <= to; n++ {
		d.skip(n, away...)
	}
}

// skip jumps to a block.
func (d *drawing) skip(to uint64, away ...chain.UID) {
	d.m = graphOf(to, away...)
	d.block = d.m.Block
	d.look()
}

func drawnBy(number uint64, away ...chain.UID) bool {
	return slices.ContainsFunc(fleet.Draw(hashAt(number), fleet.Available(graphOf(number, away...), 500*chain.TAO, ""), drawSample),
		func(n chain.Neuron) bool { return n.UID == 5 })
}

// next is the first block from a number on that ok says so of.
func next(from uint64, ok func(uint64) bool) uint64 {
	for !ok(from) {
		from++
	}
	return from
}

// asks has an asker put a question about a block, the seed telling questions apart.
func (d *drawing) asks(want error, asker wallet.Address, block uint64, seed byte) {
	d.t.Helper()
	q := receipt.Question{Asker: asker, Epoch: block, Block: hashAt(block), Seed: [32]byte{seed}}
	if err := d.Due(d.t.Context(), q); !errors.Is(err, want) {
		d.t.Errorf("%s about block %d, seed %d: %v, want %v", asker, block, seed, err, want)
	}
}

func TestWhoIsDrawnIsDue(t *testing.T) {
	d := newDrawing(t)
	d.blocks(100)
	due := next(20, func(n uint64) bool { return drawnBy(n) })
	not := next(20, func(n uint64) bool { return !drawnBy(n) })
	d.asks(nil, "validator", due, 1)
	d.asks(nil, "validator", due, 1)
	d.asks(errSecond, "validator", due, 2)
	d.asks(nil, "another", due, 2)
	d.asks(errNotDue, "validator", not, 1)
	d.asks(errNotDue, "validator", not, 1)
	d.asks(nil, "validator", due, 1)
	wrong := receipt.Question{Asker: "third", Epoch: due, Block: hashAt(not)}
	if err := d.Due(t.Context(), wrong); !errors.Is(err, errOtherBlock) {
		t.Errorf("the hash of another block: %v", err)
	}
	d.now = d.now.Add(48 * time.Hour)
	d.asks(nil, "validator", due, 1) // and asked again, whenever
}

// TestAnAskerMayBeAhead has a miner stop serving after the block: an asker with a
// newer metagraph draws from one less, and draws others.
func TestAnAskerMayBeAhead(t *testing.T) {
	changes := func(n uint64) bool { return !drawnBy(n) && drawnBy(n, 2) }
	for _, c := range []struct {
		later uint64
		want  error
	}{{1, nil}, {newerBlocks, nil}, {newerBlocks + 1, errNotDue}} {
		d := newDrawing(t)
		block := next(30, changes)
		d.blocks(block + c.later - 1)
		d.asks(errNotDue, "validator", block, 1)
		d.blocks(block+c.later+5, 2)
		d.asks(c.want, "validator", block, 1)
	}
}

// TestAnAskerLeavesItselfOut has a small validator, which serves, ask.
func TestAnAskerLeavesItselfOut(t *testing.T) {
	d := newDrawing(t)
	d.blocks(400)
	d.asks(nil, "miner7", next(20, func(n uint64) bool { return !drawnBy(n) && drawnBy(n, 7) }), 1)
	d.asks(errNotDue, "miner7", next(20, func(n uint64) bool { return !drawnBy(n) && !drawnBy(n, 7) }), 1)
}

func TestWhatCannotBeToldIsBelievedOnceAnHour(t *testing.T) {
	d := newDrawing(t)
	d.blocks(19)
	d.skip(200)
	late := next(201, func(n uint64) bool { return !drawnBy(n) && !drawnBy(n, 2) })
	d.blocks(late)
	d.skip(late+8, 2) // what was in between, nobody knows
	d.block.Number += 2 * knownBlocks
	for i, block := range []uint64{100, late, d.block.Number + 1} {
		asker := wallet.Address(fmt.Sprint("validator", i))
		if i == 1 {
			d.block.Number = late + 8
		}
		d.asks(nil, asker, block, 1)
		d.asks(nil, asker, block, 1) // the same is no other
		d.asks(errSecond, asker, block, 2)
		d.asks(errOften, asker, block+1<<40, 1)
		d.now = d.now.Add(believeEvery)
		d.asks(nil, asker, block+1<<40, 1)
	}
}

// TestBlocksOfBeforeTheStart are not known to a miner that was not there.
func TestBlocksOfBeforeTheStart(t *testing.T) {
	d := newDrawing(t)
	d.skip(60)
	d.blocks(90)
	early := next(40, func(n uint64) bool { return !drawnBy(n) })
	d.asks(nil, "validator", early, 1)
	d.asks(errOften, "validator", next(early+1, func(n uint64) bool { return !drawnBy(n) }), 1)
}

func TestMemoryOfQuestionsIsBounded(t *testing.T) {
	d := newDrawing(t)
	for n := range uint64(3 * maxSets) {
		d.skip(n+1, chain.UID(n%2))
	}
	if len(d.sets) != maxSets {
		t.Errorf("%d sets", len(d.sets))
	}
	d.blocks(d.block.Number+100, 3)
	if len(d.sets) != maxSets || d.sets[maxSets-1].to != d.block.Number {
		t.Errorf("%d sets, the last until %d, at block %d", len(d.sets), d.sets[maxSets-1].to, d.block.Number)
	}
	for n := range maxAsked + 10 {
		d.remember(putAt{"validator", uint64(n)}, [32]byte{})
	}
	if len(d.asked) != maxAsked || len(d.order) != maxAsked {
		t.Errorf("%d questions, %d in order", len(d.asked), len(d.order))
	}
	for n := range maxBelieved {
		if !d.believe(wallet.Address(fmt.Sprint(n))) {
			t.Fatalf("asker %d is not believed", n)
		}
	}
	if d.believe("one more") || len(d.believed) != maxBelieved {
		t.Errorf("%d askers are believed", len(d.believed))
	}
	d.now = d.now.Add(believeEvery)
	if !d.believe("one more") || len(d.believed) != 1 {
		t.Errorf("an hour later it is not believed: %d others are", len(d.believed))
	}
}
