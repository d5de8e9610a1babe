package validator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// turn is what one miner is asked in a step: new questions, the next one only
// when the one before was answered, or the question that it owes an answer to.
// With two open at once a silent miner could choose which one to answer later.
type turn struct {
	miner chain.Neuron
	tasks []fleet.Task
	owed  *debt
}

// inquiry is one question that was put, and what came of it.
type inquiry struct {
	miner    chain.Neuron
	question fleet.Question
	before   index.Pending // what was before: Tries, and Question when it is put again
	outcome  fleet.Outcome
}

func (q inquiry) again() bool { return len(q.before.Question) > 0 }

// audit has due miners prove that they still have something they hold, with
// whole also by returning it, and asks again whom a repetition is due for. Who
// holds nothing that can be asked about, or not any more, is left out, and so is
// who owes an answer. pinged says whom the same step has pinged and who answered.
func (v *Validator) audit(ctx context.Context, d draws, whole bool, owed debts, pinged <-chan map[wallet.Address]bool) (challenges, retrievals batch, err error) {
	start, turns := v.deps.Now(), v.turns(d, whole, owed)
	miners := make([]chain.Neuron, len(turns))
	var mu sync.Mutex // guards asked and failed
	var asked []inquiry
	var failed error
	v.deps.Fleet.Each(miners, func(i int, _ chain.Neuron) {
		put, err := v.put(ctx, d.Block, turns[i])
		mu.Lock()
		defer mu.Unlock()
		asked, failed = append(asked, put...), errors.Join(failed, err)
	})
	limits := v.deps.Fleet.Config()
	challenges = batch{task: TaskChallenge, start: start, limit: limits.ChallengeTimeout}
	retrievals = batch{task: TaskRetrieve, start: start, limit: limits.RetrieveTimeout}
	err = v.conclude(ctx, asked, cutOff(<-pinged, asked), map[fleet.Task]*batch{
		fleet.TaskChallenge: &challenges, fleet.TaskRetrieve: &retrievals,
	})
	if !whole && len(retrievals.results) == 0 {
		retrievals = batch{}
	}
	return challenges, retrievals, errors.Join(failed, err)
}

// turns are those of a step: repetitions first, the longest due before others.
func (v *Validator) turns(d draws, whole bool, owed debts) []turn {
	var turns []turn
	now := v.deps.Now()
	for _, debt := range owed {
		if !debt.Next.After(now) {
			turns = append(turns, turn{miner: debt.miner, owed: debt})
		}
	}
	slices.SortFunc(turns, func(a, b turn) int {
		return cmp.Or(a.owed.Next.Compare(b.owed.Next), cmp.Compare(a.miner.UID, b.miner.UID))
	})
	at := map[wallet.Address]int{}
	add := func(task fleet.Task, k int) {
		for _, n := range d.due(k) {
			if owed[n.Hotkey] != nil {
				continue
			}
			if _, known := at[n.Hotkey]; !known {
				at[n.Hotkey] = len(turns)
				turns = append(turns, turn{miner: n})
			}
			t := &turns[at[n.Hotkey]]
			t.tasks = append(t.tasks, task)
		}
	}
	add(fleet.TaskChallenge, v.cfg.ChallengeSample)
	if whole {
		add(fleet.TaskRetrieve, v.cfg.RetrieveSample)
	}
	return turns
}

// put asks one miner what it is its turn to be asked. The error is of our side.
func (v *Validator) put(ctx context.Context, block chain.Block, t turn) (put []inquiry, err error) {
	if t.owed != nil {
		q := inquiry{miner: t.miner, question: t.owed.question, before: t.owed.Pending}
		q.outcome = v.deps.Fleet.Ask(ctx, q.miner, q.question)
		return []inquiry{q}, nil
	}
	for _, task := range t.tasks {
		question, err := v.question(ctx, t.miner, block, task)
		if errors.Is(err, index.ErrNotFound) {
			continue
		} else if err != nil {
			return put, ours(ctx, fmt.Errorf("%s of UID %d: %w", task, t.miner.UID, err))
		}
		q := inquiry{miner: t.miner, question: question, before: index.Pending{Asked: v.deps.Now()}}
		q.outcome = v.deps.Fleet.Ask(ctx, q.miner, q.question)
		put = append(put, q)
		if q.outcome.Silent() || q.outcome.Void {
			break
		}
	}
	return put, nil
}

