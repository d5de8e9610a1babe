package validator

import (
	"slices"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/wallet"
)

// Task is what an event is about.
type Task string

// The tasks.
const (
	TaskStore     Task = "store"
	TaskChallenge Task = "challenge"
	TaskRetrieve  Task = "retrieve"
	TaskMonitor   Task = "monitor"
	TaskWeights   Task = "set_weights"
)

// Event is what one task did. The lists that speak of miners are parallel to
// UIDs; JSON names are those of the reference's events.
type Event struct {
	Task       Task        `json:"task_name"`
	Block      uint64      `json:"block"`
	UIDs       []chain.UID `json:"uids"`
	Successful []bool      `json:"successful"`
	// CompletionTimes are in seconds, for failures until they were known.
	CompletionTimes []float64 `json:"completion_times"`
	StatusMessages  []string  `json:"task_status_messages"`
	StatusCodes     []int     `json:"task_status_codes"`
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
}

// eventOf describes outcomes and what they earned.
func (v *Validator) eventOf(task Task, block uint64, start time.Time, outcomes []fleet.Outcome, rewards []float64) Event {
	n := len(outcomes)
	e := Event{
		Task: task, Block: block, Rewards: rewards, StepLength: v.deps.Now().Sub(start).Seconds(),
		UIDs: make([]chain.UID, 0, n), Successful: make([]bool, 0, n), CompletionTimes: make([]float64, 0, n),
		StatusMessages: make([]string, 0, n), StatusCodes: make([]int, 0, n),
	}
	for _, o := range outcomes {
		message := "Success"
		if o.Err != nil {
			message = o.Err.Error()
		}
		e.UIDs = append(e.UIDs, o.UID)
		e.Successful = append(e.Successful, o.OK())
		e.CompletionTimes = append(e.CompletionTimes, o.Elapsed.Seconds())
		e.StatusMessages = append(e.StatusMessages, message)
		e.StatusCodes = append(e.StatusCodes, o.Status())
	}
	return e
}

// emit completes an event and hands it to the observer.
func (v *Validator) emit(e Event) {
	if v.deps.Observe == nil {
		return
	}
	e.Scores = v.board.all()
	if len(e.Scores) > 0 {
		best := slices.Index(e.Scores, slices.Max(e.Scores))
		e.BestUID, e.BestHotkey = chain.UID(best), v.board.holder(best)
	}
	v.observing.Lock()
	defer v.observing.Unlock()
	v.deps.Observe(e)
}
