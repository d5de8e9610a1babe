package events

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
)

// ErrNone says that there is no event log in a place.
var ErrNone = errors.New("no events")

// Log is an event log opened for reading, as it was at that moment; it may be
// written meanwhile. It is not safe for concurrent use.
type Log struct {
	path    string
	full    []uint64
	last    *os.File // the one that is written; nil: there is none
	size    int64
	lastLen int64
	from    int64 // of the first file that is read: see Tail
	read    int64
	skipped int
}

// Open opens the log at a path. The error is ErrNone if nothing is there.
func Open(path string) (l *Log, err error) {
	l = &Log{path: path}
	// The file that is written comes first: should it get its number between the
	// two looks, it is recognised in the list and not read twice.
	l.last, err = os.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if l.full, err = fullFiles(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, l.Close())
	}
	if l.last == nil && len(l.full) == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrNone)
	}
	if err := l.measure(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Log) measure() error {
	var last fs.FileInfo
	if l.last != nil {
		info, err := l.last.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", l.path)
		}
		last, l.lastLen = info, info.Size()
		l.size = l.lastLen
	}
	kept := l.full[:0]
	for _, n := range l.full {
		info, err := os.Stat(full(l.path, n))
		if errors.Is(err, fs.ErrNotExist) || err == nil && last != nil && os.SameFile(info, last) {
			continue
		} else if err != nil {
			return err
		}
		l.size += info.Size()
		kept = append(kept, n)
	}
	l.full = kept
	return nil
}

// Size is how many bytes there are to read, Read how many have been.
func (l *Log) Size() int64 { return l.size }

// Read is how many bytes have been read.
func (l *Log) Read() int64 { return l.read }

// Skipped is how many lines could not be read: no JSON, no event, or too long. A
// last line that is still being written is none of them.
func (l *Log) Skipped() int { return l.skipped }

// Close closes the log.
func (l *Log) Close() error {
	if l.last == nil {
		return nil
	}
	return l.last.Close()
}

// Lines are the events in the order in which they were written. It can be used
// once. After an error there are no more.
func (l *Log) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for _, n := range l.full {
			if !l.linesOf(n, yield) {
				return
			}
		}
		if l.last != nil {
			l.lines(io.NewSectionReader(l.last, l.from, l.lastLen-l.from), yield)
		}
	}
}

func (l *Log) linesOf(n uint64, yield func(Line, error) bool) bool {
	f, err := os.Open(full(l.path, n))
	if errors.Is(err, fs.ErrNotExist) {
		return true // dropped meanwhile, being the oldest
	}
	if err != nil {
		yield(Line{}, err)
		return false
	}
	defer f.Close()
	if _, err := f.Seek(l.from, io.SeekStart); err != nil {
		yield(Line{}, err)
		return false
	}
	l.from = 0
	return l.lines(f, yield)
}

func (l *Log) lines(from io.Reader, yield func(Line, error) bool) bool {
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		text, tooLong, err := l.line(r)
		if err != nil && err != io.EOF {
			yield(Line{}, err)
			return false
		}
		torn := err == io.EOF
		if torn && len(text) == 0 {
			return true
		}
		line, bad := parse(text)
		switch {
		case bad == nil && !tooLong:
			if !yield(line, nil) {
				return false
			}
		case !torn || tooLong:
			l.skipped++
		}
		if torn {
			return true
		}
	}
}

// line reads a line without its end. Of one that is too long it gives the
// beginning.
func (l *Log) line(r *bufio.Reader) (text []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		l.read += int64(len(part))
		if len(text)+len(part) > MaxLine {
			tooLong = true
		} else {
			text = append(text, part...)
		}
		if err != bufio.ErrBufferFull {
			return text, tooLong, err
		}
	}
}