// ours is an error of our side, unless the step was cut short.
func ours(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// conclude settles what was answered, or unanswered for the last time, and
// records it; everything else is kept to be asked again. What is worth a reward
// goes into the batch of its task.
func (v *Validator) conclude(ctx context.Context, asked []inquiry, cutOff bool, batches map[fleet.Task]*batch) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var failed error
	for _, q := range asked {
		if q.outcome.Silent() && (cutOff || q.before.Tries < len(v.cfg.Repeats)) {
			failed = errors.Join(failed, v.keep(within, q, cutOff))
			continue
		}
		silent := q.outcome.Silent()
		if silent {
			q.outcome = v.deps.Fleet.Failed(within, q.miner, q.question, q.outcome)
		}
		if q.outcome.Void {
			failed = errors.Join(failed, v.spoiled(ctx, within, q))
			continue
		}
		said, err := v.record(within, q)
		if err != nil { // it may be asked again, and is rewarded then
			failed = errors.Join(failed, err)
			continue
		}
		b := batches[q.question.Task]
		b.results = append(b.results, result{Outcome: q.outcome, datum: q.question.Hash, silent: silent, late: q.again(), said: said})
	}
	for _, b := range batches {
		b.took = v.deps.Now().Sub(b.start)
	}
	return failed
}

// patience is how long a question is kept that we ourselves fail to put or judge.
const patience = 24 * time.Hour

// spoiled is the end of an inquiry that says nothing about the miner. A question
// that has lost its object is dropped. Where something of ours failed, or the
// step was cut short, it is put again, for a day: no miner gets rid of a question
// because we waited for others, nor is left alone because of one damaged record.
func (v *Validator) spoiled(step, ctx context.Context, q inquiry) error {
	err := q.outcome.Err
	moot := errors.Is(err, index.ErrNotFound) || errors.Is(err, fleet.ErrMoot)
	var failed error
	if moot {
		v.log.Info("a question is moot", "uid", q.miner.UID, "task", q.question.Task, "hash", q.question.Hash, "err", err)
	} else {
		failed = ours(step, err)
	}
	switch {
	case !q.again() && !moot:
		failed = errors.Join(failed, v.keep(ctx, q, true))
	case q.again() && (moot || v.deps.Now().Sub(q.before.Asked) > patience):
		failed = errors.Join(failed, v.deps.Index.DropPending(ctx, q.miner.Hotkey))
	}
	return failed
}

// Candidates is how many of a miner's holdings are drawn, all alike, to choose the
// one it is asked about; see Choose.
const Candidates = 8

// mostDraws bounds the draws, some of which find what cannot be asked about.
const mostDraws = 256

// Weight is what a candidate weighs in Choose: its size in bytes, and a sixteenth
// of that if it is recent, which is among the miner's last index.MaxTrials trials.
// So most of what a miner holds is asked about before anything is asked about
// twice, and whole data that it lacks is come upon sooner. No datum weighs nothing:
// a miner that was just asked about one may be asked again.
func Weight(size int64, recent bool) int64 {
	if recent {
		return max(size/16, 1)
	}
	return size
}

// Choose takes one of the candidates by their weights: the chance of each is its
// part of the sum. r is random. Drawn evenly, the few largest data of a miner would
// hardly be asked about, and they are most of its bytes.
func Choose(weights []int64, r uint64) int {
	var sum uint64
	for _, weight := range weights {
		sum += uint64(max(weight, 0))
	}
	if sum == 0 {
		return 0
	}
	r %= sum
	for i, weight := range weights {
		part := uint64(max(weight, 0))
		if r < part {
			return i
		}
		r -= part
	}
	return 0
}

// pick draws one of a miner's holdings that can be asked about, and removes those
// whose time is over from the index: a miner with many of them would be asked
// about nothing. trials are its latest. index.ErrNotFound when there is none.
func (v *Validator) pick(ctx context.Context, hotkey wallet.Address, trials []index.Trial) (index.Holding, error) {
	var drawn []index.Holding
	var weights []int64
	for draws := 0; draws < mostDraws && len(drawn) < Candidates; draws++ {
		h, err := v.drawHolding(ctx, hotkey)
		if errors.Is(err, index.ErrNotFound) {
			break
		} else if err != nil {
			return index.Holding{}, err
		}
		if v.askable(h) {
			recent := slices.ContainsFunc(trials, func(t index.Trial) bool { return t.Hash == h.Hash })
			drawn, weights = append(drawn, h), append(weights, Weight(h.Size, recent))
		} else if now := v.deps.Now(); h.Expired(now) {
			if err := v.deps.Index.ExpireHolding(ctx, hotkey, h.Hash, now); err != nil {
				return index.Holding{}, err
			}
		}
	}
	if len(drawn) == 0 {
		return index.Holding{}, index.ErrNotFound
	}
	r, err := v.uint64()
	return drawn[Choose(weights, r)], err
}

// drawHolding is any of a miner's holdings.
func (v *Validator) drawHolding(ctx context.Context, hotkey wallet.Address) (index.Holding, error) {
	r, err := v.uint64()
	if err != nil {
		return index.Holding{}, err
	}
	return v.deps.Index.RandomHolding(ctx, hotkey, r)
}

// askable says whether a holding has bytes and outlives a question that is put
// now: the miner may drop what has expired.
func (v *Validator) askable(h index.Holding) bool {
	return h.Size > 0 && !h.Expired(v.deps.Now().Add(v.deps.Fleet.Config().RetrieveTimeout))
}
