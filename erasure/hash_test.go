package erasure_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof/seedchain"
)

func hashed(data []byte) *erasure.Hasher {
	h := erasure.NewHasher()
	h.Write(data)
	return h
}

// However it is written, and whatever is asked for in between, one text has one
// root; and its leaves give it.
func TestHasherDoesNotMindHowItIsFed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := bytesOf(rapid.OneOf(rapid.IntRange(0, 4000), rapid.IntRange(0, 5*erasure.Block)).Draw(t, "size"), 7)
		whole := hashed(data)
		h := hashed(data[:len(data)/2])
		h.Reset()
		for rest := data; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "part")
			h.Write(rest[:n])
			rest = rest[n:]
			if rapid.Bool().Draw(t, "look") {
				done := data[:len(data)-len(rest)]
				if h.Root() != hashed(done).Root() || !bytes.Equal(h.Leaves(), hashed(done).Leaves()) {
					t.Fatalf("another root after %d bytes", len(done))
				}
			}
		}
		size, leaves := h.Size(), h.Leaves()
		if size != int64(len(data)) || int64(len(leaves)) != erasure.LeavesSize(size) || h.Root() != whole.Root() {
			t.Fatalf("%d bytes, %d of leaves, %v", size, len(leaves), h.Root())
		}
		if root, err := leaves.Root(size); err != nil || root != h.Root() {
			t.Fatalf("leaves give %v, %v", root, err)
		}
		if _, err := erasure.NewChecker(h.Root(), size, leaves); err != nil {
			t.Fatal(err)
		}
	})
}

// A block passes at its own place only, whole and unchanged.
func TestCheckTakesTheOneBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := bytesOf(rapid.IntRange(1, 3*erasure.Block).Draw(t, "size"), 8)
		h := hashed(data)
		c, err := erasure.NewChecker(h.Root(), h.Size(), h.Leaves())
		if err != nil {
			t.Fatal(err)
		}
		i := int64(rapid.IntRange(0, (len(data)-1)/erasure.Block).Draw(t, "block"))
		block := data[i*erasure.Block : min(len(data), int(i+1)*erasure.Block)]
		for _, check := range []func(int64, []byte) error{c.Check, h.Leaves().Check} {
			if err := check(i, block); err != nil {
				t.Fatal(err)
			}
			changed := bytes.Clone(block)
			changed[rapid.IntRange(0, len(block)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			for j, b := range map[int64][]byte{-1: block, i: changed, i + 1: block, i - 1: block, 1 << 62: block} {
				if err := check(j, b); !errors.Is(err, erasure.ErrBlock) {
					t.Fatalf("block %d at %d: %v", i, j, err)
				}
			}
			for _, b := range [][]byte{block[1:], block[:len(block)-1], append(bytes.Clone(block), 0), nil} {
				if err := check(i, b); !errors.Is(err, erasure.ErrBlock) {
					t.Fatalf("%d of %d bytes: %v", len(b), len(block), err)
				}
			}
		}
	})
}

func TestLeavesOfAnotherText(t *testing.T) {
	h := hashed(bytesOf(erasure.Block+1, 9))
	size, leaves := h.Size(), h.Leaves()
	for _, l := range []erasure.Leaves{nil, leaves[:32], leaves[:63], append(bytes.Clone(leaves), 0), append(bytes.Clone(leaves), leaves[:32]...)} {
		if _, err := l.Root(size); !errors.Is(err, erasure.ErrLeaves) {
			t.Errorf("%d bytes of leaves: %v", len(l), err)
		}
	}
	for _, s := range []int64{-1, 0, erasure.Block, 2*erasure.Block + 1, 1<<63 - 1, -1 << 63} {
		if _, err := leaves.Root(s); !errors.Is(err, erasure.ErrLeaves) {
			t.Errorf("%d bytes: %v", s, err)
		}
	}
	if root, err := leaves.Root(size + 1); err != nil || root == h.Root() {
		t.Errorf("the root does not bind the size: %v", err)
	}
	if _, err := erasure.NewChecker(h.Root(), size+1, leaves); !errors.Is(err, erasure.ErrLeaves) {
		t.Error(err)
	}
	leaves[40] ^= 1
	if _, err := erasure.NewChecker(h.Root(), size, leaves); !errors.Is(err, erasure.ErrLeaves) {
		t.Error(err)
	}
}

func TestRootText(t *testing.T) {
	r := hashed([]byte("x")).Root()
	if got, err := erasure.ParseRoot(r.String()); err != nil || got != r {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := erasure.ParseRoot("0" + r.String()); !errors.Is(err, seedchain.ErrDecimal) {
		t.Error(err)
	}
}

func TestNothingIsAllocatedPerBlock(t *testing.T) {
	block := bytesOf(erasure.Block, 3)
	h := hashed(bytes.Repeat(block, 20))
	c, err := erasure.NewChecker(h.Root(), h.Size(), h.Leaves())
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() {
		h.Reset()
		for i := range int64(20) {
			h.Write(block)
			if err := c.Check(i, block); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
