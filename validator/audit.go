package validator

import (
	"context"
	"errors"
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// challenge has due miners prove that they still hold something they hold.
func (v *Validator) challenge(ctx context.Context, block chain.Block) error {
	b := batch{
		task: TaskChallenge, block: block, start: v.deps.Now(),
		failure: v.cfg.Rules.ChallengeFailure, limit: v.deps.Fleet.Config().ChallengeTimeout,
	}
	return v.audit(ctx, b, v.cfg.ChallengeSample, v.deps.Fleet.Challenge)
}

// retrieve has due miners return something they hold.
func (v *Validator) retrieve(ctx context.Context, block chain.Block) error {
	return v.audit(ctx, v.retrieval(block), v.cfg.RetrieveSample, func(ctx context.Context, n chain.Neuron, h index.Holding) fleet.Outcome {
		_, o := v.deps.Fleet.Retrieve(ctx, n, h)
		return o
	})
}

// retrieval is a batch of retrievals that begins now.
func (v *Validator) retrieval(block chain.Block) batch {
	return batch{
		task: TaskRetrieve, block: block, start: v.deps.Now(),
		failure: v.cfg.Rules.RetrieveFailure, limit: v.deps.Fleet.Config().RetrieveTimeout,
	}
}

// audit asks k due miners about one of their holdings each. Who holds nothing
// that can be asked about, or not any more, is left out. Challenges that had to
// be retrievals (see fleet.Challenge) are settled as these.
func (v *Validator) audit(ctx context.Context, b batch, k int, ask func(context.Context, chain.Neuron, index.Holding) fleet.Outcome) error {
	var mu sync.Mutex // guards outcomes, whole and failed
	var outcomes, whole []fleet.Outcome
	var failed error
	retrieval := v.retrieval(b.block)
	v.deps.Fleet.Each(v.deps.Fleet.Due(b.block.Hash, k), func(_ int, n chain.Neuron) {
		h, err := v.pick(ctx, n.Hotkey)
		var o fleet.Outcome
		if err == nil {
			o = ask(ctx, n, h)
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case o.Void && errors.Is(o.Err, index.ErrNotFound): // dropped meanwhile
		case err == nil && o.Task != fleet.Task(b.task):
			whole = append(whole, o)
		case err == nil:
			outcomes = append(outcomes, o)
		case !errors.Is(err, index.ErrNotFound):
			failed = errors.Join(failed, err)
		}
	})
	failed = errors.Join(failed, v.settle(ctx, b, outcomes))
	if len(whole) > 0 {
		failed = errors.Join(failed, v.settle(ctx, retrieval, whole))
	}
	return failed
}

// pickTries is how often pick draws before it takes a miner to hold nothing
// worth asking about.
const pickTries = 8

// pick draws one of a miner's holdings that has bytes and outlives the
// question: the miner may drop what has expired. index.ErrNotFound when there
// is none.
func (v *Validator) pick(ctx context.Context, hotkey wallet.Address) (index.Holding, error) {
	end := v.deps.Now().Add(v.deps.Fleet.Config().RetrieveTimeout)
	for range pickTries {
		r, err := v.uint64()
		if err != nil {
			return index.Holding{}, err
		}
		h, err := v.deps.Index.RandomHolding(ctx, hotkey, r)
		if err != nil || h.Size > 0 && !h.Expired(end) {
			return h, err
		}
	}
	return index.Holding{}, index.ErrNotFound
}
