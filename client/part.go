//go:build unix

package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/filetao/filetao/internal/durable"
)

// ErrBusy says that another process, or another call, fetches into the same file.
var ErrBusy = errors.New("something else fetches into this file")

// part is a file that is not all there yet. It holds verified bytes only, from the
// file's first on, and so its length says how many; beside it stands which file
// it is to be. A crash of the whole machine may have lost some of them all the
// same: that comes out with the CID.
type part struct {
	path  string // of the file that it becomes
	state []byte
	f     *os.File
	size  int64
	fresh bool // it was empty, or is of another file
}

// partState says which file a part is of.
type partState struct {
	CID    string `json:"cid"`
	Offset int64  `json:"offset,omitempty"` // of a range
	Length int64  `json:"length,omitempty"`
}

const maxPartState = 4 << 10 // bytes that are read of one

func (p *part) partPath() string  { return p.path + ".part" }
func (p *part) statePath() string { return p.path + ".part.json" }

// openPart opens the part of a file, and finds out what of it can be used.
func openPart(path, id string, o GetFileOptions) (*part, error) {
	s := partState{CID: id}
	if o.Range != nil {
		s.Offset, s.Length = o.Range.Offset, o.Range.Length
	}
	state, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	p := &part{path: path, state: append(state, '\n')}
	if p.f, err = os.OpenFile(p.partPath(), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := p.claim(o); err != nil {
		return nil, errors.Join(err, p.f.Close())
	}
	return p, nil
}

// claim locks the part and reads its state.
func (p *part) claim(o GetFileOptions) error {
	if err := unix.Flock(int(p.f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", p.path, ErrBusy)
	} else if err != nil {
		return fmt.Errorf("lock %s: %w", p.partPath(), err)
	}
	// Who had the lock before may have made the file of this part.
	mine, err := p.f.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Stat(p.partPath()); err != nil || !os.SameFile(mine, now) {
		return fmt.Errorf("%s: %w", p.path, ErrBusy)
	}
	state, err := p.readState()
	if err != nil {
		return err
	}
	if p.fresh = o.Anew || o.Range != nil || !bytes.Equal(state, p.state); p.fresh {
		return errors.Join(p.f.Truncate(0), durable.WriteFile(p.statePath(), p.state, 0o600))
	}
	p.size = mine.Size()
	return nil
}

func (p *part) readState() ([]byte, error) {
	f, err := os.Open(p.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxPartState))
	return b, errors.Join(err, f.Close())
}

// left is how many bytes an earlier get has left; 0 for no part.
func (p *part) left() int64 {
	if p == nil {
		return 0
	}
	return p.size
}

// keep keeps the first bytes only. What is written follows them.
func (p *part) keep(size int64) error {
	p.size = size
	_, err := p.f.Seek(size, io.SeekStart)
	return errors.Join(p.f.Truncate(size), err)
}

// Write implements io.Writer.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.f.Write(b)
	p.size += int64(n)
	return n, err
}

// finish makes the file of it: it is on the disk, under its name.
func (p *part) finish() error {
	if err := errors.Join(p.f.Chmod(0o644), p.f.Sync()); err != nil {
		return err
	}
	if err := os.Rename(p.partPath(), p.path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(p.path))
}

// close ends the work on a part. Where nothing can go on, nothing stays.
func (p *part) close(finished bool) (err error) {
	if finished || p.size == 0 {
		err = removed(p.statePath())
	}
	if !finished && p.size == 0 {
		err = errors.Join(err, removed(p.partPath()))
	}
	return errors.Join(err, p.f.Close())
}

// removed removes a file that may not be there.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
