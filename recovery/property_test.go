package recovery_test

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/recovery"
)

// TestHoweverOftenItIsBrokenOff: gone on with it comes to what it comes to at once,
// and all that can be read then is there.
func TestHoweverOftenItIsBrokenOff(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, 5+r.IntN(4))
		files := b.history(t, r)
		now := time.Now()
		build := func(ix *index.Index, after int) recovery.Report {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			report, err := recovery.Rebuild(ctx, recovery.Deps{
				Fleet: b.fleetOver(ix, b.Net), Index: ix, Manifests: recovery.Documents(b.exports), Now: func() time.Time { return now },
				Progress: func(recovery.Report) {
					if after--; after == 0 {
						cancel()
					}
				},
			})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			return report
		}
		atOnce, inParts := lost(t), lost(t)
		report := build(atOnce, -1)
		for range 4 {
			build(inParts, 1+r.IntN(30))
		}
		build(inParts, -1)
		want := state(t, atOnce)
		same(t, "in parts", state(t, inParts), want)
		if again := build(atOnce, -1); again.Shards.Added+again.Objects.Restored != 0 || again.Complete != report.Complete || again.Objects.Incomplete != report.Objects.Incomplete {
			t.Errorf("seed %d: %+v after %+v", seed, again, report)
		}
		same(t, "again", state(t, atOnce), want)
		read := 0
		for _, f := range files {
			if b.read(t.Context(), atOnce, f) == nil {
				read++
			}
		}
		if read != report.Objects.Restored || read+report.Objects.Incomplete != len(files) {
			t.Errorf("seed %d: %d of %d files can be read: %+v", seed, read, len(files), report)
		}
	}
}

// history is a life of a network before its index was lost. It returns the files
// that have exports.
func (b *bench) history(t *testing.T, r *rand.Rand) (exported []file) {
	t.Helper()
	for range 3 + r.IntN(5) {
		committed := r.IntN(3) > 0
		f := b.put(t, 1+r.IntN(2*segmentSize), committed)
		up := hex.EncodeToString(f.manifest.Upload[:])
		switch {
		case committed:
			exported = append(exported, f)
		case r.IntN(2) == 0:
			if _, err := b.Index.DropUpload(t.Context(), fleetOwner(f), up); err != nil && !errors.Is(err, index.ErrNotFound) {
				t.Fatal(err)
			}
		}
	}
	for _, m := range b.Miners {
		switch r.IntN(5) {
		case 0:
			for _, hash := range m.Holds() {
				if r.IntN(2) == 0 {
					m.Damage(hash)
				}
			}
		case 1:
			m.Behave(fleettest.Failing, "ListShards")
		}
	}
	return exported
}
