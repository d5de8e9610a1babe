package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Task is what a miner was asked to do.
type Task string

// The tasks.
const (
	TaskPing      Task = "ping"
	TaskStore     Task = "store"
	TaskChallenge Task = "challenge"
	TaskRetrieve  Task = "retrieve"
	TaskDelete    Task = "delete"

	taskTags Task = "tags" // in no Outcome that anybody sees
)

// Outcome is how one miner did at one task.
type Outcome struct {
	Task   Task
	UID    chain.UID
	Hotkey wallet.Address
	// Err is nil when the answer came and verified. Failed exchanges are or
	// wrap *wire.Error; wrong answers wrap proof.ErrProof.
	Err error
	// Came says that there was a whole answer, right or wrong.
	Came bool
	// Void says that the outcome tells nothing about the miner: the caller
	// gave up, or something of ours failed. It enters no statistics and
	// deserves no reward.
	Void bool
	// Elapsed is the time from sending to the full answer, or to the failure.
	Elapsed time.Duration
	// Bytes is the length of the data the task was about.
	Bytes int64
	// Native says that it was a native audit. Dossier is then what anybody can
	// check of it, once the outcome is final and not void. When it was asked is
	// when the Question was made; how often, 1, is the caller's to correct.
	Native  bool
	Dossier *receipt.Dossier

	open bool // see Silent
}

// OK says that the answer came, verified and is recorded.
func (o Outcome) OK() bool { return o.Err == nil }

// Silent says that Ask had no answer, or one that only puts it off (401, 403,
// 408, 429, 499, 503): nothing is counted yet.
func (o Outcome) Silent() bool { return o.open }

// Status is the wire's status of the outcome; a wrong answer is 422.
func (o Outcome) Status() int {
	if o.Came && o.Err != nil && !o.Void {
		return wire.StatusUnparsable
	}
	return wire.StatusOf(o.Err)
}

// recordTimeout limits what is written once an exchange is over, whatever
// became of the caller meanwhile.
const recordTimeout = 10 * time.Second

// timeout is the limit of one exchange of the task.
func (f *Fleet) timeout(t Task) time.Duration {
	switch t {
	case TaskStore:
		return f.cfg.StoreTimeout
	case TaskChallenge:
		return f.cfg.ChallengeTimeout
	case TaskRetrieve:
		return f.cfg.RetrieveTimeout
	case TaskDelete:
		return f.cfg.DeleteTimeout
	case taskTags, taskList:
		return f.cfg.AuditTimeout
	default:
		return f.cfg.PingTimeout
	}
}

// call exchanges one message within the task's timeout, a native audit within
// its own. The Outcome is final when came is false.
func (f *Fleet) call(ctx context.Context, t Task, n chain.Neuron, msg wire.Message) (o Outcome, came bool) {
	o = Outcome{Task: t, UID: n.UID, Hotkey: n.Hotkey}
	limit := f.timeout(t)
	if _, native := msg.(*wire.Audit); native {
		limit = f.cfg.AuditTimeout
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := f.deps.Now()
	x, err := f.deps.Transport.Call(within, wire.Peer{Hotkey: n.Hotkey, Addr: n.Axon.AddrPort(), Version: n.Axon.Version}, msg)
	if o.Elapsed = x.Elapsed; o.Elapsed <= 0 {
		o.Elapsed = max(0, f.deps.Now().Sub(start))
	}
	if err != nil {
		o.Err = fmt.Errorf("%s at %s: %w", t, n.Hotkey, err)
		o.Void = ctx.Err() != nil
		return o, false
	}
	o.Came = true
	return o, true
}

// void is an outcome that never reached the miner.
func void(t Task, n chain.Neuron, err error) Outcome {
	return Outcome{Task: t, UID: n.UID, Hotkey: n.Hotkey, Void: true, Err: fmt.Errorf("%s at %s: %w", t, n.Hotkey, err)}
}

// judge sets what the check of an answer said.
func (o *Outcome) judge(err error) {
	if err != nil {
		o.Err = fmt.Errorf("%s at %s: %w", o.Task, o.Hotkey, err)
	}
}

// settle runs commit when the answer verified, then counts the attempt. What
// cannot be written makes the outcome void: the miner did its part.
func (f *Fleet) settle(ctx context.Context, o *Outcome, commit func(context.Context) error) {
	if o.Void {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	verified := o.OK()
	if verified {
		if err := commit(ctx); err != nil {
			o.Void, o.Err = true, fmt.Errorf("record %s at %s: %w", o.Task, o.Hotkey, err)
		}
	}
	if err := f.count(ctx, *o, verified); err != nil {
		o.Void, o.Err = true, errors.Join(o.Err, fmt.Errorf("count %s at %s: %w", o.Task, o.Hotkey, err))
	}
	f.log.Debug("miner asked", "task", o.Task, "uid", o.UID, "native", o.Native, "verified", verified, "bytes", o.Bytes, "elapsed", o.Elapsed, "err", o.Err)
}

// count adds an attempt to the miner's statistics.
func (f *Fleet) count(ctx context.Context, o Outcome, success bool) error {
	task := map[Task]incentive.Task{
		TaskStore: incentive.TaskStore, TaskChallenge: incentive.TaskChallenge, TaskRetrieve: incentive.TaskRetrieve,
	}[o.Task]
	return f.deps.Index.UpdateStats(ctx, o.Hotkey, func(s *index.Stats) error {
		s.Count(task, success)
		if s.Tier == "" {
			tier := f.cfg.Tiers.Named("")
			s.Tier, s.StorageLimit = tier.Name, tier.StorageLimit
		}
		return nil
	})
}
