package incentive

import (
	"math"
	"slices"
	"time"
)

// Row is one UID in a Ledger. Its JSON is that of the validator's checkpoint.
type Row[H comparable] struct {
	Hotkey H `json:"hotkey"`
	// Score is the moving average of rewards.
	Score float64 `json:"score"`
	// Failures are pings in a row.
	Failures   int        `json:"failures"`
	Possession Possession `json:"possession"`
}

// Ledger is what one validator holds of every UID: score, failed pings in a row
// and possession, for the hotkey H that holds the UID. What is said of another
// hotkey is ignored: it lost the UID meanwhile. Not safe for concurrent use.
// Enter at NewLedger, then Adopt.
type Ledger[H comparable] struct {
	rules Rules
	rows  []Row[H] // index = UID
	batch []Answer // scratch
}

// NewLedger is a ledger without UIDs.
func NewLedger[H comparable](rules Rules) *Ledger[H] { return &Ledger[H]{rules: rules} }

// Lost are the UIDs whose hotkey is not, or not any more, the one of that UID
// in hotkeys. Row says who they were.
func (l *Ledger[H]) Lost(hotkeys []H) (uids []int) {
	for uid := range l.rows {
		if uid >= len(hotkeys) || hotkeys[uid] != l.rows[uid].Hotkey {
			uids = append(uids, uid)
		}
	}
	return uids
}

// Adopt makes the ledger that of the hotkeys, by UID: a UID that changed hands
// starts from zero. It is Lost until it is adopted, so that whoever has to do
// something about it first may be stopped in between.
func (l *Ledger[H]) Adopt(hotkeys []H) {
	rows := make([]Row[H], len(hotkeys))
	for uid, hotkey := range hotkeys {
		if uid < len(l.rows) && l.rows[uid].Hotkey == hotkey {
			rows[uid] = l.rows[uid]
		}
		rows[uid].Hotkey = hotkey
	}
	l.rows = rows
}

// Result is how a miner did at a task, for Settle.
type Result[H comparable] struct {
	UID    int
	Hotkey H
	// OK, Came, Elapsed, Bytes and Native are those of an Answer.
	OK, Came, Native bool
	Elapsed          time.Duration
	Bytes            int64
	// Datum is the name of what an audit was about; see PossessionRules.Note.
	Datum string
	// Silent says that there was no answer, however often the question was put; or
	// only ones that put it off. Without it, what is not OK has been answered, which
	// proves that the miner does not have the data. It is of audits.
	Silent bool
	// Late says that it answers a question that was put again. It could be
	// answered long before, so that nobody is rewarded for the speed of it: it
	// counts as slow as the slowest of the others.
	Late bool
	// Tier is the name of the miner's.
	Tier string
}

// Change is what a result did to a row.
type Change struct {
	// Reward is what it was worth.
	Reward float64
	// Possession is the miner's factor, this result included; not of a ping.
	Possession float64
	// Before and After are the score. Both are 0 for a miner that is not in the
	// ledger, which is not changed.
	Before, After float64
}

// Settle enters the results of one task of a step: first the audits into the
// possession, then the rewards (see Pay) into the scores. limit is the time for
// the boost of the fastest. The changes are in the order of the results; they
// are appended to changes, which may be nil.
func (l *Ledger[H]) Settle(task Task, limit time.Duration, results []Result[H], changes []Change) []Change {
	l.note(task, results)
	l.batch = l.batch[:0]
	for i := range results {
		r := &results[i]
		a := Answer{OK: r.OK, Came: r.Came, Elapsed: r.Elapsed, Bytes: r.Bytes, Native: r.Native, Tier: l.rules.Tiers.Named(r.Tier)}
		if r.Late {
			a.Came, a.Elapsed = false, math.MaxInt64
		}
		var had Possession
		if row := l.at(r.UID, r.Hotkey); row != nil {
			had = row.Possession
		}
		a.Possession = l.rules.Possession.Factor(had)
		l.batch = append(l.batch, a)
	}
	for i, reward := range l.rules.Pay(l.rules.failure(task), limit, l.batch) {
		c := Change{Reward: reward, Possession: l.batch[i].Possession}
		if row := l.at(results[i].UID, results[i].Hotkey); row != nil {
			c.Before = row.Score
			row.Score = MovingAverage(row.Score, reward, l.rules.Alpha)
			c.After = row.Score
		}
		changes = append(changes, c)
	}
	return changes
}

