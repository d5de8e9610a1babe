package sim

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
)

// audit is validator.audit: repetitions that are due first, then the due by the
// block's hash who owe nothing.
func (v *view) audit(step int, block uint64, whole bool) {
	for uid := range v.miners {
		v.expire(uid, block)
		if q := &v.miners[uid].owes; v.owing[uid] && q.tries > 0 && q.next <= block {
			v.ask(uid, *q, block)
		}
	}
	for _, uid := range v.w.challenges[step] {
		v.askNew(int(uid), incentive.TaskChallenge, block)
	}
	if whole {
		for _, uid := range v.w.retrievals[step] {
			v.askNew(int(uid), incentive.TaskRetrieve, block)
		}
	}
}

// askNew asks a miner that owes nothing about a datum it holds.
func (v *view) askNew(uid int, task incentive.Task, block uint64) {
	m := &v.miners[uid]
	if v.owing[uid] || m.owes.tries > 0 || len(m.holdings) == 0 {
		return
	}
	q := question{task: task}
	if m.silent != nil {
		q.about = *m.silent
	} else {
		q.about = v.pick(m)
	}
	v.ask(uid, q, block)
}

// expire forgets what a miner owes an answer about, once that has expired. All
// other data is dropped long before.
func (v *view) expire(uid int, block uint64) {
	m := &v.miners[uid]
	over := func(h holding) bool { return block >= h.until }
	if m.owes.tries > 0 && over(m.owes.about) {
		m.owes = question{}
	}
	if m.silent == nil || !over(*m.silent) {
		return
	}
	m.holdings = slices.DeleteFunc(m.holdings, func(h holding) bool { return h.number == m.silent.number })
	m.bytes -= m.silent.size
	m.silent = nil
}

// pick is validator.pick.
func (v *view) pick(m *miner) holding {
	var drawn [validator.Candidates]holding
	var weights [validator.Candidates]int64
	for i := range drawn {
		drawn[i] = m.holdings[v.random.IntN(len(m.holdings))]
		weights[i] = validator.Weight(drawn[i].size, slices.Contains(m.trials, drawn[i].number))
	}
	return drawn[validator.Choose(weights[:], v.random.Uint64())]
}

// tried notes a settled audit. last: after the last repetition.
func (m *miner) tried(about holding, ok, last bool) {
	if len(m.trials) == index.MaxTrials {
		m.trials = append(m.trials[:0], m.trials[1:]...)
	}
	m.trials = append(m.trials, about.number)
	m.silent = nil
	if !ok && last {
		m.silent = &about
	}
}

// ask puts a question, and concludes.
func (v *view) ask(uid int, q question, block uint64) {
	l := &v.w.lives[v.hotkeys[uid]]
	k := &v.w.kinds[l.kind]
	m := &v.miners[uid]
	again := q.tries > 0
	came := v.answers(uid, block)
	ok := came && v.has(k, l, q, block)
	if came && !ok && k.silent {
		came = false
	}
	if repeats := v.w.cfg.product.Repeats; !came && q.tries < len(repeats) {
		pause := repeats[q.tries]
		q.tries++
		q.next = block + uint64((pause+v.patience(q.task, k)+blockTime-1)/blockTime)
		m.owes = q
		return
	}
	m.owes = question{}
	m.tried(q.about, ok, q.tries == len(v.w.cfg.product.Repeats))
	m.standing.Count(q.task, ok)
	v.outcomes[l.kind].count(q.task, ok)
	datum := ""
	if !ok {
		datum = strconv.FormatUint(q.about.number, 10)
	}
	v.batches[q.task] = append(v.batches[q.task], incentive.Result[int32]{
		UID: uid, Hotkey: v.hotkeys[uid], OK: ok, Came: came, Native: q.task == incentive.TaskChallenge && !k.reference,
		Elapsed: v.elapsed(k, q.task, q.about.size), Bytes: q.about.size,
		Datum: datum, Silent: !came, Late: again, Tier: m.standing.Tier,
	})
}

// has says whether the miner can answer: what it lacks is found with the chance
// that is proven.
func (v *view) has(k *Kind, l *life, q question, block uint64) bool {
	if block < l.from+blocksIn(k.turns) {
		return true
	}
	switch {
	case !q.about.kept:
		return false
	case q.task == incentive.TaskRetrieve:
		return k.lacks == 0 && !k.withholds
	}
	chance := k.passes(q.about.size)
	return chance == 1 || v.random.Float64() < chance
}

