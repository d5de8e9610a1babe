package blocktree_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof/blocktree"
)

func encode(t fatal, data []byte, from, length int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := treeOf(t, data).Encode(&b, bytes.NewReader(data), from, length); err != nil {
		t.Fatal(err)
	}
	if size, err := blocktree.EncodedSize(int64(len(data)), from, length); err != nil || size != int64(b.Len()) {
		t.Fatal("encoded to", b.Len(), "bytes, said", size, err)
	}
	return b.Bytes()
}

// read is what a reader gives out, and its error.
func read(source io.Reader, root blocktree.Root, size, from, length int64) ([]byte, error) {
	r, err := blocktree.NewReader(source, root, size, from, length)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// drawRange is a range of at least a byte.
func drawRange(t *rapid.T, size int) (from, length int64) {
	from = rapid.Int64Range(0, int64(size)-1).Draw(t, "from")
	return from, rapid.Int64Range(1, int64(size)-from).Draw(t, "length")
}

func TestRangesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := some(1, rapid.IntRange(1, 100_000).Draw(t, "size"))
		from, length := drawRange(t, len(data))
		source := bytes.NewBuffer(append(encode(t, data, from, length), "more"...))
		slow := iotest.OneByteReader(source)
		got, err := read(slow, blocktree.Sum(data), int64(len(data)), from, length)
		if err != nil || !bytes.Equal(got, data[from:from+length]) {
			t.Fatal(len(got), err)
		}
		if source.String() != "more" {
			t.Fatal("read on to", source.Len(), "bytes from the end")
		}
	})
	data := some(1, 20_000)
	r, err := blocktree.NewReader(bytes.NewReader(encode(t, data, 5000, 10_000)), blocktree.Sum(data), 20_000, 5000, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, data[5000:15_000]); err != nil {
		t.Fatal(err)
	}
}

func TestNothing(t *testing.T) {
	if got, err := read(bytes.NewReader(encode(t, nil, 0, 0)), blocktree.Sum(nil), 0, 0, 0); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if _, err := read(nil, blocktree.Sum([]byte{0}), 0, 0, 0); !errors.Is(err, blocktree.ErrVerify) {
		t.Error(err)
	}
}

func TestRangesOutside(t *testing.T) {
	tree := treeOf(t, some(1, 5000))
	for _, r := range [][3]int64{
		{5000, 0, 0}, {5000, 5000, 0}, {5000, 5000, 1}, {5000, 0, 5001}, {5000, -1, 1}, {5000, 1, -1}, {0, 0, 1}, {-1, 0, 0},
		{5000, math.MaxInt64, 1}, {5000, 1, math.MaxInt64}, {5000, math.MinInt64, math.MinInt64}, {math.MaxInt64, 0, 1}, {math.MinInt64, 0, 1},
	} {
		if _, err := blocktree.NewReader(nil, blocktree.Root{}, r[0], r[1], r[2]); !errors.Is(err, blocktree.ErrRange) {
			t.Error(r, err)
		}
		if _, err := blocktree.EncodedSize(r[0], r[1], r[2]); !errors.Is(err, blocktree.ErrRange) {
			t.Error(r, err)
		}
		if r[0] != tree.Size() {
			continue
		}
		if err := tree.Encode(io.Discard, nil, r[1], r[2]); !errors.Is(err, blocktree.ErrRange) {
			t.Error(r, err)
		}
	}
}

// Whatever is changed, what comes out before the error is right, and the error
// comes no later than the end of the block.
func TestAnyChangeFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := some(1, rapid.IntRange(1, 50_000).Draw(t, "size"))
		size := int64(len(data))
		from, length := drawRange(t, len(data))
		root, wire := blocktree.Sum(data), encode(t, data, from, length)
		reason := blocktree.ErrVerify
		switch rapid.IntRange(0, 4).Draw(t, "change") {
		case 0:
			wire[rapid.IntRange(0, len(wire)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "xor"))
		case 1:
			wire, reason = wire[:rapid.IntRange(0, len(wire)-1).Draw(t, "cut")], io.ErrUnexpectedEOF
		case 2:
			root[rapid.IntRange(0, 31).Draw(t, "at")] ^= 1
		case 3: // the size grows, with bytes to match
			size += rapid.SampledFrom([]int64{1, 4096, 1 << 20, 1 << 40}).Draw(t, "more")
			wire = append(wire, make([]byte, 100_000)...)
		case 4: // the size shrinks
			if size -= rapid.Int64Range(1, size).Draw(t, "fewer"); size < from+length {
				return // there is no such range
			}
			wire = append(wire, make([]byte, 100_000)...)
		}
		got, err := read(bytes.NewReader(wire), root, size, from, length)
		if !errors.Is(err, reason) || int64(len(got)) >= length || !bytes.Equal(got, data[from:from+int64(len(got))]) {
			t.Fatal(len(got), "bytes of", length, err)
		}
	})
}

