package node

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/filetao/filetao/wire"
)

// TaskSum sums up how a miner did at one kind of task.
type TaskSum struct {
	Kind      Kind `json:"kind"`
	Asked     int  `json:"asked"`
	Succeeded int  `json:"succeeded"`
	// Reward is the mean of what entered the score, OthersReward that of the
	// others' good answers in the same steps, 0 when there were none.
	Reward       float64 `json:"mean_reward"`
	OthersReward float64 `json:"others_mean_reward"`
}

// sums are in the order of the kinds' names.
func sums(changes []Change) []TaskSum {
	all := []TaskSum{}
	compared := map[Kind]int{}
	for _, c := range changes {
		if c.Reward == nil || c.Kind == KindPing {
			continue
		}
		i := slices.IndexFunc(all, func(s TaskSum) bool { return s.Kind == c.Kind })
		if i < 0 {
			i, all = len(all), append(all, TaskSum{Kind: c.Kind})
		}
		s := &all[i]
		s.Asked++
		if c.OK {
			s.Succeeded++
		}
		s.Reward += *c.Reward
		if c.OthersReward != nil {
			s.OthersReward += *c.OthersReward
			compared[c.Kind]++
		}
	}
	for i := range all {
		s := &all[i]
		s.Reward = finite(s.Reward / float64(s.Asked))
		s.OthersReward = finite(s.OthersReward / float64(max(1, compared[s.Kind])))
	}
	slices.SortFunc(all, func(a, b TaskSum) int { return cmp.Compare(a.Kind, b.Kind) })
	return all
}

// Hurt is something that cost a miner score.
type Hurt struct {
	// Lost is by how much the moving average would have moved up more, in sum,
	// had the miner been paid like the others' good answers.
	Lost  float64 `json:"lost"`
	Times int     `json:"times"`
	What  string  `json:"what"`
	Do    string  `json:"do"`
}

// cause is why a miner was paid less than others.
type cause struct {
	kind Kind // "" where all kinds are taken together
	cost cost
}

// cost is what kind of loss it was.
type cost int

const (
	costFailure cost = iota
	costDown
	costPossession
	costSpeed
	costGap
)

const (
	// leastLost is what is worth mentioning.
	leastLost = 1e-4
	// slower is by which factor times must be above the others' to be called slow.
	slower = 1.25
	// fullPossession is from where on possession is not what a miner lacks.
	fullPossession = 0.95
)

// toll is what one cause cost altogether.
type toll struct {
	lost  float64 // less what was gained
	times int
	last  Change
	// behind is the sum of how many times as long as the others' the answers
	// took, compared how many these were.
	behind   float64
	compared int
}

// hurts are what cost a miner most in the changes, the worst first.
func (v View) hurts(changes []Change) []Hurt {
	all := map[cause]*toll{}
	for _, c := range changes {
		why, lost, ok := v.lost(c)
		if !ok {
			continue
		}
		t := all[why]
		if t == nil {
			t = &toll{}
			all[why] = t
		}
		t.lost, t.times, t.last = t.lost+lost, t.times+1, c
		if c.OthersSeconds > 0 {
			t.behind, t.compared = t.behind+c.Seconds/c.OthersSeconds, t.compared+1
		}
	}
	hurts := []Hurt{}
	for why, t := range all {
		slow := t.behind > slower*float64(t.compared)
		if t.lost >= leastLost && (why.cost != costSpeed || slow) {
			h := why.words(t)
			h.Lost, h.Times = finite(t.lost), t.times
			hurts = append(hurts, h)
		}
	}
	slices.SortFunc(hurts, func(a, b Hurt) int { return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(a.What, b.What)) })
	return hurts
}

// lost is how much a change cost, against the good answers of miners of its tier,
// and why; less than 0 if it earned more. ok is false if that cannot be said.
func (v View) lost(c Change) (why cause, lost float64, ok bool) {
	switch {
	case c.Kind == KindGap && c.Before != nil && c.After != nil:
		return cause{KindGap, costGap}, *c.Before - *c.After, true
	case c.Reward == nil || c.Before == nil || c.After == nil:
		return why, 0, false
	case c.Kind == KindPing:
		return cause{c.Kind, costDown}, *c.Before - *c.After, true
	}
	factor := v.Config.Rules.Tiers.Named(c.Tier).Factor
	par := factor
	if c.OthersReward != nil && c.othersFactor > 0 {
		par = *c.OthersReward / c.othersFactor * factor
	}
	why, lost = cause{c.Kind, costSpeed}, v.Config.Rules.Alpha*(par-*c.Reward)
	if !c.OK {
		why.cost = costFailure
	} else if c.Possession != nil && *c.Possession < fullPossession {
		why = cause{cost: costPossession}
	}
	return why, lost, true
}

// words say what happened, and what to do about it.
func (w cause) words(t *toll) Hurt {
	switch w.cost {
	case costGap:
		return Hurt{
			What: "the score fell between two events, which are missing in the log",
			Do:   "nothing of the miner's: the validator was stopped, or could not write its log",
		}
	case costDown:
		return Hurt{
			What: "was found down " + often(t.times),
			Do:   "see that the miner runs and that its axon can be reached from outside, all the time",
		}
	case costPossession:
		return Hurt{
			What: fmt.Sprintf("was paid less for %s because of what its audits show (possession), for the last one %.0f%%",
				some(t.times, "good answer"), 100**t.last.Possession),
			Do: "pass challenges and retrievals: each one that passes raises the share; a newcomer has half until it has passed one of each",
		}
	case costSpeed:
		return Hurt{
			What: fmt.Sprintf("%s: answered slower than the others, %.1f times as long on average over %s",
				w.kind, t.behind/float64(t.compared), some(t.compared, "good answer")),
			Do: "see to disk, network and processor, and to what else runs there: the rewards of a batch go to the fast",
		}
	}
	return Hurt{What: fmt.Sprintf("%s: failed %s, the last time at block %d: %s", w.kind, often(t.times), t.last.Block, t.last.Text), Do: remedy(t.last)}
}

// remedy is what to do about a failure, whose own text may say more.
func remedy(c Change) string {
	switch c.Code {
	case wire.StatusTimeout:
		return "answer in time: look at the load of machine, disk and network"
	case wire.StatusUnavailable:
		return "see that the miner runs and that its axon can be reached from outside"
	case wire.StatusFull:
		return "make room on the disk, or raise --capacity"
	case wire.StatusTooMany, wire.StatusForbidden, wire.StatusUnauthorized:
		return "let the validator in: look at the miner's lists, rate limit and clock"
	}
	if c.Kind == KindStore {
		return "the miner's log says more"
	}
	return "`filetao audit show` has the verdict in full"
}

// finite is x, or 0 for what is no number: a log that is not ours may say anything.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

func often(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
