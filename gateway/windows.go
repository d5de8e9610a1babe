package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

const (
	// fullWindow is how many bytes of a segment may be in memory, of a get that has
	// the gateway for itself, beside the row that is on its way out.
	fullWindow = 4 << 20
	// briskRate is what a get takes from us, in bytes a second, that need not give way
	// to those who wait.
	briskRate = 1 << 20
)

// windows bound the bytes that gets have in memory, and how many gets there are at
// a time. The more there are the less each has, down to what it cannot do without,
// for which alone the second half is; then they wait for each other, first come,
// first served. Who waits for long has
// the get give way whose user takes the least, unless that is brisk: it breaks off,
// and may go on later where it was.
type windows struct {
	limit    int64 // bytes
	most     int   // gets
	patience time.Duration
	now      func() time.Time

	mu      sync.Mutex // guards what follows, and what is in a window
	used    int64
	gets    map[*window]struct{}
	waiting []*window
}

// window is one get's.
type window struct {
	all         *windows
	least, wish int64 // bytes for one part of a file
	large       bool  // the file's manifest is
	turn        chan struct{}
	end         func() // has the get give way

	size   int64 // bytes for one part
	parts  int64 // that are under way
	held   int64 // bytes: size, or as much for each part
	moved  int64 // bytes that the user has taken
	took   time.Duration
	left   time.Time // since when the user takes what it was given; zero: it waits for us
	ending bool
}

func newWindows(cfg Config, now func() time.Time) *windows {
	return &windows{limit: cfg.GetMemory, most: cfg.Gets, patience: cfg.GetPatience, now: now, gets: map[*window]struct{}{}}
}

// need is what it takes to get parts of a file: a row on its way out and one on its
// way in, and what makes best use of the miners.
func need(man manifest.Manifest, parts []manifest.Range) (least, wish int64) {
	for _, p := range parts {
		row := rowSize(man.Segments[p.Segment])
		rows := (p.Offset+p.Length-1)/row - p.Offset/row + 1
		least, wish = max(least, row*min(rows, 2)), max(wish, min(row*rows, fullWindow+row))
	}
	return least, wish
}

// rowSize is how many bytes of a segment's shards make its first row.
func rowSize(s manifest.Segment) int64 {
	return int64(s.Scheme.Data) * int64(s.Scheme.RowBlock(s.Size, 0))
}

// take waits for a window, which is good until close. end is called when it has to
// give way; large says that others may wait for the memory of its manifest as well.
func (w *windows) take(ctx context.Context, least, wish int64, large bool, end func()) (*window, error) {
	one := &window{all: w, least: min(least, w.limit), wish: wish, large: large, turn: make(chan struct{}), end: end}
	w.mu.Lock()
	w.waiting = append(w.waiting, one)
	w.next()
	w.mu.Unlock()
	timer := time.NewTicker(w.patience)
	defer timer.Stop()
	for {
		select {
		case <-one.turn:
			return one, nil
		case <-timer.C:
			w.hurry(false)
		case <-ctx.Done():
			one.close()
			return nil, wire.Unavailable("busy: %d files are being fetched; try again later", w.most)
		}
	}
}

// next has those begin who waited and for whom there is room now. Called with mu held.
func (w *windows) next() {
	for len(w.waiting) > 0 {
		one := w.waiting[0]
		if len(w.gets) >= w.most || w.used+one.least > w.limit {
			return
		}
		w.waiting = w.waiting[1:]
		w.gets[one] = struct{}{}
		one.size, one.held, one.left = one.least, one.least, w.now()
		w.used += one.held
		close(one.turn)
	}
}

// hurry ends the get, of a large manifest if one is asked for, whose user has had its
// time and taken the least in it.
func (w *windows) hurry(large bool) {
	w.mu.Lock()
	var slowest *window
	var least float64
	for one := range w.gets {
		took := one.took
		if !one.left.IsZero() {
			took += w.now().Sub(one.left)
		}
		rate := float64(one.moved) / took.Seconds()
		if large && !one.large {
			continue
		}
		if took >= w.patience && rate < briskRate && !one.ending && (slowest == nil || rate < least) {
			slowest, least = one, rate
		}
	}
	if slowest != nil {
		slowest.ending = true
	}
	w.mu.Unlock()
	if slowest != nil {
		slowest.end()
	}
}

// begin is called before a part is fetched, with those before done. It gives how
// many bytes the part may have in memory.
func (o *window) begin() int64 {
	w := o.all
	w.mu.Lock()
	defer w.mu.Unlock()
	spare := o.held + w.limit/2 - w.used
	if len(w.waiting) > 0 {
		spare = 0
	}
	o.parts, o.size = 1, max(o.least, min(o.wish, spare, w.limit/int64(len(w.gets)+1)))
	o.hold(o.size)
	return o.size
}

// ahead is begin for a part beside the one that is under way; 0 if there is not room
// to spare.
func (o *window) ahead() int64 {
	w := o.all
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.parts == 0 || len(w.waiting) > 0 || w.used+o.size > w.limit/2 {
		return 0
	}
	o.parts++
	o.hold(o.size * o.parts)
	return o.size
}

// done is called when a part has been fetched.
func (o *window) done() {
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	o.parts--
	o.hold(o.size * max(o.parts, 1))
}

// hold changes what a get has. Called with mu held.
func (o *window) hold(bytes int64) {
	o.all.used += bytes - o.held
	o.held = bytes
	o.all.next()
}

// reading is called when the user has taken what it was given, and gave when it is
// given so many bytes more.
func (o *window) reading() {
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	o.took, o.left = o.took+o.all.now().Sub(o.left), time.Time{}
}

func (o *window) gave(n int) {
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	o.moved, o.left = o.moved+int64(n), o.all.now()
}

// close gives all back.
func (o *window) close() {
	w := o.all
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.waiting, o); i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
	}
	delete(w.gets, o)
	o.hold(0)
}

// rowsIn is how many bytes of a segment may be on their way in, of a window.
func rowsIn(size int64, s manifest.Segment) int64 {
	return max(size-rowSize(s), erasure.Block)
}
