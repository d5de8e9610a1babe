package incentive

import "math"

// Evidence is what a miner's latest audits of one kind showed, the older
// counting the less: Passed + Failed is at most the kind's memory. The zero
// Evidence is a newcomer's.
type Evidence struct {
	Passed float64 `json:"passed"`
	Failed float64 `json:"failed"`
}

// Possession is the evidence that a miner has what it was given. It goes with
// the hotkey: a new one on a UID begins with the zero Possession.
type Possession struct {
	Challenge Evidence `json:"challenge"`
	Retrieve  Evidence `json:"retrieve"`
	// Losses are the data whose loss was proven, the earlier counting the less, and
	// Last is the name of the latest.
	Losses float64 `json:"losses,omitempty"`
	Last   string  `json:"last_lost,omitempty"`
	// Debt is how many audits it has to pass before it is paid again.
	Debt float64 `json:"debt,omitempty"`
}

// Audit is a kind of audit.
type Audit int

// The kinds. A challenge asks for samples, native or the reference's; a
// retrieval asks for the whole datum.
const (
	ByChallenge Audit = iota
	ByRetrieve
)

// Finding is what an audit showed.
type Finding int

// The findings. Silent is who gave no answer, however often it was asked: it
// fails, but that proves nothing. Lost is who answered and did not show the data:
// with a wrong proof, wrong bytes, an error, or by saying that it has it not.
const (
	Passed Finding = iota
	Silent
	Lost
)

// PossessionRules say what possession is worth. An audit that fails is one of two
// things, with two prices. Whoever has the data passes every audit that it answers
// (package proof and its bounds), so that a loss that was proven needs no
// tolerance: it is a datum that the miner was paid for and does not have. Silence
// has other causes as well, which nobody is to be ruined by, so that a small share
// of it is free.
type PossessionRules struct {
	// Exponent makes failing cost more than in proportion. 0 is the
	// reference's plain sum: the factor is 1 whatever the evidence.
	Exponent float64
	// Tolerance is the rate of failures that costs nothing. It is there for
	// silence: a proven loss has its Penalty besides.
	Tolerance float64
	// Penalty is the Debt of a proven loss, in passed audits: of the first one this,
	// and of each further one as many times this as there are Losses. So who lost one
	// datum is paid again after Penalty audits, and who loses data again and again
	// is not.
	Penalty float64
	// MaxDebt is the most that there is to be paid off: that of a miner that has
	// mended its ways. In as many audits losses are forgotten: each audit makes them
	// 1 - 1/MaxDebt of what they were.
	MaxDebt float64
	// Challenges and Retrievals are how many of the latest audits of a kind
	// count: each weighs 1 - 1/memory of the next.
	Challenges, Retrievals float64
	// Unproven is the most that a miner gets that was never audited by one of
	// the kinds.
	Unproven float64
}

// Note adds what one audit about a datum showed. In the evidence an answer that did
// not come counts as a wrong one: who has no data would choose not to answer. A
// proven loss makes a debt, a passed audit pays 1 of it, and silence does neither.
// The loss of one datum is one loss, however often it is asked about in a row; ""
// is another one each time.
func (r PossessionRules) Note(p Possession, by Audit, datum string, found Finding) Possession {
	p.Challenge, p.Retrieve = p.Challenge.within(r.Challenges), p.Retrieve.within(r.Retrievals)
	memory := max(1, finite(r.MaxDebt))
	p.Debt, p.Losses = r.debt(p.Debt), min(max(0, finite(p.Losses)), memory)*(1-1/memory)
	switch {
	case found == Passed:
		p.Debt = r.debt(p.Debt - 1)
	case found == Lost && (datum == "" || datum != p.Last):
		p.Losses, p.Last = p.Losses+1, datum
		p.Debt = r.debt(p.Debt + finite(max(0, finite(r.Penalty))*p.Losses))
	}
	ok := found == Passed
	switch by {
	case ByChallenge:
		p.Challenge = p.Challenge.note(r.Challenges, ok)
	case ByRetrieve:
		p.Retrieve = p.Retrieve.note(r.Retrievals, ok)
	}
	return p
}

// unpaid says that a miner has a debt, and that this counts.
func (r PossessionRules) unpaid(p Possession) bool { return r.Exponent > 0 && r.debt(p.Debt) > 0 }

// debt is one that this package could have made.
func (r PossessionRules) debt(d float64) float64 {
	return min(max(finite(d), 0), max(0, finite(r.MaxDebt)))
}

// Factor is what a miner's successes are worth, from 0 to 1: nothing while there
// is a debt, and else the smaller of the two kinds' factors, because who lacks
// little passes most challenges and no retrieval. A kind's factor is (u / (1 - Tolerance))^Exponent, at most 1,
// with u the upper end of the Wilson interval of the passed: as long as there
// are few audits the miner has the benefit of the doubt.
func (r PossessionRules) Factor(p Possession) float64 {
	if r.unpaid(p) {
		return 0
	}
	return min(r.factor(p.Challenge.within(r.Challenges)), r.factor(p.Retrieve.within(r.Retrievals)))
}

func (r PossessionRules) factor(e Evidence) float64 {
	if !(r.Exponent > 0) {
		return 1
	}
	n := e.Passed + e.Failed
	if n == 0 {
		return unit(r.Unproven)
	}
	_, upper := wilson(e.Passed/n, n)
	rest := 1 - unit(r.Tolerance)
	if upper >= rest {
		return 1
	}
	return unit(math.Pow(upper/rest, r.Exponent))
}

func (e Evidence) note(memory float64, ok bool) Evidence {
	keep := 1 - 1/max(1, finite(memory))
	e.Passed, e.Failed = e.Passed*keep, e.Failed*keep
	if ok {
		e.Passed++
	} else {
		e.Failed++
	}
	return e
}

// within is evidence that this package could have made with that memory.
func (e Evidence) within(memory float64) Evidence {
	e.Passed, e.Failed = max(0, finite(e.Passed)), max(0, finite(e.Failed))
	memory = max(1, finite(memory))
	e.Passed, e.Failed = min(e.Passed, math.MaxFloat64/4), min(e.Failed, math.MaxFloat64/4)
	if n := e.Passed + e.Failed; n > memory {
		e.Passed, e.Failed = e.Passed/n*memory, e.Failed/n*memory
	}
	return e
}

// unit holds a number within 0 and 1.
func unit(x float64) float64 { return min(max(finite(x), 0), 1) }
