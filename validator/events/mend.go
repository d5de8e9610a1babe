package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
)

// lineStart is how every line begins that New's Writer has written.
var lineStart = []byte(`{"task_name":`)

// openFile opens a log's file to append to it, made if it is not there.
func openFile(path string) (file, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	size, err := mend(f)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// mend deals with a last line that a crash or a full disk cut off: it is removed,
// or ended if only its end is missing or if it is none of ours. The result is
// the file's size.
func mend(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	tail := make([]byte, min(size, MaxLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && len(tail) > 0 {
		return 0, err
	}
	torn := tail[bytes.LastIndexByte(tail, '\n')+1:]
	ours := bytes.HasPrefix(torn, lineStart) || bytes.HasPrefix(lineStart, torn)
	switch {
	case len(torn) == 0:
		return size, nil
	case ours && !json.Valid(torn):
		size -= int64(len(torn))
		return size, f.Truncate(size)
	}
	_, err = f.Write([]byte("\n"))
	return size + 1, err
}
