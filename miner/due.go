package miner

import (
	"context"

	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// Selections knows whom blocks draw to be audited.
type Selections interface {
	// Due says whether a native audit was this miner's to be asked at its block: nil
	// if it was, or if that cannot be told; else why not. The same question again is
	// due as it was. It waits a few seconds for a block that is about to come.
	Due(context.Context, receipt.Question) error
}

// undecided is how many questions wait to be judged; more are not.
const undecided = 64

// due refuses a question that was not this miner's, with RefuseNotDue; else it is
// answered, and judged beside that: who waits for its block answers late.
func (m *Miner) due(ctx context.Context, q receipt.Question) error {
	switch {
	case m.selections == nil:
		return nil
	case !m.cfg.RefuseNotDue:
		select {
		case m.undecided <- q:
		default:
		}
		return nil
	}
	if err := m.judged(ctx, q); err != nil {
		return &wire.Error{Status: wire.StatusForbidden, Text: "This audit was not due here, and is refused: " + err.Error() + ".", Err: err}
	}
	return nil
}

// judged keeps the books of questions that were not due.
func (m *Miner) judged(ctx context.Context, q receipt.Question) error {
	err := m.selections.Due(ctx, q)
	if err != nil && ctx.Err() == nil {
		m.tally.notDue.Add(1)
		m.log.Info("an audit was not due", "asker", q.Asker, "block", q.Epoch, "refused", m.cfg.RefuseNotDue, "why", err)
	}
	return err
}

// judge judges what was answered, until ctx ends.
func (m *Miner) judge(ctx context.Context) error {
	for {
		select {
		case q := <-m.undecided:
			_ = m.judged(ctx, q) // which is counted
		case <-ctx.Done():
			return nil
		}
	}
}
