package sim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/filetao/filetao/incentive"
)

// Report is what a run showed. Numbers are rounded to six digits, so that the
// last bits of floating point, which differ between processors, do not show.
type Report struct {
	Miners     int    `json:"miners"`
	Validators int    `json:"validators"`
	Days       int    `json:"days"`
	Seed       uint64 `json:"seed"`
	Profile    string `json:"profile"`
	// Steps, Outcomes (stores and audits), Restarts are of all validators.
	Steps    uint64   `json:"steps"`
	Outcomes uint64   `json:"outcomes"`
	Restarts int      `json:"restarts"`
	Climbs   []Climb  `json:"climbs"`
	Kinds    []Result `json:"kinds"`
	Checks   []Check  `json:"checks"`

	shares [][]float64 // by kind and epoch: mean incentive, of a steady miner's; NaN before there is any
	totals []float64   // by epoch: everybody's incentive

	epochBlocks uint64
	windowHours float64 // from rollover to rollover
	newcomers   int     // miners that took over a UID
}

// Climb is how long miners took to a tier.
type Climb struct {
	Tier      string  `json:"tier"`
	Successes uint64  `json:"successes"`
	Formula   float64 `json:"formula_hours"` // incentive.ClimbHours, one validator
	// New are the miners that took over a UID, Steady those of the first block.
	New    Hours `json:"new"`
	Steady Hours `json:"steady"`
}

// Hours are over miners and validators; zero when nobody got there. Reached is
// the share that did, Deviation that of the mean from the formula.
type Hours struct {
	Reached   float64 `json:"reached"`
	Mean      float64 `json:"mean"`
	Least     float64 `json:"least"`
	Most      float64 `json:"most"`
	Deviation float64 `json:"deviation"`
}

// Result is how the miners of a kind did.
type Result struct {
	Kind   string `json:"kind"`
	What   string `json:"what"`
	Class  Class  `json:"class"`
	Miners int    `json:"miners"`
	// Share is their mean incentive, of a steady miner's, from a day on (see
	// Kind.Within) after they came or began to cheat; Largest the largest of any in
	// an epoch; nil when the run was over before.
	Share   *float64 `json:"share"`
	Largest *float64 `json:"largest"`
	// Sank is after how many hours the last of them was under 1 % for good; nil:
	// not at all.
	Sank *float64 `json:"sank_hours"`
	// Audits passed and made, all validators'; Full is how often a datum went to
	// somebody else for want of room.
	Audits incentive.Tally `json:"audits"`
	Full   uint64          `json:"full"`
	// Demotions are tiers lost, by any validator's rollover; ByRestart those of
	// the two rollovers after that validator's restart.
	Demotions int `json:"demotions"`
	ByRestart int `json:"demotions_by_restart"`

	within float64 // hours; see Kind.Within
}

// Verdict is what became of a Check.
type Verdict string

// The verdicts. Open is for a run too short or too small to tell, or without those
// it is about.
const (
	Pass Verdict = "PASS"
	Fail Verdict = "FAIL"
	Open Verdict = "open"
)

// Check is one statement that has to hold.
type Check struct {
	Statement string  `json:"statement"`
	Verdict   Verdict `json:"verdict"`
	Figures   string  `json:"figures"`
}

// Failed says whether a statement is false.
func (r *Report) Failed() bool {
	for _, c := range r.Checks {
		if c.Verdict == Fail {
			return true
		}
	}
	return false
}

func newReport(w *world, views []*view) *Report {
	r := &Report{Miners: w.cfg.Miners, Validators: w.cfg.Validators, Days: w.cfg.Days, Seed: w.cfg.Seed, Profile: w.cfg.Profile}
	for _, v := range views {
		r.Steps += v.stepsDone
		r.Restarts += v.restarts
		for kind := range v.outcomes {
			for _, t := range v.outcomes[kind] {
				r.Outcomes += t.Attempts
			}
		}
	}
	r.windowHours = hoursOf(views[0].schedule.EpochBlocks * views[0].schedule.WindowEpochs)
	for _, l := range w.lives {
		if w.kinds[l.kind].joins {
			r.newcomers++
		}
	}
	r.Climbs = climbs(w, views)
	r.incentives(w, views)
	r.Checks = []Check{r.climbCheck(), r.cheatCheck(), r.restartCheck()}
	return r
}

// climbs are those to every tier but the lowest, the lowest first.
func climbs(w *world, views []*view) (all []Climb) {
	p := &w.cfg.product
	perRound := incentive.AskedPerRound(w.cfg.Miners, incentive.Sample{Miners: p.StoreSample},
		incentive.Sample{Miners: p.ChallengeSample}, incentive.Sample{Miners: p.RetrieveSample, Every: p.RetrieveEvery})
	for tier := len(w.cfg.rules.Tiers) - 2; tier >= 0; tier-- {
		t := w.cfg.rules.Tiers[tier]
		hours, _ := incentive.ClimbHours(t.MinSuccesses, perRound, time.Duration(p.BlocksPerStep)*blockTime, 1)
		c := Climb{Tier: t.Name, Successes: t.MinSuccesses, Formula: rounded(hours)}
		c.New = reached(w, views, tier, hours, func(l *life) bool { return w.kinds[l.kind].joins })
		c.Steady = reached(w, views, tier, hours, func(l *life) bool { return l.kind == 0 && l.from == 0 && l.to == w.blocks })
		all = append(all, c)
	}
	return all
}

