package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
)

// DefaultChanges is how many changes an Explanation has unless told otherwise,
// MaxChanges how many at most.
const (
	DefaultChanges = 50
	MaxChanges     = 1000
)

// Whom says what to explain.
type Whom struct {
	// Hotkey of the miner; "" when only its UID is known, which is -1 when only
	// the hotkey is.
	Hotkey wallet.Address
	UID    int
	// Last is how many changes are wanted, the newest; 0 means DefaultChanges.
	Last int
	// Since is the first block of interest.
	Since uint64
}

// Explanation says why a miner stands where it does.
type Explanation struct {
	// Miner is what is known of it now. Of an event log alone, without an index,
	// only hotkey, UID, tier and score are.
	Miner MinerRow `json:"miner"`
	// Known says whether there are statistics.
	Known bool `json:"known"`
	// Possession multiplies the reward of its successes; null when not known.
	Possession *float64 `json:"possession"`
	// Block is the newest one; WindowEnds the block at which tiers are decided
	// next, null when the newest is not known; BlockSeconds the time
	// between two, 0 when not known.
	Block        uint64  `json:"block"`
	WindowEnds   *uint64 `json:"window_ends"`
	BlockSeconds float64 `json:"block_seconds"`
	// FirstBlock and LastBlock are those of the events that were read; 0: none.
	FirstBlock uint64 `json:"first_block"`
	LastBlock  uint64 `json:"last_block"`
	// Changes are the newest first, no more than was asked for; Earlier is how
	// many were left out, of the events that were read.
	Changes []Change `json:"changes"`
	Earlier int      `json:"earlier"`
	// Asked sums the changes up by what the miner did, Hurts are what cost it
	// most, the worst first.
	Asked []TaskSum `json:"tasks"`
	Hurts []Hurt    `json:"hurts"`
	// Pending is the question that it owes an answer to; null for none.
	Pending *index.Pending `json:"pending"`
}

// Kind is what a Change came of.
type Kind string

// The kinds of changes.
const (
	KindStore     Kind = "store"
	KindChallenge Kind = "challenge"
	KindNative    Kind = "native audit"
	KindRetrieval Kind = "retrieval"
	KindPing      Kind = "ping"     // some in a row that failed
	KindRollover  Kind = "rollover" // a tier was decided
	KindReplaced  Kind = "new UID"  // the hotkey got its UID, and begins anew
	KindGap       Kind = "gap"      // events are missing: the score moved between two
)

// Change is one thing that happened to a miner.
type Change struct {
	Block uint64 `json:"block"`
	// Time is the block's; null when not known.
	Time *time.Time `json:"time"`
	Kind Kind       `json:"kind"`
	OK   bool       `json:"ok"`
	// Times is how many pings in a row failed, the last one at Block.
	Times int `json:"times,omitempty"`
	// Text is the result in words, Code its status on the wire; 0: none.
	Text string `json:"text"`
	Code int    `json:"code,omitempty"`
	// Seconds is how long the answer took, or until its failure was known;
	// OthersSeconds the median of the good answers of the same task of the step.
	Seconds       float64 `json:"seconds"`
	OthersSeconds float64 `json:"others_seconds,omitempty"`
	// Reward entered the score; null: nothing did. OthersReward is the mean of
	// the good answers of the same task of the step.
	Reward       *float64 `json:"reward"`
	OthersReward *float64 `json:"others_reward,omitempty"`
	othersFactor float64  // the mean of their tiers'; 0 if not known
	// Before and After are the score; null when not known.
	Before *float64 `json:"score_before"`
	After  *float64 `json:"score_after"`
	// Tier and Possession are the reward's factors. At a rollover Tier is the new
	// one and TierBefore the old.
	Tier       string   `json:"tier,omitempty"`
	TierBefore string   `json:"tier_before,omitempty"`
	Possession *float64 `json:"possession,omitempty"`
}

// Explain says why a miner stands where it does. ErrNoMiner when neither index,
// nor chain, nor events know it.
func (v View) Explain(ctx context.Context, who Whom) (Explanation, error) {
	pace := v.BlockTime
	v = v.settled()
	if who.Last <= 0 {
		who.Last = DefaultChanges
	}
	who.Last = min(who.Last, MaxChanges)
	found := v.find(&who)
	h := history{who: who, tiers: v.Config.Rules.Tiers}
	if err := v.readEvents(ctx, &h); err != nil {
		return Explanation{}, err
	}
	h.settle(&who)
	x := Explanation{
		Miner: MinerRow{Hotkey: who.Hotkey, Tier: h.tier, Alerts: []Alert{}}, Possession: h.possession, Block: max(v.Block, h.last),
		BlockSeconds: pace.Seconds(), FirstBlock: h.first, LastBlock: h.last, Earlier: h.earlier,
	}
	if who.UID >= 0 {
		x.Miner.UID = &who.UID
	}
	if v.Scores == nil {
		v.Scores = h.scores
	}
	v.Block = x.Block
	if v.Block > 0 {
		ends := v.schedule().WindowEnd(v.Block)
		x.WindowEnds = &ends
	}
	trials, err := v.state(ctx, &x)
	if err != nil {
		return Explanation{}, err
	}
	if !found && !x.Known && h.events == 0 {
		return Explanation{}, ErrNoMiner
	}
	x.Miner.Tier = cmp.Or(x.Miner.Tier, v.Config.Rules.Tiers.Named("").Name)
	x.Changes = h.changes
	v.match(x.Changes, trials)
	x.Asked, x.Hurts = sums(x.Changes), v.hurts(x.Changes)
	v.dates(ctx, x.Changes)
	slices.Reverse(x.Changes)
	if h.quiet != "" {
		x.Miner.Alerts = append([]Alert{{AlertDown, h.quiet}}, x.Miner.Alerts...)
	}
	return x, nil
}

