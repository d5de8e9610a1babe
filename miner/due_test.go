package miner_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// even are Selections by which questions about even blocks are due.
type even chan uint64

var errOdd = errors.New("the block is odd")

func (e even) Due(_ context.Context, q receipt.Question) error {
	e <- q.Epoch
	if q.Epoch%2 != 0 {
		return errOdd
	}
	return nil
}

// TestAuditsThatAreNotDue are answered and counted, or refused and counted; those
// that are due are answered, and of who has nothing here nobody is asked.
func TestAuditsThatAreNotDue(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		judged := make(even, 8)
		a, data := newAsker(t, "//Alice"), []byte("questions about this come at any block")
		n := start(t, t.TempDir(), miner.Config{RefuseNotDue: refuse}, miner.Deps{Now: func() time.Time { return noon }, Selections: judged}, 0)
		a.store(n, data)
		d := a.give(n, data)
		ask := func(block uint64) error {
			q := d.question()
			q.Epoch = block
			msg := d.auditMsg(t, q)
			err := a.call(n, msg)
			if err == nil {
				err = d.check(q, msg)
			}
			if got := <-judged; got != block {
				t.Errorf("block %d was judged, asked was about %d", got, block)
			}
			return err
		}
		if err := ask(8); err != nil {
			t.Errorf("refuse %t, a due audit: %v", refuse, err)
		}
		err := ask(7)
		if refuse != (wire.StatusOf(err) == wire.StatusForbidden) || refuse && !strings.Contains(err.Error(), errOdd.Error()) {
			t.Errorf("refuse %t, an audit that was not due: %v", refuse, err)
		}
		if err := ask(6); err != nil { // by when the one before is counted
			t.Errorf("refuse %t, a due audit: %v", refuse, err)
		}
		if got := n.Stats().NotDue; got != 1 {
			t.Errorf("refuse %t: %d audits were not due", refuse, got)
		}
		d.pledge.Hash[0]++
		if err := a.call(n, d.auditMsg(t, d.question())); wire.StatusOf(err) != wire.StatusNotFound || len(judged) > 0 {
			t.Errorf("refuse %t, of data that is not here: %v, %d judged", refuse, err, len(judged))
		}
		n.stop()
	}
}
