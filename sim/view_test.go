package sim

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
)

func testWorld(t *testing.T, days int) *world {
	t.Helper()
	c := DefaultConfig()
	c.Days, c.Validators, c.Seed = days, 2, 5
	c, err := c.checked()
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(c)
	if err != nil {
		t.Fatal(err)
	}
	w.draw(0, w.steps())
	return w
}

func TestDrawsAreTheFleets(t *testing.T) {
	w := testWorld(t, 1)
	neurons := make([]chain.Neuron, w.cfg.Miners)
	for uid := range neurons {
		neurons[uid].UID = chain.UID(uid)
	}
	for step := range 50 {
		block := uint64(3 * step)
		for _, c := range []struct {
			k    int
			from []chain.Neuron
			got  []uint16
		}{
			{15, neurons, w.stores[step]}, {10, neurons, w.challenges[step]}, {10, neurons, w.retrievals[step]}, {40, neurons, w.pings[step]},
		} {
			var want []uint16
			for _, n := range fleet.Draw(w.hash(block), c.from, c.k) {
				want = append(want, uint16(n.UID))
			}
			if !slices.Equal(c.got, want) {
				t.Fatalf("step %d draws %v, the fleet %v", step, c.got, want)
			}
		}
		var rest []uint16
		for uid := 40; uid < w.cfg.Miners; uid++ {
			rest = append(rest, uint16(uid))
		}
		got := drawFrom(rest, w.hash(block), 7)
		for i, n := range fleet.Draw(w.hash(block), neurons[40:], 7) {
			if got[i] != uint16(n.UID) {
				t.Fatalf("step %d draws %v of the rest, the fleet %d as number %d", step, got, n.UID, i)
			}
		}
	}
}

// TestAViewIsSoundAtEveryStep plays two days and looks at everything after each
// step.
func TestAViewIsSoundAtEveryStep(t *testing.T) {
	w := testWorld(t, 2)
	v := newView(w, 1)
	was := slices.Clone(v.hotkeys)
	replaced := 0
	for step := range w.steps() {
		if err := v.play(step, step+1); err != nil {
			t.Fatal(err)
		}
		for uid := range v.miners {
			sound(t, v, uid)
			if step > 0 && v.hotkeys[uid] != was[uid] {
				replaced++
				row, _ := v.ledger.Row(uid)
				if row.Hotkey != v.hotkeys[uid] || v.miners[uid].standing.TotalSuccesses > 3 || math.Abs(row.Score) > 3*0.05 {
					t.Errorf("step %d: a new hotkey on UID %d has %+v, %+v", step, uid, row, v.miners[uid].standing)
				}
			}
		}
		copy(was, v.hotkeys)
	}
	if replaced < 8 {
		t.Errorf("%d UIDs changed hands", replaced)
	}
}

func sound(t *testing.T, v *view, uid int) {
	t.Helper()
	m := &v.miners[uid]
	var bytes int64
	for _, h := range m.holdings {
		bytes += h.size
	}
	sum := m.standing.Sum()
	switch {
	case bytes != m.bytes:
		t.Fatalf("UID %d holds %d bytes, counted %d", uid, bytes, m.bytes)
	case sum.Successes > sum.Attempts || m.standing.TotalSuccesses < sum.Successes:
		t.Fatalf("UID %d: %+v", uid, m.standing)
	case m.owes.tries > len(v.w.cfg.product.Repeats), len(m.trials) > index.MaxTrials:
		t.Fatalf("UID %d owes %+v", uid, m.owes)
	case m.silent != nil && !slices.ContainsFunc(m.holdings, func(h holding) bool { return h.number == m.silent.number }):
		t.Fatalf("UID %d holds %+v no more, and is to be asked about it", uid, m.silent)
	case v.w.lives[v.hotkeys[uid]].uid != uid:
		t.Fatalf("UID %d is %d's", uid, v.hotkeys[uid])
	}
}

// A validator that is killed goes on with the scores of its last whole step, and
// with all standings.
func TestARestartChangesNothing(t *testing.T) {
	w := testWorld(t, 1)
	v := newView(w, 0)
	v.stop, v.resume = 1500, 1530
	if err := v.play(0, 500); err != nil {
		t.Fatal(err)
	}
	rows, steps := v.ledger.Rows(), v.stepsDone
	if err := v.play(500, 510); err != nil {
		t.Fatal(err)
	}
	standings := slices.Clone(v.miners)
	if !slices.Equal(rows, v.ledger.Rows()) || v.stepsDone != steps || !v.killed {
		t.Error("a killed validator changed scores")
	}
	if err := v.restart(1530); err != nil {
		t.Fatal(err)
	}
	v.adopt(1530)
	for uid := range standings {
		if v.miners[uid].standing != standings[uid].standing || v.miners[uid].bytes != standings[uid].bytes {
			t.Errorf("a restart changed UID %d", uid)
		}
	}
	if !slices.Equal(rows, v.ledger.Rows()) || v.restarts != 1 || v.killed {
		t.Error("a restart changed scores")
	}
	if v.stop <= 1530 || v.resume <= v.stop || v.resume > v.stop+1+blocksIn(6*time.Hour) {
		t.Errorf("down next from %d to %d", v.stop, v.resume)
	}
}

// Incentive is shared out whole, and only to those who hold a UID.
func TestIncentivesSumToOne(t *testing.T) {
	w := testWorld(t, 2)
	views := make([]*view, w.cfg.Validators)
	for i := range views {
		views[i] = newView(w, i)
		if err := views[i].play(0, w.steps()); err != nil {
			t.Fatal(err)
		}
		views[i].end()
	}
	r := newReport(w, views)
	if len(r.totals) != 40 || len(r.shares) != len(w.kinds) || len(r.shares[0]) != 40 {
		t.Fatalf("%d epochs", len(r.totals))
	}
	for e, total := range r.totals[2:] {
		if math.Abs(total-1) > 1e-9 {
			t.Errorf("epoch %d: %v", e+2, total)
		}
	}
}

