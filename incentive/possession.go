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
}

// Audit is a kind of audit.
type Audit int

// The kinds. A challenge asks for samples, native or the reference's; a
// retrieval asks for the whole datum.
const (
	ByChallenge Audit = iota
	ByRetrieve
)

// PossessionRules say what possession is worth.
type PossessionRules struct {
	// Exponent makes failing cost more than in proportion. 0 is the
	// reference's plain sum: the factor is 1 whatever the evidence.
	Exponent float64
	// Tolerance is the rate of failures that costs nothing.
	Tolerance float64
	// Challenges and Retrievals are how many of the latest audits of a kind
	// count: each weighs 1 - 1/memory of the next.
	Challenges, Retrievals float64
	// Unproven is the most that a miner gets that was never audited by one of
	// the kinds.
	Unproven float64
}

// Note adds the outcome of one audit of a miner's evidence. An answer that did
// not come counts as a wrong one: who has no data would choose not to answer.
func (r PossessionRules) Note(p Possession, by Audit, ok bool) Possession {
	p.Challenge, p.Retrieve = p.Challenge.within(r.Challenges), p.Retrieve.within(r.Retrievals)
	switch by {
	case ByChallenge:
		p.Challenge = p.Challenge.note(r.Challenges, ok)
	case ByRetrieve:
		p.Retrieve = p.Retrieve.note(r.Retrievals, ok)
	}
	return p
}

// Factor is what a miner's successes are worth, from 0 to 1: the smaller of
// the two kinds' factors, because who lacks little passes most challenges and
// no retrieval. A kind's factor is (u / (1 - Tolerance))^Exponent, at most 1,
// with u the upper end of the Wilson interval of the passed: as long as there
// are few audits the miner has the benefit of the doubt.
func (r PossessionRules) Factor(p Possession) float64 {
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
