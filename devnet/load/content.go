package load

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
)

// content is a file of any size that is nowhere: it is made where it is read, at
// the speed of memory, so that making it does not show in what is measured. No two
// files of a seed are the same, nor two blocks of a file.
type content struct {
	size   int64
	run    uint32
	number uint32
	base   []byte
}

const (
	// baseSize is how much of it is drawn, and stampEvery how often in it a place
	// of its own is written over that.
	baseSize   = 1 << 20
	stampEvery = 4 << 10
	stampSize  = 16
)

// newContent is file number of that size in a run.
func newContent(seed uint64, run int, size int64, number int) *content {
	c := &content{size: size, run: uint32(run), number: uint32(number), base: make([]byte, min(size, baseSize))}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	_, _ = rand.NewChaCha8(key).Read(c.base) // never fails
	return c
}

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset >= c.size {
		return 0, io.EOF
	}
	if int64(len(p)) > c.size-offset {
		p, err = p[:c.size-offset], io.EOF
	}
	for n < len(p) {
		at := offset + int64(n)
		n += copy(p[n:], c.base[at%baseSize:])
	}
	var stamp [stampSize]byte
	binary.LittleEndian.PutUint32(stamp[:], c.run)
	binary.LittleEndian.PutUint32(stamp[4:], c.number)
	for at := offset / stampEvery * stampEvery; at < offset+int64(n); at += stampEvery {
		binary.LittleEndian.PutUint64(stamp[8:], uint64(at/stampEvery))
		if at < offset {
			copy(p, stamp[min(offset-at, stampSize):])
		} else {
			copy(p[at-offset:], stamp[:])
		}
	}
	return n, err
}
