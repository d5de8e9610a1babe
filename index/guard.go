package index

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// failure is why a pebble store takes no more writes. Pebble means to end the
// process when it cannot write its log or its manifest: some of those errors go
// to Logger.Fatalf, others panic where nobody can recover. Here the first one is
// kept, every later Commit returns it, and reads go on.
type failure struct {
	log   *slog.Logger
	ended chan struct{} // closed when the store closes

	mu   sync.Mutex // guards what follows
	err  error      // for good: a log or manifest write failed
	slow error      // for now: the last flush of a memtable failed
	once sync.Once
}

func newFailure(log *slog.Logger) *failure {
	return &failure{log: log, ended: make(chan struct{})}
}

// get is nil as long as writes may go on.
func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	return f.slow
}

// lasting is get without what may pass.
func (f *failure) lasting() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// set keeps the first error.
func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("%w: %w", ErrFailed, err)
		f.log.Error("index failed: no more writes until it is opened again", "err", err)
	}
}

// flushed keeps the outcome of the latest flush, which pebble repeats until it
// succeeds.
func (f *failure) flushed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.slow == nil {
		f.log.Error("index cannot flush: no writes until it can", "err", err)
	}
	f.slow = nil
	if err != nil {
		f.slow = fmt.Errorf("%w: flush: %w", ErrFailed, err)
	}
}

func (f *failure) end() { f.once.Do(func() { close(f.ended) }) }

// listener has no event end the process.
func (f *failure) listener() *pebble.EventListener {
	return &pebble.EventListener{
		FlushEnd: func(i pebble.FlushInfo) { f.flushed(i.Err) },
		CompactionEnd: func(i pebble.CompactionInfo) {
			if i.Err != nil {
				f.log.Warn("index compaction failed", "err", i.Err)
			}
		},
		BackgroundError: func(error) {}, // told by the two above
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			f.log.Error("index is damaged on disk", "what", i.String())
		},
	}
}

// pebbleLogger takes what pebble would end the process for.
type pebbleLogger struct{ *failure }

func (pebbleLogger) Infof(string, ...any) {}
func (l pebbleLogger) Errorf(format string, a ...any) {
	l.log.Warn("pebble: " + fmt.Sprintf(format, a...))
}
func (l pebbleLogger) Fatalf(format string, a ...any) { l.set(fmt.Errorf(format, a...)) }

// guardFS hides from pebble the errors it would panic on: those of the
// write-ahead log and of syncing a folder. They go into failure first, so that
// no Commit that depends on them succeeds. Once it has failed nothing is deleted
// any more: what is on disk stays enough to open the store again.
type guardFS struct {
	vfs.FS
	failure *failure
}

const retryFlush = time.Second

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

func (g *guardFS) logFile(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		g.failure.set(err)
		if f, err = vfs.NewMem().Create("void", vfs.WriteCategoryUnspecified); err != nil {
			return nil, err
		}
	}
	return &guardFile{f, g.failure}, nil
}

// Create makes a file; a log always, if only in memory.
func (g *guardFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if isLog(name) {
		return g.logFile(g.FS.Create(name, category))
	}
	if g.failure.get() != nil { // pebble repeats a failed flush at once
		timer := time.NewTimer(retryFlush)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-g.failure.ended:
		}
	}
	return g.FS.Create(name, category)
}

// ReuseForWrite makes a log out of an old one.
func (g *guardFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := g.failure.lasting(); err != nil {
		return g.logFile(nil, err)
	}
	return g.logFile(g.FS.ReuseForWrite(oldname, newname, category))
}

// OpenDir opens a folder for syncing.
func (g *guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardFile{f, g.failure}, nil
}

// Remove deletes a file, unless the store has failed.
func (g *guardFS) Remove(name string) error {
	if err := g.failure.lasting(); err != nil {
		return &os.PathError{Op: "remove", Path: name, Err: err}
	}
	return g.FS.Remove(name)
}

// guardFile is a log or folder whose errors are kept instead of returned.
type guardFile struct {
	vfs.File
	failure *failure
}

func (f *guardFile) keep(err error) error {
	if err != nil {
		f.failure.set(err)
	}
	return nil
}

func (f *guardFile) Write(p []byte) (int, error) {
	n := len(p) // File may change p, not its length
	_, err := f.File.Write(p)
	return n, f.keep(err)
}

func (f *guardFile) Sync() error     { return f.keep(f.File.Sync()) }
func (f *guardFile) SyncData() error { return f.keep(f.File.SyncData()) }
func (f *guardFile) Close() error    { return f.keep(f.File.Close()) }

func (f *guardFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.keep(err)
}
