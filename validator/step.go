package validator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/wallet"
)

// Step is one round at a block, whose hash decides who is due: see who
// changed, then store, audit and monitor, settle all that, then tidy up. It
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
	if err := v.rollOver(ctx, graph, block.Number); err != nil {
		return fmt.Errorf("rollover: %w", err)
	}
	owed, err := v.owed(ctx, graph)
	if err != nil {
		return fmt.Errorf("unanswered questions: %w", err)
	}
	return v.round(ctx, graph, block, v.next(), owed)
}

// round is a step once it is clear who is who, and who owes what.
func (v *Validator) round(ctx context.Context, graph *chain.Metagraph, block chain.Block, number uint64, owed debts) error {
	d := draws{block, v.available(graph)}
	whole := number%uint64(v.cfg.RetrieveEvery) == 0
	pinged := make(chan map[wallet.Address]bool, 1)
	var pings, stores, challenges, retrievals batch
	err := v.together(ctx, []work{{"monitor and store", func(ctx context.Context) (err error) {
		var answered map[wallet.Address]bool
		pings, answered = v.monitor(ctx, d)
		pinged <- answered
		stores, err = v.storeRandom(ctx, d, answered, owed)
		return err
	}}, {"audit", func(ctx context.Context) (err error) {
		challenges, retrievals, err = v.audit(ctx, d, whole, owed, pinged)
		return err
	}}})
	if settled := v.settle(ctx, block.Number, number, pings, stores, challenges, retrievals); settled != nil {
		err = errors.Join(err, fmt.Errorf("settle: %w", settled))
	}
	// Only now, so that nobody is asked about what is being dropped.
	return errors.Join(err, v.upkeep(ctx, graph, block.Number, number, owed))
}

// draws is who can be asked in a step, and the block that draws from them. All
// tasks of a step draw from the metagraph that the step has read: what the chain
// says meanwhile is for the next one.
type draws struct {
	chain.Block
	available []chain.Neuron // by ascending UID; never changed
}

// due are k of them, as whoever has the block's hash and the metagraph draws too.
func (d draws) due(k int) []chain.Neuron { return fleet.Draw(d.Hash, d.available, k) }

// available are the miners of a metagraph that can be asked, by ascending UID.
func (v *Validator) available(graph *chain.Metagraph) []chain.Neuron {
	return fleet.Available(graph, v.deps.Fleet.Config().VpermitLimit, v.deps.Key.Address())
}

// settleTimeout limits what is read and written once a task is over, whatever
// became of its own deadline.
const settleTimeout = 10 * time.Second

// next is the number of the step that begins. It counts once it is settled.
func (v *Validator) next() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.progress.Steps + 1
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
