package validator

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/wallet"
)

// What a step earns enters the scores when all its tasks are over: in the order
// monitor, store, challenge, retrieve, and then into the saved state with one
// write. So a validator that is killed at any instant comes back with the scores
// of its last whole step. What the step under way had found out by then is in
// the statistics and the trials, but in no score; nothing is rewarded twice, for
// a question is closed before its reward is saved. The events come after the
// state: one that was told is saved.

// batch is what one task of a step brought in; without a task it is none.
type batch struct {
	task        Task
	start       time.Time
	took, limit time.Duration // limit: for the boost of the fastest
	results     []result
}

// result is an outcome that says something about its miner.
type result struct {
	fleet.Outcome
	// Of an audit: what it was about, and that no answer came, however often it was
	// asked; see incentive.Result.
	datum  string
	silent bool
	// late: it answers a question that was put again; see incentive.Result.
	late bool
	// said is the verdict in words; "": what Err says.
	said string
	tier string // set by settle
}

// done is the end of a task: its outcomes, without the void ones. Those that our
// own side spoiled are an error, unless ctx has ended: the task was cut short.
func (v *Validator) done(ctx context.Context, b batch, outcomes []fleet.Outcome) (batch, error) {
	var err error
	for _, o := range outcomes {
		switch {
		case !o.Void:
			b.results = append(b.results, result{Outcome: o})
		case ctx.Err() == nil:
			err = errors.Join(err, o.Err)
		}
	}
	b.took = v.deps.Now().Sub(b.start)
	return b, err
}

// settle enters what a step brought in: into the scores, into the saved state,
// and into the events. Who is down is told of before that is saved, so that it
// is not forgotten.
func (v *Validator) settle(ctx context.Context, block, step uint64, batches ...batch) error {
	if err := v.readTiers(ctx, batches); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := v.refusals(within, block, batches); err != nil {
		return err
	}
	events, down := v.enterAll(block, step, batches)
	v.lost(ctx, down)
	within, cancel = context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err := v.save(within, block)
	for _, e := range events {
		v.tell(e)
	}
	return err
}

// enterAll moves the scores by a whole step. Whoever saves meanwhile waits.
func (v *Validator) enterAll(block, step uint64, batches []batch) (events []Event, down []Loss) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, b := range batches {
		if b.task == "" {
			continue
		}
		slices.SortStableFunc(b.results, func(x, y result) int { return cmp.Compare(x.UID, y.UID) })
		changes, lost := v.enter(b)
		down = append(down, lost...)
		events = append(events, v.complete(v.eventOf(b, block, changes)))
	}
	v.progress.Steps = step
	return events, down
}

// readTiers looks up the tiers of all results.
func (v *Validator) readTiers(ctx context.Context, batches []batch) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	tiers := map[wallet.Address]string{}
	for _, b := range batches {
		for i, r := range b.results {
			if _, known := tiers[r.Hotkey]; !known {
				s, err := v.deps.Index.Stats(ctx, r.Hotkey)
				if err != nil {
					return err
				}
				tiers[r.Hotkey] = cmp.Or(s.Tier, v.cfg.Rules.Tiers.Named("").Name)
			}
			b.results[i].tier = tiers[r.Hotkey]
		}
	}
	return nil
}

// enter moves the scores by a batch, and says who it found down.
func (v *Validator) enter(b batch) (changes []incentive.Change, down []Loss) {
	switch b.task {
	case TaskStore:
		return v.board.settle(incentive.TaskStore, b), nil
	case TaskChallenge:
		return v.board.settle(incentive.TaskChallenge, b), nil
	case TaskRetrieve:
		return v.board.settle(incentive.TaskRetrieve, b), nil
	}
	for _, r := range b.results {
		c, isDown := v.board.pinged(r, v.cfg.MaxFailures)
		changes = append(changes, c)
		if isDown {
			v.log.Warn("miner is down", "uid", r.UID, "hotkey", r.Hotkey, "err", r.Err)
			down = append(down, Loss{UID: r.UID, Hotkey: r.Hotkey})
		}
	}
	return changes, down
}

// lost tells of lost miners.
func (v *Validator) lost(ctx context.Context, losses []Loss) {
	if v.deps.Lost == nil {
		return
	}
	for _, l := range losses {
		v.deps.Lost(ctx, l)
	}
}

// eventOf describes a batch and what it earned.
func (v *Validator) eventOf(b batch, block uint64, changes []incentive.Change) Event {
	e := Event{Task: b.task, Block: block, StepLength: b.took.Seconds()}
	for i, r := range b.results {
		message := "Success"
		if r.Err != nil {
			message = r.Err.Error()
		}
		e.UIDs, e.Hotkeys = append(e.UIDs, r.UID), append(e.Hotkeys, r.Hotkey)
		e.Successful = append(e.Successful, r.OK())
		e.CompletionTimes = append(e.CompletionTimes, r.Elapsed.Seconds())
		e.StatusMessages = append(e.StatusMessages, cmp.Or(r.said, message))
		e.StatusCodes = append(e.StatusCodes, r.Status())
		e.Rewards = append(e.Rewards, changes[i].Reward)
		e.Before, e.After = append(e.Before, changes[i].Before), append(e.After, changes[i].After)
		if b.task != TaskMonitor {
			e.MinerTiers, e.Possession = append(e.MinerTiers, r.tier), append(e.Possession, changes[i].Possession)
		}
	}
	return e
}