// Every byte of an encoding, one after another; and the error stays.
func TestEveryFlippedByte(t *testing.T) {
	data := some(1, 3*4096+9)
	root, good := blocktree.Sum(data), encode(t, data, 0, int64(len(data)))
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 0x80
		r, err := blocktree.NewReader(bytes.NewReader(bad), root, int64(len(data)), 0, int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if !errors.Is(err, blocktree.ErrVerify) || !bytes.HasPrefix(data, got) || len(got) > at {
			t.Fatal(at, len(got), err)
		}
		if n, again := r.Read(make([]byte, 10)); n != 0 || again != err {
			t.Fatal(n, again)
		}
	}
}

func TestDamagedDataIsNotEncoded(t *testing.T) {
	data := some(1, 20_000)
	tree := treeOf(t, data)
	data[9000] ^= 1
	var b bytes.Buffer
	if err := tree.Encode(&b, bytes.NewReader(data), 0, 20_000); !errors.Is(err, blocktree.ErrVerify) {
		t.Error(err)
	}
	if bytes.Contains(b.Bytes(), data[8192:8292]) {
		t.Error("a wrong block was written")
	}
	if err := tree.Encode(io.Discard, bytes.NewReader(data[:5000]), 0, 20_000); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	broken := errors.New("broken")
	if _, err := blocktree.NewTree(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := read(iotest.ErrReader(broken), tree.Root(), 20_000, 0, 20_000); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := tree.Encode(failing{broken}, bytes.NewReader(data), 0, 100); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzReader: whatever comes in, only bytes of the data come out.
func FuzzReader(f *testing.F) {
	data := some(1, 5*4096+100)
	root, size := blocktree.Sum(data), int64(len(data))
	for _, r := range [][2]int64{{0, size}, {4096, 4096}, {size - 1, 1}, {4095, 2}} {
		good := encode(f, data, r[0], r[1])
		f.Add(good, size, r[0], r[1])
		f.Add(good[:len(good)/2], size, r[0], r[1])
		f.Add(good, size+1, r[0], r[1])
		f.Add(good, size-4096, r[0], r[1])
	}
	f.Add([]byte{}, int64(0), int64(0), int64(0))
	f.Add(make([]byte, 5000), int64(math.MaxInt64), int64(0), int64(math.MaxInt64))
	f.Add(make([]byte, 5000), int64(1<<60), int64(1<<59), int64(1<<59))
	f.Fuzz(func(t *testing.T, wire []byte, claimed, from, length int64) {
		got, err := read(bytes.NewReader(wire), root, claimed, from, length)
		if (err == nil || len(got) > 0) && (claimed != size || !bytes.HasPrefix(data[from:from+length], got)) {
			t.Fatal("wrong bytes", len(got), err)
		}
		if err == nil && int64(len(got)) != length {
			t.Fatal(len(got), "bytes of", length)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	data := some(1, 64<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		blocktree.Sum(data)
	}
}

func BenchmarkReader(b *testing.B) {
	data := some(1, 64<<20)
	size := int64(len(data))
	for _, length := range []int64{1 << 20, size} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			root, wire := blocktree.Sum(data), encode(b, data, 0, length)
			b.SetBytes(length)
			b.ReportAllocs()
			for b.Loop() {
				r, err := blocktree.NewReader(bytes.NewReader(wire), root, size, 0, length)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, r); n != length || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(100*float64(int64(len(wire))-length)/float64(length), "overhead-%")
		})
	}
}
