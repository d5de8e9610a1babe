package commits

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

var (
	// ErrMissed: the time of the reveal is over; nothing has changed.
	ErrMissed = errors.New("committed weights were not revealed in time")
	// ErrNoCommit: the commitment came into no block; nothing has changed.
	ErrNoCommit = errors.New("the commitment came into no block")
)

const (
	// underWay is for how many blocks a commitment that was sent may still come
	// into one: twice what substrate.Config.Mortality is by default.
	underWay = 32
	// timelocked is the first version of commit-reveal without hashes.
	timelocked = 3
	// minPause and maxPause bound the pause before a chain that was lost is asked
	// for its blocks again.
	minPause, maxPause = time.Second, 30 * time.Second
)

// Revealer reveals commitments.
type Revealer struct {
	Chain chain.Chain
	Key   *wallet.Keypair // the hotkey
	Kept  Folder
	// Say is told what a person who waits wants to know.
	Say func(sentence string)
}

// Commit keeps a commitment and announces it. When the chain has refused it, it
// is forgotten, and so it is when it was not sent. With an error for which Unsure
// is true it may be in a block nevertheless: Reveal finds out.
func (r *Revealer) Commit(ctx context.Context, c Commit) error {
	if err := r.Kept.Save(c); err != nil {
		return err
	}
	err := r.Chain.CommitWeights(ctx, r.Key, c.NetUID, c.Hash)
	if err != nil && !Unsure(err) {
		return errors.Join(err, r.Kept.Remove(c))
	}
	return err
}

// Timelocked is chain.ErrTimelock where a subnet's commitments are no hashes, in
// words for whoever wants to set weights there; else nil.
func Timelocked(net chain.NetUID, rules chain.Hyperparameters) error {
	if !rules.CommitReveal || rules.CommitRevealVersion < timelocked {
		return nil
	}
	return fmt.Errorf("%w: subnet %d has commit-reveal version %d, this program makes commitments up to version %d; the subnet's owner sets that, nothing can be changed here",
		chain.ErrTimelock, net, rules.CommitRevealVersion, timelocked-1)
}

