package events

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Tail leaves out what is before the last so many bytes, and the rest of the line
// that they begin in. It is called before Lines; Size is then what is left.
func (l *Log) Tail(bytes int64) error {
	skip := l.size - max(bytes, 0)
	if skip <= 0 {
		return nil
	}
	for len(l.full) > 0 {
		f, err := os.Open(full(l.path, l.full[0]))
		if errors.Is(err, fs.ErrNotExist) { // dropped meanwhile, being the oldest
			l.full = l.full[1:]
			continue
		} else if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil && skip < info.Size() {
			l.from, err = lineFrom(f, skip, info.Size())
			l.size -= l.from
			return errors.Join(err, f.Close())
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		skip, l.size, l.full = skip-info.Size(), l.size-info.Size(), l.full[1:]
	}
	if l.last == nil {
		return nil
	}
	var err error
	l.from, err = lineFrom(l.last, min(skip, l.lastLen), l.lastLen)
	l.size -= l.from
	return err
}

// lineFrom is where the first line begins that begins at or behind an offset of
// a file; size if none does.
func lineFrom(f io.ReaderAt, offset, size int64) (int64, error) {
	if offset <= 0 {
		return 0, nil
	}
	r := bufio.NewReader(io.NewSectionReader(f, offset-1, size-offset+1))
	for at := offset - 1; ; at++ {
		b, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return size, nil
		case err != nil:
			return 0, err
		case b == '\n':
			return at + 1, nil
		}
	}
}
