package envelope_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/envelope"
)

const (
	piece  = envelope.PieceSize
	tag    = 16
	sealed = piece + tag
)

func fileKey() envelope.FileKey { return envelope.FileKey{1, 2, 3} }

func text(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)}).Read(b)
	return b
}

func sealAll(t rapid.TB, plain []byte) []byte {
	t.Helper()
	b, err := io.ReadAll(envelope.NewSealer(fileKey(), bytes.NewReader(plain), int64(len(plain))))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openAll(b []byte) ([]byte, error) {
	return io.ReadAll(envelope.NewOpener(fileKey(), int64(len(b)), bytes.NewReader(b), 0))
}

func anySize() *rapid.Generator[int] {
	return rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 4*piece),
		rapid.SampledFrom([]int{0, 1, piece - 1, piece, piece + 1, 2*piece - 1, 2 * piece, 2*piece + 1, 3 * piece}))
}

// manners are the ways in which a reader may give its bytes.
func manners(t *rapid.T, r io.Reader) io.Reader {
	return rapid.SampledFrom([]func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.HalfReader, iotest.DataErrReader,
		func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.HalfReader(r)) },
	}).Draw(t, "manner")(r)
}

// readAll reads with buffers of changing size.
func readAll(t *rapid.T, r io.Reader) ([]byte, error) {
	var all []byte
	for {
		buf := make([]byte, rapid.SampledFrom([]int{1000, piece - 1, piece, sealed - 1, sealed, sealed + 1, 3 * sealed}).Draw(t, "buffer"))
		n, err := r.Read(buf)
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func TestStreamRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := text(anySize().Draw(t, "size"))
		size := rapid.SampledFrom([]int64{int64(len(plain)), -1}).Draw(t, "said")
		b, err := readAll(t, envelope.NewSealer(fileKey(), manners(t, bytes.NewReader(plain)), size))
		if err != nil || !bytes.Equal(b, sealAll(t, plain)) {
			t.Fatalf("sealed otherwise: %d bytes, %v", len(b), err)
		}
		if int64(len(b)) != envelope.SealedSize(int64(len(plain))) {
			t.Fatalf("%d bytes are %d sealed", len(plain), len(b))
		}
		if n, err := envelope.PlainSize(int64(len(b))); err != nil || n != int64(len(plain)) {
			t.Fatal(n, err)
		}
		got, err := readAll(t, envelope.NewOpener(fileKey(), int64(len(b)), manners(t, bytes.NewReader(b)), 0))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes come back as %d, %v", len(plain), len(got), err)
		}
	})
}

// A reader by the book: iotest reads in all ways it knows.
func TestReadersByTheBook(t *testing.T) {
	plain := text(2*piece + 5)
	b := sealAll(t, plain)
	if err := iotest.TestReader(envelope.NewSealer(fileKey(), bytes.NewReader(plain), -1), b); err != nil {
		t.Error(err)
	}
	if err := iotest.TestReader(envelope.NewOpener(fileKey(), int64(len(b)), bytes.NewReader(b), 0), plain); err != nil {
		t.Error(err)
	}
}

func TestSizesThatAreWrong(t *testing.T) {
	for _, size := range []int{0, 1, piece - 1, piece, piece + 1, 2 * piece} {
		for _, wrong := range []int{size - 1, size + 1, size + piece, size - piece} {
			if wrong < 0 {
				continue
			}
			want := envelope.ErrShort
			if wrong < size {
				want = envelope.ErrLong
			}
			b, err := io.ReadAll(envelope.NewSealer(fileKey(), bytes.NewReader(text(size)), int64(wrong)))
			if !errors.Is(err, want) {
				t.Errorf("%d bytes, said to be %d: %v", size, wrong, err)
			}
			if _, err := openAll(b); !errors.Is(err, envelope.ErrOpen) {
				t.Errorf("%d bytes, said to be %d: what was given out opens", size, wrong)
			}
		}
	}
}

// What a reader fails with is the failure, and never the end of a text: not even
// io.ErrUnexpectedEOF, with which a body that was cut off ends.
func TestReadersThatFail(t *testing.T) {
	plain := text(2 * piece)
	b := sealAll(t, plain)
	for _, want := range []error{io.ErrUnexpectedEOF, errors.New("disk"), io.ErrNoProgress} {
		for _, n := range []int{0, 1, piece, piece + 1, 2 * piece, len(b) - 1, len(b)} {
			failing := func(b []byte) io.Reader {
				return io.MultiReader(bytes.NewReader(b), iotest.ErrReader(want))
			}
			if _, err := io.ReadAll(envelope.NewSealer(fileKey(), failing(plain[:min(n, len(plain))]), -1)); !errors.Is(err, want) {
				t.Errorf("sealer, %d bytes and %v: %v", n, want, err)
			}
			if _, err := io.ReadAll(envelope.NewOpener(fileKey(), int64(len(b)), failing(b[:n]), 0)); !errors.Is(err, want) {
				t.Errorf("opener, %d bytes and %v: %v", n, want, err)
			}
		}
	}
	if _, err := io.ReadAll(envelope.NewSealer(fileKey(), idle{}, -1)); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

// idle gives nothing and no error.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// Whatever is done to the pieces, what is given out is a beginning of the text,
// and then there is an error.
func TestNothingButTheTextOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := text(anySize().Draw(t, "size"))
		good := sealAll(t, plain)
		pieces := slices.Collect(slices.Chunk(good, sealed))
		i, j := rapid.IntRange(0, len(pieces)-1).Draw(t, "i"), rapid.IntRange(0, len(pieces)-1).Draw(t, "j")
		byteAt := rapid.IntRange(0, len(good)-1).Draw(t, "byte")
		var bad []byte
		switch rapid.IntRange(0, 7).Draw(t, "change") {
		case 0:
			bad = bytes.Clone(good)
			bad[byteAt] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		case 1:
			bad = good[:byteAt]
		case 2:
			bad = append(bytes.Clone(good), make([]byte, rapid.IntRange(1, 2*sealed).Draw(t, "more"))...)
		case 3:
			pieces[i], pieces[j] = pieces[j], pieces[i]
			bad = slices.Concat(pieces...)
		case 4:
			bad = slices.Concat(slices.Insert(pieces, i, pieces[j])...)
		case 5:
			bad = slices.Concat(slices.Delete(pieces, i, i+1)...)
		case 6:
			bad = slices.Concat(pieces[:i]...)
		case 7:
			bad = append(bytes.Clone(good), good...)
		}
		if bytes.Equal(bad, good) {
			return
		}
		for _, size := range []int{len(bad), len(good)} {
			got, err := readAll(t, envelope.NewOpener(fileKey(), int64(size), bytes.NewReader(bad), 0))
			if !errors.Is(err, envelope.ErrOpen) || !bytes.HasPrefix(plain, got) {
				t.Fatalf("%d bytes opened, %v", len(got), err)
			}
		}
	})
}

