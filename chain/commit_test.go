package chain_test

import (
	"errors"
	"testing"

	"github.com/filetao/filetao/chain"
)

const bob = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"

// The hashes were computed with Python's hashlib over the encoding by hand.
func TestCommitHash(t *testing.T) {
	counting := func(n int, value func(int) uint16) (row []chain.Weight) {
		for i := range n {
			row = append(row, chain.Weight{UID: chain.UID(i), Value: value(i)})
		}
		return row
	}
	nines := make([]uint16, 20000)
	for i := range nines {
		nines[i] = 9
	}
	for _, c := range []struct {
		net     chain.NetUID
		weights []chain.Weight
		salt    []uint16
		key     uint64
		want    string
	}{
		{21, []chain.Weight{{UID: 1, Value: 65535}, {UID: 2, Value: 32768}, {UID: 3, Value: 100}}, []uint16{7, 65535, 0, 1, 2, 3, 4, 5}, 302,
			"0x4fde93aa907f85ce56ca03a375a25c499ac0bd484d2a462b8152c04035d25a2a"},
		{1, nil, nil, 0, "0x73244dde6bca106a8bb5c724946e95e690b80e9d3f29ba3dac53e12e473ff949"},
		{21, counting(64, func(i int) uint16 { return uint16(i) }), nil, 1<<64 - 1,
			"0x992f4b10131fbc2df79b654e9a13145009ac610fbd3354494664cda768c23fd1"},
		{21, counting(20000, func(int) uint16 { return 1 }), nines, 1,
			"0x70c408af0a733783f98916e20b06f1e27a97da98ea422c6bf1d204cf48642e92"},
	} {
		got, err := chain.CommitHash(bob, c.net, c.weights, c.salt, c.key)
		if err != nil || got.String() != c.want {
			t.Errorf("%d weights: %s, %v, want %s", len(c.weights), got, err, c.want)
		}
	}
	if _, err := chain.CommitHash(bob, 1, make([]chain.Weight, 1<<16), nil, 0); !errors.Is(err, chain.ErrWeights) {
		t.Errorf("too many weights: %v", err)
	}
	if _, err := chain.CommitHash(bob, 1, nil, make([]uint16, 1<<16), 0); !errors.Is(err, chain.ErrWeights) {
		t.Errorf("too much salt: %v", err)
	}
	if _, err := chain.CommitHash("nobody", 1, nil, nil, 0); err == nil {
		t.Error("a hotkey that is no address has a commitment")
	}
}

func TestEpochs(t *testing.T) {
	for _, c := range []struct {
		net   chain.NetUID
		tempo uint16
	}{{21, 360}, {22, 99}, {0, 5}, {500, 10}, {1, 0}} {
		h := chain.Hyperparameters{Tempo: c.tempo, RevealPeriod: 2}
		last := chain.EpochOf(0, c.net, c.tempo)
		for block := uint64(1); block < 2000; block++ {
			epoch := chain.EpochOf(block, c.net, c.tempo)
			// Subtensor steps where (block+netuid+1) mod (tempo+1) is tempo.
			if stepped := (block-1+uint64(c.net)+1)%(uint64(c.tempo)+1) == uint64(c.tempo); stepped != (epoch == last+1) || !stepped && epoch != last {
				t.Fatalf("subnet %d, tempo %d: block %d is of epoch %d, the one before of %d", c.net, c.tempo, block, epoch, last)
			}
			if first := chain.FirstBlockOf(epoch, c.net, c.tempo); epoch != last && first != block || first > block {
				t.Fatalf("subnet %d, tempo %d: epoch %d begins at %d, not %d", c.net, c.tempo, epoch, first, block)
			}
			from, to := chain.RevealWindow(block, c.net, h)
			if chain.EpochOf(from, c.net, c.tempo) != epoch+2 || chain.EpochOf(from-1, c.net, c.tempo) != epoch+1 ||
				chain.EpochOf(to, c.net, c.tempo) != epoch+2 || chain.EpochOf(to+1, c.net, c.tempo) != epoch+3 {
				t.Fatalf("subnet %d, tempo %d: what block %d commits to is revealed from %d to %d", c.net, c.tempo, block, from, to)
			}
			last = epoch
		}
	}
}
