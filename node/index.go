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

// MinerRow is a miner as the index knows it: one row of `filetao miner stats`.
type MinerRow struct {
	Hotkey         wallet.Address `json:"hotkey"`
	UID            *int           `json:"uid"` // null when not registered or not known
	Tier           string         `json:"tier"`
	TotalSuccesses uint64         `json:"total_successes"`
	Store          index.Tally    `json:"store"`
	Challenge      index.Tally    `json:"challenge"`
	Retrieve       index.Tally    `json:"retrieve"`
	Stored         int64          `json:"stored_bytes"`
	Limit          int64          `json:"limit_bytes"`
}

// MinerRows reads every miner's statistics from an index.
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
		rows = append(rows, MinerRow{
			Hotkey: s.Hotkey, Tier: s.Tier, TotalSuccesses: s.TotalSuccesses, Store: s.Store,
			Challenge: s.Challenge, Retrieve: s.Retrieve, Stored: stored, Limit: s.StorageLimit,
		})
	}
	return rows, nil
}