func TestAnotherKeyOpensNothing(t *testing.T) {
	b := sealAll(t, text(100))
	got, err := io.ReadAll(envelope.NewOpener(envelope.FileKey{9}, int64(len(b)), bytes.NewReader(b), 0))
	if !errors.Is(err, envelope.ErrOpen) || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestPiecesInAnyOrder: pieces that are sealed by themselves are those of the whole.
func TestPiecesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := text(anySize().Draw(t, "size"))
		b, s := sealAll(t, plain), envelope.NewPieceSealer(fileKey(), int64(len(plain)))
		last := max(0, len(plain)-1) / piece
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			first := rapid.IntRange(0, last).Draw(t, "first")
			end := rapid.IntRange(first, last).Draw(t, "end") + 1
			got := s.Append([]byte("before"), plain[first*piece:min(end*piece, len(plain))], int64(first))
			if want := b[first*sealed : min(end*sealed, len(b))]; string(got) != "before"+string(want) {
				t.Fatalf("pieces %d to %d of %d bytes are others", first, end, len(plain))
			}
		}
	})
}

// Ranges: only the part that Pieces names is read.
func TestRanges(t *testing.T) {
	plain := text(3*piece + 77)
	b := sealAll(t, plain)
	rapid.Check(t, func(t *rapid.T) {
		size := int64(len(plain))
		offset := rapid.OneOf(rapid.Int64Range(-2, size+2), rapid.SampledFrom([]int64{0, piece - 1, piece, 3 * piece, math.MaxInt64})).Draw(t, "offset")
		length := rapid.OneOf(rapid.Int64Range(-2, size+2), rapid.SampledFrom([]int64{1, piece, math.MaxInt64})).Draw(t, "length")
		first, from, n, skip := envelope.Pieces(offset, length, size)
		var want []byte
		if offset >= 0 && offset < size && length > 0 {
			want = plain[offset : offset+min(length, size-offset)]
		}
		if len(want) == 0 {
			if n != 0 {
				t.Fatal("something to read of nothing")
			}
			return
		}
		if n > int64(len(want))+2*piece+4*tag+int64(len(want)/piece)*tag || from%sealed != 0 || from != first*sealed || skip >= piece {
			t.Fatalf("%d bytes from %d to read for %d from %d", n, from, len(want), offset)
		}
		r := envelope.NewOpener(fileKey(), int64(len(b)), bytes.NewReader(b[from:from+n]), first)
		got := make([]byte, skip+int64(len(want)))
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got[skip:], want) {
			t.Fatalf("%d+%d: %v", offset, length, err)
		}
	})
}

func TestSizesOfNothing(t *testing.T) {
	for _, sealedSize := range []int64{math.MinInt64, -1, 0, 15, sealed + 1, sealed + tag, math.MaxInt64, math.MaxInt64 - 20, 1<<62 + 1<<61} {
		if n, err := envelope.PlainSize(sealedSize); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("%d: %d, %v", sealedSize, n, err)
		}
		if _, err := io.ReadAll(envelope.NewOpener(fileKey(), sealedSize, bytes.NewReader(nil), 0)); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("%d: %v", sealedSize, err)
		}
	}
	for _, from := range []int64{-1, 2, math.MaxInt64} {
		if _, err := io.ReadAll(envelope.NewOpener(fileKey(), sealed+17, bytes.NewReader(nil), from)); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("from piece %d: %v", from, err)
		}
	}
	for _, size := range []int64{-1, math.MinInt64, 1<<62 + 1, math.MaxInt64} {
		if envelope.SealedSize(size) != 0 {
			t.Errorf("%d bytes have a sealed form", size)
		}
	}
	if n, err := envelope.PlainSize(envelope.SealedSize(1 << 62)); err != nil || n != 1<<62 {
		t.Error(n, err)
	}
}

func TestStreamsTakeNoMemory(t *testing.T) {
	sealer := envelope.NewSealer(fileKey(), io.LimitReader(zeros{}, 1<<40), 1<<40)
	buf := make([]byte, 3*sealed)
	opener := envelope.NewOpener(fileKey(), envelope.SealedSize(1<<40), sealer, 0)
	if n := testing.AllocsPerRun(50, func() {
		if _, err := opener.Read(buf); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a read", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