func reached(w *world, views []*view, tier int, formula float64, of func(*life) bool) (h Hours) {
	h.Least = math.Inf(1)
	var n, all, sum float64
	for _, v := range views {
		for i := range w.lives {
			l := &w.lives[i]
			if !of(l) {
				continue
			}
			all++
			if at := v.reached[i][tier]; at > 0 {
				hours := hoursOf(uint64(at-1) - l.from)
				n, sum = n+1, sum+hours
				h.Least, h.Most = min(h.Least, hours), max(h.Most, hours)
			}
		}
	}
	if n == 0 {
		return Hours{}
	}
	return Hours{
		Reached: rounded(n / all), Mean: rounded(sum / n), Least: rounded(h.Least), Most: rounded(h.Most),
		Deviation: rounded(sum/n/formula - 1),
	}
}

// What a run must have for its numbers to say something. A tier is decided at a
// rollover, half a window late on average: within 10 % of the formula only where
// that is 10 windows or more. And luck has to even out: over new miners in
// validators' eyes, and over the validators whose weights make a consensus.
const (
	leastWindows    = 10
	leastClimbs     = 16
	leastValidators = 32
	luck            = 0.05 // of a steady miner's incentive
)

// climbCheck looks at tiers that every new miner reached in every validator's
// eyes: of the others only the lucky have a time.
func (r *Report) climbCheck() Check {
	c := Check{Statement: "a new honest miner's climb agrees with the formula within 10 %", Verdict: Open, Figures: "no tier was reached by all"}
	worst := 0.0
	for _, t := range r.Climbs {
		switch {
		case t.New.Reached != 1:
			continue
		case t.Formula < leastWindows*r.windowHours:
			if c.Verdict == Open {
				c.Figures = fmt.Sprintf("%s takes %.1f h in so small a network, and rollovers are %.1f h apart", t.Tier, t.Formula, r.windowHours)
			}
			continue
		case r.newcomers*r.Validators < leastClimbs:
			c.Figures = fmt.Sprintf("%d new miners in the eyes of %d validators are too few", r.newcomers, r.Validators)
			continue
		}
		if c.Verdict == Open || math.Abs(t.New.Deviation) > math.Abs(worst) {
			worst = t.New.Deviation
			c.Figures = fmt.Sprintf("at most %+.1f %%, to %s", 100*worst, t.Tier)
		}
		c.Verdict = verdict(math.Abs(worst) <= 0.10)
	}
	return c
}

// cheatCheck takes what the few validators of a small run pay a cheater by luck for
// no answer; and how long they take to meet one that lacks little.
func (r *Report) cheatCheck() Check {
	c := Check{Statement: cheatStatement(r.Kinds), Verdict: Open, Figures: "no cheaters, or not for so long"}
	slowest, kind := 0.0, ""
	lucky := ""
	for _, k := range r.Kinds {
		switch {
		case k.Class != Cheat || k.Largest == nil:
			continue
		case k.Sank == nil || *k.Sank > k.within:
			said := fmt.Sprintf("%s: as much as %.2f %%", k.Kind, 100**k.Largest)
			if r.Validators < leastValidators && (*k.Share < luck || k.within > 24) {
				lucky = said + " in the eyes of few validators"
				continue
			}
			c.Verdict, c.Figures = Fail, said
			return c
		case *k.Sank >= slowest:
			slowest, kind = *k.Sank, k.Kind
		}
		c.Verdict, c.Figures = Pass, fmt.Sprintf("after %.1f hours, the last being %s", slowest, kind)
	}
	if lucky != "" {
		c.Verdict, c.Figures = Open, lucky
	}
	return c
}

// cheatStatement names those that may take longer than a day.
func cheatStatement(kinds []Result) string {
	var longer []string
	for _, k := range kinds {
		if k.Class == Cheat && k.within != 24 {
			longer = append(longer, fmt.Sprintf("%s: %.0f", k.Kind, k.within))
		}
	}
	hours := "24 hours"
	if len(longer) > 0 {
		hours += " (" + strings.Join(longer, ", ") + ")"
	}
	return "every cheater is under 1 % of a steady miner's incentive within " + hours + ", and stays there"
}

func (r *Report) restartCheck() Check {
	c := Check{Statement: "no honest miner is demoted by a validator's restart", Verdict: Open, Figures: "no restarts"}
	demoted := 0
	for _, k := range r.Kinds {
		if k.Class == Honest {
			demoted += k.ByRestart
		}
	}
	if r.Restarts > 0 {
		c.Verdict, c.Figures = verdict(demoted == 0), fmt.Sprintf("%d demotions after %d restarts", demoted, r.Restarts)
	}
	return c
}

func verdict(ok bool) Verdict {
	if ok {
		return Pass
	}
	return Fail
}

// rounded is x in six digits.
func rounded(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return x
	}
	return y
}
