package replay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/filetao/filetao/internal/durable"
)

const (
	// block is what is reserved at once, in milliseconds, a power of two: with one
	// write all requests of four seconds are let in.
	block = 1 << 12
	// recent is how long before its start a process takes nothing from, whatever
	// its file says, which may be of an older copy of the disk: longer than any
	// request is good for.
	recent = 15 * time.Minute

	magic   = "filetao taken 1\n"
	maxSize = len(magic) + 16*maxSpans + 4
)

// Taken knows when requests were signed that were let in, by this process and by
// those before it. Times are in Unix milliseconds. It is safe for concurrent use.
type Taken struct {
	path  string // empty: none
	write func(path string, data []byte, perm os.FileMode) error

	mu      sync.Mutex // guards what follows
	refused Spans      // what Refuses knows: by earlier processes, and forgotten
	mine    Spans      // let in by this process, or reserved
	highest int64      // of those let in by this process

	io  sync.Mutex // held while writing, taken before mu
	old Spans      // let in by earlier processes
}

// Open reads the file of earlier processes; there need not be one. now is the start
// of this one.
func Open(path string, now time.Time) (*Taken, error) {
	data, err := read(path)
	var old Spans
	if err == nil {
		old, err = parse(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("times of requests: %s: %w", path, err)
	}
	t := InMemory(now)
	t.path, t.old = path, old
	t.refused.addAll(old)
	return t, nil
}

// InMemory has no file: if the clock is set back by more than 15 minutes, requests
// that earlier processes let in are not refused.
func InMemory(now time.Time) *Taken {
	t := &Taken{write: durable.WriteFile}
	t.refused.Add(now.Add(-recent).UnixMilli(), now.UnixMilli()-1)
	return t
}

// read reads a file unless it is too large to be one of ours.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > int64(maxSize) {
		return nil, errDamaged
	}
	return os.ReadFile(path)
}

// Refuses says whether a request that was signed at that time and is not
// remembered may have been let in before.
func (t *Taken) Refuses(signed int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused.Has(signed)
}

// RefusesUntil is the last time from which on nothing is refused, as far as it is
// known; now itself if that is not refused.
func (t *Taken) RefusesUntil(now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x, has := t.refused.at(now.UnixMilli()); has {
		return time.UnixMilli(x.to)
	}
	return now
}

// Add says that a request is about to be let in. It returns once it is on the disk
// that those signed at that time were; on an error the request must not be let in.
func (t *Taken) Add(signed int64) error {
	if t.noted(signed) {
		return nil
	}
	t.io.Lock()
	defer t.io.Unlock()
	if t.noted(signed) { // by who held io before
		return nil
	}
	t.mu.Lock()
	mine := t.mine.clone()
	t.mu.Unlock()
	mine.Add(signed&^(block-1), signed|(block-1))
	if err := t.save(mine); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mine, t.highest = mine, max(t.highest, signed)
	return nil
}

// noted says whether nothing has to be written for a time.
func (t *Taken) noted(signed int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.mine.Has(signed) {
		return false
	}
	t.highest = max(t.highest, signed)
	return true
}

// Forget makes Refuses refuse what was added and signed up to then: who remembered
// the requests one by one is about to forget them.
func (t *Taken) Forget(signed int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused.addAll(t.mine.upTo(signed))
}

// Close gives back what was reserved and not used, so that the next process takes
// requests at once.
func (t *Taken) Close() error {
	t.io.Lock()
	defer t.io.Unlock()
	t.mu.Lock()
	mine := t.mine.upTo(t.highest)
	t.mine = mine.clone() // what is added from now on is written again
	t.mu.Unlock()
	if len(mine.list) == 0 {
		return nil
	}
	return t.save(mine)
}

// save writes the file. Called with io held.
func (t *Taken) save(mine Spans) error {
	if t.path == "" {
		return nil
	}
	all := t.old.clone()
	all.addAll(mine)
	if err := t.write(t.path, all.encode(), 0o600); err != nil {
		return fmt.Errorf("times of requests: %w", err)
	}
	return nil
}

var errDamaged = errors.New("damaged; restore it, or remove it when the clock is right, " +
	"which lets requests through again only if it was set back since the last run")

// encode is the magic, each span's ends and a checksum of all before it.
func (s *Spans) encode() []byte {
	data := []byte(magic)
	for _, x := range s.list {
		data = binary.BigEndian.AppendUint64(data, uint64(x.from))
		data = binary.BigEndian.AppendUint64(data, uint64(x.to))
	}
	return binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
}

// parse reads what encode made, and nothing else.
func parse(data []byte) (Spans, error) {
	body := len(data) - 4
	if body < len(magic) || len(data) > maxSize || (body-len(magic))%16 != 0 ||
		!bytes.HasPrefix(data, []byte(magic)) || crc32.ChecksumIEEE(data[:body]) != binary.BigEndian.Uint32(data[body:]) {
		return Spans{}, errDamaged
	}
	var s Spans
	for at := len(magic); at < body; at += 16 {
		x := span{int64(binary.BigEndian.Uint64(data[at:])), int64(binary.BigEndian.Uint64(data[at+8:]))}
		if n := len(s.list); x.from > x.to || n > 0 && (x.from <= s.list[n-1].to || x.from-1 == s.list[n-1].to) {
			return Spans{}, errDamaged
		}
		s.list = append(s.list, x)
	}
	return s, nil
}
