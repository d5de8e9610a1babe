package sim

import (
	"cmp"
	"math"
	"slices"
)

// sunk is the share of a steady miner's incentive that a cheater must be under.
const sunk = 0.01

// incentives are what the chain makes of the validators' weights at the end of
// every epoch. Weights set for an earlier hotkey of a UID count for nobody.
func (r *Report) incentives(w *world, views []*view) {
	epochs := len(views[0].epochs)
	all := make([][]float64, epochs) // by epoch and UID
	for e := range all {
		all[e] = incentivesAt(w, views, e)
		total := 0.0
		for _, x := range all[e] {
			total += x
		}
		r.totals = append(r.totals, total)
	}
	perEpoch := views[0].schedule.EpochBlocks
	r.epochBlocks = perEpoch
	steady := make([]float64, epochs)
	for e := range steady {
		n := 0.0
		for uid, lives := range w.holder {
			if l := &w.lives[lives[0]]; l.kind == 0 && l.to == w.blocks {
				steady[e], n = steady[e]+all[e][uid], n+1
			}
		}
		steady[e] /= n
	}
	for kind := range w.kinds {
		s := summary{w: w, kind: kind, perEpoch: perEpoch, series: make([]float64, epochs), counted: make([]float64, epochs)}
		for uid, lives := range w.holder {
			s.add(lives, func(e int) float64 { return all[e][uid] / steady[e] })
		}
		r.Kinds = append(r.Kinds, s.result(views))
		r.shares = append(r.shares, s.series)
	}
}

// incentivesAt is Yuma consensus, as package chain/devchain has it: weights, made
// to sum to 1, count as far as kappa of the stake supports them, and what is left
// is summed by stake and shared out. Who validators with more than half of the
// stake give nothing gets nothing.
func incentivesAt(w *world, views []*view, e int) []float64 {
	shares := make([]float64, w.cfg.Miners)
	var stake float64
	end := uint64(e+1) * views[0].schedule.EpochBlocks
	from := make([]uint64, w.cfg.Miners) // when the UID's holder came
	for uid, lives := range w.holder {
		for _, l := range lives {
			if w.lives[l].from < end {
				from[uid] = w.lives[l].from
			}
		}
	}
	votes := make([][]vote, w.cfg.Miners)
	for i, v := range views {
		set := v.epochs[e]
		var sum float64
		for uid, x := range set.weights {
			if from[uid] <= set.at {
				sum += float64(x)
			}
		}
		if sum == 0 {
			continue
		}
		stake += w.stakes[i]
		for uid, x := range set.weights {
			if from[uid] <= set.at {
				votes[uid] = append(votes[uid], vote{float64(x) / sum, w.stakes[i]})
			}
		}
	}
	var ranks float64
	for uid, of := range votes {
		shares[uid] = rank(of, stake)
		ranks += shares[uid]
	}
	if ranks > 0 {
		for uid := range shares {
			shares[uid] /= ranks
		}
	}
	return shares
}

// vote is one validator's weight on a miner, and its stake.
type vote struct{ weight, stake float64 }

// kappa is the part of the stake that has to give a weight at least; the chain's
// 32767/65535.
const kappa = 0.5

// rank is the sum of the weights by stake, none above what kappa of the stake gives
// at least. It reorders votes.
func rank(votes []vote, stake float64) (sum float64) {
	slices.SortStableFunc(votes, func(a, b vote) int { return cmp.Compare(b.weight, a.weight) })
	var support, clip float64
	for _, v := range votes {
		if support += v.stake; support >= float64(kappa*stake) {
			clip = v.weight
			break
		}
	}
	for _, v := range votes {
		sum += float64(v.stake * min(v.weight, clip))
	}
	return sum
}

// summary is of one kind.
type summary struct {
	w        *world
	kind     int
	perEpoch uint64
	series   []float64 // by epoch: the sum of shares, the mean in the end
	counted  []float64 // by epoch: of how many

	miners  int
	sum, n  float64 // from a day on
	largest float64
	sank    float64 // hours
	never   bool
}

// add takes in the kind's miner on a UID, if there is one.
func (s *summary) add(lives []int32, share func(epoch int) float64) {
	var first *life
	for _, i := range lives {
		if l := &s.w.lives[i]; l.kind == s.kind && l.to-l.from > 0 && (l.to == s.w.blocks || s.w.kinds[s.kind].renews > 0) {
			first = l
			break
		}
	}
	if first == nil {
		return
	}
	s.miners++
	k := &s.w.kinds[s.kind]
	begin := first.from + blocksIn(k.turns)
	sank := 0.0
	over := false
	for e := range s.series {
		end := uint64(e+1) * s.perEpoch
		x := share(e)
		if end <= first.from || math.IsNaN(x) {
			continue
		}
		s.series[e], s.counted[e] = s.series[e]+x, s.counted[e]+1
		if end < begin {
			continue
		}
		if over = x >= sunk; over {
			sank = hoursOf(end + s.perEpoch - begin)
		}
		if hoursOf(end-begin) >= k.within() {
			s.sum, s.n, s.largest = s.sum+x, s.n+1, max(s.largest, x)
		}
	}
	s.sank, s.never = max(s.sank, sank), s.never || over
}

func (s *summary) result(views []*view) Result {
	k := &s.w.kinds[s.kind]
	r := Result{Kind: k.Name, What: k.What, Class: k.Class, Miners: s.miners, within: k.within()}
	for e, n := range s.counted {
		s.series[e] /= n // NaN of nobody
	}
	if s.n > 0 {
		mean, largest := rounded(s.sum/s.n), rounded(s.largest)
		r.Share, r.Largest = &mean, &largest
		if !s.never {
			sank := rounded(s.sank)
			r.Sank = &sank
		}
	}
	for _, v := range views {
		for _, t := range v.outcomes[s.kind][1:] { // all but stores
			r.Audits.Attempts += t.Attempts
			r.Audits.Successes += t.Successes
		}
		r.Full += v.full[s.kind]
		r.ByRestart += v.byRestart[s.kind]
		r.Demotions += v.byRestart[s.kind] + v.otherwise[s.kind]
	}
	return r
}
