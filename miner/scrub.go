package miner

import (
	"context"
	"errors"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/internal/cycle"
)

// Scrub is the loop that reads all data to find rot, for pausing and triggering
// it while Run runs, which it does not where Config.ScrubRate is less than 0. A
// pass that the end of Run interrupts is gone on with at the next.
func (m *Miner) Scrub() *cycle.Loop { return m.scrub }

// Damaged returns what is known to be damaged here: hash, kind and size. It
// is not read out, proven or pledged until somebody stores it again.
func (m *Miner) Damaged(ctx context.Context) ([]blobstore.Record, error) {
	return m.store.Damaged(ctx)
}

func (m *Miner) scrubAll(ctx context.Context) error {
	start, rot := time.Now(), 0
	read, err := m.store.Scrub(ctx, m.cfg.ScrubRate, func(blobstore.Record, error) { // the store has logged it
		rot++
		m.tally.foundRot()
	})
	switch {
	case err == nil:
		m.tally.scrubbed(m.now())
		m.log.Info("read all data to find rot", "bytes", read, "damaged", rot, "took", time.Since(start))
	case !errors.Is(err, context.Canceled):
		m.log.Error("looking for rot failed; it is gone on with later", "err", err)
	}
	return nil
}

func (t *tally) foundRot() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rot++
}

func (t *tally) scrubbed(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastScrub = now
}
