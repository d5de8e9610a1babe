package index

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Limits on trials and pending questions.
const (
	MaxTrials  = 32       // kept of a miner
	MaxReason  = 1 << 10  // bytes of a trial's reason
	MaxDossier = 16 << 10 // bytes of a trial's dossier, and of a pending question
)

// Trial is a settled audit of a miner.
type Trial struct {
	Miner   wallet.Address  `json:"miner"`
	ID      uint64          `json:"id"`                // counts the miner's trials, from 1; Settle sets it
	Task    string          `json:"task"`              // what it was asked to do, up to MaxName bytes
	Hash    string          `json:"hash"`              // the holding's H(E), decimal
	Replica string          `json:"replica,omitempty"` // the holding's
	Size    int64           `json:"size"`              // the holding's, in bytes
	Block   uint64          `json:"block"`             // number of the block that it was drawn at
	Asked   time.Time       `json:"asked"`             // the first time
	Settled time.Time       `json:"settled"`
	Tries   int             `json:"tries"` // how often it was asked
	Passed  bool            `json:"passed"`
	Reason  string          `json:"reason"`            // the verdict in words, up to MaxReason bytes of UTF-8
	Elapsed time.Duration   `json:"elapsed_ns"`        // until the answer
	Dossier json.RawMessage `json:"dossier,omitempty"` // what it can be judged by again; see MaxDossier
}

// Pending is a question to a miner that is not settled yet.
type Pending struct {
	Miner    wallet.Address  `json:"miner"`
	Hash     string          `json:"hash"`     // the holding's H(E), decimal
	Asked    time.Time       `json:"asked"`    // the first time
	Next     time.Time       `json:"next"`     // when to ask again
	Tries    int             `json:"tries"`    // how often it was asked
	Question json.RawMessage `json:"question"` // the question, word for word; see MaxDossier
}

type (
	trialRecord struct {
		V int `json:"v"`
		Trial
	}
	pendingRecord struct {
		V int `json:"v"`
		Pending
	}
	lastTrialRecord struct {
		V            int    `json:"v"`
		ID           uint64 `json:"id"`                      // of the miner's latest trial; 0: none since it was registered
		RegisteredAt uint64 `json:"registered_at,omitempty"` // see ResetRecord
	}
)

func (r trialRecord) check() error   { return firstError(checkVersion(r.V), r.Trial.check()) }
func (r pendingRecord) check() error { return firstError(checkVersion(r.V), r.Pending.check()) }

func (r lastTrialRecord) check() error {
	if r.ID < 1 && r.RegisteredAt < 1 {
		return fmt.Errorf("%w: trial %d", ErrInvalid, r.ID)
	}
	return checkVersion(r.V)
}

func (t Trial) check() error {
	if t.ID < 1 || t.Tries < 0 || t.Elapsed < 0 {
		return fmt.Errorf("%w: trial %d, %d tries, %v", ErrInvalid, t.ID, t.Tries, t.Elapsed)
	}
	if len(t.Dossier) > 0 {
		if err := checkJSON(t.Dossier); err != nil {
			return err
		}
	}
	return firstError(checkAddress(t.Miner), checkHash(t.Hash), checkReplica(t.Replica), checkSize(t.Size),
		checkText(t.Task, MaxName), checkText(t.Reason, MaxReason))
}

func (p Pending) check() error {
	if p.Tries < 0 {
		return fmt.Errorf("%w: %d tries", ErrInvalid, p.Tries)
	}
	return firstError(checkAddress(p.Miner), checkHash(p.Hash), checkJSON(p.Question))
}

// checkJSON refuses what is too long, no JSON, or not as normalJSON has it.
func checkJSON(data json.RawMessage) error {
	if len(data) > MaxDossier {
		return fmt.Errorf("%w: JSON of %d bytes, at most %d", ErrInvalid, len(data), MaxDossier)
	}
	normal, err := normalJSON(data)
	if err == nil && !bytes.Equal(normal, data) {
		err = fmt.Errorf("%w: JSON that is not compact", ErrInvalid)
	}
	return err
}

// normalJSON is data as json.Marshal writes it.
func normalJSON(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: no JSON", ErrInvalid)
	}
	normal, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return normal, nil
}

// PutPending records that a miner is asked a question, of which there may be one
// at a time: ErrConflict while another one is pending. The same question, about
// the same hash, gets the new Tries and Next. Question comes back as json.Marshal
// writes it, without spaces; longer than MaxDossier in that form, or no JSON, is
// ErrInvalid.
func (x *Index) PutPending(ctx context.Context, p Pending) (err error) {
	p.Asked, p.Next = stamp(p.Asked), stamp(p.Next)
	if p.Question, err = normalJSON(p.Question); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	return x.update(ctx, trialsGroup(p.Miner), func(t *txn) error {
		old, err := pendingIn(t)
		if err != nil {
			return err
		}
		next := pendingRecord{version, p}
		if old != nil {
			if old.Hash != p.Hash || !bytes.Equal(old.Question, p.Question) {
				return fmt.Errorf("%w: another question to %s is pending, about %s", ErrConflict, p.Miner, old.Hash)
			}
			next.Asked = old.Asked
		}
		return t.setRecord(fieldPending, next)
	})
}

// pendingIn reads a miner's pending question; nil if there is none.
func pendingIn(t *txn) (*pendingRecord, error) {
	values, err := t.get(fieldPending)
	if err != nil || values[0] == nil {
		return nil, err
	}
	r, err := decode[pendingRecord](values[0])
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", fieldPending, t.group, err)
	}
	return &r, nil
}

