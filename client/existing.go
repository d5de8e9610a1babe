package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Existing says what becomes of what is already where GetFile is to put a file.
type Existing int

const (
	// ReplaceAny has it replaced, whatever it is.
	ReplaceAny Existing = iota
	// ReplaceOther has it stay if it is the very file, which is found out by reading
	// it, and else be replaced.
	ReplaceOther
	// KeepOther has it stay, and be ErrExists unless it is the very file.
	KeepOther
)

// ErrExists says that something else is where a file is to go.
var ErrExists = errors.New("something else is there already")

// errDiffers says that a file is not the one that is wanted.
var errDiffers = errors.New("it has other content")

// intoFile has get give a file to what becomes path, unless it is there already.
func intoFile(path, id string, o GetFileOptions, get func(target) (Got, error)) (Got, error) {
	if got, done, err := existing(path, o, get); done || err != nil {
		return got, err
	}
	p, err := openPart(path, id, o)
	if err != nil {
		return Got{}, err
	}
	got, err := get(target{w: p, part: p})
	if err == nil {
		err = p.finish()
	}
	return got, errors.Join(err, p.close(err == nil))
}

// existing says of what is at path whether nothing is to be done.
func existing(path string, o GetFileOptions, get func(target) (Got, error)) (got Got, done bool, err error) {
	if o.Existing == ReplaceAny {
		return got, false, nil
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return got, false, nil
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() && o.Range == nil {
		if got, err = compared(path, get); err == nil {
			return got, true, nil
		}
		if !errors.Is(err, errDiffers) && !(o.Existing == ReplaceOther && errors.Is(err, fs.ErrPermission)) {
			return Got{}, false, err
		}
	}
	if o.Existing == ReplaceOther && (info == nil || !info.IsDir()) {
		return Got{}, false, nil
	}
	return Got{}, false, fmt.Errorf("%s: %w", path, ErrExists)
}

// compared is errDiffers unless a file is the one that get would give.
func compared(path string, get func(target) (Got, error)) (Got, error) {
	f, err := os.Open(path)
	if err != nil {
		return Got{}, err
	}
	defer f.Close() // it was read only
	return get(target{have: f})
}

// compare is run for a file that may be there whole.
func (d *download) compare(ctx context.Context, have *os.File) (Got, error) {
	info, err := have.Stat()
	if err != nil {
		return Got{}, err
	}
	if info.Size() != d.size {
		return Got{}, fmt.Errorf("%w: %d bytes, not %d", errDiffers, info.Size(), d.size)
	}
	tell := progressFunc(d.o.Progress)
	d.sum = &sumOf{}
	read := int64(0)
	err = d.hash(have, d.m.Size, io.MultiWriter(while{ctx}, writes(func(n int) {
		read = min(read+int64(n), d.size) // the seal is some more
		tell.tell(Progress{Stage: StageComparing, Bytes: d.size, Done: read})
	})))
	switch {
	case err != nil:
		return Got{}, err
	case d.sum.CID() == d.m.CID:
		tell.tell(Progress{Stage: StageDone, Bytes: d.size, Done: d.size, Resumed: d.size})
		return Got{Size: d.size, Resumed: d.size, There: true}, nil
	case d.key != nil && !d.ours:
		return Got{}, fmt.Errorf("%w: it was stored with another coldkey", ErrWrongKey)
	}
	return Got{}, errDiffers
}

// writes is a writer that counts.
type writes func(n int)

func (w writes) Write(p []byte) (int, error) {
	w(len(p))
	return len(p), nil
}

// sameBytes is errDiffers unless a file consists of data.
func sameBytes(f *os.File, data []byte) error {
	buf := make([]byte, contentBlock)
	for {
		n, err := io.ReadFull(f, buf)
		if n > len(data) || !bytes.Equal(buf[:n], data[:n]) {
			return errDiffers
		}
		data = data[n:]
		switch {
		case err == nil:
		case err != io.EOF && err != io.ErrUnexpectedEOF:
			return err
		case len(data) > 0:
			return errDiffers
		default:
			return nil
		}
	}
}
