package sim

import (
	"slices"

	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/incentive"
)

// seen is what is kept of one validator for the report.
type seen struct {
	epochs   []epoch
	weights  []uint16   // by UID: the last that it set; nil before
	reached  [][]uint32 // by life and tier: 1 + the block of the rollover; 0 never
	outcomes []tallies  // by kind
	full     []uint64   // by kind: how often there was no room
	restarts int
	watch    int // rollovers to come that a restart may have spoilt
	// By kind: tiers lost at a rollover, within two of a restart and else.
	byRestart, otherwise []int
}

// epoch is what counts at the end of one: the weights set last, and when.
type epoch struct {
	weights []uint16
	at      uint64
}

// tallies are by task.
type tallies [3]incentive.Tally

func (t *tallies) count(task incentive.Task, ok bool) {
	t[task].Attempts++
	if ok {
		t[task].Successes++
	}
}

func newSeen(w *world) seen {
	s := seen{
		outcomes: make([]tallies, len(w.kinds)), full: make([]uint64, len(w.kinds)),
		byRestart: make([]int, len(w.kinds)), otherwise: make([]int, len(w.kinds)), reached: make([][]uint32, len(w.lives)),
	}
	for i := range s.reached {
		s.reached[i] = make([]uint32, len(w.cfg.rules.Tiers))
	}
	return s
}

// decided notes a tier decided at a rollover.
func (v *view) decided(life int32, before, after string, block uint64) {
	if before == after {
		return
	}
	had, has := v.rank(before), v.rank(after)
	kind := v.w.lives[life].kind
	switch {
	case has > had && v.watch > 0:
		v.byRestart[kind]++
	case has > had:
		v.otherwise[kind]++
	}
	for tier := has; tier < len(v.reached[life]); tier++ {
		if v.reached[life][tier] == 0 {
			v.reached[life][tier] = uint32(block) + 1
		}
	}
}

// rank is a tier's place in the table, the best 0.
func (v *view) rank(name string) int {
	return slices.IndexFunc(v.w.cfg.rules.Tiers, func(t incentive.Tier) bool { return t.Name == name })
}

// setWeights does so an epoch after the last time.
func (v *view) setWeights(block uint64) {
	if block < v.weightsAt+v.schedule.EpochBlocks {
		return
	}
	scores := v.ledger.Scores(v.hotkeys)
	if !slices.ContainsFunc(scores, func(s float64) bool { return s != 0 }) {
		return
	}
	limits := devchain.DefaultHyperparameters()
	v.weights, v.weightsAt = make([]uint16, len(scores)), block
	for _, w := range incentive.Weights(scores, incentive.Limits{
		MinAllowed: int(limits.MinAllowedWeights), Max: limits.MaxWeightsLimit,
	}) {
		v.weights[w.UID] = w.Value
	}
}

// closeEpochs notes what weights count at the end of every epoch up to a block.
func (v *view) closeEpochs(block uint64) {
	for uint64(len(v.epochs)+1)*v.schedule.EpochBlocks <= block {
		v.epochs = append(v.epochs, epoch{v.weights, v.weightsAt})
	}
}
