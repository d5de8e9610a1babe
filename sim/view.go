package sim

import (
	"cmp"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/filetao/filetao/incentive"
)

// holding is one random datum a miner was given.
type holding struct {
	size   int64  // bytes
	number uint64 // of the datum
	until  uint64 // block at which it expires
	kept   bool
}

// question is what a miner owes an answer to.
type question struct {
	task  incentive.Task
	about holding
	tries int // answers that did not come; 0: it owes none
	next  uint64
}

// miner is a UID in one validator's eyes.
type miner struct {
	standing incentive.Standing
	holdings []holding
	bytes    int64
	owes     question
	silent   *holding // what it was silent about to the last and has not answered about since
	trials   []uint64 // data of the latest, the newest last
}

// view is one validator: its ledger, and for every UID what its index has.
type view struct {
	w        *world
	random   *rand.Rand
	schedule incentive.Schedule
	ledger   *incentive.Ledger[int32]
	hotkeys  []int32 // by UID: who holds it, as the life's number
	turn     []int   // by UID: which of world.holder that is
	change   uint64  // the next block at which a UID changes hands
	miners   []miner

	window, period uint64
	stepsDone      uint64
	data           uint64 // random data made so far
	weightsAt      uint64 // block of the last weights
	stop, resume   uint64 // the next time it is down
	killed         bool   // it is

	// scratch of a step
	pinged  []int8                       // by UID: 0 not pinged, 1 answered, -1 did not
	batches [3][]incentive.Result[int32] // by task
	changes []incentive.Change
	owing   []bool // by UID: it owed an answer as the step began
	rest    []uint16
	drawn   []uint16

	seen
}

func newView(w *world, number int) *view {
	v := &view{
		w: w, random: rand.New(rand.NewPCG(w.cfg.Seed, uint64(number)+1)), schedule: incentive.DefaultSchedule(),
		ledger: incentive.NewLedger[int32](w.cfg.rules), miners: make([]miner, w.cfg.Miners),
		hotkeys: make([]int32, w.cfg.Miners), turn: make([]int, w.cfg.Miners), pinged: make([]int8, w.cfg.Miners),
		owing: make([]bool, w.cfg.Miners), seen: newSeen(w),
	}
	v.weightsAt = v.random.Uint64N(v.schedule.EpochBlocks) // when it registered
	v.nextStop(0)
	return v
}

// play makes the steps from first to before end.
func (v *view) play(first, end int) error {
	for step := first; step < end; step++ {
		block := uint64(step * v.w.cfg.product.BlocksPerStep)
		v.closeEpochs(block)
		switch {
		case v.killed && block < v.resume:
			continue
		case v.killed:
			if err := v.restart(block); err != nil {
				return err
			}
		case block >= v.stop:
			v.killed = true // during this step
		}
		v.step(step, block)
	}
	return nil
}

// end closes what is open after the last step.
func (v *view) end() { v.closeEpochs(v.w.blocks) }

// step is validator.Step, and what Run does beside it. Who is killed meanwhile
// has in its index what it found out, and none of it in a score.
func (v *view) step(step int, block uint64) {
	v.adopt(block)
	v.rollOver(block)
	v.rot()
	whole := (v.stepsDone+1)%uint64(v.w.cfg.product.RetrieveEvery) == 0
	for task := range v.batches {
		v.batches[task] = v.batches[task][:0]
	}
	v.monitor(step, block)
	for uid := range v.miners {
		v.owing[uid] = v.miners[uid].owes.tries > 0
	}
	v.audit(step, block, whole)
	v.store(step, block)
	if v.killed {
		return
	}
	v.settle(step)
	v.drop(block)
	v.setWeights(block)
}

// settle is validator.settle.
func (v *view) settle(step int) {
	for _, uid := range v.w.pings[step] {
		v.ledger.Pinged(int(uid), v.hotkeys[uid], v.pinged[uid] > 0, v.w.cfg.product.MaxFailures)
	}
	limits := [...]time.Duration{v.w.cfg.fleet.StoreTimeout, v.w.cfg.fleet.ChallengeTimeout, v.w.cfg.fleet.RetrieveTimeout}
	for task, results := range v.batches {
		if len(results) == 0 {
			continue
		}
		slices.SortStableFunc(results, func(a, b incentive.Result[int32]) int { return cmp.Compare(a.UID, b.UID) })
		v.changes = v.ledger.Settle(incentive.Task(task), limits[task], results, v.changes[:0])
	}
	v.stepsDone++
}

