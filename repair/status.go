package repair

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Level is how many segments and chunks have a margin: healthy shards above those
// that give them back.
type Level struct {
	Margin int `json:"margin"`
	Things int `json:"things"`
}

// Unsound is a miner whose shards do not count.
type Unsound struct {
	Hotkey wallet.Address `json:"hotkey"`
	Why    string         `json:"why"`
	Since  time.Time      `json:"since,omitzero"`
}

// Status is how it stands with repair.
type Status struct {
	// Queue is what is due, what failed and waits included, by margin; Oldest is
	// since when the first of it is due, zero for nothing. Repair that stalls shows
	// there.
	Queue  []Level   `json:"queue"`
	Oldest time.Time `json:"oldest,omitzero"`
	// Segments and Chunks are how many there were at the last scan of each part.
	// AtRisk of them can lose no healthy shard any more, Lost have too few: only
	// unhealthy ones could give them back.
	Segments int `json:"segments"`
	Chunks   int `json:"chunks"`
	AtRisk   int `json:"at_risk"`
	Lost     int `json:"lost"`
	// Margins are those of all of them.
	Margins []Level `json:"margins"`
	// Fetched and Stored are bytes since the start, Shards how many were stored.
	Fetched int64 `json:"fetched_bytes"`
	Stored  int64 `json:"stored_bytes"`
	Shards  int64 `json:"stored_shards"`
	// Looked is when the miners' health was looked at last, Scanned when the oldest
	// part of the scan was done; zero: not yet.
	Looked  time.Time `json:"looked,omitzero"`
	Scanned time.Time `json:"scanned,omitzero"`
	// Failed is how many holdings have failed their last audit, Miners whose
	// holdings do not count at all, Drains who leaves.
	Failed int       `json:"failed_holdings"`
	Miners []Unsound `json:"unsound_miners"`
	Drains []Drain   `json:"draining"`
}

// Status is how it stands now. It fails when the index cannot be read.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	s := e.census.status()
	s.Queue, s.Oldest = e.queue.behind()
	s.Failed, s.Miners = len(e.health.failing()), e.health.unsound()
	for _, a := range e.drains.miners() {
		x, ok := e.drains.get(a)
		if !ok {
			continue
		}
		shards, bytes, err := e.remaining(ctx, a)
		if err != nil {
			return s, err
		}
		s.Drains = append(s.Drains, Drain{
			Hotkey: a, Started: x.Started, Shards: shards, Bytes: bytes, AllShards: x.Shards, AllBytes: x.Bytes,
			Exit: x.Exit, Signature: x.Signature,
		})
	}
	return s, nil
}

// tally counts things by how many they may still lose.
type tally struct {
	segments, chunks int
	lost, atRisk     int
	margins          map[int]int
}

func (t *tally) add(s standing, chunk bool) {
	if t.margins == nil {
		t.margins = map[int]int{}
	}
	if chunk {
		t.chunks++
	} else {
		t.segments++
	}
	switch {
	case s.lost():
		t.lost++
	case s.margin() == 0:
		t.atRisk++
	}
	t.margins[s.margin()]++
}

// census is what was counted.
type census struct {
	mu      sync.Mutex // guards all below
	look    time.Time
	parts   [scanParts]tally
	scanned [scanParts]time.Time
	fetched int64
	stored  int64
	shards  int64
}

func (c *census) looked(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look = now
}

// ready says that the miners' health is known.
func (c *census) ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.look.IsZero()
}

func (c *census) counted(part int, t tally, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts[part], c.scanned[part] = t, now
}

func (c *census) moved(fetched, stored int64, shards int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetched += fetched
	c.stored += stored
	c.shards += int64(shards)
}

func (c *census) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Looked: c.look, Scanned: slices.MinFunc(c.scanned[:], time.Time.Compare),
		Fetched: c.fetched, Stored: c.stored, Shards: c.shards, Margins: []Level{}, Miners: []Unsound{}, Drains: []Drain{},
	}
	margins := map[int]int{}
	for _, t := range c.parts {
		s.Segments += t.segments
		s.Chunks += t.chunks
		s.AtRisk += t.atRisk
		s.Lost += t.lost
		for m, n := range t.margins {
			margins[m] += n
		}
	}
	for m, n := range margins {
		s.Margins = append(s.Margins, Level{m, n})
	}
	slices.SortFunc(s.Margins, func(a, b Level) int { return cmp.Compare(a.Margin, b.Margin) })
	return s
}
