package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/zeebo/blake3"
	"golang.org/x/sync/errgroup"
)

// Source is what is stored: a file whose bytes can be read in any order, or a
// stream that is read once.
type Source struct {
	at     io.ReaderAt
	stream io.Reader
	size   int64 // of at
}

// FileSource is size bytes that can be read in any order and many times, like
// those of an *os.File. They must stay as they are until they are stored:
// PutFile reads them several times, and sees it if they do not.
func FileSource(r io.ReaderAt, size int64) Source { return Source{at: r, size: size} }

// StreamSource is what r gives until it ends. A put of it that broke off cannot
// go on in another call.
func StreamSource(r io.Reader) Source { return Source{stream: r} }

// contentBlock is how much of a file is read, checked and sealed at once: a whole
// number of the envelope's pieces.
const contentBlock = 1 << 20

// contentContext is the context of BLAKE3's derive-key mode for the hash of a
// content.
const contentContext = "filetao 2026 content v1"

// content is a file as it was when it was read first. A file key may seal one text
// only, and it derives from the text: so what is read again is checked against the
// first time before any of it is sealed.
type content struct {
	at     io.ReaderAt
	size   int64
	blocks []byte // the BLAKE3 of each block, 32 bytes each; nil: nothing is checked
}

// readContent reads a file for the first time. moved is told of bytes, by several
// goroutines.
func readContent(ctx context.Context, at io.ReaderAt, size int64, moved func(int64)) (*content, error) {
	n := max(1, (size+contentBlock-1)/contentBlock) // an empty file has an empty block
	f := &content{at: at, size: size, blocks: make([]byte, 32*n)}
	var next atomic.Int64
	work, ctx := errgroup.WithContext(ctx)
	for range min(int64(runtime.GOMAXPROCS(0)), 4, n) {
		work.Go(func() error {
			buf := make([]byte, min(contentBlock, size))
			for b := next.Add(1) - 1; b < n; b = next.Add(1) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				p, err := f.read(b, buf)
				if err != nil {
					return err
				}
				sum := blake3.Sum256(p)
				copy(f.blocks[32*b:], sum[:])
				moved(int64(len(p)))
			}
			return nil
		})
	}
	return f, work.Wait()
}

// hash is a collision-resistant hash of the content: BLAKE3, derive-key mode, of
// its size (8 bytes, little-endian) and the BLAKE3 of each MiB.
func (f *content) hash() (sum [32]byte) {
	h := blake3.NewDeriveKey(contentContext)
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(f.size)))
	h.Write(f.blocks)
	h.Sum(sum[:0])
	return sum
}

// read reads block b, which has less than contentBlock bytes at the end only.
func (f *content) read(b int64, buf []byte) ([]byte, error) {
	p := buf[:min(contentBlock, f.size-b*contentBlock)]
	n, err := f.at.ReadAt(p, b*contentBlock)
	switch {
	case n == len(p):
		return p, nil
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it ends after %d bytes of %d", ErrChanged, b*contentBlock+int64(n), f.size)
	case err == nil:
		err = io.ErrNoProgress
	}
	return nil, err
}

// block is read, checked.
func (f *content) block(b int64, buf []byte) ([]byte, error) {
	p, err := f.read(b, buf)
	if err != nil || f.blocks == nil {
		return p, err
	}
	if sum := blake3.Sum256(p); sum != [32]byte(f.blocks[32*b:]) {
		return nil, fmt.Errorf("%w: its bytes from %d on are not those of the first time it was read", ErrChanged, b*contentBlock)
	}
	return p, nil
}
