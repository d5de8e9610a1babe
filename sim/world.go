package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/pysample"
)

// blockTime is the chain's.
const blockTime = 12 * time.Second

func blocksIn(d time.Duration) uint64 { return uint64(d / blockTime) }

func hoursOf(blocks uint64) float64 { return float64(blocks) * blockTime.Hours() }

// life is one hotkey on one UID: its number in world.lives is its hotkey.
type life struct {
	uid      int
	kind     int    // in world.kinds
	from, to uint64 // blocks; to is the first after it
	phase    uint64 // of its outages, in blocks
}

// world is what all validators see alike: who holds which UID when, and whom
// the hash of a block draws. It does not change once it is made.
type world struct {
	cfg    Config
	kinds  []Kind
	blocks uint64
	lives  []life
	holder [][]int32 // by UID: its lives in order
	stakes []float64 // by validator
	// rotting are the UIDs of miners that lose data.
	rotting []int
	// What every validator draws that has nobody to leave out, by step.
	stores, challenges, retrievals, pings [][]uint16
}

func newWorld(cfg Config) (*world, error) {
	kinds, err := chosen(cfg.Cheaters)
	if err != nil {
		return nil, err
	}
	w := &world{cfg: cfg, kinds: kinds, blocks: uint64(cfg.Days) * blocksIn(24*time.Hour)}
	random := rand.New(rand.NewPCG(cfg.Seed, 0))
	w.populate(random)
	for range cfg.Validators {
		w.stakes = append(w.stakes, math.Exp(random.NormFloat64()))
	}
	steps := w.steps()
	for _, draws := range []*[][]uint16{&w.stores, &w.challenges, &w.retrievals, &w.pings} {
		*draws = make([][]uint16, steps)
	}
	return w, nil
}

// steps is how many a validator makes that is never down.
func (w *world) steps() int { return int(w.blocks) / w.cfg.product.BlocksPerStep }

// populate gives every kind its UIDs: each of the others a few, the rest are
// steady.
func (w *world) populate(random *rand.Rand) {
	w.holder = make([][]int32, w.cfg.Miners)
	uids := random.Perm(w.cfg.Miners)
	for kind := len(w.kinds) - 1; kind > 0; kind-- {
		for range w.cfg.each() {
			w.settle(random, uids[0], kind)
			uids = uids[1:]
		}
	}
	for _, uid := range uids {
		w.settle(random, uid, 0)
	}
}

// settle gives a UID its hotkeys, one after the other.
func (w *world) settle(random *rand.Rand, uid, kind int) {
	k := w.kinds[kind]
	from := uint64(0)
	switch {
	case k.joins:
		last := min(blocksIn(72*time.Hour), w.blocks/4)
		from = 1 + random.Uint64N(last)
		w.live(random, uid, 0, 0, from)
	case k.renews > 0:
		every := blocksIn(k.renews)
		next := random.Uint64N(every) + 1
		for next < w.blocks {
			w.live(random, uid, kind, from, next)
			from, next = next, next+every
		}
	}
	w.live(random, uid, kind, from, w.blocks)
}

func (w *world) live(random *rand.Rand, uid, kind int, from, to uint64) {
	l := life{uid: uid, kind: kind, from: from, to: to}
	if every := blocksIn(w.kinds[kind].downEvery); every > 0 {
		l.phase = random.Uint64N(every)
	}
	if w.kinds[kind].rots > 0 {
		w.rotting = append(w.rotting, uid)
	}
	w.holder[uid] = append(w.holder[uid], int32(len(w.lives)))
	w.lives = append(w.lives, l)
}

// down says whether a miner is, at a block.
func (w *world) down(l *life, block uint64) bool {
	k := &w.kinds[l.kind]
	return k.downFor > 0 && (block+l.phase)%blocksIn(k.downEvery) < blocksIn(k.downFor)
}

// hash is a block's.
func (w *world) hash(block uint64) chain.Hash {
	var b [24]byte
	copy(b[:], "filesim ")
	binary.BigEndian.PutUint64(b[8:], w.cfg.Seed)
	binary.BigEndian.PutUint64(b[16:], block)
	return sha256.Sum256(b[:])
}

// sample is fleet.Draw, of n and by number.
func sample(hash chain.Hash, n, k int) []int { return pysample.Seed(hash.Big()).Sample(n, k) }

// draw prepares the draws of the steps from first to before end.
func (w *world) draw(first, end int) {
	v := &w.cfg.product
	for step := first; step < end; step++ {
		hash := w.hash(uint64(step * v.BlocksPerStep))
		w.stores[step] = narrow(sample(hash, w.cfg.Miners, v.StoreSample))
		w.challenges[step] = narrow(sample(hash, w.cfg.Miners, v.ChallengeSample))
		w.retrievals[step] = narrow(sample(hash, w.cfg.Miners, v.RetrieveSample))
		w.pings[step] = narrow(sample(hash, w.cfg.Miners, v.MonitorSample))
	}
}

func narrow(uids []int) []uint16 {
	out := make([]uint16, len(uids))
	for i, uid := range uids {
		out[i] = uint16(uid)
	}
	return out
}
