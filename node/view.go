package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// View is what one validator knows of its miners, in its process or from what it
// left on disk. What is missing is left out of the answers.
type View struct {
	// Index has statistics and audits; nil: there is none.
	Index *index.Index
	// Events is the path of the event log, "" without one; Tail is how many of
	// its last bytes are read, 0 for all.
	Events string
	Tail   int64
	// Read is told how far the log is read, now and then; nil: nobody is.
	Read func(done, all int64)
	// Config is the validator's, VpermitLimit its fleet's and Self its hotkey.
	// Zero fields take the defaults.
	Config       validator.Config
	VpermitLimit chain.Rao
	Self         wallet.Address
	// Metagraph and Subnet are the chain's, nil without one. BlockTime is the
	// time between two blocks; 0 is what the audits say, else 12 s.
	Metagraph *chain.Metagraph
	Subnet    *chain.Hyperparameters
	BlockTime time.Duration
	// BlockAt looks a block up, for its time; nil: no times.
	BlockAt func(context.Context, uint64) (chain.Block, error)
	// Scores are the moving averages by UID; nil: those of the newest event, or
	// those that the validator has saved.
	Scores []float64
	// Block is the number of the newest block; 0: not known.
	Block uint64

	claims map[wallet.Address]*validator.Claim // see withClaims
	saved  map[wallet.Address]savedRow         // see withSaved
}

// networkBlockTime is that of the network.
const networkBlockTime = 12 * time.Second

// settled is the view with its defaults.
func (v View) settled() View {
	v = v.settledRules()
	v.BlockTime = cmp.Or(v.BlockTime, networkBlockTime)
	if v.Metagraph != nil {
		v.Block = max(v.Block, v.Metagraph.Block.Number)
	}
	return v
}

// settledRules is the view with the defaults of what its validator goes by.
func (v View) settledRules() View {
	d := validator.DefaultConfig()
	c := &v.Config
	c.BlocksPerStep = cmp.Or(c.BlocksPerStep, d.BlocksPerStep)
	c.StoreSample, c.ChallengeSample = cmp.Or(c.StoreSample, d.StoreSample), cmp.Or(c.ChallengeSample, d.ChallengeSample)
	c.RetrieveSample, c.RetrieveEvery = cmp.Or(c.RetrieveSample, d.RetrieveSample), cmp.Or(c.RetrieveEvery, d.RetrieveEvery)
	c.EpochBlocks, c.WindowEpochs = cmp.Or(c.EpochBlocks, d.EpochBlocks), cmp.Or(c.WindowEpochs, d.WindowEpochs)
	if len(c.Rules.Tiers) == 0 {
		c.Rules = d.Rules
	}
	v.VpermitLimit = cmp.Or(v.VpermitLimit, fleet.DefaultConfig().VpermitLimit)
	return v
}

func (v View) schedule() incentive.Schedule {
	return incentive.Schedule{EpochBlocks: uint64(v.Config.EpochBlocks), WindowEpochs: uint64(v.Config.WindowEpochs)}
}

// NextTier is what a miner lacks for the tier above its own.
type NextTier struct {
	Name         string  `json:"name"`
	MinScore     float64 `json:"min_score"`
	MinSuccesses uint64  `json:"min_successes"`
	// MissingSuccesses are those it lacks, MissingScore by how much the score of
	// this window is too low; see MinerRow.TierScore.
	MissingSuccesses uint64  `json:"missing_successes"`
	MissingScore     float64 `json:"missing_score"`
	// Hours is an estimate of how long the missing successes take, if all answers
	// are good and only this validator asks, as often as its settings say; null:
	// never, or not known.
	Hours *float64 `json:"expected_hours"`
}

// decisive is how many attempts a window must have to decide a tier; see
// incentive.Rules.Turn.
const decisive = 16

// Miners are the rows of `filetao miner stats`, by UID.
func (v View) Miners(ctx context.Context) ([]MinerRow, error) {
	rows, err := MinerRows(ctx, v.Index)
	if err != nil {
		return nil, err
	}
	if v.BlockTime == 0 {
		if v.BlockTime, err = v.pace(ctx, rows); err != nil {
			return nil, err
		}
	}
	if v, err = v.settled().withSaved(ctx); err != nil {
		return nil, err
	}
	for i := range rows {
		if err := v.complete(ctx, &rows[i], len(rows)); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(rows, func(a, b MinerRow) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Hotkey, b.Hotkey))
	})
	return rows, nil
}

// place orders rows by UID, those without one last.
func place(r MinerRow) int {
	if r.UID == nil {
		return 1 << 20
	}
	return *r.UID
}

