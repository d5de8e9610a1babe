package validator

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
)

// record keeps a settled audit in the index, where the miner's operator and
// others can look it up, and ends the question. said is the verdict in words; a
// failure is ours.
func (v *Validator) record(ctx context.Context, q inquiry) (said string, err error) {
	o, t := q.outcome, index.Trial{
		Miner: q.miner.Hotkey, Task: string(q.question.Task), Hash: q.question.Hash, Replica: q.question.Replica,
		Size: q.question.Size, Block: q.question.Block, Asked: q.before.Asked, Settled: v.deps.Now(),
		Tries: q.before.Tries + 1, Passed: q.outcome.OK(), Elapsed: q.outcome.Elapsed,
	}
	t.Reason = reason(t, q.question, o)
	if o.Dossier != nil {
		d := *o.Dossier
		d.Verdict, d.Reason, d.Asked, d.Settled, d.Tries = receipt.Passed, t.Reason, t.Asked, t.Settled, min(t.Tries, maxTries)
		if !t.Passed {
			d.Verdict = receipt.Failed
		}
		if t.Dossier, err = json.Marshal(d); err != nil {
			return t.Reason, fmt.Errorf("dossier of an audit of UID %d: %w", q.miner.UID, err)
		}
	}
	if err := v.deps.Index.Settle(ctx, t); err != nil {
		return t.Reason, fmt.Errorf("record of an audit of UID %d: %w", q.miner.UID, err)
	}
	return t.Reason, nil
}

// maxTries is the largest number that a dossier takes.
const maxTries = 255
