package devchain

import (
	"math/bits"
	"slices"

	"github.com/filetao/filetao/chain"
)

// one is the share 1 in an epoch's fixed-point numbers. Products of two shares
// and sums of such products over a whole subnet stay below 2^62.
const one = 1 << 31

// mulDiv is a·b/c rounded down; 0 for c = 0, saturated at the largest number.
func mulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	switch {
	case c == 0:
		return 0
	case hi >= c:
		return 1<<64 - 1
	}
	quotient, _ := bits.Div64(hi, lo, c)
	return quotient
}

// atLeast says whether a/b >= c/d, without overflow.
func atLeast(a, b, c, d uint64) bool {
	hi1, lo1 := bits.Mul64(a, d)
	hi2, lo2 := bits.Mul64(c, b)
	return hi1 > hi2 || hi1 == hi2 && lo1 >= lo2
}

// voter is a validator whose weights count in an epoch.
type voter struct {
	uid   chain.UID
	stake uint64 // rao
	share uint64 // of all voters' stake
	trust uint64 // sum of its clipped weights
	pull  uint64 // share · trust
}

// entry is one voter's weight in a column.
type entry struct {
	voter  *voter
	weight uint64 // share of the voter's row
}

// column is what the voters say of one neuron.
type column struct {
	entries   []entry
	consensus uint64 // weight that kappa of the stake supports
	rank      uint64 // sum of share · clipped weight
	prerank   uint64 // the same, not clipped
}

// epochDue says whether the epoch runs in the block.
func (c *Config) epochDue(block uint64) bool {
	tempo := c.Hyperparameters.Tempo
	return tempo > 0 && chain.EpochOf(block+1, c.NetUID, tempo) != chain.EpochOf(block, c.NetUID, tempo)
}

// epoch turns weights into shares and pays the pending emission. The package
// documentation says what it does and what of Yuma it leaves out. All numbers
// are integers, so every machine gets the same; all divisions yield 0 for 0.
func (c *Config) epoch(s *state) {
	voters, total := s.voters(c.ActivityCutoff)
	columns := s.columns(voters)
	for i := range columns {
		columns[i].clip(uint64(c.Kappa), total)
	}
	var ranks, pulls uint64
	for i := range columns {
		ranks += columns[i].rank
	}
	byUID := make([]*voter, len(s.Neurons))
	for _, v := range voters {
		v.pull = v.share * v.trust
		pulls += v.pull
		byUID[v.uid] = v
	}
	half := uint64(s.Pending) / 2
	s.Pending = 0
	for i := range s.Neurons {
		n, col, v := &s.Neurons[i], &columns[i], byUID[i]
		if v == nil {
			v = &voter{}
		}
		n.Consensus = uint16(mulDiv(col.consensus, 65535, one))
		n.Trust = uint16(mulDiv(col.rank, 65535, col.prerank))
		n.Incentive = uint16(mulDiv(col.rank, 65535, ranks))
		n.ValidatorTrust = uint16(mulDiv(v.trust, 65535, one))
		n.Dividends = uint16(mulDiv(v.pull, 65535, pulls))
		s.pay(n, chain.Rao(mulDiv(half, col.rank, ranks)), chain.Rao(mulDiv(half, v.pull, pulls)))
	}
}

// pay gives a neuron's incentive to its coldkey and its dividends to its stake.
func (s *state) pay(n *chain.Neuron, incentive, dividends chain.Rao) {
	n.Emission = incentive + dividends
	s.Issued += n.Emission
	if incentive > 0 {
		s.Balances[n.Coldkey] += incentive
	}
	if dividends > 0 {
		s.Stakes[n.Hotkey] += dividends
	}
}

// voters are the active holders of a permit, with their shares of the total.
func (s *state) voters(cutoff uint16) (voters []*voter, total uint64) {
	for i := range s.Neurons {
		n := &s.Neurons[i]
		if stake := uint64(s.Stakes[n.Hotkey]); n.ValidatorPermit && stake > 0 && s.active(n, cutoff) {
			voters = append(voters, &voter{uid: n.UID, stake: stake})
			total += stake
		}
	}
	for _, v := range voters {
		v.share = mulDiv(v.stake, one, total)
	}
	return voters, total
}

// columns normalises the voters' rows, without weights on themselves, and turns
// them round.
func (s *state) columns(voters []*voter) []column {
	columns := make([]column, len(s.Neurons))
	for _, v := range voters {
		var sum uint64
		for _, w := range s.Weights[v.uid] {
			if w.UID != v.uid {
				sum += uint64(w.Value)
			}
		}
		for _, w := range s.Weights[v.uid] {
			if share := mulDiv(uint64(w.Value), one, sum); w.UID != v.uid && share > 0 {
				columns[w.UID].entries = append(columns[w.UID].entries, entry{v, share})
			}
		}
	}
	return columns
}

// clip finds the column's consensus, the stake-weighted median: the largest
// weight that voters with at least kappa/65535 of the total stake reach. What is
// above counts for no more.
func (c *column) clip(kappa, total uint64) {
	slices.SortStableFunc(c.entries, func(a, b entry) int {
		switch {
		case a.weight > b.weight:
			return -1
		case a.weight < b.weight:
			return 1
		}
		return 0
	})
	var support uint64
	for _, e := range c.entries {
		support += e.voter.stake
		if atLeast(support, total, kappa, 65535) {
			c.consensus = e.weight
			break
		}
	}
	for _, e := range c.entries {
		clipped := min(e.weight, c.consensus)
		c.rank += e.voter.share * clipped
		c.prerank += e.voter.share * e.weight
		e.voter.trust += clipped
	}
}
