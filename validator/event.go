package validator

import (
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// Task is what an event is about.
type Task string

// The tasks. A rollover ends a window of statistics, and has the miners whose
// tier was decided; replaced has the UIDs that changed hands.
const (
	TaskStore     Task = "store"
	TaskChallenge Task = "challenge"
	TaskRetrieve  Task = "retrieve"
	TaskMonitor   Task = "monitor"
	TaskWeights   Task = "set_weights"
	TaskRollover  Task = "rollover"
	TaskReplaced  Task = "replaced"
)

// Event is what one task did. The lists that speak of miners are parallel to
// UIDs; JSON names are those of the reference's events up to Scores, and ours
// from there on, so that why a score or a tier is what it is can be told from
// the events alone.
type Event struct {
	Task       Task        `json:"task_name"`
	Block      uint64      `json:"block"`
	UIDs       []chain.UID `json:"uids"`
	Successful []bool      `json:"successful"`
	// CompletionTimes are in seconds, for failures until they were known.
	CompletionTimes []float64 `json:"completion_times"`
	// StatusMessages say how it went: of an audit the verdict and its reason, as
	// in the miner's record, of a rollover what the tier was decided by.
	StatusMessages []string `json:"task_status_messages"`
	StatusCodes    []int    `json:"task_status_codes"`
	// Rewards are those that entered the scores.
	Rewards []float64 `json:"rewards"`
	// StepLength is how long the task took, in seconds.
	StepLength float64 `json:"step_length"`
	// BestUID has the highest score.
	BestUID    chain.UID      `json:"best_uid"`
	BestHotkey wallet.Address `json:"best_hotkey"`
	// SetWeights are the weights sent to the chain, for UIDs.
	SetWeights []uint16 `json:"set_weights,omitempty"`
	// Scores are the moving averages by UID after the task.
	Scores []float64 `json:"moving_averaged_scores"`

	// Hotkeys hold the UIDs, "" for nobody; not in events of weights.
	Hotkeys []wallet.Address `json:"hotkeys,omitempty"`
	// Before and After are each miner's score around the task. A UID that
	// changed hands had Before under its former hotkey.
	Before []float64 `json:"scores_before,omitempty"`
	After  []float64 `json:"scores_after,omitempty"`
	// MinerTiers are those that the rewards are by, Possession what the audits
	// make of a success: the factors of a reward. Of stores, challenges and
	// retrievals.
	MinerTiers []string  `json:"miner_tiers,omitempty"`
	Possession []float64 `json:"possession,omitempty"`
	// TiersBefore and TiersAfter are those around a rollover, Window the number
	// of the window that it begins.
	TiersBefore []string `json:"tiers_before,omitempty"`
	TiersAfter  []string `json:"tiers_after,omitempty"`
	Window      uint64   `json:"window,omitempty"`
	// Replaced held the UIDs before they changed hands; "" for nobody.
	Replaced []wallet.Address `json:"replaced_hotkeys,omitempty"`
}

// complete adds the scores as they are now. The reference's lists are never null.
func (v *Validator) complete(e Event) Event {
	e.UIDs, e.Successful, e.CompletionTimes = list(e.UIDs), list(e.Successful), list(e.CompletionTimes)
	e.StatusMessages, e.StatusCodes, e.Rewards = list(e.StatusMessages), list(e.StatusCodes), list(e.Rewards)
	e.Scores = v.board.all()
	if len(e.Scores) > 0 {
		best := slices.Index(e.Scores, slices.Max(e.Scores))
		e.BestUID, e.BestHotkey = chain.UID(best), v.board.holder(best)
	}
	return e
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// tell hands an event to the observer.
func (v *Validator) tell(e Event) {
	if v.deps.Observe == nil {
		return
	}
	v.observing.Lock()
	defer v.observing.Unlock()
	v.deps.Observe(e)
}
