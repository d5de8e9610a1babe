package substratetest

import (
	"cmp"
	"slices"

	"github.com/filetao/filetao/scale"
)

// begin is what a runtime does before a block's transactions: it counts, and in
// the last block of a subnet's epoch it pays.
func (x *execution) begin() {
	for _, n := range x.nets() {
		net := scale.Uint(n)
		x.put("RegistrationsThisBlock", scale.Int(0), net)
		if interval := x.num("AdjustmentInterval", net); interval > 0 && x.number%interval == 0 {
			x.put("RegistrationsThisInterval", scale.Int(0), net)
			x.put("BurnRegistrationsThisInterval", scale.Int(0), net)
		}
		tempo := x.num("Tempo", net)
		if tempo == 0 || (x.number+n+1)%(tempo+1) != tempo {
			x.add("BlocksSinceLastStep", 1, net)
			continue
		}
		x.put("BlocksSinceLastStep", scale.Int(0), net)
		x.put("LastMechansimStepBlock", scale.Uint(x.number), net)
		x.epoch(net, tempo)
	}
}

// standing is one neuron in an epoch. Shares are of 1.
type standing struct {
	uid, stake, updated, registered uint64
	hotkey                          [32]byte
	permit                          bool
	row                             map[uint64]float64
	consensus, rank, trust          float64
	validatorTrust, dividend        float64
}

// epoch pays by Yuma without its bonds. What the validators give a neuron is
// clipped to the consensus, the most that validators with more than kappa of
// the stake give it; the sum of that, weighed by stake, is its rank. Half of
// the emission, one TAO a block, goes by rank, half to the validators by stake
// times trust, and trust is how much of a validator's weights was not clipped.
// Weights on oneself, and on whoever took a slot over since they were set, do
// not count.
func (x *execution) epoch(net scale.Value, tempo uint64) {
	list := x.standings(net)
	total := 0.0
	for _, v := range list {
		if v.permit {
			total += float64(v.stake)
		}
	}
	kappa := float64(x.num("Kappa", net)) / (1<<16 - 1)
	ranks, paid := 0.0, 0.0
	for uid := range list {
		v := &list[uid]
		v.consensus = agreed(list, uint64(uid), kappa*total)
		given := 0.0
		for i := range list {
			w := &list[i]
			if share := w.row[v.uid]; share > 0 && total > 0 {
				given += share * float64(w.stake) / total
				v.rank += min(share, v.consensus) * float64(w.stake) / total
				w.validatorTrust += min(share, v.consensus)
			}
		}
		if given > 0 {
			v.trust = v.rank / given
		}
		ranks += v.rank
	}
	for i := range list {
		list[i].dividend = list[i].validatorTrust * float64(list[i].stake)
		paid += list[i].dividend
	}
	pay := make([]uint64, len(list))
	for i := range list {
		v := &list[i]
		if ranks > 0 {
			v.rank, v.dividend = v.rank/ranks, v.dividend/paid
		}
		pay[i] = uint64(float64(tempo+1) * 1e9 / 2 * (v.rank + v.dividend))
	}
	x.publish(net, list, pay)
}

// agreed is the most that validators with more than majority of the stake give
// a neuron.
func agreed(list []standing, uid uint64, majority float64) float64 {
	givers := slices.Clone(list)
	slices.SortStableFunc(givers, func(a, b standing) int { return cmp.Compare(b.row[uid], a.row[uid]) })
	behind := 0.0
	for _, v := range givers {
		if v.permit {
			behind += float64(v.stake)
		}
		if behind > majority {
			return v.row[uid]
		}
	}
	return 0
}

// share16 is a share of 1 as one of 65535.
func share16(share float64) uint64 { return uint64(min(share, 1)*(1<<16-1) + 1e-6) }

func (x *execution) standings(net scale.Value) []standing {
	n := int(x.num("SubnetworkN", net))
	list := make([]standing, n)
	updates, permits := x.nums("LastUpdate", n, net), x.flags("ValidatorPermit", n, net)
	for i := range list {
		v := &list[i]
		v.uid, v.updated, v.permit = uint64(i), updates[i], permits[i]
		v.hotkey, _ = x.account("Keys", net, scale.Uint(uint64(i)))
		v.stake = x.stakeOf(v.hotkey, net)
		v.registered = x.num("BlockAtRegistration", net, scale.Uint(uint64(i)))
	}
	for i := range list {
		v := &list[i]
		stored, _ := x.get("Weights", net, scale.Uint(uint64(i)))
		items, err := stored.Items()
		x.fail(err)
		v.row = map[uint64]float64{} // of those who count
		if !v.permit {
			continue
		}
		sum := 0.0
		for _, item := range items {
			pair, err := item.Uints()
			x.fail(err)
			uid, value := pair[0], pair[1]
			if uid != v.uid && uid < uint64(n) && list[uid].registered <= v.updated && value > 0 && v.registered <= v.updated {
				v.row[uid] = float64(value)
				sum += float64(value)
			}
		}
		for uid := range v.row {
			v.row[uid] /= sum
		}
	}
	return list
}

// publish stores what an epoch has found, and pays it out as stake.
func (x *execution) publish(net scale.Value, list []standing, pay []uint64) {
	n := len(list)
	out := map[string][]uint64{}
	top := slices.Max(append(slices.Clone(pay), 0))
	for i, v := range list {
		score := uint64(0)
		if top > 0 {
			score = uint64(float64(pay[i]) / float64(top) * (1<<16 - 1))
		}
		for item, value := range map[string]uint64{
			"Rank": share16(v.rank), "Trust": share16(v.trust), "Consensus": share16(v.consensus), "Incentive": share16(v.rank),
			"Dividends": share16(v.dividend), "ValidatorTrust": share16(v.validatorTrust), "PruningScores": score, "Emission": pay[i],
		} {
			out[item] = append(out[item], value)
		}
		x.reward(v.hotkey, net, pay[i])
	}
	for _, item := range columns() {
		x.putNums(item, append([]uint64{}, out[item]...), net)
	}
	active := make([]bool, n)
	cutoff := x.num("ActivityCutoff", net)
	for i, v := range list {
		active[i] = v.updated+cutoff >= x.number
	}
	x.putFlags("Active", active, net)
	x.putFlags("ValidatorPermit", x.permits(net, list), net)
}

// permits are the neurons with the most stake, at least the least that may set
// weights and more than none.
func (x *execution) permits(net scale.Value, list []standing) []bool {
	ranked := slices.Clone(list)
	slices.SortStableFunc(ranked, func(a, b standing) int { return cmp.Compare(b.stake, a.stake) })
	permits := make([]bool, len(list))
	for i, v := range ranked {
		permits[v.uid] = uint64(i) < x.num("MaxAllowedValidators", net) && v.stake >= max(x.minStake(), 1)
	}
	return permits
}