// adopt brings ledger and index to the hotkeys of a block.
func (v *view) adopt(block uint64) {
	if block < v.change {
		return
	}
	v.change = math.MaxUint64
	for uid, lives := range v.w.holder {
		for block >= v.w.lives[lives[v.turn[uid]]].to {
			v.turn[uid]++
		}
		l := lives[v.turn[uid]]
		v.hotkeys[uid] = l
		v.change = min(v.change, v.w.lives[l].to)
	}
	lost := v.ledger.Lost(v.hotkeys)
	if _, begun := v.ledger.Row(0); !begun {
		for uid := range v.miners {
			lost = append(lost, uid)
		}
	}
	for _, uid := range lost {
		v.miners[uid] = miner{standing: v.w.cfg.rules.Newcomer(v.schedule.Window(block)), holdings: v.miners[uid].holdings[:0]}
	}
	v.ledger.Adopt(v.hotkeys)
}

// rollOver brings every standing into the block's window.
func (v *view) rollOver(block uint64) {
	window, over := incentive.Turn(v.window, v.schedule.Window(block))
	v.window = window
	if !over {
		return
	}
	rules := &v.w.cfg.rules
	for uid := range v.miners {
		m := &v.miners[uid]
		before := m.standing.Tier
		if rules.Turn(&m.standing, window, m.bytes, v.ledger.Possession(uid, v.hotkeys[uid])) {
			v.decided(v.hotkeys[uid], before, m.standing.Tier, block)
		}
	}
	v.watch = max(0, v.watch-1)
}

// rot takes data from miners that lose some now and then.
func (v *view) rot() {
	for _, uid := range v.w.rotting {
		l := &v.w.lives[v.hotkeys[uid]]
		steps := blocksIn(v.w.kinds[l.kind].rots) / uint64(v.w.cfg.product.BlocksPerStep)
		if held := v.miners[uid].holdings; steps > 0 && len(held) > 0 && v.random.Uint64N(steps) == 0 {
			held[v.random.IntN(len(held))].kept = false
		}
	}
}

// monitor is validator.monitor.
func (v *view) monitor(step int, block uint64) {
	clear(v.pinged)
	for _, uid := range v.w.pings[step] {
		ok := v.answers(int(uid), block)
		v.pinged[uid] = -1
		if ok {
			v.pinged[uid] = 1
		}
	}
}

// answers says whether an exchange gets an answer at all.
func (v *view) answers(uid int, block uint64) bool {
	l := &v.w.lives[v.hotkeys[uid]]
	k := &v.w.kinds[l.kind]
	return !(k.lost > 0 && v.random.Float64() < k.lost) && !v.w.down(l, block)
}

// drop forgets all random data once a period, but for what a miner owes an answer
// about.
func (v *view) drop(block uint64) {
	period, over := incentive.Turn(v.period, v.schedule.Period(block))
	v.period = period
	if !over {
		return
	}
	for uid := range v.miners {
		m := &v.miners[uid]
		m.holdings = slices.DeleteFunc(m.holdings, func(h holding) bool {
			return !(m.owes.tries > 0 && h.number == m.owes.about.number || m.silent != nil && h.number == m.silent.number)
		})
		m.bytes = 0
		for _, h := range m.holdings {
			m.bytes += h.size
		}
	}
}

// restart goes on from the saved state, which is that of the last whole step.
func (v *view) restart(block uint64) error {
	data, err := json.Marshal(v.ledger.Rows())
	if err != nil {
		return err
	}
	var rows []incentive.Row[int32]
	if err := json.Unmarshal(data, &rows); err != nil {
		return err
	}
	v.ledger = incentive.NewLedger[int32](v.w.cfg.rules)
	v.ledger.Restore(rows)
	v.change = 0 // who came meanwhile
	v.killed = false
	v.restarts++
	v.watch = 2
	v.nextStop(block)
	return nil
}

// nextStop draws when the validator is killed next, every other day on average,
// and for how long: mostly up to ten minutes, one time in eight up to six hours.
func (v *view) nextStop(block uint64) {
	v.stop = block + 1 + v.random.Uint64N(blocksIn(96*time.Hour))
	longest := blocksIn(10 * time.Minute)
	if v.random.IntN(8) == 0 {
		longest = blocksIn(6 * time.Hour)
	}
	v.resume = v.stop + 1 + v.random.Uint64N(longest)
}