// find completes hotkey and UID by the chain, and says whether it knows them.
func (v View) find(who *Whom) bool {
	if v.Metagraph == nil {
		return false
	}
	if who.Hotkey != "" {
		n, ok := v.Metagraph.ByHotkey(who.Hotkey)
		if who.UID = -1; ok {
			who.UID = int(n.UID)
		}
		return ok
	}
	if who.UID < 0 || who.UID >= len(v.Metagraph.Neurons) {
		return false
	}
	who.Hotkey = v.Metagraph.Neurons[who.UID].Hotkey
	return true
}

// state fills in what the index knows of the miner.
func (v View) state(ctx context.Context, x *Explanation) (trials []index.Trial, err error) {
	hotkey := x.Miner.Hotkey
	if v.Index == nil || hotkey == "" {
		v.rank(&x.Miner)
		return nil, nil
	}
	switch err := known(ctx, v.Index, hotkey); {
	case errors.Is(err, ErrNoMiner):
	case err != nil:
		return nil, err
	default:
		x.Known = true
	}
	if !x.Known {
		v.rank(&x.Miner)
		return nil, nil
	}
	s, err := v.Index.Stats(ctx, hotkey)
	if err != nil {
		return nil, fmt.Errorf("statistics of %s: %w", hotkey, err)
	}
	held, err := v.Index.StoredBytes(ctx, hotkey)
	if err != nil {
		return nil, fmt.Errorf("stored bytes of %s: %w", hotkey, err)
	}
	uid := x.Miner.UID
	x.Miner = rowOf(s, held)
	x.Miner.UID = uid
	all := 0
	for _, err := range v.Index.AllStats(ctx) {
		if err != nil {
			return nil, fmt.Errorf("miners' statistics: %w", err)
		}
		all++
	}
	if trials, err = v.trials(ctx, hotkey); err != nil {
		return nil, err
	}
	if x.BlockSeconds == 0 {
		pace, err := v.pace(ctx, []MinerRow{x.Miner})
		if err != nil {
			return nil, err
		}
		v.BlockTime, x.BlockSeconds = cmp.Or(pace, v.BlockTime), pace.Seconds()
	}
	if v, err = v.withSaved(ctx); err != nil {
		return nil, err
	}
	if err := v.complete(ctx, &x.Miner, all); err != nil {
		return nil, err
	}
	if x.Possession == nil { // no event says it
		x.Possession = x.Miner.Possession
	}
	x.Pending, err = v.pending(ctx, hotkey)
	return trials, err
}

// match tells native audits from others, and has a verdict in full that was cut
// in the log.
func (v View) match(changes []Change, trials []index.Trial) {
	for i := range changes {
		c := &changes[i]
		if c.Kind != KindChallenge && c.Kind != KindRetrieval {
			continue
		}
		for _, t := range trials {
			same := t.Elapsed.Seconds() == c.Seconds && t.Passed == c.OK && t.Block <= c.Block
			if !same || (t.Task == "retrieve") != (c.Kind == KindRetrieval) {
				continue
			}
			c.Text = plain(t.Reason)
			if len(t.Dossier) > 0 && c.Kind == KindChallenge {
				c.Kind = KindNative
			}
			break
		}
	}
}

// datesWithin bounds the time for looking up when blocks were made.
const datesWithin = 2 * time.Second

// dates looks up when the changes' blocks were made, as far as the chain says so
// in time.
func (v View) dates(ctx context.Context, changes []Change) {
	if v.BlockAt == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, datesWithin)
	defer cancel()
	times := map[uint64]time.Time{}
	for i := len(changes) - 1; i >= 0; i-- {
		c := &changes[i]
		at, ok := times[c.Block]
		if !ok {
			b, err := v.BlockAt(ctx, c.Block)
			if err != nil {
				return
			}
			at = b.Time
			times[c.Block] = at
		}
		c.Time = &at
	}
}

// readEvents has the history take every event that is read. None is no error.
func (v View) readEvents(ctx context.Context, h *history) (err error) {
	if v.Events == "" {
		return nil
	}
	log, err := events.Open(v.Events)
	if errors.Is(err, events.ErrNone) {
		return nil
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if v.Tail > 0 {
		if err := log.Tail(v.Tail); err != nil {
			return err
		}
	}
	n := 0
	for line, err := range log.Lines() {
		if err != nil {
			return err
		}
		h.add(line)
		if n++; n%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if v.Read != nil {
				v.Read(log.Read(), log.Size())
			}
		}
	}
	return nil
}

// same says whether two scores are one, but for rounding.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9 }