// patience is how long the validator waits for an answer.
func (v *view) patience(task incentive.Task, k *Kind) time.Duration {
	switch {
	case task == incentive.TaskRetrieve:
		return v.w.cfg.fleet.RetrieveTimeout
	case k.reference:
		return v.w.cfg.fleet.ChallengeTimeout
	}
	return v.w.cfg.fleet.AuditTimeout
}

// The time of an answer: a delay, what the bytes take (of an audit: its blocks),
// times a log-normal number.
const (
	delay      = 0.05     // seconds
	bandwidth  = 50 << 20 // bytes a second
	auditBytes = 460 * 4096
	sigma      = 0.5
)

func (v *view) elapsed(k *Kind, task incentive.Task, size int64) time.Duration {
	if task == incentive.TaskChallenge && !k.reference {
		size = min(size, auditBytes)
	}
	seconds := (delay + float64(size)/bandwidth) * math.Exp(sigma*v.random.NormFloat64())
	if k.slow > 0 {
		seconds *= k.slow
	}
	return time.Duration(seconds * float64(time.Second))
}

// store is validator.storeRandom: a datum for due miners that owe no answer, are
// alive and have room, and others in the place of those that do not.
func (v *view) store(step int, block uint64) {
	cfg := &v.w.cfg.product
	size := v.size()
	v.data++
	drawn := append(v.drawn[:0], v.w.stores[step]...)
	rest := v.rest[:0]
	for uid := range v.miners {
		rest = append(rest, uint16(uid))
	}
	owes := func(uid uint16) bool { return v.owing[uid] }
	rest = slices.DeleteFunc(without(rest, drawn), owes)
	drawn = slices.DeleteFunc(drawn, owes)
	stored := 0
	for round := 0; ; round++ {
		for _, uid := range drawn {
			if v.storeAt(int(uid), size, block) {
				stored++
			}
		}
		if round == cfg.StoreRounds || stored >= cfg.StoreSample || len(rest) == 0 {
			break
		}
		drawn = drawFrom(rest, v.w.hash(block), cfg.StoreSample-stored)
		rest = without(rest, drawn)
	}
	v.rest, v.drawn = rest, drawn
}

// drawFrom is fleet.Draw from those that are left.
func drawFrom(rest []uint16, hash chain.Hash, k int) []uint16 {
	drawn := narrow(sample(hash, len(rest), k))
	for i, at := range drawn {
		drawn[i] = rest[at]
	}
	return drawn
}

// without removes the drawn, in place.
func without(rest, drawn []uint16) []uint16 {
	kept := rest[:0]
next:
	for _, uid := range rest {
		for _, d := range drawn {
			if d == uid {
				continue next
			}
		}
		kept = append(kept, uid)
	}
	return kept
}

// storeAt has a miner store the step's datum, if it answers a ping and has room.
func (v *view) storeAt(uid int, size int64, block uint64) bool {
	if v.pinged[uid] == 0 && !v.answers(uid, block) || v.pinged[uid] < 0 {
		v.batches[incentive.TaskStore] = append(v.batches[incentive.TaskStore], incentive.Result[int32]{
			UID: uid, Hotkey: v.hotkeys[uid], Bytes: size, Tier: v.miners[uid].standing.Tier,
		})
		return false
	}
	m, rules, cfg := &v.miners[uid], &v.w.cfg.rules, &v.w.cfg.product
	if size > rules.Room(m.standing, 0, v.ledger.Possession(uid, v.hotkeys[uid]))-m.bytes {
		v.full[v.w.lives[v.hotkeys[uid]].kind]++
		return false
	}
	l := &v.w.lives[v.hotkeys[uid]]
	k := &v.w.kinds[l.kind]
	ok := v.answers(uid, block)
	m.standing.Count(incentive.TaskStore, ok)
	v.outcomes[l.kind].count(incentive.TaskStore, ok)
	v.batches[incentive.TaskStore] = append(v.batches[incentive.TaskStore], incentive.Result[int32]{
		UID: uid, Hotkey: v.hotkeys[uid], OK: ok, Came: ok, Elapsed: v.elapsed(k, incentive.TaskStore, size),
		Bytes: size, Tier: m.standing.Tier,
	})
	if ok {
		m.holdings = append(m.holdings, holding{size: size, number: v.data, until: block + blocksIn(cfg.TTL), kept: k.drops == 0 || v.random.Float64() >= k.drops})
		m.bytes += size
	}
	return ok
}

// size draws a datum's, as the validator's Config says.
func (v *view) size() int64 {
	c := &v.w.cfg.product
	size := math.Exp(math.Log(float64(c.MedianSize)) + float64(c.SizeSigma*v.random.NormFloat64()))
	return int64(min(max(size, 1), float64(c.MaxSize)))
}
