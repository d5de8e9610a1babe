package blobtest

import (
	"errors"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrInjected is what a step that was made to fail returns.
var ErrInjected = errors.New("blobtest: injected fault")

// Outcome says what a failing step does before it fails.
type Outcome int

// A failing step does nothing, all, or, if it is a write, half of its work.
const (
	Lost Outcome = iota
	Persisted
	Torn
)

// Fault is a failure at a step.
type Fault struct {
	// Step is which one fails: 1 is the next. 0 means none.
	Step    int
	Outcome Outcome
	// PowerOff makes every later step fail, too, and do nothing.
	PowerOff bool
	// Hook, if set, is called before the step, which then does not fail.
	Hook func()
}

// FS is a file system in which every change is a step that can fail. Reading
// never does.
type FS struct {
	vfs.FS // the file system beneath

	mu    sync.Mutex // guards the rest
	steps int
	fault Fault
	off   bool
}

// NewFS lets a file system fail.
func NewFS(fs vfs.FS) *FS { return &FS{FS: fs} }

// Arm sets the fault to come and counts steps from here.
func (f *FS) Arm(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps, f.fault, f.off = 0, fault, false
}

// Steps is how many there were since Arm.
func (f *FS) Steps() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.steps
}

// next counts a step and says whether to do it, by half, and its error.
func (f *FS) next() (do, half bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps++
	if f.off {
		return false, false, ErrInjected
	}
	if f.steps != f.fault.Step {
		return true, false, nil
	}
	if f.fault.Hook != nil {
		f.fault.Hook()
		return true, false, nil
	}
	f.off = f.fault.PowerOff
	return f.fault.Outcome != Lost, f.fault.Outcome == Torn, ErrInjected
}

func (f *FS) step(change func() error) error {
	do, _, err := f.next()
	if !do {
		return err
	}
	if failed := change(); failed != nil {
		return failed
	}
	return err
}

// open is a step that makes a file; it is closed again if the step fails.
func (f *FS) open(change func() (vfs.File, error)) (vfs.File, error) {
	var opened vfs.File
	err := f.step(func() (err error) {
		opened, err = change()
		return err
	})
	if err != nil {
		if opened != nil {
			err = errors.Join(err, opened.Close())
		}
		return nil, err
	}
	return &file{opened, f}, nil
}

// Create is a step.
func (f *FS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// ReuseForWrite is a step.
func (f *FS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(old, name, c) })
}

// OpenReadWrite is a step.
func (f *FS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

// OpenDir is no step; flushing the folder is.
func (f *FS) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &file{d, f}, nil
}

// Link is a step.
func (f *FS) Link(old, name string) error {
	return f.step(func() error { return f.FS.Link(old, name) })
}

// Remove is a step.
func (f *FS) Remove(name string) error {
	return f.step(func() error { return f.FS.Remove(name) })
}

// RemoveAll is a step.
func (f *FS) RemoveAll(name string) error {
	return f.step(func() error { return f.FS.RemoveAll(name) })
}

// Rename is a step.
func (f *FS) Rename(old, name string) error {
	return f.step(func() error { return f.FS.Rename(old, name) })
}

// MkdirAll is a step if the folder is not there.
func (f *FS) MkdirAll(dir string, perm os.FileMode) error {
	if _, err := f.FS.Stat(dir); err == nil {
		return nil
	}
	return f.step(func() error { return f.FS.MkdirAll(dir, perm) })
}

// Unwrap returns the file system beneath.
func (f *FS) Unwrap() vfs.FS { return f.FS }

// file makes steps of the changes of a file.
type file struct {
	vfs.File
	fs *FS
}

func (f *file) write(p []byte, write func([]byte) (int, error)) (int, error) {
	do, half, err := f.fs.next()
	if !do {
		return 0, err
	}
	if half {
		p = p[:len(p)/2]
	}
	n, failed := write(p)
	if failed != nil {
		return n, failed
	}
	return n, err
}

func (f *file) Write(p []byte) (int, error) { return f.write(p, f.File.Write) }

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	return f.write(p, func(p []byte) (int, error) { return f.File.WriteAt(p, at) })
}

func (f *file) Sync() error     { return f.fs.step(f.File.Sync) }
func (f *file) SyncData() error { return f.fs.step(f.File.SyncData) }

func (f *file) SyncTo(n int64) (full bool, err error) {
	err = f.fs.step(func() (err error) {
		full, err = f.File.SyncTo(n)
		return err
	})
	return full, err
}
