package incentive_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"time"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/pysample"
)

const (
	miners      = 192
	perStrategy = 8 // the rest is steady
	stepBlocks  = 3
	stepsAnHour = 3600 / (12 * stepBlocks)
	turnHour    = 12
)

// player is one miner in one validator's eyes.
type player struct {
	strategy
	kind       int // index in strategies; 0 is steady
	score      float64
	tier       incentive.Tier
	record     incentive.Record
	possession incentive.Possession
}

// passes is the chance to pass at a step.
func (p *player) passes(chance float64, step int) float64 {
	switch {
	case p.turns && step < turnHour*stepsAnHour:
		return 1
	case step >= 24*stepsAnHour && step < 24*stepsAnHour+p.down:
		return 0
	}
	return chance
}

// finding is what its failures are.
func (p *player) finding() incentive.Finding {
	if p.silent {
		return incentive.Silent
	}
	return incentive.Lost
}

// match is one validator's view of a network whose miners follow strategies.
type match struct {
	rules   incentive.Rules
	seed    uint64
	rng     *rand.Rand
	players []player
	window  uint64
}

func newMatch(rules incentive.Rules, seed uint64) *match {
	m := &match{rules: rules, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), players: make([]player, miners)}
	all := strategies()
	for i := range m.players {
		kind := i % len(all)
		if i >= perStrategy*len(all) {
			kind = 0
		}
		m.players[i] = player{strategy: all[kind], kind: kind, tier: rules.Tiers.Named("")}
	}
	return m
}

// step is a validator's: it asks those due by the block's hash.
func (m *match) step(step int) {
	block := uint64(step * stepBlocks)
	window, over := incentive.Turn(m.window, incentive.DefaultSchedule().Window(block))
	m.window = window
	if over {
		for i := range m.players {
			p := &m.players[i]
			p.tier = m.rules.TierOf(p.record)
			p.record = incentive.Record{TotalSuccesses: p.record.TotalSuccesses}
		}
	}
	var key [16]byte
	binary.BigEndian.PutUint64(key[:], m.seed)
	binary.BigEndian.PutUint64(key[8:], block)
	hash := sha256.Sum256(key[:])
	due := func(k int) []int { return pysample.Seed(new(big.Int).SetBytes(hash[:])).Sample(miners, k) }
	m.ask(due(15), m.rules.StoreFailure, func(p *player) bool {
		return m.try(&p.record.Store, p.passes(p.store, step))
	})
	m.ask(due(10), m.rules.ChallengeFailure, func(p *player) bool {
		ok := m.try(&p.record.Challenge, p.passes(p.challenge, step))
		p.possession = m.rules.Possession.Note(p.possession, incentive.ByChallenge, "", found(ok, p.finding()))
		return ok
	})
	if step%5 > 0 {
		return
	}
	m.ask(due(10), m.rules.RetrieveFailure, func(p *player) bool {
		ok := m.try(&p.record.Retrieve, p.passes(p.retrieve, step))
		p.possession = m.rules.Possession.Note(p.possession, incentive.ByRetrieve, "", found(ok, p.finding()))
		return ok
	})
}

func (m *match) try(tally *incentive.Tally, chance float64) bool {
	tally.Attempts++
	if m.rng.Float64() >= chance {
		return false
	}
	tally.Successes++
	return true
}

// ask is one task's batch.
func (m *match) ask(due []int, failure float64, task func(*player) bool) {
	batch := make([]incentive.Answer, len(due))
	for i, uid := range due {
		p := &m.players[uid]
		ok := task(p)
		if ok {
			p.record.TotalSuccesses++
		}
		seconds := p.slow * math.Exp(0.5*m.rng.NormFloat64())
		batch[i] = incentive.Answer{
			OK: ok, Came: true, Elapsed: time.Duration(seconds * float64(time.Second)), Bytes: 3 << 20,
			Tier: p.tier, Possession: m.rules.Possession.Factor(p.possession),
		}
	}
	for i, reward := range m.rules.Pay(failure, 100*time.Second, batch) {
		p := &m.players[due[i]]
		p.score = incentive.MovingAverage(p.score, reward, m.rules.Alpha)
	}
}

// steady is the mean score of the steady miners.
func (m *match) steady() float64 {
	var sum, n float64
	for i := range m.players {
		if p := &m.players[i]; p.kind == 0 {
			sum, n = sum+p.score, n+1
		}
	}
	return sum / n
}

// result is how a strategy's miners did once a day was over (since they
// began, or turned): their mean score, their mean and largest share of the
// steady miners' mean, and how many hours it took until all of them stayed
// under 1 % of it.
type result struct{ score, mean, worst, hour, counted float64 }

func (r *result) count(p *player, steady float64, step int) {
	if p.turns {
		step -= turnHour * stepsAnHour
	}
	share := p.score / steady
	if share >= 0.01 {
		r.hour = max(r.hour, float64(step+1)/stepsAnHour)
	}
	if step >= 24*stepsAnHour {
		r.counted++
		r.score, r.mean, r.worst = r.score+p.score, r.mean+share, max(r.worst, share)
	}
}

// play gives the results by strategy in the eyes of validators that ask
// independently of each other.
func play(rules incentive.Rules, validators, hours int) []result {
	out := make([]result, len(strategies()))
	for v := range validators {
		m := newMatch(rules, uint64(v+1))
		for step := range hours * stepsAnHour {
			m.step(step)
			steady := m.steady()
			for i := range perStrategy * len(out) {
				out[i%len(out)].count(&m.players[i], steady, step)
			}
		}
	}
	for i := range out {
		r := &out[i]
		r.score, r.mean = r.score/max(1, r.counted), r.mean/max(1, r.counted)
	}
	return out
}
