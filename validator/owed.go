package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// A miner that does not answer an audit is asked the very same question again
// after each of Config.Repeats, and has failed after the last one. Until then
// nothing is counted or earned, and the question is in the index, so that a
// restart forgives nobody. Meanwhile the miner is asked nothing else, and gets no
// random data: else who is silent on purpose would weigh the rewards for storing
// of twenty minutes against one failure. It is pinged as ever, and users' data is
// not ours to withhold.

// debt is a question that a registered miner owes an answer to.
type debt struct {
	index.Pending
	miner    chain.Neuron // as the metagraph has it now
	question fleet.Question
}

// debts are those of all miners, by hotkey.
type debts map[wallet.Address]*debt

// owed reads the questions without an answer. What is moot by now is dropped
// without a verdict.
func (v *Validator) owed(ctx context.Context, graph *chain.Metagraph) (debts, error) {
	var all []index.Pending
	for p, err := range v.deps.Index.AllPending(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	owed := debts{}
	for _, p := range all {
		d, err := v.debt(ctx, graph, p)
		switch {
		case err == nil:
			owed[p.Miner] = d
		case errors.Is(err, fleet.ErrMoot):
			v.log.Info("an unanswered question is dropped", "hotkey", p.Miner, "hash", p.Hash, "tries", p.Tries, "why", err)
			err = v.deps.Index.DropPending(ctx, p.Miner)
		}
		if err != nil {
			return nil, err
		}
	}
	return owed, nil
}

// debt is fleet.ErrMoot for a question whose miner is not registered any more,
// or need not have what it is about.
func (v *Validator) debt(ctx context.Context, graph *chain.Metagraph, p index.Pending) (*debt, error) {
	n, ok := graph.ByHotkey(p.Miner)
	if !ok {
		return nil, fmt.Errorf("%w: the miner is not registered any more", fleet.ErrMoot)
	}
	h, err := v.deps.Index.Holding(ctx, p.Miner, p.Hash)
	if errors.Is(err, index.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", fleet.ErrMoot, err)
	} else if err != nil {
		return nil, err
	}
	if !v.askable(h) {
		return nil, fmt.Errorf("%w: the data expires", fleet.ErrMoot)
	}
	d := &debt{Pending: p, miner: n}
	if err := json.Unmarshal(p.Question, &d.question); err != nil {
		return nil, fmt.Errorf("%w: it cannot be read: %w", fleet.ErrMoot, err)
	}
	return d, nil
}

// keep has a question that got no answer put again, after the pause that belongs
// to how often it was asked. A time when we were cut off ourselves is none.
func (v *Validator) keep(ctx context.Context, q inquiry, cutOff bool) error {
	p := q.before
	p.Miner, p.Hash = q.miner.Hotkey, q.question.Hash
	if !q.again() {
		var err error
		if p.Question, err = json.Marshal(q.question); err != nil {
			return err
		}
	}
	if !cutOff {
		p.Tries++
	}
	last := len(v.cfg.Repeats) - 1
	p.Next = v.deps.Now().Add(v.cfg.Repeats[min(max(p.Tries-1, 0), last)])
	if err := v.deps.Index.PutPending(ctx, p); err != nil {
		return fmt.Errorf("keep a question for UID %d: %w", q.miner.UID, err)
	}
	v.log.Info("no answer yet, asking the same again", "uid", q.miner.UID, "hotkey", p.Miner, "task", q.question.Task,
		"tries", p.Tries, "next", p.Next, "cut_off", cutOff, "err", q.outcome.Err)
	return nil
}

// leastAsked is how many miners it takes to conclude from their common silence.
const leastAsked = 3

// cutOff says that it is rather us who could not be reached, or had no network:
// several miners were pinged or asked in a step, and not one has said anything.
// Then no silence counts. One answer to a ping is enough to make the others'
// silence their own; else miners that keep silent together would never fail.
func cutOff(pinged map[wallet.Address]bool, asked []inquiry) bool {
	silent := map[wallet.Address]bool{}
	for hotkey, answered := range pinged {
		if answered {
			return false
		}
		silent[hotkey] = true
	}
	for _, q := range asked {
		switch {
		case q.outcome.Silent():
			silent[q.miner.Hotkey] = true
		case !q.outcome.Void:
			return false
		}
	}
	return len(silent) >= leastAsked
}
