package validator

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/filetao/filetao/chain"
)

// Run follows the chain's blocks until ctx ends: a step every BlocksPerStep,
// left out while the last one still runs; weights when they are due. The state
// is saved by every step, every CheckpointBlocks and at the end; who is killed
// loses nothing but the step under way. Run fails when the saved
// state cannot be read at the start or written at the end.
func (v *Validator) Run(ctx context.Context) error {
	blocks := v.deps.Follower.Blocks(ctx)
	select {
	case <-v.deps.Follower.Ready():
	case <-ctx.Done():
	}
	if err := v.load(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var r rounds
	last := v.deps.Follower.Head()
	for block := range blocks {
		v.onBlock(ctx, &r, block)
		last = block
	}
	r.wg.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return v.save(ctx, last.Number)
}

// rounds is what a run has under way.
type rounds struct {
	wg                    sync.WaitGroup
	step, weights, saving atomic.Bool
	turn                  uint64 // of the last step: block / BlocksPerStep
}

// onBlock begins what a block makes due.
func (v *Validator) onBlock(ctx context.Context, r *rounds, block chain.Block) {
	if turn := block.Number / uint64(v.cfg.BlocksPerStep); turn != r.turn { // lower, where the chain was begun anew
		r.turn = turn
		if !r.begin(&r.step, func() { v.logged(ctx, "step", block, v.Step(ctx, block)) }) {
			v.log.Warn("step left out: the last one still runs", "block", block.Number)
		}
	}
	r.begin(&r.weights, func() {
		within, cancel := context.WithTimeout(ctx, v.cfg.TaskTimeout)
		defer cancel()
		_, err := v.SetWeights(within, block)
		v.logged(ctx, "weights", block, err)
	})
	if v.saveDue(block.Number) {
		r.begin(&r.saving, func() { v.logged(ctx, "checkpoint", block, v.save(ctx, block.Number)) })
	}
}

// begin runs fn beside the others, unless the same still runs.
func (r *rounds) begin(running *atomic.Bool, fn func()) bool {
	if !running.CompareAndSwap(false, true) {
		return false
	}
	r.wg.Go(func() {
		defer running.Store(false)
		fn()
	})
	return true
}

// logged reports an error that is not just the end.
func (v *Validator) logged(ctx context.Context, what string, block chain.Block, err error) {
	if err != nil && ctx.Err() == nil {
		v.log.Error(what+" failed", "block", block.Number, "err", err)
	}
}
