package index

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
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
	retry time.Duration // between two tries of a flush or compaction that failed
	ended chan struct{} // closed when the store closes
	once  sync.Once     // closes ended

	mu      sync.Mutex // guards what follows
	lasting error      // a write to the log or manifest failed: until opened again
	flush   error      // the last flush of a memtable failed: until one succeeds
	compact error      // the last compaction failed: writes go on
}

func (f *failure) end() { f.once.Do(func() { close(f.ended) }) }

// get is nil as long as writes may go on.
func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lasting != nil {
		return f.lasting
	}
	return f.flush
}

// forGood is get without what may pass.
func (f *failure) forGood() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lasting
}

// set keeps the first error that is for good.
func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lasting == nil {
		f.lasting = fmt.Errorf("%w: %w", ErrFailed, full(err))
		f.log.Error("index failed: no more writes until it is opened again", "err", err)
	}
}

// latest keeps the outcome of the latest flush or compaction.
func (f *failure) latest(which *error, what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil || err.Error() == "pebble: empty table": // nothing to flush
		*which = nil
		return
	case *which == nil: // it is tried again and again: say it once
		f.log.Error("index: "+what+" failed", "err", err)
	}
	*which = fmt.Errorf("%w: %s: %w", ErrFailed, what, full(err))
}

// full makes ErrFull of what a full disk or quota says.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// wait delays what pebble would try again at once.
func (f *failure) wait() {
	f.mu.Lock()
	failed := f.lasting != nil || f.flush != nil || f.compact != nil
	f.mu.Unlock()
	if !failed {
		return
	}
	timer := time.NewTimer(f.retry)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ended:
	}
}

// listener has no event end the process.
func (f *failure) listener() *pebble.EventListener {
	return &pebble.EventListener{
		FlushEnd:        func(i pebble.FlushInfo) { f.latest(&f.flush, "flush", i.Err) },
		CompactionEnd:   func(i pebble.CompactionInfo) { f.latest(&f.compact, "compaction", i.Err) },
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
// no Commit that depends on them succeeds. Once the store has failed for good
// nothing is changed on disk any more: pebble tries again what it could not
// write to its manifest, and a table that is in there twice is beyond repair.
// So failing is to the files what ending the process there would have been.
type guardFS struct {
	vfs.FS
	failure *failure
}

// guard wraps a file open for writing, or the error of opening it. A log is
// always opened, if only in memory.
func (g *guardFS) guard(name string, f vfs.File, err error) (vfs.File, error) {
	hide := strings.HasSuffix(name, ".log")
	if err != nil {
		if !hide {
			return nil, err
		}
		g.failure.set(err)
		if f, err = vfs.NewMem().Create("void", vfs.WriteCategoryUnspecified); err != nil {
			return nil, err
		}
	}
	return &guardFile{File: f, failure: g.failure, hide: hide}, nil
}

// Create makes a file.
func (g *guardFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	g.failure.wait()
	err := g.failure.forGood()
	if err == nil && strings.HasPrefix(g.PathBase(name), "marker.") {
		// A marker names another new file, which must be in the folder first.
		err = g.syncDir(g.PathDir(name))
	}
	var f vfs.File
	if err == nil {
		f, err = g.FS.Create(name, category)
	}
	return g.guard(name, f, err)
}

func (g *guardFS) syncDir(dir string) error {
	f, err := g.FS.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ReuseForWrite makes a log out of an old one.
func (g *guardFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	err := g.failure.forGood()
	var f vfs.File
	if err == nil {
		f, err = g.FS.ReuseForWrite(oldname, newname, category)
	}
	return g.guard(newname, f, err)
}

// OpenReadWrite opens a file for changing.
func (g *guardFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := g.FS.OpenReadWrite(name, category, options...)
	return g.guard(name, f, err)
}

// OpenDir opens a folder for syncing.
func (g *guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, failure: g.failure, hide: true}, nil
}

// Link gives a file a second name.
func (g *guardFS) Link(oldname, newname string) error {
	if err := g.failure.forGood(); err != nil {
		return err
	}
	return g.FS.Link(oldname, newname)
}

// Rename gives a file another name.
func (g *guardFS) Rename(oldname, newname string) error {
	if err := g.failure.forGood(); err != nil {
		return err
	}
	return g.FS.Rename(oldname, newname)
}

// Remove deletes a file.
func (g *guardFS) Remove(name string) error {
	if err := g.failure.forGood(); err != nil {
		return err
	}
	return g.FS.Remove(name)
}

// guardFile is a file open for writing, or a folder.
type guardFile struct {
	vfs.File
	failure *failure
	hide    bool // a log or folder: errors are kept instead of returned
}

// do does something to the file if anything may still be done.
func (f *guardFile) do(change func() error) error {
	err := f.failure.forGood()
	if err == nil {
		err = change()
	}
	if err != nil && f.hide {
		f.failure.set(err)
		return nil
	}
	return err
}

func (f *guardFile) Write(p []byte) (int, error) {
	if err := f.do(func() error { _, err := f.File.Write(p); return err }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *guardFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.do(func() error { _, err := f.File.WriteAt(p, offset); return err }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *guardFile) Sync() error     { return f.do(f.File.Sync) }
func (f *guardFile) SyncData() error { return f.do(f.File.SyncData) }

func (f *guardFile) SyncTo(length int64) (full bool, err error) {
	err = f.do(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Close always closes.
func (f *guardFile) Close() error {
	err := f.File.Close()
	if err != nil && f.hide {
		f.failure.set(err)
		return nil
	}
	return err
}
