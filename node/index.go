package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/redis"
	"github.com/filetao/filetao/wallet"
)

// OpenIndex opens the index at a Redis URL (see index/redis), or the embedded
// one in a folder, which is made if it is not there. log may be nil.
func OpenIndex(ctx context.Context, at string, log *slog.Logger) (*index.Index, error) {
	if strings.Contains(at, "://") {
		return redis.Open(ctx, at, redis.WithLog(log))
	}
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return index.Open(at, index.Options{Log: log})
}

// MinerRow is a miner as a validator knows it: one row of `filetao miner stats`.
type MinerRow struct {
	Hotkey wallet.Address `json:"hotkey"`
	UID    *int           `json:"uid"` // null when not registered or not known
	Tier   string         `json:"tier"`
	// TotalSuccesses are those of its life, the tallies of this window.
	TotalSuccesses uint64      `json:"total_successes"`
	Store          index.Tally `json:"store"`
	Challenge      index.Tally `json:"challenge"`
	Retrieve       index.Tally `json:"retrieve"`
	Stored         int64       `json:"stored_bytes"`
	Limit          int64       `json:"limit_bytes"` // the tier's

	// What follows is added by View.

	// Capacity is how much it may hold now, at most Limit; Percent is how full
	// that is.
	Capacity int64   `json:"capacity_bytes"`
	Percent  float64 `json:"percent_used"`
	// Offer is what it has said of its room; null: nothing that is known.
	Offer *Offer `json:"offer"`
	// TierScore is the score of this window, which decides the tier at its end;
	// see incentive.Rules.ScoreOf.
	TierScore float64 `json:"tier_score"`
	// Score is the moving average of rewards, which decides the weight, and Rank
	// its place among Ranked miners; null when not known.
	Score  *float64 `json:"score"`
	Rank   *int     `json:"rank"`
	Ranked int      `json:"ranked,omitempty"`
	// Possession is what its audits make of a success, from 0 to 1, when the
	// validator last saved it; null when not known.
	Possession *float64 `json:"possession"`
	// Debt is how many audits it has to pass until it is paid again, after losses
	// that were proven; 0: none, or not known.
	Debt int `json:"debt,omitempty"`
	// Next is null in the best tier, and where View added nothing.
	Next   *NextTier `json:"next_tier"`
	Alerts []Alert   `json:"alerts"`
}

// MinerRows reads every miner's statistics from an index. Who holds nothing and was
// never asked is left out: gateways and other validators have a registration too.
func MinerRows(ctx context.Context, ix *index.Index) ([]MinerRow, error) {
	var rows []MinerRow
	for s, err := range ix.AllStats(ctx) {
		if err != nil {
			return nil, fmt.Errorf("miners' statistics: %w", err)
		}
		stored, err := ix.StoredBytes(ctx, s.Hotkey)
		if err != nil {
			return nil, fmt.Errorf("stored bytes of %s: %w", s.Hotkey, err)
		}
		asked := stored > 0 || s.Store.Attempts+s.Challenge.Attempts+s.Retrieve.Attempts+s.TotalSuccesses > 0
		if !asked { // not in this window
			trials, err := ix.Trials(ctx, s.Hotkey)
			if err != nil {
				return nil, fmt.Errorf("audits of %s: %w", s.Hotkey, err)
			}
			asked = len(trials) > 0
		}
		if asked {
			rows = append(rows, rowOf(s, stored))
		}
	}
	return rows, nil
}

func rowOf(s index.Stats, stored int64) MinerRow {
	return MinerRow{
		Hotkey: s.Hotkey, Tier: s.Tier, TotalSuccesses: s.TotalSuccesses, Store: s.Store,
		Challenge: s.Challenge, Retrieve: s.Retrieve, Stored: stored, Limit: s.StorageLimit, Capacity: s.Capacity,
		Alerts: []Alert{},
	}
}
