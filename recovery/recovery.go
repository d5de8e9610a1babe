// Package recovery builds the index of a validator or gateway anew out of what is
// left when it is lost: the miners' lists of what they keep, whose labels only the
// hotkey that asked for it can open; the packs among that, into which package backup
// has written what the index knew of files; and the manifests that owners have
// exported.
//
// It believes nobody: a shard counts if both have signed the pledge about it, a
// file if its owner has signed its manifest, or a pack of ours has it, and its
// segments can be read from what miners keep. What was deleted, by the index or by a
// pack, stays so. That they still have what they list is for audits to find out. It
// brings back no replicas, statistics or standings of miners; validators make those
// again. It starts nothing that outlives a call. Enter at [Rebuild].
package recovery

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
)

// Keep is how long the segments stay that no manifest names. They are part of the
// upload that they came with, so that their owner only needs to put the file again:
// all of it is there, and is committed without being sent.
const Keep = 30 * 24 * time.Hour

// idle is after how long without a further segment an upload is dropped (package
// repair). Uploads are noted as touched so much before their time is over, which is
// in the future.
const idle = 24 * time.Hour

// Document is an owner's export of a file.
type Document struct {
	Name   string // of the file that it is in
	Export manifest.Export
	Err    error // why it is none; then there is no Export
}

// Deps are what an index is built from, and where.
type Deps struct {
	// Fleet asks under the hotkey that stored everything.
	Fleet *fleet.Fleet
	Index *index.Index
	// Key is that hotkey, which opens the backup; nil: it is left alone.
	Key *wallet.Keypair
	// Manifests are gone through once; nil means that there are none.
	Manifests iter.Seq[Document]
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// Progress is told how far it is, again and again, by one goroutine at a time;
	// nil: nobody is.
	Progress func(Report)
}

// Report is what became of it, in numbers.
type Report struct {
	Miners int `json:"miners"` // that could be asked
	Listed int `json:"listed"` // of them said all that they keep
	Failed int `json:"failed"` // did not, or not to the end
	Deaf   int `json:"deaf"`   // know no lists: no miners of ours, or older ones

	Shards Shards `json:"shards"`

	// Segments of those that were found, and which of them can be read, also with
	// what was known before, and which cannot.
	Segments int `json:"segments"`
	Complete int `json:"segments_complete"`
	Short    int `json:"segments_short"`

	Packs   Packs   `json:"packs"`
	Objects Objects `json:"objects"`

	// Problems are the first of them, in words.
	Problems []string `json:"problems"`
}

// Shards is what became of those that miners listed.
type Shards struct {
	Added      int `json:"added"`
	Known      int `json:"known"`      // to the index already
	Expired    int `json:"expired"`    // their time is over
	Dropped    int `json:"dropped"`    // the index knows that they are to go
	Damaged    int `json:"damaged"`    // lost, says their miner itself
	Unreadable int `json:"unreadable"` // have no label of ours
	Foreign    int `json:"foreign"`    // have no pledge of ours
	Conflicts  int `json:"conflicts"`  // contradict what the index knows
}

// Objects is what became of the files that the backup has and that manifests name.
type Objects struct {
	Restored   int `json:"restored"`
	Deleted    int `json:"deleted"`    // since they were exported
	Expired    int `json:"expired"`    // their time is over
	Known      int `json:"known"`      // to the index already
	Incomplete int `json:"incomplete"` // cannot be read from what was found
	Conflicts  int `json:"conflicts"`  // contradict what the index knows
	Refused    int `json:"refused"`    // are no manifests, or not signed by their owner
}

// Missing is what is not as it should be, in words.
func (r Report) Missing() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{r.Failed, "miners failed"}, {r.Packs.Missing, "parts of the backup missing"}, {r.Short, "segments short of shards"}, {r.Shards.Conflicts, "shards in conflict"},
		{r.Objects.Incomplete, "files incomplete"}, {r.Objects.Conflicts, "files in conflict"}, {r.Objects.Refused, "exports refused"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", p.what, p.n))
		}
	}
	return strings.Join(parts, ", ")
}

// Whole says that everybody could be asked, and that everything that was found is
// as it should be. What nobody lists any more is nowhere in a report.
func (r Report) Whole() bool { return r.Missing() == "" }

// maxProblems is how many are put into words; the log has all.
const maxProblems = 100

// run is one call of Rebuild.
type run struct {
	Deps
	now time.Time

	mu       sync.Mutex // guards what follows
	report   Report
	segments map[string]*segment // that were found, by ID
	places   map[place]string    // the segment that an upload has in a place
	decided  map[nameHash]bool   // objects that the backup has; false if it was in vain
}

// Rebuild asks all miners what they keep, and adds to the index what it does not
// know. It changes nothing that is there, so that it may be repeated, gone on with
// after it was broken off, and done to an index that is in use, best while nothing
// is being stored. Its errors are ctx's and the index's; what miners and manifests
// are at fault for is in the report.
func Rebuild(ctx context.Context, d Deps) (Report, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{
		Deps: d, now: d.Now(), report: Report{Problems: []string{}},
		segments: map[string]*segment{}, places: map[place]string{}, decided: map[nameHash]bool{},
	}
	if err := r.uploads(ctx); err != nil {
		return r.report, err
	}
	miners := d.Fleet.Available()
	r.tell(func(rep *Report) { rep.Miners = len(miners) })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.Fleet.Each(miners, func(_ int, n chain.Neuron) {
		if err := r.miner(ctx, n); err != nil {
			cancel(err)
		}
	})
	if ctx.Err() != nil {
		return r.report, context.Cause(ctx)
	}
	for _, step := range []func(context.Context) error{r.packs, r.count, r.objects} {
		if err := step(ctx); err != nil {
			return r.report, err
		}
	}
	return r.report, nil
}

// tell changes the report, and tells who wants to know.
func (r *run) tell(change func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
	if r.Progress != nil {
		r.Progress(r.report)
	}
}

// problem counts one and puts it into words.
func (r *run) problem(counter func(*Report) *int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.Log.Warn("index rebuild", "problem", text)
	r.tell(func(rep *Report) {
		*counter(rep)++
		if len(rep.Problems) < maxProblems {
			rep.Problems = append(rep.Problems, text)
		}
	})
}
