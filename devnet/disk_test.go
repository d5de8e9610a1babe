package devnet_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the real file system beneath one folder, which can lose power: crash
// keeps what the folder would have then, and whoever used it goes on with a folder
// that nobody will see again. Of what was written to a file and not flushed, only
// the beginning is left, by chance; names are never lost. (How stores bear lost
// names is for their own crash tests.)
type disk struct {
	vfs.FS
	dir string

	busy  sync.RWMutex // held for reading by whoever changes something, so that a crash is between two changes
	mu    sync.Mutex   // guards files
	files map[string]*written
}

// written is how far a file of this life of the folder was written, and flushed.
type written struct{ end, durable int64 } // bytes; guarded by disk.mu

func newDisk(dir string) *disk {
	return &disk{FS: vfs.Default, dir: dir, files: map[string]*written{}}
}

// change does something to the folder's names, and notes it.
func (d *disk) change(do func() error, note func()) error {
	d.busy.RLock()
	defer d.busy.RUnlock()
	if err := do(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	note()
	return nil
}

// open makes a file with nothing flushed.
func (d *disk) open(name string, open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	w := &written{}
	err := d.change(func() (err error) { f, err = open(); return err }, func() { d.files[name] = w })
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, disk: d, w: w}, nil
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(name, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

func (d *disk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(name, func() (vfs.File, error) { return d.FS.ReuseForWrite(old, name, c) })
}

// OpenReadWrite is for whoever changes a file in its place, which this cannot undo.
func (d *disk) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, fmt.Errorf("%s: %w", name, errors.ErrUnsupported)
}

func (d *disk) Link(old, name string) error {
	return d.change(func() error { return d.FS.Link(old, name) }, func() { d.move(old, name) })
}

func (d *disk) Rename(old, name string) error {
	return d.change(func() error { return d.FS.Rename(old, name) }, func() { d.move(old, name); delete(d.files, old) })
}

func (d *disk) move(old, name string) {
	delete(d.files, name)
	if w := d.files[old]; w != nil {
		d.files[name] = w
	}
}

func (d *disk) Remove(name string) error {
	return d.change(func() error { return d.FS.Remove(name) }, func() { delete(d.files, name) })
}

func (d *disk) RemoveAll(name string) error {
	return d.change(func() error { return d.FS.RemoveAll(name) }, func() {})
}

func (d *disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.change(func() error { return d.FS.MkdirAll(dir, perm) }, func() {})
}

// Unwrap returns the file system beneath.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// diskFile is a file that is written from its beginning to its end.
type diskFile struct {
	vfs.File
	disk *disk
	w    *written
}

func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.disk.change(func() error { n, err = f.File.Write(p); return err }, func() { f.w.end += int64(n) })
	return n, err
}

// flush is durable once it has returned, as far as it was written when it was
// called.
func (f *diskFile) flush(flush func() error) error {
	f.disk.mu.Lock()
	end := f.w.end
	f.disk.mu.Unlock()
	if err := flush(); err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.w.durable = max(f.w.durable, end)
	return nil
}

func (f *diskFile) Sync() error     { return f.flush(f.File.Sync) }
func (f *diskFile) SyncData() error { return f.flush(f.File.SyncData) }

// SyncTo has made the whole file durable if it says so.
func (f *diskFile) SyncTo(length int64) (full bool, err error) {
	f.disk.mu.Lock()
	end := f.w.end
	f.disk.mu.Unlock()
	if full, err = f.File.SyncTo(length); err != nil || !full {
		return full, err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.w.durable = max(f.w.durable, end)
	return true, nil
}

// crash keeps what the folder has now, until restore. Who uses it must be cut off
// from the world before, since what is done from here on will not have been.
func (d *disk) crash(chance *rand.Rand) error {
	d.busy.Lock()
	defer d.busy.Unlock()
	d.mu.Lock() // a flush changes no file, so that busy does not hold it up
	defer d.mu.Unlock()
	return filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := d.kept() + strings.TrimPrefix(path, d.dir)
		if e.IsDir() {
			return os.Mkdir(to, 0o700)
		}
		w := d.files[path]
		switch durable := w == nil || w.durable == w.end; {
		case durable && (filepath.Ext(path) == ".sst" || filepath.Base(filepath.Dir(filepath.Dir(path))) == "content"):
			return os.Link(path, to) // nobody will change it
		case durable:
			return copyFile(path, to, -1)
		default:
			return copyFile(path, to, w.durable+chance.Int64N(w.end-w.durable+1))
		}
	})
}

func (d *disk) kept() string { return d.dir + ".crashed" }

// restore puts what a crash has left in the place of the folder, which nobody uses
// any more.
func (d *disk) restore() error {
	d.files = map[string]*written{}
	return errors.Join(os.RemoveAll(d.dir), os.Rename(d.kept(), d.dir))
}

// copyFile copies the first bytes of a file; all if there are less than 0.
func copyFile(from, to string, size int64) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if size < 0 {
		_, err = io.Copy(out, in)
	} else {
		_, err = io.CopyN(out, in, size)
	}
	return err
}

func TestDiskLosesWhatWasNotFlushed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	d, chance := newDisk(dir), rand.New(rand.NewPCG(1, 0))
	if err := d.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lengths := map[int64]bool{}
	for range 50 {
		f, err := d.Create(filepath.Join(dir, "log"), "")
		if err != nil {
			t.Fatal(err)
		}
		write := func(text string) {
			if _, err := f.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		write("flushed")
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		write("lost")
		if err := d.crash(chance); err != nil {
			t.Fatal(err)
		}
		write("never written")
		if err := errors.Join(f.Sync(), f.Close(), d.restore()); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "log"))
		if n := len(got); err != nil || n < len("flushed") || string(got) != "flushedlost"[:n] {
			t.Fatalf("%q, %v", got, err)
		}
		lengths[int64(len(got))] = true
	}
	if len(lengths) != len("lost")+1 {
		t.Errorf("what is left has lengths %v", lengths)
	}
}
