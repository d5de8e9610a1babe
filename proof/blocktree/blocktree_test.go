package blocktree_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof/blocktree"
)

func some(seed byte, size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

func hash(parts ...[]byte) []byte {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return sum[:]
}

// naive is the root by RFC 6962's own words.
func naive(data []byte) blocktree.Root {
	var tree func(d []byte) []byte
	tree = func(d []byte) []byte {
		if len(d) == 0 {
			return hash()
		}
		if len(d) <= blocktree.BlockSize {
			return hash([]byte{0}, d)
		}
		k := blocktree.BlockSize
		for 2*k < len(d) {
			k *= 2
		}
		return hash([]byte{1}, tree(d[:k]), tree(d[k:]))
	}
	return blocktree.Root(hash([]byte{2}, binary.BigEndian.AppendUint64(nil, uint64(len(data))), tree(data)))
}

func treeOf(t fatal, data []byte) *blocktree.Tree {
	t.Helper()
	tree, err := blocktree.NewTree(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

type fatal interface {
	Helper()
	Fatal(...any)
}

func TestRootsAreThoseOfTheNaiveTree(t *testing.T) {
	sizes := []int{0, 1, 4095, 4096, 4097}
	for n := 2; n <= 40; n++ {
		sizes = append(sizes, n*4096-1, n*4096, n*4096+1)
	}
	for _, size := range sizes {
		data := some(byte(size), size)
		want := naive(data)
		tree := treeOf(t, data)
		if got := blocktree.Sum(data); got != want || tree.Root() != want || tree.Size() != int64(size) {
			t.Fatalf("%d bytes: %s, tree %s of %d, want %s", size, got, tree.Root(), tree.Size(), want)
		}
	}
}

func TestHasherTakesAnyPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := some(1, rapid.IntRange(0, 70_000).Draw(t, "size"))
		var h blocktree.Hasher
		for rest := data; len(rest) > 0; {
			n := rapid.IntRange(0, min(len(rest), 9000)).Draw(t, "n")
			if written, err := h.Write(rest[:n]); written != n || err != nil {
				t.Fatal(written, err)
			}
			rest = rest[n:]
			if so := data[:len(data)-len(rest)]; h.Root() != naive(so) {
				t.Fatal("after", len(so), "bytes")
			}
		}
		if h.Root() != naive(data) {
			t.Fatal("another root")
		}
	})
}

func TestParseRoot(t *testing.T) {
	root := blocktree.Sum([]byte("x"))
	if back, err := blocktree.ParseRoot(root.String()); err != nil || back != root {
		t.Fatal(back, err)
	}
	text := root.String()
	for _, bad := range []string{"", text[1:], text + "0", strings.ToUpper(text), "g" + text[1:], " " + text[1:], strings.Repeat("é", 32)} {
		if _, err := blocktree.ParseRoot(bad); !errors.Is(err, blocktree.ErrRoot) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzParseRoot: every root has one text.
func FuzzParseRoot(f *testing.F) {
	f.Add(blocktree.Sum(nil).String())
	f.Add(strings.ToUpper(blocktree.Sum(nil).String()))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		root, err := blocktree.ParseRoot(text)
		if err == nil && root.String() != text || err != nil && !errors.Is(err, blocktree.ErrRoot) {
			t.Fatal(root, err)
		}
	})
}

// The vectors are made by testdata/vectors.py, which shares no code with us.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Data, Root         string
		Size, From, Length int64
		Encoded            int64
		EncodingSHA256     string `json:"encoding_sha256"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 11 {
		t.Fatal(len(vectors), "vectors")
	}
	for _, v := range vectors {
		data := sha3.SumSHAKE256(fmt.Appendf(nil, "filetao blocktree vector %d", v.Size), int(v.Size))
		if root := blocktree.Sum(data); root.String() != v.Root {
			t.Errorf("%d bytes: root %s, want %s", v.Size, root, v.Root)
		}
		var b bytes.Buffer
		if err := treeOf(t, data).Encode(&b, bytes.NewReader(data), v.From, v.Length); err != nil {
			t.Error(err)
		}
		if got := hex.EncodeToString(hash(b.Bytes())); got != v.EncodingSHA256 || int64(b.Len()) != v.Encoded {
			t.Errorf("%d from %d of %d bytes: %d bytes, %s", v.Length, v.From, v.Size, b.Len(), got)
		}
	}
}
