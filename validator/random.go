package validator

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// storeRandom has due miners that are alive store a fresh random datum: those
// drawn from all, as for every task, without those who owe an answer and are
// handed nothing. In the place of these, and of those that fail, come others,
// drawn from the rest. pinged has who was pinged already, and whether it
// answered. Who was drawn and is not there has failed, as long as others are:
// else a miner that answers now and then would be handed nothing, asked about
// nothing, and keep its score.
func (v *Validator) storeRandom(ctx context.Context, d draws, pinged map[wallet.Address]bool, owed debts) (batch, error) {
	b := batch{task: TaskStore, start: v.deps.Now(), limit: v.deps.Fleet.Config().StoreTimeout}
	data, err := v.randomData()
	if err != nil {
		return b, err
	}
	datum := fleet.NewDatum(data)
	drawn := d.due(v.cfg.StoreSample)
	rest := without(d.available, drawn)
	owes := func(n chain.Neuron) bool { return owed[n.Hotkey] != nil }
	drawn, rest = slices.DeleteFunc(drawn, owes), slices.DeleteFunc(rest, owes)
	var outcomes []fleet.Outcome
	var absent []chain.Neuron
	var broken error
	stored := 0
	for round := 0; ; round++ {
		alive := v.alive(ctx, drawn, pinged)
		absent = append(absent, without(drawn, alive)...)
		got, err := v.deps.Fleet.Spread(ctx, datum, index.Random, v.cfg.TTL, len(alive), alive)
		outcomes = append(outcomes, got...)
		if err != nil && !errors.Is(err, fleet.ErrShort) {
			broken = err
		}
		for _, o := range got {
			if o.OK() {
				stored++
			}
		}
		if round == v.cfg.StoreRounds || stored >= v.cfg.StoreSample || len(rest) == 0 || broken != nil {
			break
		}
		drawn = fleet.Draw(d.Hash, rest, v.cfg.StoreSample-stored)
		rest = without(rest, drawn)
	}
	b, err = v.done(ctx, b, outcomes)
	if len(outcomes) > 0 || slices.Contains(slices.Collect(maps.Values(pinged)), true) {
		b.results = append(b.results, notThere(ctx, absent, datum.Size())...)
	}
	return b, errors.Join(broken, err)
}

// without are the miners that are not among others.
func without(miners, others []chain.Neuron) []chain.Neuron {
	return slices.DeleteFunc(slices.Clone(miners), func(n chain.Neuron) bool { return slices.Contains(others, n) })
}

// notThere are the results of miners that were to be handed data and did not
// answer a ping; none when the task was cut short.
func notThere(ctx context.Context, miners []chain.Neuron, size int64) (results []result) {
	if ctx.Err() != nil {
		return nil
	}
	for _, n := range miners {
		results = append(results, result{said: "failed: no answer to a ping, so it was handed no data", Outcome: fleet.Outcome{
			Task: fleet.TaskStore, UID: n.UID, Hotkey: n.Hotkey, Bytes: size,
			Err: wire.Unavailable("store at %s: no answer to a ping", n.Hotkey),
		}})
	}
	return results
}

// alive are those of the miners that answer a ping. Who was pinged before is
// not pinged again: miners count every request.
func (v *Validator) alive(ctx context.Context, miners []chain.Neuron, pinged map[wallet.Address]bool) []chain.Neuron {
	var unknown []chain.Neuron
	for _, n := range miners {
		if _, known := pinged[n.Hotkey]; !known {
			unknown = append(unknown, n)
		}
	}
	found := v.deps.Fleet.Alive(ctx, unknown)
	return slices.DeleteFunc(slices.Clone(miners), func(n chain.Neuron) bool {
		return !pinged[n.Hotkey] && !slices.Contains(found, n)
	})
}

// randomData makes a datum that looks like a user's encrypted one: the
// keystream of AES-256-CTR under a key that is thrown away. Encrypting random
// bytes would add nothing.
func (v *Validator) randomData() ([]byte, error) {
	var seed, key [32]byte
	if _, err := io.ReadFull(v.deps.Rand, seed[:]); err != nil {
		return nil, fmt.Errorf("random data: %w", err)
	}
	if _, err := io.ReadFull(v.deps.Rand, key[:]); err != nil {
		return nil, fmt.Errorf("random data: %w", err)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("random data: %w", err)
	}
	data := make([]byte, v.cfg.size(rand.New(rand.NewChaCha8(seed))))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(data, data)
	return data, nil
}

// size draws a datum's size in bytes: log-normal around MedianSize and clipped
// to 1 … MaxSize, or uniform.
func (c Config) size(random *rand.Rand) int64 {
	if c.UniformSize > 0 {
		return 1 + random.Int64N(c.UniformSize)
	}
	size := math.Exp(math.Log(float64(c.MedianSize)) + c.SizeSigma*random.NormFloat64())
	return int64(min(max(size, 1), float64(c.MaxSize)))
}

// uint64 is a random number.
func (v *Validator) uint64() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(v.deps.Rand, b[:]); err != nil {
		return 0, fmt.Errorf("random number: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
