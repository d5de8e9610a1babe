package validator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/wallet"
)

// Step is one round at a block, whose hash decides who is due: see who
// changed, then store, audit and monitor, then tidy up. It
// returns ErrBusy while another step runs, ErrNotReady before there is a
// metagraph, and otherwise what went wrong on this side; what miners do wrong
// is no error.
func (v *Validator) Step(ctx context.Context, block chain.Block) error {
	if !v.stepping.TryLock() {
		return ErrBusy
	}
	defer v.stepping.Unlock()
	graph := v.deps.Follower.Metagraph()
	if graph == nil {
		return ErrNotReady
	}
	if err := v.load(ctx); err != nil {
		return err
	}
	if err := v.adopt(ctx, graph, block.Number); err != nil {
		return fmt.Errorf("replaced hotkeys: %w", err)
	}
	if err := v.rollOver(ctx, block.Number); err != nil {
		return fmt.Errorf("rollover: %w", err)
	}
	owed, err := v.owed(ctx, graph)
	if err != nil {
		return fmt.Errorf("unanswered questions: %w", err)
	}
	number := v.begin()
	whole := number%uint64(v.cfg.RetrieveEvery) == 0
	pinged := make(chan map[wallet.Address]bool, 1)
	err = v.together(ctx, []work{{"monitor and store", func(ctx context.Context) error {
		p := v.monitor(ctx, block)
		pinged <- p
		return v.storeRandom(ctx, block, p, owed)
	}}, {"audit", func(ctx context.Context) error { return v.audit(ctx, block, whole, owed, pinged) }}})
	// Only now, so that nobody is asked about what is being dropped.
	return errors.Join(err, v.upkeep(ctx, graph, block.Number, number))
}

// settleTimeout limits what is read and written once a task is over, whatever
// became of its own deadline.
const settleTimeout = 10 * time.Second

// begin counts the step.
func (v *Validator) begin() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.progress.Steps++
	return v.progress.Steps
}

// work is a named task of a step.
type work struct {
	name string
	run  func(context.Context) error
}

// together runs tasks side by side, each under its own deadline, and waits for
// all. A panic is a fault of ours and ends the process.
func (v *Validator) together(ctx context.Context, tasks []work) error {
	errs := make([]error, len(tasks))
	var wg sync.WaitGroup
	for i, t := range tasks {
		wg.Go(func() {
			within, cancel := context.WithTimeout(ctx, v.cfg.TaskTimeout)
			defer cancel()
			if err := t.run(within); err != nil {
				errs[i] = fmt.Errorf("%s: %w", t.name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// batch is the outcomes of one task of a step.
type batch struct {
	task    Task
	block   chain.Block
	start   time.Time
	failure float64       // reward of a failure
	limit   time.Duration // for the boost of the fastest
	// late are outcomes of questions that were put again. They could be
	// answered long before, so that nobody is rewarded for the speed of one: it
	// counts as slow as the slowest of the others.
	outcomes, late []fleet.Outcome
}

func (b batch) empty() bool { return len(b.outcomes)+len(b.late) == 0 }

// settle turns a batch of outcomes into rewards, moves the scores and emits the
// event. Void outcomes earn nothing; those that our own side spoiled are
// returned as an error.
func (v *Validator) settle(ctx context.Context, b batch) error {
	kept, err := verdicts(ctx, b.outcomes)
	inTime := len(kept)
	kept = append(kept, b.late...)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	answers := make([]incentive.Answer, len(kept))
	for i, o := range kept {
		stats, statsErr := v.deps.Index.Stats(ctx, o.Hotkey)
		if statsErr != nil {
			return errors.Join(err, statsErr)
		}
		answers[i] = incentive.Answer{
			OK: o.OK(), Came: o.Came, Elapsed: o.Elapsed, Bytes: o.Bytes, Tier: v.cfg.Rules.Tiers.Named(stats.Tier),
		}
		if i >= inTime {
			answers[i].Came, answers[i].Elapsed = false, math.MaxInt64
		}
	}
	rewards := incentive.SpeedScale(answers, v.cfg.Rules.Rewards(b.failure, b.limit, answers))
	for i, o := range kept {
		v.board.reward(o.UID, o.Hotkey, rewards[i])
	}
	v.emit(v.eventOf(b.task, b.block.Number, b.start, kept, rewards))
	return err
}

// verdicts leaves out what says nothing about a miner. Why it does not is an
// error unless the step was cut short.
func verdicts(ctx context.Context, outcomes []fleet.Outcome) (kept []fleet.Outcome, err error) {
	for _, o := range outcomes {
		switch {
		case !o.Void:
			kept = append(kept, o)
		case ctx.Err() == nil:
			err = errors.Join(err, o.Err)
		}
	}
	return kept, err
}