func TestWeightsCountAsFarAsHalfOfTheStakeSupportsThem(t *testing.T) {
	for _, c := range []struct {
		votes []vote
		stake float64
		want  float64
	}{
		{nil, 0, 0}, {nil, 2, 0},
		{[]vote{{0.5, 1}, {0.25, 1}}, 2, 0.75},                        // half is enough
		{[]vote{{0.25, 1}, {0.5, 1}, {0.75, 1}}, 3, 0.25 + 0.5 + 0.5}, // the largest is clipped
		{[]vote{{0.5, 1}, {0, 1.5}}, 2.5, 0},
		{[]vote{{0.5, 1}}, 2.5, 0}, // the others said nothing
		{[]vote{{0.5, 3}, {0, 1}}, 4, 1.5},
	} {
		if got := rank(slices.Clone(c.votes), c.stake); got != c.want {
			t.Errorf("%v of %v: %v, want %v", c.votes, c.stake, got, c.want)
		}
	}
}

func TestDataRots(t *testing.T) {
	w := testWorld(t, 1)
	if len(w.rotting) != w.cfg.each() {
		t.Fatalf("%v rot", w.rotting)
	}
	for i := range w.kinds {
		if k := &w.kinds[i]; k.rots > 0 {
			k.rots = 6 * time.Hour
		}
	}
	v, lost := newView(w, 0), 0
	for step := range w.steps() {
		if err := v.play(step, step+1); err != nil {
			t.Fatal(err)
		}
		for _, uid := range w.rotting {
			for i := range v.miners[uid].holdings {
				if h := &v.miners[uid].holdings[i]; !h.kept {
					lost, h.kept = lost+1, true
				}
			}
		}
	}
	if lost < 4 || lost > 40 { // 16 are expected
		t.Errorf("%d data rotted", lost)
	}
}

func TestChancesAreTheProvenBounds(t *testing.T) {
	lacks := Kind{lacks: 0.01}
	reference := Kind{lacks: 0.01, reference: true}
	for _, c := range []struct {
		kind Kind
		size int64
		want float64
	}{
		{Kind{}, 1 << 20, 1}, {lacks, 1, 0.99}, {lacks, 4097, 0.99 * 0.99}, {lacks, 1 << 30, math.Pow(0.99, 460)}, {reference, 1 << 30, 0.99},
	} {
		if got := c.kind.passes(c.size); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v with %d bytes passes with %v, want %v", c.kind, c.size, got, c.want)
		}
	}
	v := newView(testWorld(t, 1), 0)
	l := &life{}
	for _, c := range []struct {
		kind  Kind
		task  incentive.Task
		kept  bool
		block uint64
		want  bool
	}{
		{Kind{}, incentive.TaskRetrieve, true, 0, true}, {Kind{}, incentive.TaskChallenge, false, 0, false},
		{Kind{lacks: 0.01}, incentive.TaskRetrieve, true, 0, false}, {Kind{withholds: true}, incentive.TaskRetrieve, true, 0, false},
		{Kind{withholds: true}, incentive.TaskChallenge, true, 0, true}, {Kind{lacks: 1, turns: time.Hour}, incentive.TaskRetrieve, true, 299, true},
		{Kind{lacks: 1, turns: time.Hour}, incentive.TaskRetrieve, true, 300, false},
	} {
		if got := v.has(&c.kind, l, question{task: c.task, about: holding{size: 1 << 20, kept: c.kept}}, c.block); got != c.want {
			t.Errorf("%+v, task %d at block %d: %v", c.kind, c.task, c.block, got)
		}
	}
}

// What a miner was silent about is asked about again and is not dropped, until it
// answers, as validator.question has it, or that expires.
func TestSilenceIsNotForgotten(t *testing.T) {
	v := scriptView()
	held := v.miners[0].holdings[0]
	more := holding{size: 200, number: 7, until: math.MaxUint64, kept: true}
	for _, c := range []struct {
		ok, last bool
		owed     bool
	}{{true, true, false}, {false, false, false}, {false, true, true}} {
		m := &v.miners[0]
		m.holdings, m.bytes = []holding{held, more}, held.size+more.size
		m.tried(held, c.ok, c.last)
		v.period = 1
		v.drop(1100)
		if owed := m.silent != nil; owed != c.owed || owed != (len(m.holdings) == 1) || owed != (m.bytes == held.size) {
			t.Errorf("%+v: owed %v, held %+v, %d bytes", c, owed, m.holdings, m.bytes)
		}
	}
	m := &v.miners[0]
	m.holdings, m.bytes = append(m.holdings, more), m.bytes+more.size
	for range 20 {
		m.silent = &held
		v.askNew(0, incentive.TaskChallenge, 1200) // a liar, who answers
		if n := m.trials[len(m.trials)-1]; n != held.number || m.silent != nil {
			t.Fatalf("asked about %d, owed %v", n, m.silent)
		}
	}
	m.tried(held, false, true)
	m.silent.until = 1300
	v.expire(0, 1299)
	if m.silent == nil {
		t.Fatal("forgotten too early")
	}
	if v.expire(0, 1300); m.silent != nil || m.bytes != more.size || len(m.holdings) != 1 {
		t.Errorf("left: %+v, %d bytes", m.holdings, m.bytes)
	}
}
