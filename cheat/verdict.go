package cheat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Verdict is how a cheater fared.
type Verdict string

// Verdicts. Refused and Measured are what is required; Missed is a fault of
// this program.
const (
	Refused  Verdict = "refused"
	Measured Verdict = "measured"
	Missed   Verdict = "MISSED"
)

// Result is what came of one cheater in one protocol: a row of `filetao cheat`.
type Result struct {
	Number   int      `json:"number"`
	Name     string   `json:"name"`
	Protocol Protocol `json:"protocol"`
	// Asked counts the settled audits that met cheating, Passed those that the
	// validator took, Native those that were native audits. Bound is the share
	// that may pass, on average over them. Of a challenge it is 1-f + 2^-80, f
	// the share of the datum that is in pieces which the cheater lacks any byte
	// of; of a native audit, 2^-127 and the chance that of 460 blocks drawn, or
	// all, none is one that it lacks any byte of. Bytes are guessed too: n of
	// them with 256^-n, which counts in pieces of a few.
	Asked  int     `json:"asked"`
	Passed int     `json:"passed"`
	Native int     `json:"native"`
	Bound  float64 `json:"bound"`
	// Most is how many audits this cheater is asked for at most, however many
	// are wanted; 0: no limit.
	Most int `json:"most,omitempty"`
	// Retrievals and Retrieved are the same for retrievals.
	Retrievals int `json:"retrievals"`
	Retrieved  int `json:"retrieved"`
	// HonestAsked counts the challenges and retrievals of the honest miners
	// beside it. Scores are the validator's, means over the miners.
	HonestAsked  int     `json:"honest_asked"`
	HonestPassed int     `json:"honest_passed"`
	Score        float64 `json:"score"`
	HonestScore  float64 `json:"honest_score"`
	Verdict      Verdict `json:"verdict"`
	Reason       string  `json:"reason"`
	// Ratio is the cheater's median time for a challenge over the honest
	// miners'; only of the relay.
	Ratio float64 `json:"ratio,omitempty"`
	// LongestStep is the validator's longest step beside it, in seconds.
	LongestStep float64 `json:"longest_step"`
	// Growth is by how much memory in use rose beside it, in bytes, with all
	// that ran in the process meanwhile.
	Growth int64 `json:"growth"`
	// Dossiers counts the records of its and the honest miners' last native
	// audits, which were judged again from what is in them alone. Confirmed are
	// those that show others that the validator's verdict is right: those of
	// wrong answers.
	Dossiers  int `json:"dossiers,omitempty"`
	Confirmed int `json:"confirmed,omitempty"`

	chances              []float64 // that each audit passes, at most
	times, honestTimes   []float64 // seconds
	failures             []string  // what was said of those that did not pass
	takenOver, inherited float64   // scores of a UID before and after
	each                 []tally   // of its hotkeys
	tries                []int     // how often the last audits were asked that were failed
	silences             int       // questions that it was silent about
	refuted              []string  // what the records of audits say against the verdicts
}

// settle completes the result.
func (r *Result) settle(c Cheater) {
	for _, p := range r.chances {
		r.Bound += p / float64(len(r.chances))
	}
	reason, ok := c.judge(r)
	switch {
	case r.Asked == 0:
		r.Verdict, r.Reason = Missed, "it was never audited"
	case (r.Protocol == Native) != (r.Native > 0):
		r.Verdict, r.Reason = Missed, fmt.Sprintf("%d of %d audits were native", r.Native, r.Asked)
	case r.HonestAsked == 0 || r.HonestPassed < r.HonestAsked:
		r.Verdict = Missed
		r.Reason = fmt.Sprintf("honest miners passed %d of %d beside it", r.HonestPassed, r.HonestAsked)
	case len(r.refuted) > 0:
		r.Verdict, r.Reason = Missed, "a record of an audit speaks against it: "+strings.Join(r.refuted, " ")
	case ok && c.Required == string(Measured):
		r.Verdict, r.Reason = Measured, reason
	case ok:
		r.Verdict, r.Reason = Refused, reason
	default:
		r.Verdict, r.Reason = Missed, reason
	}
}

// certainty is how unlikely a count has to be under the bound to be over it.
const certainty = 1e-4

// overBound says whether more challenges passed than the bound explains.
func (r *Result) overBound() bool { return atLeast(r.chances, r.Passed) < certainty }

// atLeast is the probability that k or more of independent events happen.
func atLeast(ps []float64, k int) float64 {
	if k <= 0 {
		return 1
	}
	exactly := make([]float64, len(ps)+1)
	exactly[0] = 1
	for i, p := range ps {
		for n := i + 1; n > 0; n-- {
			exactly[n] = exactly[n]*(1-p) + exactly[n-1]*p
		}
		exactly[0] *= 1 - p
	}
	sum := 0.0
	for _, p := range exactly[min(k, len(exactly)):] {
		sum += p
	}
	return sum
}

func (r *Result) poorer() (string, bool) {
	if r.Score < r.HonestScore {
		return "", true
	}
	return fmt.Sprintf("it scores %.3f, honest miners %.3f", r.Score, r.HonestScore), false
}

// failsAll: nothing passes, neither challenges nor retrievals.
func failsAll(r *Result) (string, bool) {
	if r.overBound() || r.Retrieved > 0 {
		return fmt.Sprintf("passed %d of %d audits and %d of %d retrievals", r.Passed, r.Asked, r.Retrieved, r.Retrievals), false
	}
	if why, ok := r.poorer(); !ok {
		return why, false
	}
	return cmp.Or(r.mostSaid(), "failed all"), true
}