// Pending returns the question to a miner that is pending, or ErrNotFound.
func (x *Index) Pending(ctx context.Context, miner wallet.Address) (Pending, error) {
	if err := checkAddress(miner); err != nil {
		return Pending{}, err
	}
	r, err := read[pendingRecord](ctx, x, trialsGroup(miner), fieldPending)
	return r.Pending, err
}

// AllPending yields every pending question, in no promised order, one of each
// miner. Changing them inside the loop is allowed.
func (x *Index) AllPending(ctx context.Context) iter.Seq2[Pending, error] {
	return func(yield func(Pending, error) bool) {
		seen := map[wallet.Address]bool{}
		for r, err := range each(x, ctx, groupsTrials, func(ctx context.Context, tag string) (pendingRecord, error) {
			return read[pendingRecord](ctx, x, trialsGroup(wallet.Address(tag)), fieldPending)
		}) {
			if err == nil && seen[r.Miner] {
				continue
			}
			seen[r.Miner] = true
			if !yield(r.Pending, err) {
				return
			}
		}
	}
}

// DropPending forgets the question to a miner that is pending, if there is one.
func (x *Index) DropPending(ctx context.Context, miner wallet.Address) error {
	if err := checkAddress(miner); err != nil {
		return err
	}
	return x.kv.Commit(ctx, trialsGroup(miner), nil, []Entry{{Field: fieldPending}})
}

// Settle records a trial as the miner's latest, in the place of its oldest when
// there are MaxTrials, and with it forgets the miner's pending question if that is
// about the same hash. A reason of more than MaxReason bytes or not UTF-8 is
// ErrInvalid, and not cut; so is a dossier that is no JSON or longer than
// MaxDossier as json.Marshal writes it, which is how it comes back. The trial of a
// question that the latest one is of already, and that is not pending any more, is
// recorded once: who got no answer may settle again.
func (x *Index) Settle(ctx context.Context, trial Trial) (err error) {
	trial.ID, trial.Asked, trial.Settled = 1, stamp(trial.Asked), stamp(trial.Settled)
	if len(trial.Dossier) > 0 {
		if trial.Dossier, err = normalJSON(trial.Dossier); err != nil {
			return err
		}
	}
	if err := trial.check(); err != nil {
		return err
	}
	return x.update(ctx, trialsGroup(trial.Miner), func(t *txn) error {
		values, err := t.get(fieldLast)
		if err != nil {
			return err
		}
		last := lastTrialRecord{V: version}
		if values[0] != nil {
			if last, err = decode[lastTrialRecord](values[0]); err != nil {
				return fmt.Errorf("%s in %s: %w", fieldLast, t.group, err)
			}
		}
		pending, err := pendingIn(t)
		if err != nil {
			return err
		}
		if pending != nil && pending.Hash == trial.Hash {
			t.delete(fieldPending)
		} else if again, err := settledIn(t, last.ID, trial); err != nil || again {
			return err
		}
		last.ID++
		trial.ID = last.ID
		return firstError(t.setRecord(fieldLast, last), t.setRecord(trialField(trial.ID), trialRecord{version, trial}))
	})
}

// settledIn reports whether the latest trial is of the same question. That can be
// told only by when it was asked.
func settledIn(t *txn, last uint64, trial Trial) (bool, error) {
	if last == 0 || trial.Asked.IsZero() {
		return false, nil
	}
	values, err := t.get(trialField(last))
	if err != nil || values[0] == nil {
		return false, err
	}
	r, err := decode[trialRecord](values[0])
	if err != nil {
		return false, fmt.Errorf("trial %d in %s: %w", last, t.group, err)
	}
	return r.Asked.Equal(trial.Asked) && r.Task == trial.Task && r.Hash == trial.Hash && r.Replica == trial.Replica &&
		r.Block == trial.Block && r.Tries == trial.Tries, nil
}

// Trials returns a miner's latest trials, up to MaxTrials, the newest first; none
// is no error.
func (x *Index) Trials(ctx context.Context, miner wallet.Address) ([]Trial, error) {
	if err := checkAddress(miner); err != nil {
		return nil, err
	}
	fields := trialFields()
	values, err := x.kv.Get(ctx, trialsGroup(miner), fields...)
	if err != nil {
		return nil, err
	}
	var all []Trial
	for i, data := range values {
		if data == nil {
			continue
		}
		r, err := decode[trialRecord](data)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", fields[i], miner, err)
		}
		all = append(all, r.Trial)
	}
	slices.SortFunc(all, func(a, b Trial) int { return cmp.Compare(b.ID, a.ID) })
	return all, nil
}

// resetTrials forgets a miner's trials and what it is asked, of before a
// registration; see ResetRecord.
func (x *Index) resetTrials(ctx context.Context, miner wallet.Address, registered uint64) error {
	return x.update(ctx, trialsGroup(miner), func(t *txn) error {
		values, err := t.get(fieldLast)
		if err != nil {
			return err
		}
		if last, err := decode[lastTrialRecord](values[0]); err == nil && registered > 0 && last.RegisteredAt >= registered {
			return nil
		}
		t.delete(fieldPending)
		for _, field := range trialFields() {
			t.delete(field)
		}
		if registered == 0 {
			t.delete(fieldLast)
			return nil
		}
		return t.setRecord(fieldLast, lastTrialRecord{V: version, RegisteredAt: registered})
	})
}