// note enters audits into the possession. A Store is none.
func (l *Ledger[H]) note(task Task, results []Result[H]) {
	by := ByChallenge
	switch task {
	case TaskStore:
		return
	case TaskRetrieve:
		by = ByRetrieve
	}
	for i := range results {
		if row := l.at(results[i].UID, results[i].Hotkey); row != nil {
			row.Possession = l.rules.Possession.Note(row.Possession, by, results[i].Datum, results[i].finding())
		}
	}
}

func (r Result[H]) finding() Finding {
	switch {
	case r.OK:
		return Passed
	case r.Silent:
		return Silent
	}
	return Lost
}

// failure is the reward of a failed task, before the tier's factor.
func (r Rules) failure(task Task) float64 {
	switch task {
	case TaskChallenge:
		return r.ChallengeFailure
	case TaskRetrieve:
		return r.RetrieveFailure
	}
	return r.StoreFailure
}

// Pinged counts a ping. A miner that has failed more than most times in a row
// is down, which costs it Rules.Unavailable and begins the count anew.
func (l *Ledger[H]) Pinged(uid int, hotkey H, ok bool, most int) (c Change, down bool) {
	row := l.at(uid, hotkey)
	if row == nil {
		return Change{}, false
	}
	c = Change{Before: row.Score, After: row.Score}
	if ok {
		row.Failures = 0
		return c, false
	}
	if row.Failures++; row.Failures <= most {
		return c, false
	}
	row.Failures = 0
	c.Reward = finite(l.rules.Unavailable)
	row.Score = MovingAverage(row.Score, l.rules.Unavailable, l.rules.Alpha)
	c.After = row.Score
	return c, true
}

// Row is a UID's; false for one that is not in the ledger.
func (l *Ledger[H]) Row(uid int) (Row[H], bool) {
	if uid < 0 || uid >= len(l.rows) {
		return Row[H]{}, false
	}
	return l.rows[uid], true
}

// Possession is the factor of a UID's miner, from 0 to 1; a newcomer's for a
// hotkey that does not hold the UID.
func (l *Ledger[H]) Possession(uid int, hotkey H) float64 {
	row := l.at(uid, hotkey)
	if row == nil {
		return l.rules.Possession.Factor(Possession{})
	}
	return l.rules.Possession.Factor(row.Possession)
}

// Scores are those of the hotkeys by UID, for Weights: 0 where another one, or
// nobody, holds the UID in the ledger; and at most 0 where there is a debt, since
// what the score still has of earlier rewards would be paid out for hours.
func (l *Ledger[H]) Scores(hotkeys []H) []float64 {
	scores := make([]float64, len(hotkeys))
	for uid, hotkey := range hotkeys {
		if row := l.at(uid, hotkey); row != nil {
			scores[uid] = row.Score
			if l.rules.Possession.unpaid(row.Possession) {
				scores[uid] = min(row.Score, 0)
			}
		}
	}
	return scores
}

// Rows are a copy of all rows by UID, and Restore puts such rows back, after a
// restart.
func (l *Ledger[H]) Rows() []Row[H] { return slices.Clone(l.rows) }

// Restore replaces all rows.
func (l *Ledger[H]) Restore(rows []Row[H]) { l.rows = slices.Clone(rows) }

func (l *Ledger[H]) at(uid int, hotkey H) *Row[H] {
	if uid < 0 || uid >= len(l.rows) || l.rows[uid].Hotkey != hotkey {
		return nil
	}
	return &l.rows[uid]
}