// mostSaid is what the validator said most often of an audit that failed.
func (r *Result) mostSaid() string {
	times := map[string]int{}
	most := ""
	for _, said := range r.failures {
		if _, cause, ok := strings.Cut(said, ": "); ok { // behind whom it was said of
			said = cause
		}
		said, _, _ = strings.Cut(said, "; ") // what is to be done about it
		if times[said]++; times[said] > times[most] {
			most = said
		}
	}
	if most == "" {
		return ""
	}
	return "failed all; most often: " + most
}

// withinBound: challenges pass by chance, retrievals never.
func withinBound(r *Result) (string, bool) {
	switch {
	case r.overBound():
		return fmt.Sprintf("passed %d audits where the bound allows %.1f on average", r.Passed, r.Bound*float64(r.Asked)), false
	case r.Retrieved > 0 || r.Retrievals == 0:
		return fmt.Sprintf("passed %d of %d retrievals", r.Retrieved, r.Retrievals), false
	}
	return "within the bound; failed every retrieval", true
}

// onlyOneCopy: the first hotkey passes all, the others nothing.
func onlyOneCopy(r *Result) (string, bool) {
	var first, rest tally
	for i, t := range r.each {
		of := &rest
		if i == 0 {
			of = &first
		}
		for n := range 2 {
			of.passed[n] += t.passed[n]
			of.failed[n] += t.failed[n]
		}
	}
	if r.overBound() || rest.passed != [2]int{} || rest.failed[1] == 0 || first.passed[0] == 0 || first.failed != [2]int{} {
		return fmt.Sprintf("the copy's owner passed and failed %v audits and retrievals, the other two %v", first, rest), false
	}
	return fmt.Sprintf("the copy's owner passed all %d, the other two failed all %d", first.passed[0], rest.failed[0]), true
}

// settledBySilence: every question that it was silent about has failed, after it
// was asked as often as the validator asks, but for one that may be open yet.
// Retrievals count as well.
func settledBySilence(r *Result) (string, bool) {
	if why, ok := r.poorer(); !ok {
		return why, false
	}
	for _, n := range r.tries {
		if n != asked {
			return fmt.Sprintf("it failed a question that was asked %d times", n), false
		}
	}
	failed := r.Asked - r.Passed + r.Retrievals - r.Retrieved
	if r.overBound() || r.silences == 0 || failed < r.silences-1 || len(r.tries) == 0 {
		return fmt.Sprintf("was silent about %d questions and failed %d; passed %d of %d audits, where the bound allows %.1f on average",
			r.silences, failed, r.Passed, r.Asked, r.Bound*float64(r.Asked)), false
	}
	return fmt.Sprintf("was silent about %d questions and failed %d, each after it was asked %d times", r.silences, failed, asked), true
}

// asked is how often a silent miner is asked the same: once, and again after
// each of the validator's pauses.
const asked = 4

// failsRetrieval: the first retrieval tells.
func failsRetrieval(r *Result) (string, bool) {
	if r.Retrievals == 0 || r.Retrieved > 0 {
		return fmt.Sprintf("passed %d of %d retrievals", r.Retrieved, r.Retrievals), false
	}
	return "failed every retrieval, from the first on", true
}

// maxGrowth is by how much a vandal may make the process grow, in bytes, with
// everything that runs beside it.
const maxGrowth = 128 << 20

// unharmed: nothing passes, and it cost the validator no more than its limits.
func unharmed(r *Result) (string, bool) {
	reason, ok := failsAll(r)
	if ok {
		reason, ok = inTime(r)
	}
	if ok && r.Growth > maxGrowth {
		return fmt.Sprintf("memory grew by %d MiB", r.Growth>>20), false
	}
	return fmt.Sprintf("%s; memory grew by %d MiB", reason, r.Growth>>20), ok
}

// slack is what a step may take beside the limits of exchanges, in seconds: the
// machine may be busy.
const slack = 20

// inTime: nothing passes, and no exchange outlasts its limit.
func inTime(r *Result) (string, bool) {
	limit := shortLimit.Seconds()
	if reason, ok := failsAll(r); !ok {
		return reason, false
	}
	if r.LongestStep > limit+slack {
		return fmt.Sprintf("it held a step up for %.1f s", r.LongestStep), false
	}
	return fmt.Sprintf("failed all; the longest step took %.1f s with a limit of %.1f s", r.LongestStep, limit), true
}

// measured reports the ratio of the times.
func measured(r *Result) (string, bool) {
	if len(r.honestTimes) == 0 || len(r.times) == 0 {
		return "no times", false
	}
	r.Ratio = median(r.times) / median(r.honestTimes)
	return fmt.Sprintf("takes %.2f times as long as honest miners, without any distance between its two", r.Ratio), true
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// startsFromZero: the score of the UID's former holder is gone.
func startsFromZero(r *Result) (string, bool) {
	if r.takenOver <= 0 || r.inherited != 0 {
		return fmt.Sprintf("inherited %.3f of a score of %.3f", r.inherited, r.takenOver), false
	}
	if reason, ok := failsAll(r); !ok {
		return reason, false
	}
	return fmt.Sprintf("started from 0 where the score was %.3f; failed all", r.takenOver), true
}