// Unsure says whether a transaction that ended so may still be in a block.
func Unsure(err error) bool {
	return errors.Is(err, chain.ErrInFlight) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Reveal waits for a commitment's time, reveals it, at every block anew until
// that has worked or the time is over, and forgets it then. The time is worked
// out at every block from the rules of that block. A chain that is lost is
// waited for; ctx ends that. ErrMissed, ErrNoCommit, and what no waiting mends:
// chain.ErrNotRegistered, ErrVersionKey, ErrStakeTooLow and so on, after which
// the commitment is still kept.
func (r *Revealer) Reveal(ctx context.Context, c Commit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := waiting{Revealer: r, c: c}
	for pause := minPause; ; {
		if err := w.next(ctx); err == nil {
			pause = minPause
		} else if !errors.Is(err, chain.ErrUnavailable) {
			return err
		} else {
			w.once(&w.trouble, fmt.Sprintf("%v; it is tried again", err))
			if err := wait(ctx, pause); err != nil {
				return err
			}
			pause = min(2*pause, maxPause)
			continue
		}
		done, err := w.step(ctx)
		if done || err != nil && !passing(err) {
			return err
		}
		if err != nil {
			w.once(&w.trouble, fmt.Sprintf("%v; it is tried again at the next block", err))
		}
	}
}

// passing says whether another block may bring what this one refused.
func passing(err error) bool {
	return slices.ContainsFunc([]error{chain.ErrUnavailable, chain.ErrReveal, chain.ErrNonce, chain.ErrTransaction, chain.ErrRateLimit},
		func(sentinel error) bool { return errors.Is(err, sentinel) })
}

// waiting is a Reveal under way.
type waiting struct {
	*Revealer
	c               Commit
	head            uint64 // newest block seen
	blocks          <-chan chain.Block
	window, trouble string // what was said last
	inFlight        bool   // a reveal that may have come into a block by now
}

// once says a sentence unless it was the last of its kind.
func (w *waiting) once(last *string, sentence string) {
	if *last != sentence {
		*last = sentence
		w.Say(sentence)
	}
}

// step does what there is to do at the newest block, and says whether that was
// all.
func (w *waiting) step(ctx context.Context) (done bool, err error) {
	m, err := w.Chain.Metagraph(ctx, w.c.NetUID)
	if err != nil {
		return false, err
	}
	rules, err := w.Chain.Hyperparameters(ctx, w.c.NetUID)
	if err != nil {
		return false, err
	}
	w.head = m.Block.Number
	self, registered := m.ByHotkey(w.c.Hotkey)
	if !registered {
		return false, fmt.Errorf("%w: %s on subnet %d", chain.ErrNotRegistered, w.c.Hotkey, w.c.NetUID)
	}
	if err := w.locate(ctx, self.LastUpdate); err != nil || w.c.Block == 0 {
		return false, err
	}
	first, last := chain.RevealWindow(w.c.Block, w.c.NetUID, rules)
	if w.head >= last {
		return w.over(ctx, self.UID, first, last)
	}
	w.once(&w.window, fmt.Sprintf("Committed at block %d; to be revealed in blocks %d to %d. Without the reveal nothing changes.", w.c.Block, first, last))
	if err := Timelocked(w.c.NetUID, rules); err != nil || w.head+1 < first {
		return false, err
	}
	if w.inFlight {
		set, err := w.inForce(ctx, self.UID)
		if err != nil {
			return false, err
		}
		if set {
			return true, w.Kept.Remove(w.c)
		}
	}
	err = w.Chain.RevealWeights(ctx, w.Key, w.c.NetUID, w.c.Weights, w.c.Salt, w.c.Version)
	if err != nil {
		w.inFlight = errors.Is(err, chain.ErrInFlight)
		if set, readErr := w.inForce(ctx, self.UID); readErr != nil || !set {
			return false, err
		}
	}
	return true, w.Kept.Remove(w.c)
}

// locate finds the block that has the commitment: mostly that of the hotkey's
// last update. A reorganisation may move it.
func (w *waiting) locate(ctx context.Context, update uint64) error {
	drawn, limit := w.c.Drawn, w.c.Drawn+underWay
	if update > drawn && update != w.c.Block {
		found, err := w.committed(ctx, update)
		if errors.Is(err, chain.ErrNoBlock) { // its events are gone
			found, err = w.c.Block == 0, nil
		}
		if err != nil || found {
			return w.at(update, err)
		}
	}
	if w.c.Block > 0 {
		return nil
	}
	if w.head <= limit {
		w.once(&w.window, fmt.Sprintf("It is not known yet whether the commitment is in a block; it may come until block %d.", limit))
		return nil
	}
	for block := drawn + 1; block <= limit; block++ {
		found, err := w.committed(ctx, block)
		if found || err != nil && !errors.Is(err, chain.ErrNoBlock) {
			return w.at(block, err)
		}
	}
	return errors.Join(fmt.Errorf("%w: it was made at block %d, the newest is %d", ErrNoCommit, drawn, w.head), w.Kept.Remove(w.c))
}

// at notes the block that has the commitment.
func (w *waiting) at(block uint64, err error) error {
	if err != nil {
		return err
	}
	w.c.Block = block
	return w.Kept.Save(w.c)
}

// committed says whether a block has the commitment.
func (w *waiting) committed(ctx context.Context, block uint64) (bool, error) {
	events, err := w.Chain.Events(ctx, block)
	return slices.ContainsFunc(events, func(e chain.Event) bool {
		return strings.Contains(e.Name, "Commit") && bytes.Contains(e.Fields, []byte(w.c.Hash.String()))
	}), err
}

// over ends a commitment whose time is over.
func (w *waiting) over(ctx context.Context, uid chain.UID, first, last uint64) (done bool, err error) {
	switch set, err := w.inForce(ctx, uid); {
	case err != nil:
		return false, err
	case set:
		return true, w.Kept.Remove(w.c)
	}
	return true, errors.Join(fmt.Errorf("%w: committed at block %d, they were to be revealed in blocks %d to %d, the newest is %d",
		ErrMissed, w.c.Block, first, last, w.head), w.Kept.Remove(w.c))
}

// inForce says whether the chain has the weights of the commitment as our row.
func (w *waiting) inForce(ctx context.Context, uid chain.UID) (bool, error) {
	rows, err := w.Chain.Weights(ctx, w.c.NetUID)
	return slices.Equal(byUID(rows[uid]), byUID(w.c.Weights)), err
}

func byUID(row []chain.Weight) []chain.Weight {
	row = slices.DeleteFunc(slices.Clone(row), func(w chain.Weight) bool { return w.Value == 0 })
	slices.SortFunc(row, func(a, b chain.Weight) int { return cmp.Compare(a.UID, b.UID) })
	return row
}

// next waits for a block above the newest seen; a new subscription is as good as
// one. chain.ErrUnavailable when the old one was lost.
func (w *waiting) next(ctx context.Context) (err error) {
	if w.blocks == nil {
		w.blocks, err = w.Chain.Subscribe(ctx)
		return err
	}
	for {
		select {
		case b, open := <-w.blocks:
			if !open {
				w.blocks = nil
				return cmp.Or(ctx.Err(), fmt.Errorf("%w: lost at block %d", chain.ErrUnavailable, w.head))
			}
			if b.Number > w.head {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait returns after a pause, or with the context's error.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