// complete adds to a row what follows from the rules, the chain and the scores.
// known is how many miners there are if no chain says so.
func (v View) complete(ctx context.Context, r *MinerRow, known int) error {
	if v.Metagraph != nil {
		if n, ok := v.Metagraph.ByHotkey(r.Hotkey); ok {
			uid := int(n.UID)
			r.UID = &uid
		}
		known = len(fleet.Available(v.Metagraph, v.VpermitLimit, v.Self))
	} else if s, ok := v.saved[r.Hotkey]; ok {
		r.UID = &s.uid
	}
	if s, ok := v.saved[r.Hotkey]; ok {
		r.Possession, r.Debt = &s.possession, s.debt
	}
	v.rank(r)
	rules := v.Config.Rules
	tier := rules.Tiers.Named(r.Tier)
	r.Tier = tier.Name
	r.Limit = cmp.Or(r.Limit, tier.StorageLimit)
	if r.Capacity <= 0 {
		r.Capacity = min(r.Limit, rules.Capacity.Start)
	}
	if r.Capacity > 0 {
		r.Percent = 100 * float64(r.Stored) / float64(r.Capacity)
	}
	r.Offer = v.offer(r.Hotkey)
	r.TierScore = rules.ScoreOf(r.record())
	r.Next = v.next(*r, known)
	var trials []index.Trial
	var pending *index.Pending
	if v.Index != nil {
		var err error
		if r.mayHaveFailed() {
			trials, err = v.trials(ctx, r.Hotkey)
		}
		if err == nil {
			pending, err = v.pending(ctx, r.Hotkey)
		}
		if err != nil {
			return err
		}
	}
	r.Alerts = Alerts(v.health(*r, trials, pending))
	return nil
}

func (r MinerRow) record() incentive.Record {
	return incentive.Record{Store: r.Store, Challenge: r.Challenge, Retrieve: r.Retrieve, TotalSuccesses: r.TotalSuccesses}
}

// mayHaveFailed says whether one of the last recentAudits can be a failed one.
// When the window has more challenges than that, and no failure, none is: records
// with their dossiers, of every miner, are much to read.
func (r MinerRow) mayHaveFailed() bool {
	return r.Challenge.Attempts < recentAudits || r.Challenge.Attempts > r.Challenge.Successes || r.Retrieve.Attempts > r.Retrieve.Successes
}

// trials are a miner's settled audits, the newest first.
func (v View) trials(ctx context.Context, miner wallet.Address) ([]index.Trial, error) {
	trials, err := v.Index.Trials(ctx, miner)
	if err != nil {
		return nil, fmt.Errorf("audits of %s: %w", miner, err)
	}
	return trials, nil
}

// pending is the question that a miner owes an answer to; nil for none.
func (v View) pending(ctx context.Context, miner wallet.Address) (*index.Pending, error) {
	pending, err := v.Index.Pending(ctx, miner)
	if errors.Is(err, index.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("what %s is asked: %w", miner, err)
	}
	return &pending, nil
}

// rank sets a row's score, and its place among the miners that can be asked.
func (v View) rank(r *MinerRow) {
	if r.UID == nil || *r.UID >= len(v.Scores) {
		return
	}
	score := v.Scores[*r.UID]
	r.Score = &score
	if v.Metagraph == nil {
		return
	}
	rank, of := 1, 0
	for _, n := range fleet.Available(v.Metagraph, v.VpermitLimit, v.Self) {
		of++
		if int(n.UID) < len(v.Scores) && v.Scores[n.UID] > score {
			rank++
		}
	}
	r.Rank, r.Ranked = &rank, max(of, rank)
}

// next is what a miner lacks for the next tier; nil in the best.
func (v View) next(r MinerRow, available int) *NextTier {
	tier, ok := v.Config.Rules.Tiers.Next(r.Tier)
	if !ok {
		return nil
	}
	n := NextTier{Name: tier.Name, MinScore: tier.MinScore, MinSuccesses: tier.MinSuccesses}
	if r.TotalSuccesses < tier.MinSuccesses {
		n.MissingSuccesses = tier.MinSuccesses - r.TotalSuccesses
	}
	if r.record().Sum().Attempts >= decisive {
		n.MissingScore = max(0, tier.MinScore-r.TierScore)
	}
	c := v.Config
	round := time.Duration(c.BlocksPerStep) * v.BlockTime
	asked := incentive.AskedPerRound(available, incentive.Sample{Miners: c.StoreSample}, incentive.Sample{Miners: c.ChallengeSample},
		incentive.Sample{Miners: c.RetrieveSample, Every: c.RetrieveEvery})
	if hours, ok := incentive.ClimbHours(n.MissingSuccesses, asked, round, 1); ok {
		n.Hours = &hours
	}
	return &n
}
