package node

import (
	"cmp"
	"fmt"
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
		if c.Reward == nil {
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
		s.Reward /= float64(s.Asked)
		s.OthersReward /= float64(max(1, compared[s.Kind]))
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
	costTier
	costGap
)

// leastLost is what is worth mentioning.
const leastLost = 1e-4

// slower is by which factor a time must be above the median to be called slow.
const slower = 1.25

// hurts are what cost a miner most in the changes, the worst first.
func (v View) hurts(changes []Change) []Hurt {
	type sum struct {
		lost  float64
		times int
		last  Change
		ratio float64
	}
	all := map[cause]*sum{}
	for _, c := range changes {
		why, lost := v.lost(c)
		if lost <= 0 {
			continue
		}
		s := all[why]
		if s == nil {
			s = &sum{}
			all[why] = s
		}
		s.lost, s.times, s.last = s.lost+lost, s.times+1, c
		if c.OthersSeconds > 0 {
			s.ratio = max(s.ratio, c.Seconds/c.OthersSeconds)
		}
	}
	hurts := []Hurt{}
	for why, s := range all {
		if s.lost >= leastLost {
			h := why.words(s.times, s.last, s.ratio)
			h.Lost, h.Times = s.lost, s.times
			hurts = append(hurts, h)
		}
	}
	slices.SortFunc(hurts, func(a, b Hurt) int { return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(a.What, b.What)) })
	return hurts
}

// lost is how much a change cost, and why.
func (v View) lost(c Change) (why cause, lost float64) {
	switch {
	case c.Kind == KindGap && c.Before != nil && c.After != nil:
		return cause{KindGap, costGap}, *c.Before - *c.After
	case c.Reward == nil || c.Before == nil || c.After == nil:
		return why, 0
	case c.Kind == KindPing:
		return cause{c.Kind, costDown}, *c.Before - *c.After
	}
	par := v.Config.Rules.Tiers.Named(c.Tier).Factor
	if c.OthersReward != nil {
		par = *c.OthersReward
	}
	lost = v.Config.Rules.Alpha * (par - *c.Reward)
	switch {
	case !c.OK:
		return cause{c.Kind, costFailure}, lost
	case c.Possession != nil && *c.Possession < 0.95:
		return cause{cost: costPossession}, lost
	case c.OthersSeconds > 0 && c.Seconds > slower*c.OthersSeconds:
		return cause{c.Kind, costSpeed}, lost
	}
	return cause{cost: costTier}, lost
}

// words say what happened so many times, the last time in this way.
func (w cause) words(times int, last Change, ratio float64) Hurt {
	switch w.cost {
	case costGap:
		return Hurt{What: "the score fell between two events, which are missing in the log",
			Do: "nothing of the miner's: the validator was stopped, or could not write its log"}
	case costDown:
		return Hurt{What: fmt.Sprintf("was found down %s", often(times)),
			Do: "see that the miner runs and that its axon can be reached from outside, all the time"}
	case costPossession:
		return Hurt{What: fmt.Sprintf("its successes were paid in part only, the last one %.0f %%, for what its audits show (possession)", 100**last.Possession),
			Do: "pass audits and retrievals: each one that passes raises the share; a newcomer has half until it has passed one of each"}
	case costSpeed:
		return Hurt{What: fmt.Sprintf("%s: answered slower than the others %s, up to %.1f times as long", w.kind, often(times), ratio),
			Do: "faster disk, network or machine, or fewer programs beside the miner"}
	case costTier:
		return Hurt{What: "was paid less than the others: a lower tier has a lower factor, and the two fastest have a boost",
			Do: "climb: a higher tier pays more for the same answers"}
	}
	return Hurt{What: fmt.Sprintf("%s: failed %s, the last time at block %d: %s", w.kind, often(times), last.Block, last.Text), Do: remedy(last)}
}

// remedy is what to do about a failure of a kind whose text does not say it.
func remedy(c Change) string {
	switch c.Code {
	case wire.StatusTimeout:
		return "answer in time: look at the load of machine, disk and network"
	case wire.StatusUnavailable:
		return "see that the miner runs and that its axon can be reached from outside"
	case wire.StatusFull:
		return "make room, or claim less: lower --capacity"
	case wire.StatusTooMany, wire.StatusForbidden, wire.StatusUnauthorized:
		return "let the validator in: look at the miner's lists, rate limit and clock"
	}
	if c.Kind == KindStore {
		return "the miner's log says more"
	}
	return "`filetao audit show` has the dossier, if there is one"
}

func often(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
